"""The command `neurogain landscape`."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from tqdm import tqdm

from neurogain import output, stats
from neurogain.experiments import (
    landscape,
    landscape_complexity,
    landscape_summary,
    landscape_switch,
)
from neurogain.experiments.landscape import COMPLEXITIES, DEMONSTRATION, FastSlow, LandscapeConfig
from neurogain.experiments.landscape_complexity import DRIVES, LEVELS, WAYS, Complexity
from neurogain.experiments.landscape_switch import Switch


@dataclasses.dataclass(frozen=True)
class LandscapeCommand:
    """Curvature and loss slices around a switch, fast and slow weights, gain as a read-out."""

    config: tyro.conf.OmitArgPrefixes[LandscapeConfig]
    out: Path = Path("runs/landscape")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Continue a run that was interrupted; finished parts are not run again."""

    def run(self) -> None:
        """Run, with progress; write each part as it is finished."""
        config = self.config
        config.check()
        stream = landscape.load_stream(config)
        config.check_stream(stream)
        folder = output.ResultFolder(self.out, landscape.as_json(config), resume=self.resume)
        parts: dict[str, tuple[Any, Callable[..., Any]]] = {
            label: (
                Switch,
                lambda show, method=method: landscape_switch.run_method(
                    config, stream, method, show
                ),
            )
            for label, method in config.parse_methods().items()
        }
        parts[DEMONSTRATION] = (FastSlow, lambda show: landscape.run_fast_slow())
        for kind in COMPLEXITIES:
            parts[kind] = (
                Complexity,
                lambda show, kind=kind: landscape_complexity.run_complexity(config, kind),
            )
        found: dict[str, Any] = {}
        seconds = 0.0
        for number, (name, (result, run)) in enumerate(parts.items(), 1):
            arrays = folder.load_unit(name, (*result._fields, "wall_time_s"))
            if arrays is None:
                start = time.perf_counter()
                description = f"{name}, {number} of {len(parts)}"
                with tqdm(desc=description, unit="part", total=1, dynamic_ncols=True) as bar:

                    def show(done: int, total: int, bar: tqdm = bar) -> None:
                        bar.total = total
                        bar.update(done - bar.n)

                    arrays = run(show)._asdict()
                    show(int(bar.total), int(bar.total))
                arrays["wall_time_s"] = np.asarray(time.perf_counter() - start)
                folder.save_unit(name, arrays | self._axes(name))
            seconds += float(arrays["wall_time_s"].item())
            found[name] = result(*(arrays[field] for field in result._fields))
        switches = {label: found[label] for label in config.parse_methods()}
        complexities = {kind: found[kind] for kind in COMPLEXITIES}
        metrics = landscape_summary.summarize(
            config, stream, switches, found[DEMONSTRATION], complexities
        )
        metrics |= {"versions": output.versions(), "wall_time_s": seconds}
        path = folder.write_json("metrics.json", metrics)
        self._draw(switches, found[DEMONSTRATION], complexities)
        print(_table(metrics))
        print(f"\nWritten: {path}, the arrays in {self.out / 'curves'}, the figures beside them.")

    def _axes(self, name: str) -> dict[str, np.ndarray]:
        """Return what the axes of a part's arrays stand for."""
        config = self.config
        if name == DEMONSTRATION:
            return {}
        seeds = {"seed": np.array(config.seed_range)}
        if name in COMPLEXITIES:
            return seeds | {"level": np.array(LEVELS[name])}
        return seeds | {
            "curvature_update": landscape_switch.times(config),
            "path_update": np.arange(-config.window, config.window + 1),
            "line_distance": landscape_switch.distances(config),
        }

    def _draw(
        self,
        switches: dict[str, Switch],
        demonstration: FastSlow,
        complexities: dict[str, Complexity],
    ) -> None:
        from neurogain.plotting import landscape as figures

        def each(field: str) -> dict[str, np.ndarray]:
            return {label: getattr(found, field) for label, found in switches.items()}

        ways = [
            {name: getattr(demonstration, f"{way}_{name}") for name in ("slow", "fast", "gain")}
            for way in ("modulated", "explicit")
        ]
        config = self.config
        distances = landscape_switch.distances(config)
        settled = {k: landscape_summary.settled(c.gain) for k, c in complexities.items()}
        drawn = {
            "curvature": figures.curvature(
                each("eigenvalues"), each("modulation"), landscape_switch.times(config)
            ),
            "loss": figures.around(each("path_loss"), each("line_loss"), distances, kind="loss"),
            "accuracy": figures.around(
                each("path_accuracy"), each("line_accuracy"), distances, kind="accuracy"
            ),
            "plane": figures.plane(
                each("plane_loss"), each("plane_x"), each("plane_y"), each("trajectory"),
                {label: float(share) for label, share in each("captured").items()},
                seed=config.first_seed,
            ),
            "fast_slow": figures.fast_slow(*ways),
            "complexity": figures.complexity(
                settled, LEVELS, drives=DRIVES, ways=WAYS,
                averaged=min(landscape_summary.TAIL, config.iterations),
            ),
        }  # fmt: skip
        for name, figure in drawn.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)


