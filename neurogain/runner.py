"""The one runner of all experiments: it checks, claims the folder, runs what is missing, writes.

An `Experiment` says what its parts are and what becomes of their results; `run` does the rest, for
the command line, for notebooks and for benchmarks. A part is the unit of work that is run, saved
and read back whole. Its result is a NamedTuple whose annotations name the axes and the dtype of
every array, so that what is read back can be checked.
"""

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from neurogain import _words, arrays, jobs, results
from neurogain._extras import extra
from neurogain.jobs import Found, Job, Part
from neurogain.progress import Progress
from neurogain.results import ResultFolder

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Experiment", "Figures", "Found", "Job", "Part", "Result", "run"]


Figures = Mapping[str, Callable[["Result"], "Figure"]]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What can be run under a name: a configuration, its parts, and what becomes of their results.

    Attributes:
      name: on the command line, `neurogain NAME`.
      summary: one line for the list of commands.
      config: dataclass of the options; it has a method `check`, which raises ValueError for bad
        input, and may have a method `as_json`.
      parts: from a configuration to the parts, each after those that it needs. What can fail for
        want of data fails here, before the folder is claimed.
      summarize: from a configuration and the results to the content of metrics.json; the version
        of its schema, the configuration and versions are added, and the sum of the parts' times
        where it does not state one.
      table: from the metrics to what the command prints, at most 80 columns wide.
      figures: name of a module that is imported when something is drawn. It has the functions
        `figures(result)`, which returns by name the functions that draw a figure of a result, and
        `plot(axes, result)`, which draws the main one into given axes. None: no figures.
      seconds: from a configuration to the time that a run takes on two CPU cores, roughly.
      grows: fields of the configuration that may change when a finished folder is continued, since
        they add parts and change none.
      threads: whether parts run side by side on a CPU, one for each core.
      folder: from a configuration to the folder of the command; runs/NAME by default.
      schema_version: of metrics.json; it rises when a field changes its meaning.
    """

    name: str
    summary: str
    config: type[Any]
    parts: Callable[[Any], Iterable[Part]]
    summarize: Callable[[Any, Found], dict[str, Any]]
    table: Callable[[Mapping[str, Any]], str]
    seconds: Callable[[Any], float]
    figures: str | None = None
    grows: tuple[str, ...] = ()
    threads: bool = False
    folder: Callable[[Any], Path] | None = None
    schema_version: int = 1

    @classmethod
    def of_package(cls, package: str, config: type[Any], **options: Any) -> "Experiment":
        """Return the experiment of a package.

        Its module run has `parts` and `seconds`, summary has `summarize`, table has `table`, and
        figures draws; its docstring is the experiment's summary.

        Args:
          package: the package's name, which is the experiment's as well.
          config: dataclass of the options.
          **options: further attributes.
        """
        run, summary, table = (
            importlib.import_module(f"{package}.{name}") for name in ("run", "summary", "table")
        )
        return cls(
            name=package.rpartition(".")[2].replace("_", "-"),
            summary=importlib.import_module(package).__doc__ or "",
            config=config,
            parts=run.parts,
            summarize=summary.summarize,
            table=table.table,
            seconds=run.seconds,
            figures=f"{package}.figures",
            **options,
        )

    def default_folder(self, config: Any) -> Path:
        """Return where the command writes if it is not told."""
        return Path("runs") / self.name if self.folder is None else self.folder(config)

    def as_json(self, config: Any) -> dict[str, Any]:
        """Return the configuration as JSON values."""
        own = getattr(config, "as_json", None)
        content: dict[str, Any] = results.plain(config) if own is None else own()
        return content

    def metrics(self, config: Any, found: Any) -> dict[str, Any]:
        """Return the content of metrics.json without versions and times."""
        head = {"schema_version": self.schema_version, "config": self.as_json(config)}
        return head | self.summarize(config, found)

    def drawing(self) -> ModuleType:
        """Return the module that draws.

        Raises:
          ValueError: if the experiment has no figures.
          MissingExtraError: if matplotlib is not there.
        """
        if self.figures is None:
            raise ValueError(f"{self.name} has no figures.")
        with extra("plot"):
            import matplotlib  # noqa: F401
        return importlib.import_module(self.figures)

    def run(self, config: Any = None, **options: Any) -> "Result":
        """Run with a configuration, by default that of the command; see `runner.run`."""
        return run(self, self.config() if config is None else config, **options)


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """What a run has found.

    Attributes:
      experiment: what was run.
      config: with which options.
      metrics: the content of metrics.json.
      parts: the arrays of each part, a NamedTuple by label.
      axes: what the axes of a part's arrays stand for, by label.
      out: the folder, if there is one.
    """

    experiment: Experiment
    config: Any
    metrics: dict[str, Any]
    parts: dict[str, Any]
    axes: Mapping[str, Mapping[str, np.ndarray]]
    out: Path | None = None

    def __repr__(self) -> str:
        """Return a few lines: what was run, what it holds, how to see it."""
        labels = list(self.parts)
        shown = ", ".join(labels[:4]) + (f", ... ({len(labels)} parts)" if labels[4:] else "")
        where = f"; in {self.out}" if self.out else ""
        return (
            f"{self.experiment.name}: {shown}; {self.metrics['wall_time_s']:.1f} s{where}\n"
            "  print(result.table()), result.plot(), result.figures, result.figure(name),\n"
            "  result.metrics, result.parts[label], result.to_dataframe(), result.to_xarray(label)"
        )

    def table(self) -> str:
        """Return the table that the command prints."""
        return self.experiment.table(self.metrics)

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the figures."""
        return tuple(self._figures())

    def _figures(self) -> Figures:
        if self.experiment.figures is None:
            return {}
        drawn: Figures = self.experiment.drawing().figures(self)
        return drawn

    def figure(self, name: str) -> "Figure":
        """Return one of the figures, which a notebook shows.

        Raises:
          ValueError: if there is no figure of this name.
        """
        known = self._figures()
        if name not in known:
            raise ValueError(f"`name` must be one of {', '.join(known) or 'none'}; got {name!r}.")
        return known[name](self)

    def plot(self, ax: "Axes | None" = None) -> "Figure":
        """Draw the main figure, into given axes or into a new figure, and return its figure."""
        module = self.experiment.drawing()
        from neurogain.plotting import draw, style

        axes = ax or draw.single((6.4, 4.0))[1]
        module.plot(axes, self)
        style.tidy(axes)
        return axes.figure.figure

    def to_xarray(self, label: str) -> "xarray.Dataset":
        """Return the arrays of a part as an xarray.Dataset with named axes; needs xarray.

        Raises:
          ValueError: if there is no part of this label.
        """
        if label not in self.parts:
            raise ValueError(f"`label` must be one of {', '.join(self.parts)}; got {label!r}.")
        return arrays.to_xarray(self.parts[label], self.axes[label])

    def to_dataframe(self, *fields: str) -> "pandas.DataFrame":
        """Return arrays of all parts that have them as one long table; needs pandas.

        A column for the part, one for each axis, one for each field. All fields have the same axes;
        without names they are those of the first part that have the axes of its first field.
        """
        return arrays.to_dataframe(self.parts, self.axes, fields)


