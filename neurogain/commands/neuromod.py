"""The command `neurogain neuromod`."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import tyro

from neurogain import output
from neurogain.experiments import neuromod
from neurogain.experiments.neuromod import NeuromodConfig
from neurogain.neuromod import effects, systems, tables


@dataclasses.dataclass(frozen=True)
class NeuromodCommand:
    """What four neuromodulators do for a pattern of drives, with their interactions and without."""

    config: tyro.conf.OmitArgPrefixes[NeuromodConfig]
    out: Path = Path("runs/neuromod")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Write into a folder that holds this very run already."""

    def run(self) -> None:
        """Run with interactions and without, write everything."""
        config = self.config
        config.check()
        folder = output.ResultFolder(self.out, output.plain(config), resume=self.resume)
        start = time.perf_counter()
        courses = {kind: neuromod.run(config, interacting=kind == "on") for kind in ("on", "off")}
        doses = neuromod.dose_response()
        owners = systems.owners(tables.standard())
        targets = effects.names(tables.EFFECTS[config.cell])
        axes = {
            "time_ms": config.dt * (1 + np.arange(courses["on"].concentration.shape[1])),
            "system": np.array(systems.SYSTEMS),
            "receptor": np.array(list(owners)),
            "target": np.array(targets),
        }
        for kind, course in courses.items():
            folder.save_unit(f"interactions={kind}", course._asdict() | axes)
        folder.save_unit("dose_response", doses._asdict() | {"receptor": axes["receptor"]})
        metrics = neuromod.summarize(config, courses, doses)
        metrics |= {"versions": output.versions(), "wall_time_s": time.perf_counter() - start}
        path = folder.write_json("metrics.json", metrics)
        from neurogain.plotting import neuromod as figures

        units = {name: _unit(name) for name in targets}
        drawn = {
            "courses": figures.courses(
                courses, systems.SYSTEMS, owners, targets, units, dt=config.dt, cell=config.cell
            ),
            "dose_response": figures.dose_response(doses, list(owners)),
        }
        for name, figure in drawn.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)
        print(_table(metrics))
        print(f"\nWritten: {path}, the arrays in {self.out / 'curves'}, the figures beside them.")


def _unit(target: str) -> str:
    if target.endswith("current"):
        return "pA"
    return "1/ms" if target.endswith("modulator") else "log factor"


def _table(metrics: dict) -> str:
    lines = [f"{'':<24}{'interactions on':>28}{'off':>28}"]
    for part in ("concentration_nM", "activation", "amount"):
        lines.append(part.replace("_nM", " (nM)"))
        for name in metrics["extremes"]["on"][part]:
            cells = []
            for kind in ("on", "off"):
                one = metrics["extremes"][kind][part][name]
                cells.append(f"{one['lowest']:.3g} to {one['highest']:.3g}")
            lines.append(f"  {name:<22}" + "".join(f"{cell:>28}" for cell in cells))
    error = metrics["dose_response_largest_error"]
    lines.append(f"\nDose-response: largest distance from the Hill curve {error:.2g}.")
    return "\n".join(lines)