def _table(metrics: dict) -> str:
    """Return curvature and loss of every method, the identity, and the gain as a read-out."""
    text = stats.text
    lines = [
        f"{'largest eigenvalue at E':<26}{'old task learned':<26}{'new task arrives':<26}"
        "highest thereafter"
    ]
    for label, m in metrics["methods"].items():
        at = m["largest_eigenvalue"]["E"]
        cells = (at["old_task_learned"], at["new_task_arrived"], at["highest_thereafter"])
        row = f"  {label:<24}" + "".join(f"{text(c, '.3g'):<26}" for c in cells).rstrip()
        lines.append(row + ("  (diverged)" if any(m["diverged"]) else ""))
    lines.append(
        f"\n{'accuracy on the old task':<26}{'at the switch':<26}{'lowest on the path':<26}"
        "lowest on the line"
    )
    for label, m in metrics["methods"].items():
        at = m["old_task_accuracy"]
        cells = (at["at_switch"], at["worst_on_path"], at["worst_on_line"])
        lines.append(f"  {label:<24}" + "".join(f"{text(c, '.3f'):<26}" for c in cells).rstrip())
    for label, m in metrics["methods"].items():
        if (error := m["identity_largest_relative_error"]) is not None:
            lines.append(
                f"\n{label}: eigenvalue at W = g^2 x eigenvalue at E within {error:.1e}, "
                f"for g up to {m['largest_modulation']:.2f}"
            )
    difference = metrics["fast_slow"]["largest_difference"]["effective"]
    lines.append(f"\nGain-modulated and explicit fast-slow weights differ by {difference:.1e}.")
    lines.append(f"\n{'settled gain':<52}{'first level':<26}{'last level':<26}rise")
    for drive in DRIVES:
        for way in WAYS:
            for kind in COMPLEXITIES:
                part = metrics["complexity"][drive][way][kind]
                cells = (part["gain"][0], part["gain"][-1], part["rise"])
                name = f"  {kind} {way}, {drive}"
                lines.append(
                    f"{name:<52}" + "".join(f"{text(c, '.3f'):<26}" for c in cells).rstrip()
                )
    seeds = metrics["config"]["seeds"]
    spread = f"95 % t-intervals over {seeds} seeds" if seeds > 1 else "One seed"
    tests = " and ".join(map(str, metrics["stream"]["test_images"]))
    bias = max(m["minimum_bias_at_most"] for m in metrics["methods"].values())
    return "\n".join(lines) + (
        f"\n\n{spread}; accuracy on {tests} fixed test images of the tasks: the lowest of "
        f"such readings is up to {bias:.3f} too low."
    )
