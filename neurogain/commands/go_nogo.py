"""The command `neurogain go-nogo`."""

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from tqdm import tqdm

from neurogain import intervals, output
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
        with (
            tqdm(total=len(units), unit="condition", dynamic_ncols=True) as bar,
            ThreadPoolExecutor(os.cpu_count()) as pool,
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
        print(table(metrics))
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
                if unit.condition in names and unit.validity in (places[0], places[-1]):
                    summary = CONDITIONS[unit.condition].summary
                    found.setdefault(summary, {})[unit.validity] = value(runs)
            return found

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
        watched = go_nogo.watch(self.config, "da+na", (shift - 1, shift + 20, shift + 299))
        titles = ("before the shift", "20 trials after it", "299 trials after it")
        layout = self.config.agent().layout
        counts = (*layout.excitatory, *layout.inhibitory)
        groups = [f"{g}, {kind}" for kind in "EI" for g in ("Go", "No-Go", "critic")]
        return figures.one_trial(
            dict(zip(titles, watched, strict=True)), groups, np.cumsum(counts).tolist()
        )


def table(metrics: dict) -> str:
    """Return what the fair controls say, then one line per condition."""
    lines = [*go_nogo_summary.verdicts(metrics), ""]
    lines += [
        f"{'condition':<24}{'validity':>9}{'learned 1':>11}{'learned 2':>11}"
        f"{'  [95 %]':<16}{'trials to it':<23}{'accuracy 1':<22}{'latency':>8}{'missed':>8}"
        f"{'false':>7}"
    ]
    for name, c in metrics["conditions"].items():
        low, high = c["post_shift_success"]["ci"]
        trials = c["trials_to_criterion"]
        detector = c["detector"]
        lines.append(
            f"{name:<24}{c['validity']:>9g}{c['pre_shift_success']['mean']:>11.2f}"
            f"{c['post_shift_success']['mean']:>11.2f}  [{low:.2f}, {high:.2f}]  "
            f"{_trials(trials):<23}{intervals.text(c['pre_shift_accuracy'], '.3f'):<22}"
            f"{_number(detector['latency']['mean']):>8}{detector['misses']['mean']:>8.2f}"
            f"{detector['false_alarms']['mean']:>7.2f}"
        )
    if metrics["ablations"]:
        lines.append(
            f"\n{'removed from DA + NA':<26}{'validity':>9}{'learned 1':>11}{'learned 2':>11}"
            f"{'with it':>9}{'only with':>11}{'only without':>14}{'p':>10}"
        )
    for row in metrics["ablations"]:
        lines.append(
            f"{row['removed']:<26}{row['validity']:>9g}{row['first']:>11.2f}{row['second']:>11.2f}"
            f"{row['whole']:>9.2f}{row['only_whole']:>11}{row['only_ablated']:>14}{row['p']:>10.2g}"
        )
    seeds = metrics["config"]["seeds"]
    lines.append(
        f"\n{seeds} seeds. Learned: the rule's last 100 trials at least 85 % correct, 75 % with "
        "each pair of cues.\nTrials to it: of the last rule, in windows of 40; median over seeds, "
        "its 95 % interval; never: not within it.\nOnly with, only without: seeds that learned the "
        "shift in one alone; p of McNemar's exact test."
    )
    return "\n".join(lines)


def _trials(value: dict) -> str:
    def one(x: float | None) -> str:
        return "never" if x is None else f"{x:g}"

    low, high = value["ci"]
    return f"{one(value['median'])} [{one(low)}, {one(high)}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
