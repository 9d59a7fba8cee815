"""The command `neurogain go-nogo`."""

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from tqdm import tqdm

from neurogain import output
from neurogain.commands import go_nogo_table
from neurogain.experiments import go_nogo, go_nogo_summary
from neurogain.experiments.go_nogo import GoNoGoConfig, Runs, Unit
from neurogain.experiments.go_nogo_conditions import CONDITIONS

_PERFORMANCE: dict[str, Callable[[Runs], np.ndarray]] = {"share correct": lambda r: r.correct}
_CHANGED: dict[str, tuple[tuple[str, ...], dict[str, Callable[[Runs], np.ndarray]]]] = {
    "acetylcholine": (
        ("da", "da+ach", "da+na", "da+na+ach"),
        {"factor of the\nlearning rates": lambda r: r.learning_rate} | _PERFORMANCE,
    ),
    "serotonin": (
        ("da", "da+5ht", "da+5ht-horizon", "da+na", "da+na+5ht"),
        {
            "third factor\nwhen punished": lambda r: np.where(r.reward < 0, r.dopamine, np.nan),
            "time constant of\neligibility (ms)": lambda r: r.tau_c,
        }
        | _PERFORMANCE,
    ),
}
"""What the figure of a modulator shows: conditions, its own last, and quantities by label."""

_MAIN = ("da", "da-tuned", "da+forgetting", "da+na", "na-reset", "no-reset")


@dataclasses.dataclass(frozen=True)
class GoNoGoCommand:
    """Which neuromodulators a set shift needs: a spiking actor-critic in a Go/No-Go task."""

    config: tyro.conf.OmitArgPrefixes[GoNoGoConfig]
    out: Path = Path("runs/go-nogo")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Continue a run that was interrupted; finished conditions are not run again."""

    def run(self) -> None:
        """Run, with progress, a unit on each core; write each as it is finished."""
        config = self.config
        config.check()
        folder = output.ResultFolder(self.out, go_nogo.as_json(config), resume=self.resume)
        start = time.perf_counter()
        results: dict[Unit, Runs] = {}
        units = list(config.units())
        on_cpu = jax.default_backend() == "cpu"
        with (
            tqdm(total=len(units), unit="condition", dynamic_ncols=True) as bar,
            ThreadPoolExecutor(os.cpu_count() if on_cpu else 1) as pool,
        ):
            # those that others are yoked to come first, so that none waits for one behind it
            waiting: dict[Unit, Future[Runs]] = {}
            for unit in units:
                yoke = waiting.get(unit._replace(condition=go_nogo.YOKED_TO))
                waiting[unit] = pool.submit(self._unit, folder, unit, yoke)
            try:
                for unit, running in waiting.items():
                    bar.set_description(unit.label)
                    results[unit] = running.result()
                    bar.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        metrics = go_nogo_summary.summarize(config, results)
        metrics |= {"versions": output.versions(), "wall_time_s": time.perf_counter() - start}
        path = folder.write_json("metrics.json", metrics)
        self._draw(results, metrics)
        print(go_nogo_table.table(metrics))
        print(f"\nWritten: {path}, the arrays in {self.out / 'curves'}, the figures beside them.")

    def _unit(self, folder: output.ResultFolder, unit: Unit, yoke: "Future[Runs] | None") -> Runs:
        """Read a unit that is finished, or run and write it."""
        arrays = folder.load_unit(unit.label, Runs._fields)
        if arrays is None:
            bursts = None if yoke is None else yoke.result()._asdict()
            arrays = go_nogo.run_unit(self.config, unit, bursts)._asdict()
            seeds = {"seed": self.config.seed + np.arange(self.config.seeds)}
            folder.save_unit(unit.label, arrays | seeds)
        return Runs(*(arrays[name] for name in Runs._fields))

    def _draw(self, results: dict[Unit, Runs], metrics: dict) -> None:
        from neurogain.plotting import go_nogo as figures

        config = self.config
        starts = config.agent().task.starts
        drawn = {
            "performance": figures.performance(metrics, _MAIN, starts[1:]),
            "success": figures.success(metrics),
            "entropies": figures.entropies(metrics, _MAIN),
        }
        if any(self.config.levels()[1]):
            drawn["overtraining"] = figures.overtraining(metrics)
        plain = {unit: runs for unit, runs in results.items() if not unit.overtraining}
        first = config.levels()[0][0]
        if len(starts) > 1:
            levels = {
                u.validity: r.noradrenaline for u, r in plain.items() if u.condition == "da+na"
            }
            if levels:
                drawn["noradrenaline"] = figures.noradrenaline(levels, starts[1], metrics)
            for unit, runs in plain.items():
                if unit.condition == "da" and unit.validity == first:
                    own = metrics["conditions"]["da"]["post_shift_success"]["per_seed"]
                    learned = np.array(own, bool)
                    drawn["lucky"] = figures.lucky(runs.correct, learned, starts[1], "DA alone")
            if "da+na" in config.conditions:
                drawn["trial"] = self._trials(figures, starts[1])
            drawn |= self._modulators(plain, starts[1])
        for name, figure in drawn.items():
            figure.savefig(self.out / f"{name}.png", dpi=150)

    def _modulators(self, results: Mapping[Unit, Runs], shift: int) -> dict[str, Any]:
        """Return the figures of acetylcholine and serotonin, where conditions have them."""
        from neurogain.plotting import go_nogo_modulators as figures

        def curves(names: tuple[str, ...], value: Callable[[Runs], np.ndarray]) -> figures.Curves:
            found: dict[str, dict[float, np.ndarray]] = {}
            for unit, runs in results.items():
                if unit.validity in (places[0], places[-1]):
                    own = found.setdefault(unit.condition, {})
                    own[unit.validity] = value(runs)
            return {CONDITIONS[name].summary: found[name] for name in names if name in found}

        places = self.config.levels()[0]
        drawn = {}
        for modulator, (names, quantities) in _CHANGED.items():
            if names[-1] in self.config.conditions:
                drawn[modulator] = figures.changes(
                    {label: curves(names, value) for label, value in quantities.items()},
                    shift,
                    f"What {modulator} changes ({self.config.seeds} seeds, 95 % t-intervals)",
                )
        return drawn

    def _trials(self, figures: Any, shift: int) -> Any:
        """Return the figure of three trials of the first seed under DA + NA."""
        end = self.config.agent().task.total - 1
        watched = go_nogo.watch(self.config, "da+na", (shift - 1, shift, end))
        titles = (
            "last trial before the shift",
            "first trial after it",
            f"{end - shift} trials later",
        )
        layout = self.config.agent().layout
        counts = (*layout.excitatory, *layout.inhibitory)
        groups = [f"{g}, {kind}" for kind in "EI" for g in ("Go", "No-Go", "critic")]
        return figures.one_trial(
            dict(zip(titles, watched, strict=True)), groups, np.cumsum(counts).tolist()
        )
