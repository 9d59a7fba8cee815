"""The command `neurogain gain-curve`."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import tyro
from tqdm import tqdm

from neurogain import output
from neurogain.experiments import gain_curve
from neurogain.experiments.gain_curve import Curves, GainCurveConfig, Unit


@dataclasses.dataclass(frozen=True)
class GainCurveCommand:
    """f-I curves of a layer-5 pyramidal cell: gain, rheobase and bursts."""

    config: tyro.conf.OmitArgPrefixes[GainCurveConfig]
    out: Path = Path("runs/gain-curve")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Continue a run that was interrupted; finished curves are not run again."""

    def run(self) -> None:
        """Run, with progress; write the counts of every unit as it is finished."""
        config = self.config
        config.check()
        units = list(config.units())
        folder = output.ResultFolder(self.out, gain_curve.as_json(config), resume=self.resume)
        results: dict[Unit, Curves] = {}
        seconds = 0.0
        with tqdm(total=len(units), unit="unit", dynamic_ncols=True) as bar:
            for unit in units:
                bar.set_description(unit.label)
                arrays = folder.load_unit(unit.label)
                if arrays is None:
                    start = time.perf_counter()

                    def show(done: int, steps: int) -> None:
                        bar.set_postfix_str(f"{done * config.dt:g} of {steps * config.dt:g} ms")

                    arrays = gain_curve.run_unit(config, unit, show)._asdict()
                    arrays["wall_time_s"] = np.asarray(time.perf_counter() - start)
                    axes = {
                        "coupling": np.array(config.numbers("coupling")),
                        "somatic_current_pA": np.array(config.numbers("somatic_current")),
                        "repeat": np.arange(config.repeats),
                    }
                    folder.save_unit(unit.label, arrays | axes)
                seconds += float(arrays["wall_time_s"].item())
                results[unit] = Curves(*(arrays[field] for field in Curves._fields))
                bar.update()
        metrics = gain_curve.summarize(config, results)
        metrics |= {"versions": output.versions(), "wall_time_s": seconds}
        path = folder.write_json("metrics.json", metrics)
        self._draw(metrics["curves"])
        print(_table(metrics))
        print(f"\nWritten: {path}, the counts in {self.out / 'curves'}, the figures beside them.")

    def _draw(self, curves: list[dict]) -> None:
        from neurogain.plotting import gain_curve as figures

        repeats = self.config.repeats
        drawn = {
            "fi_curves": figures.fi_curves(curves, repeats=repeats),
            "gain": figures.gain(curves, repeats=repeats),
            "bursts": figures.bursts(curves, repeats=repeats),
        }
        if figures.has_inhibition(curves):
            drawn["inhibition"] = figures.inhibition(curves, repeats=repeats)
        for name, figure in drawn.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)


def _table(metrics: dict) -> str:
    """Return one line per curve."""
    head = ("Id (pA)", "coupling", "gd (nS)", "gs (nS)", "rheobase (pA)", "gain (Hz/nA)")
    more = ("calcium bursts", "ISI bursts")
    lines = ["  ".join(head) + "            " + "  ".join(more)]
    for curve in metrics["curves"]:
        names = ("dendritic_current_pA", "coupling", "dendritic_inhibition_nS")
        cells = [f"{curve[name]:g}" for name in (*names, "somatic_inhibition_nS")]
        onset, slope = curve["rheobase_pA"], curve["gain_hz_per_nA"]
        low, high = curve["gain_hz_per_nA_ci"]
        cells.append("none" if onset is None else f"{onset:g}")
        row = "  ".join(f"{cell:>{len(h)}}" for cell, h in zip(cells, head, strict=False))
        gain = "undefined" if slope is None else f"{slope:.1f}"
        gain += "" if low is None else f" [{low:.1f}, {high:.1f}]"
        shares = [curve[f"{kind}_burst_fraction"][-1] for kind in ("calcium", "isi")]
        text = ["-" if share is None else f"{share:.0%}" for share in shares]
        row += f"  {gain:<22}  " + "  ".join(
            f"{t:>{len(h)}}" for t, h in zip(text, more, strict=True)
        )
        lines.append(row)
    config = metrics["config"]
    low, high = config["gain_range"]
    lines.append(
        "Rheobase: first current with at least 1 Hz, onset included. "
        f"Gain: slope from {low:g} pA (or the rheobase) to {high:g} pA, "
        + (
            f"95 % t-intervals over {config['repeats']} repeats."
            if config["repeats"] > 1
            else "one repeat."
        )
        + "\nBursts: share of the spikes at the last somatic current."
    )
    return "\n".join(lines)
