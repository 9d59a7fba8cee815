"""The command `neurogain burst-stdp`."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from tqdm import tqdm

from neurogain import output, stats
from neurogain.experiments import burst_measures, burst_stdp
from neurogain.experiments.burst_stdp import BurstStdpConfig, Course, Map

_RATIOS = {
    "speed_ratio": "first change",
    "speed_ratio_per_spike": "first change per spike",
    "speed_ratio_per_pair": "first change per spike pair",
    "half_time_ratio": "time to half of the change",
}


@dataclasses.dataclass(frozen=True)
class BurstStdpCommand:
    """STDP between layer-5 cells that spike regularly, that burst, and under a pulse of gain."""

    config: tyro.conf.OmitArgPrefixes[BurstStdpConfig]
    out: Path = Path("runs/burst-stdp")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Continue a run that was interrupted; finished regimes are not run again."""

    def run(self) -> None:
        """Run, with progress; write each regime as it is finished."""
        config = self.config
        config.check()
        folder = output.ResultFolder(self.out, burst_stdp.as_json(config), resume=self.resume)
        parts: dict[str, Callable[..., Any]] = {
            name: lambda show, name=name: burst_stdp.run_regime(config, name, show)
            for name in burst_stdp.REGIMES
        }
        parts["map"] = lambda show: burst_stdp.run_map(config, show)
        found: dict[str, dict[str, np.ndarray]] = {}
        seconds = 0.0
        for name, run in parts.items():
            kind = Map if name == "map" else Course
            arrays = folder.load_unit(name, (*kind._fields, "wall_time_s"))
            if arrays is None:
                start = time.perf_counter()
                with tqdm(desc=name, unit="part", dynamic_ncols=True) as bar:

                    def show(done: int, total: int, bar: tqdm = bar) -> None:
                        bar.total = total
                        bar.update(done - bar.n)

                    arrays = run(show)._asdict()
                arrays["wall_time_s"] = np.asarray(time.perf_counter() - start)
                folder.save_unit(name, arrays | self._axes(name))
            seconds += float(arrays.pop("wall_time_s").item())
            found[name] = {k: v for k, v in arrays.items() if k not in self._axes(name)}
        courses = {name: Course(**found[name]) for name in burst_stdp.REGIMES}
        metrics = burst_measures.summarize(config, courses, Map(**found["map"]))
        metrics |= {"versions": output.versions(), "wall_time_s": seconds}
        path = folder.write_json("metrics.json", metrics)
        self._draw(courses, metrics)
        print(_table(metrics))
        print(f"\nWritten: {path}, the arrays in {self.out / 'curves'}, the figures beside them.")

    def _axes(self, name: str) -> dict[str, np.ndarray]:
        config = self.config
        if name == "map":
            current, noise = np.array(config.points()).T
            return {"somatic_current_pA": current, "noise_pA": noise}
        samples = round(config.duration / config.sample)
        segments = round(config.duration / burst_stdp.SEGMENT)
        return {
            "seed": config.seed + np.arange(config.seeds),
            "time_ms": config.sample * np.arange(1, samples + 1),
            "segment_end_ms": burst_stdp.SEGMENT * np.arange(1, segments + 1),
        }

    def _draw(self, courses: dict[str, Course], metrics: dict) -> None:
        from neurogain.plotting import burst_stdp as figures

        config, both = self.config, ("regular", "bursting")
        drawn = {
            "courses": figures.courses(
                {name: courses[name].change for name in both},
                {name: courses[name].weights for name in both},
                sample=config.sample,
                early=config.early,
            ),
            "ratios": figures.ratios({text: metrics[name] for name, text in _RATIOS.items()}),
            "pulse": figures.pulse(
                courses["pulse"].step,
                segment=burst_stdp.SEGMENT,
                window=config.pulse,
                coupling=config.coupling,
            ),
            "map": figures.over_inputs(metrics["map"], early=config.early),
        }
        for name, figure in drawn.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)


def _table(metrics: dict) -> str:
    """Return the measures of both regimes and their ratios."""
    config = metrics["config"]
    rows = {
        "pre_rate_hz": "presynaptic rate (Hz)",
        "post_rate_hz": "postsynaptic rate (Hz)",
        "burst_fraction": "spikes reset as bursts (share)",
        "early_change": f"mean |change| in {config['early'] / 1000:g} s (of w_max)",
        "half_time_ms": "half of the final change (ms)",
        "final_mean_weight": "mean weight at the end (of w_max)",
    }
    lines = [f"{'':<36}{'regular':>28}{'bursting':>28}"]
    for name, text in rows.items():
        cells = "".join(
            f"{stats.text(metrics[r][name], '.4g'):>28}" for r in ("regular", "bursting")
        )
        lines.append(f"{text:<36}{cells}")
    lines.append("\nbursting over regular")
    lines += [f"  {text:<34}{stats.text(metrics[name], '.4g')}" for name, text in _RATIOS.items()]
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
