"""The command `neurogain bac-firing`."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from tqdm import tqdm

from neurogain import output
from neurogain.experiments import bac_firing
from neurogain.experiments.bac_firing import BacFiringConfig, Pairing, Sustained
from neurogain.spiking import cells


@dataclasses.dataclass(frozen=True)
class BacFiringCommand:
    """Calcium events when a somatic spike meets dendritic input: delay, height and coupling."""

    config: tyro.conf.OmitArgPrefixes[BacFiringConfig]
    out: Path = Path("runs/bac-firing")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Continue a run that was interrupted; finished parts are not run again."""

    def run(self) -> None:
        """Run, with progress; write each protocol as it is finished."""
        config = self.config
        config.check()
        spike = bac_firing.spike_time(config)
        folder = output.ResultFolder(self.out, bac_firing.as_json(config), resume=self.resume)
        parts: dict[str, Callable[..., Any]] = {
            "pairing": lambda show: bac_firing.run_pairing(config, spike, show),
            "sustained": lambda show: bac_firing.run_sustained(config, show),
        }
        axes = {name: np.array(config.numbers(name)) for name in bac_firing.AXES}
        found: dict[str, dict[str, np.ndarray]] = {}
        seconds = 0.0
        for name, run in parts.items():
            arrays = folder.load_unit(name)
            if arrays is None:
                start = time.perf_counter()
                with tqdm(desc=name, unit="step", dynamic_ncols=True) as bar:

                    def show(done: int, steps: int, bar: tqdm = bar) -> None:
                        bar.total = steps
                        bar.update(done - bar.n)

                    arrays = run(show)._asdict()
                arrays["wall_time_s"] = np.asarray(time.perf_counter() - start)
                folder.save_unit(name, arrays | axes)
            seconds += float(arrays.pop("wall_time_s").item())
            found[name] = {k: v for k, v in arrays.items() if k not in axes}
        pairing, sustained = Pairing(**found["pairing"]), Sustained(**found["sustained"])
        metrics = bac_firing.summarize(config, spike, pairing, sustained)
        metrics |= {"versions": output.versions(), "wall_time_s": seconds}
        path = folder.write_json("metrics.json", metrics)
        self._draw(spike, sustained, metrics)
        print(_table(metrics))
        print(f"\nWritten: {path}, the arrays in {self.out / 'curves'}, the figures beside them.")

    def _draw(self, spike: float, sustained: Sustained, metrics: dict) -> None:
        from neurogain.plotting import bac_firing as figures

        config, threshold = self.config, cells.L5_V_CALCIUM
        drawn = {
            "example": figures.example(
                bac_firing.run_example(config, spike),
                spike=spike,
                delay=config.example_delay,
                duration=config.dendritic_duration,
                pulse=config.example_pulse,
                threshold=threshold,
            ),
            "maps": figures.maps(metrics["pairing"], repeats=config.repeats),
            "probabilities": figures.probabilities(
                metrics["pairing"],
                pulse=config.example_pulse,
                delay=config.example_delay,
                repeats=config.repeats,
            ),
            "sustained": figures.sustained(
                sustained.time_ms,
                sustained.soma,
                sustained.dendrite,
                config.numbers("coupling"),
                duration=config.sustained_duration,
                threshold=threshold,
            ),
        }
        for name, figure in drawn.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)


def _table(metrics: dict) -> str:
    """Return one line per pulse at the strongest coupling, then one per coupling."""
    strongest = max(m["coupling"] for m in metrics["pairing"])
    lines = [f"Pairing, p = {strongest:g}: pulse, peak of the pulse alone, delays with an event"]
    for m in metrics["pairing"]:
        if m["coupling"] == strongest:
            window = m["window_ms"]
            text = "none" if window is None else f"{window[0]:g} to {window[1]:g} ms"
            alone = m["pulse_alone_peak_mV"]
            note = "" if alone < metrics["calcium_threshold_mV"] else " (an event by itself)"
            lines.append(f"  {m['dendritic_pulse_pA']:>6g} pA  {alone:>6.1f} mV{note}  {text}")
    lines.append("Sustained: coupling, spikes during the pulse, reset as bursts, shortest interval")
    for m in metrics["sustained"]:
        share, interval = m["calcium_burst_fraction"], m["shortest_interval_ms"]
        lines.append(
            f"  p = {m['coupling']:<5g} {m['spikes_during_pulse']:>5.1f}  "
            + ("    -" if share is None else f"{share:>5.0%}")
            + ("      -" if interval is None else f"  {interval:.1f} ms")
        )
    return "\n".join(lines)
