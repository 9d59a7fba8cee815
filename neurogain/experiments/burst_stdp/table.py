"""What `neurogain burst-stdp` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain.experiments.burst_stdp.summary import RATIOS
from neurogain.tables import lines


def _in_seconds(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `stats.summary` of times in ms with its mean and its interval in s."""
    mean, *interval = (None if x is None else x / 1000 for x in (summary["mean"], *summary["ci"]))
    return {**summary, "mean": mean, "ci": interval}


def table(metrics: Mapping[str, Any]) -> str:
    """Return the measures of both regimes and their ratios."""
    config, speeds = metrics["config"], metrics["pulse_speed_per_s"]
    measures = {
        "pre_rate_hz": "presynaptic rate (Hz)",
        "post_rate_hz": "postsynaptic rate (Hz)",
        "burst_fraction": "spikes reset as bursts",
        "early_change": f"|change| in {config['early'] / 1000:g} s (of w_max)",
        "half_time_ms": "half of the change (s)",
        "final_mean_weight": "weight at the end (of w_max)",
    }
    one, other = metrics["regular"], metrics["bursting"]
    rows: list[tuple[Any, ...]] = [("", "regular", "bursting")]
    shown = [
        {
            name: _in_seconds(kind[name]) if name == "half_time_ms" else kind[name]
            for name in measures
        }
        for kind in (one, other)
    ]
    rows += [(text, *(kind[name] for kind in shown)) for name, text in measures.items()]
    ratios = [(text, metrics[name]) for name, (_, text) in RATIOS.items()]
    around = [(name, speeds[name]) for name in ("before", "during", "after")]
    inputs = [(p["somatic_current_pA"], p["noise_pA"], p["speed_ratio"]) for p in metrics["map"]]
    faster, seeds = metrics["seeds_in_which_bursting_is_faster"], config["seeds"]
    return "\n".join(
        [
            *lines("{:<28}{:>26.3g}{:>26.3g}", rows),
            "\nbursting over regular",
            *lines("  {:<34}{:.4g}", ratios),
            f"  faster in {faster} of {seeds} seeds",
            "\nspeed of change around a pulse of coupling (of w_max per s)",
            *lines("  {:<34}{:.4g}", around),
            "\nfirst change, bursting over regular, at other inputs onto all somata (pA)",
            *lines("  mean {:>6g}, sd {:>6g}" + 13 * " " + "{:.4g}", inputs),
            f"\nMeans over {seeds} seeds and 95 % t-intervals.",
        ]
    )
