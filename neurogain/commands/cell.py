"""The command `neurogain cell`."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import tyro

from neurogain import output
from neurogain.experiments import cell
from neurogain.experiments.cell import CellConfig
from neurogain.spiking import cells
from neurogain.spiking.models import dendrite


@dataclasses.dataclass(frozen=True)
class CellCommand:
    """Show one cell under a current pulse: potentials, adaptation, spikes and bursts."""

    config: tyro.conf.OmitArgPrefixes[CellConfig]
    out: Path | None = None
    """Folder for metrics.json, curves/traces.npz and the figures; runs/cell-KIND by default."""
    resume: bool = False
    """Write into a folder that holds this very run already."""

    def run(self) -> None:
        """Run and write traces, numbers and figures."""
        config = self.config
        config.check()
        out = Path(f"runs/cell-{config.cell}") if self.out is None else self.out
        folder = output.ResultFolder(out, output.plain(config), resume=self.resume)
        start = time.perf_counter()
        traces, metrics = cell.run(config)
        metrics |= {"versions": output.versions(), "wall_time_s": time.perf_counter() - start}
        folder.save_unit("traces", traces._asdict())
        path = folder.write_json("metrics.json", metrics)
        self._draw(out, traces, metrics)
        print(_line(config, metrics))
        print(f"Written: {path}, {folder.unit_path('traces')}, the figures beside them.")

    def _draw(self, out: Path, traces: cell.CellTraces, metrics: dict) -> None:
        from neurogain.plotting import cell as figures

        config = self.config
        is_pyramidal = config.cell == "l5"
        title = f"{config.cell}: {config.somatic_current:g} pA into the soma"
        if is_pyramidal:
            title += f", {config.dendritic_current:g} pA into the dendrite, p = {config.coupling:g}"
            title += f" ({config.coupling_mode})"
        figure = figures.traces(
            traces,
            bursts=[tuple(p) for p in metrics["burst_periods_ms"]],
            pulse=(max(0.0, config.pulse_start), min(config.pulse_end, config.duration)),
            calcium_threshold=cells.L5_V_CALCIUM if is_pyramidal else None,
            window=config.burst_window,
            title=title,
        )
        figure.savefig(out / "traces.png", dpi=150)
        if is_pyramidal:
            v = np.linspace(-72.0, 0.0, 2000)
            current = np.asarray(dendrite.steady_current(cells.L5_DENDRITE, v))
            stable = np.asarray(dendrite.is_stable(cells.L5_DENDRITE, v))
            figure = figures.rest_points(v, current, stable, *cell.dendritic_ramp())
            figure.savefig(out / "dendrite.png", dpi=150)


def _line(config: CellConfig, metrics: dict) -> str:
    """Say in one line what the cell did."""

    def text(value: float | None, unit: str) -> str:
        return "undefined" if value is None else f"{value:.3g}{unit}"

    return (
        f"{config.cell}: {len(metrics['spike_time_ms'])} spikes, "
        f"{text(metrics['rate_hz_during_pulse'], ' Hz')} during the pulse; intervals: mean "
        f"{text(metrics['isi_mean_ms'], ' ms')}, CV {text(metrics['isi_cv'], '')}; bursts: "
        f"{text(metrics['calcium_burst_fraction'], '')} of the spikes by calcium, "
        f"{text(metrics['isi_burst_fraction'], '')} by intervals"
    )
