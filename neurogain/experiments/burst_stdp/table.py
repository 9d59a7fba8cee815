"""What `neurogain burst-stdp` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import stats
from neurogain.experiments.burst_stdp.summary import RATIOS


def table(metrics: Mapping[str, Any]) -> str:
    """Return the measures of both regimes and their ratios."""
    config = metrics["config"]
    rows = {
        "pre_rate_hz": "presynaptic rate (Hz)",
        "post_rate_hz": "postsynaptic rate (Hz)",
        "burst_fraction": "spikes reset as bursts",
        "early_change": f"|change| in {config['early'] / 1000:g} s (of w_max)",
        "half_time_ms": "half of the change (ms)",
        "final_mean_weight": "weight at the end (of w_max)",
    }
    lines = [f"{'':<28}{'regular':>26}{'bursting':>26}"]
    for name, text in rows.items():
        cells = "".join(
            f"{stats.text(metrics[r][name], '.3g'):>26}" for r in ("regular", "bursting")
        )
        lines.append(f"{text:<28}{cells}")
    lines.append("\nbursting over regular")
    lines += [
        f"  {text:<34}{stats.text(metrics[name], '.4g')}" for name, (_, text) in RATIOS.items()
    ]
    faster, seeds = metrics["seeds_in_which_bursting_is_faster"], config["seeds"]
    lines.append(f"  faster in {faster} of {seeds} seeds")
    lines.append("\nspeed of change around a pulse of coupling (of w_max per s)")
    speeds = metrics["pulse_speed_per_s"]
    lines += [
        f"  {name:<34}{stats.text(speeds[name], '.4g')}" for name in ("before", "during", "after")
    ]
    lines.append("\nfirst change, bursting over regular, at other inputs onto all somata (pA)")
    for point in metrics["map"]:
        current, noise = point["somatic_current_pA"], point["noise_pA"]
        ratio = stats.text(point["speed_ratio"], ".4g")
        lines.append(f"  mean {current:>6g}, sd {noise:>6g}{'':<13}{ratio}")
    lines.append(f"\nMeans over {seeds} seeds and 95 % t-intervals.")
    return "\n".join(lines)
