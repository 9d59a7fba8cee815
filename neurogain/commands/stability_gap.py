"""The command `neurogain stability-gap`."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import tyro
from tqdm import tqdm

from neurogain import output, stats
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap import StabilityGapConfig


@dataclasses.dataclass(frozen=True)
class StabilityGapCommand:
    """Measure the stability gap of several optimizers on one stream of tasks."""

    config: tyro.conf.OmitArgPrefixes[StabilityGapConfig]
    out: Path = Path("runs/stability-gap")
    """Folder for metrics.json, curves/ and the figures."""
    resume: bool = False
    """Continue a run that was interrupted; finished methods are not run again."""

    def run(self) -> None:
        """Run, with progress; write every method as it is finished."""
        config = self.config
        config.check()
        chosen = config.parse_methods()
        stream = stability_gap.load_stream(config)  # before the folder is claimed: it may fail
        folder = output.ResultFolder(self.out, stability_gap.as_json(config), resume=self.resume)
        fields = TaskCurves._fields
        finished = sum(folder.load_unit(label, fields) is not None for label in chosen)
        curves: dict[str, TaskCurves] = {}
        seconds: dict[str, float] = {}
        with tqdm(total=len(chosen) * stream.tasks, unit="task", dynamic_ncols=True) as bar:
            for label, method in chosen.items():
                arrays = folder.load_unit(label, fields)
                if arrays is None:
                    start = time.perf_counter()

                    def show(task: int, part: TaskCurves, label: str = label) -> None:
                        bar.update()
                        bar.set_description(f"{label}, task {task + 1} of {stream.tasks}")
                        bar.set_postfix_str(_one_line(task, part))

                    bar.set_description(f"{label}, task 1 of {stream.tasks}: compiling")
                    result = stability_gap.run_method(config, stream, method, show)
                    arrays = result._asdict()
                    arrays["wall_time_s"] = np.asarray(time.perf_counter() - start)
                    folder.save_unit(label, arrays)
                else:
                    bar.update(stream.tasks)
                seconds[label] = float(arrays["wall_time_s"].item())
                curves[label] = TaskCurves(*(arrays[field] for field in fields))
        metrics = stability_gap.summarize(config, stream, curves)
        metrics |= {"versions": output.versions(), "wall_time_s": sum(seconds.values())}
        for label, wall in seconds.items():
            metrics["methods"][label]["wall_time_s"] = wall
        path = folder.write_json("metrics.json", metrics)
        _draw(self.out, config, stream.task_names, curves, metrics)
        print(_table(metrics))
        if finished:
            print(f"\n{finished} of {len(chosen)} methods were finished before, not run again.")
        print(f"\nWritten: {path}, the curves in {self.out / 'curves'}, three figures beside them.")


def _one_line(task: int, part: TaskCurves) -> str:
    """Say how the task went: final accuracy, the lowest that old tasks fell to, the gain."""
    line = f"accuracy {np.nanmean(part.accuracy[:, -1]):.3f}"
    if task:
        line += f", old tasks fell to {part.accuracy[:, :, :task].mean(axis=2).min(1).mean():.3f}"
    return line + (f", gain up to {part.gain.max():.2f}" if np.any(part.gain != 1) else "")


def _draw(
    out: Path,
    config: StabilityGapConfig,
    task_names: tuple[str, ...],
    curves: dict[str, TaskCurves],
    metrics: dict,
) -> None:
    from neurogain.plotting import stability_gap as figures

    title = f"{config.spec.name}, {config.regime}"
    accuracy = {label: c.accuracy for label, c in curves.items()}
    every = config.protocol.eval_every
    drawn = {
        "old_task_accuracy": figures.old_task_accuracy(
            accuracy, task_names, eval_every=every, title=title
        ),
        "gain": figures.gain(
            {label: c.gain for label, c in curves.items()},
            {label: c.uncertainty for label, c in curves.items()},
            task_names,
            title=title,
        ),
        "trade_off": figures.trade_off(metrics["methods"], title=title),
    }
    for name, figure in drawn.items():
        figure.savefig(out / f"{name}.png", dpi=150)


def _table(metrics: dict) -> str:
    """Return the results as a table, one method a line."""
    columns = ("avg-SG", "SG at switch 1", "avg-ACC", "min-ACC (old tasks)")
    width = max(len("method"), *map(len, metrics["methods"]))
    lines = [f"{'method':<{width}}  " + "  ".join(f"{c:<22}" for c in columns)]
    lines[0] += f"  {'reads low by <=':<16}  seconds"
    for label, m in metrics["methods"].items():
        cells = (m["avg_sg"], m["sg_per_switch"][0], m["avg_acc"], m["min_acc"])
        row = "  ".join(f"{stats.text(c, '.3f'):<22}" for c in cells)
        note = "  (diverged)" if any(m["diverged"]) else ""
        low = f"{m['minimum_bias']['at_most']:.3f}"
        lines.append(f"{label:<{width}}  {row}  {low:<16}  {m['wall_time_s']:7.1f}{note}")
    seeds = metrics["config"]["seeds"]
    spread = f"95 % t-intervals over {seeds} seeds" if seeds > 1 else "One seed"
    lines.append(f"{spread}; lower SG is better, at equal avg-ACC.")
    stream = metrics["stream"]
    fewest, most = min(stream["evaluation_images"]), max(stream["evaluation_images"])
    number = str(most) if fewest == most else f"{fewest} to {most}"
    every = stream["eval_every"]
    when = "after every update" if every == 1 else f"every {every} updates"
    lines.append(
        f"Evaluated {when} on {number} images a task: the lowest of such readings, which avg-SG "
        "and min-ACC hang on, may be too low by up to what the last column but one says."
    )
    return "\n".join(lines + ([stream["note"]] if "note" in stream else []))
