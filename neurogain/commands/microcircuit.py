"""The command `neurogain microcircuit`."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from tqdm import tqdm

from neurogain import output, stats
from neurogain.experiments import microcircuit, network_gain
from neurogain.experiments.microcircuit import Reference
from neurogain.experiments.microcircuit_config import KNOBS, MicrocircuitConfig, Setting


@dataclasses.dataclass(frozen=True)
class MicrocircuitCommand:
    """Pyramidal, PV and SOM cells on a ring: activity, and what changes the network's gain."""

    config: tyro.conf.OmitArgPrefixes[MicrocircuitConfig]
    out: Path = Path("runs/microcircuit")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Continue a run that was interrupted; finished units are not run again."""

    def run(self) -> None:
        """Run, with progress; write each unit as it is finished."""
        config = self.config
        microcircuit.check_config(config)
        units = list(config.units())
        folder = output.ResultFolder(self.out, microcircuit.as_json(config), resume=self.resume)
        seconds = 0.0
        results: dict[Setting, np.ndarray] = {}
        with tqdm(total=1 + len(units), unit="unit", dynamic_ncols=True) as bar:

            def show(done: int, total: int) -> None:
                bar.set_postfix_str(f"{done} of {total} seeds")

            def finish(
                label: str, names: tuple[str, ...], run: Callable[[], dict[str, Any]], axes: dict
            ) -> dict:
                nonlocal seconds
                bar.set_description(label)
                arrays = folder.load_unit(label, (*names, "wall_time_s"))
                if arrays is None:
                    start = time.perf_counter()
                    arrays = run()
                    arrays["wall_time_s"] = np.asarray(time.perf_counter() - start)
                    folder.save_unit(label, arrays | axes)
                seconds += float(arrays["wall_time_s"].item())
                bar.update()
                return arrays

            seeds = {"seed": config.seed + np.arange(config.seeds)}
            weights = microcircuit.weights_of(config)
            arrays = finish(
                "reference",
                Reference._fields,
                lambda: microcircuit.run_reference(config, show)._asdict(),
                seeds | {f"weights_nS_{name}": matrix for name, matrix in weights.items()},
            )
            reference = Reference(*(arrays[field] for field in Reference._fields))
            for unit in units:
                axes = seeds | {"somatic_current_pA": config.currents()}

                def count(unit: Setting = unit) -> dict[str, Any]:
                    return {"spikes": microcircuit.run_unit(config, unit, show)}

                arrays = finish(unit.label, ("spikes",), count, axes)
                results[unit] = arrays["spikes"]
        metrics = network_gain.summarize(config, reference, results)
        metrics |= {"versions": output.versions(), "wall_time_s": seconds}
        path = folder.write_json("metrics.json", metrics)
        self._draw(reference, weights, metrics)
        print(_table(metrics))
        print(f"\nWritten: {path}, the arrays in {self.out / 'curves'}, the figures beside them.")

    def _draw(self, reference: Reference, weights: dict, metrics: dict) -> None:
        from neurogain.plotting import microcircuit as figures

        drawn = {
            "raster": figures.raster(reference, metrics),
            "traces": figures.traces(reference, metrics),
            "weights": figures.weights(weights, metrics["config"]),
            "inhibition": figures.changes(metrics),
            "pv_distance": figures.pv_distance(metrics),
        }
        drawn |= {f"gain_{knob}": figures.gain(metrics, knob) for knob in KNOBS}
        for name, figure in drawn.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)


def _table(metrics: dict) -> str:
    """Return the reference rates, one line per level, and the effect of PV cells by distance."""
    rates = metrics["reference"]["rates_hz"].items()
    config = metrics["config"]
    lines = [
        f"Reference ({config['reference_current']:g} pA, recurrence 1): "
        + ", ".join(f"{name} {stats.text(value)} Hz" for name, value in rates),
        "",
        f"{'recurrence':<11}{'knob':<16}{'level':>6}  {'slope (Hz/nA)':<22}{'change (%)':<24}"
        f"{'threshold (pA)':<22}change (pA)",
    ]
    others = [c for other in metrics["other_recurrences"] for c in other["conditions"]]
    for c in metrics["conditions"] + others:
        slope = (stats.text(c[f"slope_{what}"]) for what in ("hz_per_nA", "change_percent"))
        threshold = (stats.text(c[f"threshold_{what}"], ".0f") for what in ("pA", "change_pA"))
        lines.append(
            "{:<11g}{:<16}{:>6g}  {:<22}{:<24}{:<22}{}".format(
                c["recurrence"], c["knob"], c["level"], *slope, *threshold
            )
        )
    distance = metrics["pv_distance"]
    lines.append(
        f"\nPV cells driven in {distance['sector_deg']:g} degrees move the threshold of pyramidal "
        f"cells by {stats.text(distance['threshold_change_pA'][0], '.0f')} pA in its middle, "
        f"{stats.text(distance['threshold_change_pA'][-1], '.0f')} pA opposite."
    )
    low, high = config["slope_range"]
    lines.append(
        f"Slope: points from {low:g} to {high:g} Hz. Threshold: {config['criterion']:g} Hz. Means "
        f"over {config['seeds']} seeds and 95 % t-intervals; changes against the lowest level, "
        "paired by seed."
    )
    return "\n".join(lines)