def run(
    experiment: Experiment,
    config: Any,
    *,
    out: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | Progress = False,
) -> Result:
    """Run what is missing of an experiment and return all that was found.

    Args:
      experiment: what to run.
      config: its configuration.
      out: folder for metrics.json, the arrays and the figures; nothing needs the disk without it.
      resume: whether to continue the run that is in the folder; finished parts are not run again.
      overwrite: whether to delete first the run that is in the folder.
      progress: True for a bar or lines on the standard error; or what takes the reports.

    Raises:
      ValueError: if the configuration is bad, or the folder holds another run.
      OSError: if the folder can't be written or is in use.
    """
    if not isinstance(config, experiment.config):
        raise TypeError(
            f"`config` of {experiment.name} must be {_words.a(experiment.config.__name__)}; got "
            f"{type(config).__name__}."
        )
    if out is None and (resume or overwrite):
        which = "resume" if resume else "overwrite"
        raise ValueError(f"`{which}` is of a run in a folder; got no `out`. Pass out=folder.")
    config.check()
    parts = list(experiment.parts(config))
    settings = experiment.as_json(config)
    common = {k: v for k, v in settings.items() if k not in experiment.grows}
    if out is not None and experiment.figures is not None:
        experiment.drawing()  # what can't be drawn is told before anything is run
    store: jobs.Store = jobs.Memory()
    folder = None
    if out is not None:
        folder = ResultFolder(
            Path(out), settings, resume=resume, overwrite=overwrite, grows=experiment.grows
        )
        store = jobs.Disk(folder, {"experiment": experiment.name} | common)
    try:
        found = jobs.run(
            parts, store, threads=experiment.threads, progress=progress,
            announce=_announcement(experiment, config),
        )  # fmt: skip
        metrics = experiment.metrics(config, found) | {"versions": results.versions()}
        metrics.setdefault("wall_time_s", sum(found.seconds.values()))
        axes = {part.label: part.all_axes() for part in parts}
        if folder is None:
            return Result(experiment, config, metrics, dict(found), axes)
        folder.write_json("metrics.json", metrics)
        result = Result(experiment, config, metrics, dict(found), axes, folder.path)
        for name in result.figures:
            with results.replacing(folder.path / f"{name}.png") as file:
                result.figure(name).savefig(file, dpi=150, format="png")
        return result
    finally:
        if folder is not None:
            folder.close()


def _announcement(experiment: Experiment, config: Any) -> Callable[[int, int], str]:
    """Return what is said beforehand, from the numbers of parts and of those to be run."""

    def announce(total: int, missing: int) -> str:
        before = f", {total - missing} of them finished before" if missing < total else ""
        parts = f"{total} part{'s' if total > 1 else ''}{before}"
        return (
            f"{experiment.name}: {parts}; the whole takes about "
            f"{_duration(experiment.seconds(config))} on 2 CPU cores."
        )

    return announce


def _duration(seconds: float) -> str:
    """Return a time in words, with one or two digits."""
    if seconds < 60:
        return f"{max(5, 5 * round(seconds / 5))} seconds"
    if seconds < 5400:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{seconds / 3600:.1f} hours"
