"""Parts of a run: what they are, where their results are kept, and how those missing are run.

A part with seeds is kept seed by seed. Its missing seeds are run together, or `at_once` of them in
one job, so that seeds can be added to what is finished. This is the one place that has threads.
"""

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from neurogain import arrays
from neurogain import progress as reports
from neurogain.results import ResultFolder, digest

_SECONDS = "wall_time_s"  # kept beside the arrays of a part


@dataclasses.dataclass(frozen=True)
class Part:
    """A unit of work that is run, saved and read back whole.

    Attributes:
      label: its name, also of its file.
      kind: type of its result, a NamedTuple whose annotations name axes and dtypes.
      run: from a `Job` to the result.
      axes: coordinates of the axes of its arrays.
      needs: labels of earlier parts whose results the job gets.
      seeds: of a part that is kept seed by seed; fields whose first axis is "seed" are divided.
      at_once: seeds of one job; None: all that are missing.
      undefined: fields that may hold NaN or infinity.
      settings: what decides the part beside the configuration without what `grows`.
    """

    label: str
    kind: type
    run: Callable[["Job"], Any]
    axes: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    at_once: int | None = None
    undefined: tuple[str, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def all_axes(self, seeds: Sequence[int] | None = None) -> dict[str, np.ndarray]:
        """Return the coordinates of the axes, seeds included."""
        own = self.seeds if seeds is None else seeds
        return dict(self.axes) | ({arrays.SEED: np.array(own)} if self.seeds else {})

    def units(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return name and seeds of each unit that is kept; without seeds it is the part itself."""
        if not self.seeds:
            return [(self.label, ())]
        return [(f"{self.label},seed={seed}", (seed,)) for seed in self.seeds]


class Checkpoint(NamedTuple):
    """Where a job keeps what it has done so far."""

    load: Callable[[], dict[str, np.ndarray] | None]
    save: Callable[[Mapping[str, np.ndarray]], None]


class Job(NamedTuple):
    """What a part's `run` is given."""

    seeds: tuple[int, ...]  # that are to be run; () for a part without seeds
    needed: Mapping[str, Any]  # results of the parts that it needs, by label
    show: Callable[..., None]  # show(done, total, note="") reports; it raises when a run is stopped
    checkpoint: Checkpoint  # arrays that let an interrupted job continue; deleted at its end


def seeded(function: Callable[..., Any], *given: Any) -> Callable[[Job], Any]:
    """Return the `run` of a part with seeds: `function(*given, seeds=, show=)`."""
    return lambda job: function(*given, seeds=job.seeds, show=job.show)


def shown(function: Callable[..., Any], *given: Any) -> Callable[[Job], Any]:
    """Return the `run` of a part without seeds: `function(*given, show)`."""
    return lambda job: function(*given, job.show)


class Found(dict[str, Any]):
    """Results by label, with the time that each part took."""

    def __init__(self) -> None:
        """Begin without results."""
        super().__init__()
        self.seconds: dict[str, float] = {}
        self.elapsed = 0.0  # of this run, without what was finished before


@runtime_checkable
class Store(Protocol):
    """Where results are kept."""

    def load(self, part: Part, unit: str, seeds: tuple[int, ...]) -> dict[str, np.ndarray] | None:
        """Return the arrays of a unit, checked, or None if it is not finished."""

    def save(self, part: Part, unit: str, values: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of a unit."""

    def checkpoint(self, part: Part, name: str) -> Checkpoint:
        """Return where a job of this name keeps what it has done so far."""

    def drop_checkpoint(self, name: str) -> None:
        """Delete what a job kept on its way."""


class Memory:
    """Keeps nothing beyond the run."""

    def load(self, part: Part, unit: str, seeds: tuple[int, ...]) -> None:
        """Return None: nothing was kept."""

    def save(self, part: Part, unit: str, values: Mapping[str, np.ndarray]) -> None:
        """Keep nothing."""

    def checkpoint(self, part: Part, name: str) -> Checkpoint:
        """Return a place that keeps nothing."""
        return Checkpoint(lambda: None, lambda values: None)

    def drop_checkpoint(self, name: str) -> None:
        """Delete nothing."""


class Disk:
    """Keeps results in a folder, under a digest of the settings that decide them."""

    def __init__(self, folder: ResultFolder, settings: Mapping[str, Any]):
        """Keep results in `folder`; `settings` decide all parts."""
        self._folder, self._settings = folder, dict(settings)

    def _digest(self, part: Part) -> str:
        return digest(self._settings | {"part": dict(part.settings)})

    def load(self, part: Part, unit: str, seeds: tuple[int, ...]) -> dict[str, np.ndarray] | None:
        """Return the arrays of a unit, or None.

        Raises:
          ValueError: if the file is damaged, of other settings, or holds other arrays.
        """
        found = self._folder.load_unit(unit, (_SECONDS,), digest=self._digest(part))
        if found is None:
            return None
        axes = part.all_axes(seeds)
        seconds = found.pop(_SECONDS)
        try:
            for name, values in axes.items():
                if not np.array_equal(found.pop(name, None), values):  # type: ignore[arg-type]
                    raise ValueError(f"has other coordinates along {name}")
            arrays.check(part.kind, found, axes, undefined=part.undefined)
        except ValueError as error:
            path = self._folder.unit_path(unit)
            raise ValueError(
                f"{path} {error}: it is not of this run. Delete it, and --resume measures it again."
            ) from error
        return found | {_SECONDS: seconds}

    def save(self, part: Part, unit: str, values: Mapping[str, np.ndarray]) -> None:
        """Write the arrays of a unit, with its axes."""
        seeds = next(seeds for name, seeds in part.units() if name == unit)
        stamped = dict(values) | part.all_axes(seeds)
        self._folder.save_unit(unit, stamped, digest=self._digest(part))

    def checkpoint(self, part: Part, name: str) -> Checkpoint:
        """Return the job's file in `checkpoints/`."""
        own = {"digest": self._digest(part), "folder": "checkpoints"}
        return Checkpoint(
            lambda: self._folder.load_unit(name, **own),
            lambda values: self._folder.save_unit(name, values, **own),
        )

    def drop_checkpoint(self, name: str) -> None:
        """Delete the job's file."""
        self._folder.drop_unit(name, "checkpoints")


class _Work(NamedTuple):
    """One job: a part, and the units of it that the job runs."""

    part: Part
    units: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        if not self.seeds:
            return self.part.label
        first, last = self.seeds[0], self.seeds[-1]
        if self.seeds == tuple(range(first, last + 1)):
            which = f"{first}-{last}" if last > first else f"{first}"
        else:
            which = "+".join(map(str, self.seeds))
        return f"{self.part.label},seed={which}"


def run(
    parts: Sequence[Part],
    store: Store,
    *,
    threads: bool = False,
    progress: "bool | reports.Progress" = False,
    announce: Callable[[int, int], str] | None = None,
) -> Found:
    """Load what is finished of the parts, run the rest, and return all results.

    Args:
      parts: each after those that it needs, with different labels.
      store: where results are kept.
      threads: whether jobs run side by side on a CPU, one for each core.
      progress: as for `progress.of`.
      announce: from the numbers of jobs in all and to be run to a line that is reported first.

    Raises:
      ValueError: if two parts share a label or need later ones; or what `store` and `run` raise.
    """
    _check(parts)
    kept: dict[str, dict[str, np.ndarray]] = {}
    waiting: list[_Work] = []
    for part in parts:
        missing = []
        for unit, seeds in part.units():
            values = store.load(part, unit, seeds)
            if values is None:
                missing.append((unit, seeds))
            else:
                kept[unit] = values
        waiting += _divide(part, missing)
    total = len(waiting) + len(kept)
    if progress and announce is not None:
        reports.say(progress, announce(total, len(waiting)))
    start = time.perf_counter()
    with contextlib.closing(reports.of(progress, len(waiting))) as shown:
        _Runner(parts, store, kept, shown).run(waiting, threads)
    found = Found()
    found.elapsed = time.perf_counter() - start
    for part in parts:
        units = [kept[unit] for unit, _ in part.units()]
        found[part.label] = arrays.join(part.kind, units)
        found.seconds[part.label] = float(sum(unit[_SECONDS] for unit in units))
    return found


class _Runner:
    """Runs jobs, one after the other or side by side."""

    def __init__(
        self,
        parts: Sequence[Part],
        store: Store,
        kept: dict[str, dict[str, np.ndarray]],
        shown: reports.Progress,
    ):
        self._parts = {part.label: part for part in parts}
        self._store, self._kept, self._shown = store, kept, shown
        self._stopped = threading.Event()

    def run(self, waiting: Sequence[_Work], threads: bool) -> None:
        """Run all jobs."""
        workers = min(_cores(), len(waiting)) if threads else 1
        if workers <= 1:
            for work in waiting:
                self._one(work, ())
            return
        pool = ThreadPoolExecutor(workers)
        running: dict[str, list[Future[None]]] = {}
        try:
            for work in waiting:  # those that others need come first, so that none waits for good
                earlier = [f for label in work.part.needs for f in running.get(label, ())]
                future = pool.submit(self._one, work, earlier)
                running.setdefault(work.part.label, []).append(future)
            for future in (f for futures in running.values() for f in futures):
                future.result()
        except BaseException:
            self._stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()

    def _one(self, work: _Work, earlier: Sequence["Future[None]"]) -> None:
        """Run one job behind the earlier ones that it needs, and keep its results."""
        for future in earlier:
            future.result()
        part = work.part
        needed = {label: self._result(label) for label in part.needs}
        self._shown.start(work.name)

        def show(done: float, total: float, note: str = "") -> None:
            if self._stopped.is_set():
                raise KeyboardInterrupt
            self._shown.show(work.name, done, total, note)

        start = time.perf_counter()
        checkpoint = self._store.checkpoint(part, work.name)
        result = part.run(Job(work.seeds, needed, show, checkpoint))
        if self._stopped.is_set():  # the folder may belong to another run by now
            raise KeyboardInterrupt
        _check_result(part, work, result)
        each = (
            arrays.divide(part.kind, result, len(work.units))
            if part.seeds
            else [arrays.whole(part.kind, result)]
        )
        seconds = np.asarray((time.perf_counter() - start) / len(work.units))
        for unit, values in zip(work.units, each, strict=True):
            self._store.save(part, unit, values | {_SECONDS: seconds})
            self._kept[unit] = values | {_SECONDS: seconds}
        self._store.drop_checkpoint(work.name)
        self._shown.finish(work.name)

    def _result(self, label: str) -> Any:
        part = self._parts[label]
        return arrays.join(part.kind, [self._kept[unit] for unit, _ in part.units()])


def _check_result(part: Part, work: _Work, result: Any) -> None:
    """Raise a ValueError unless a result has the arrays that its part states, for the job's seeds.

    What passes here is what a store takes when it reads a result back.
    """
    must = f"`run` of the part {part.label!r} must return a {part.kind.__name__} as annotated"
    lacking = [name for name in arrays.fields_of(part.kind) if not hasattr(result, name)]
    if lacking:
        raise ValueError(f"{must}; {type(result).__name__} has no {', '.join(lacking)}.")
    seeds = f", for the job's seeds {', '.join(map(str, work.seeds))}" if work.seeds else ""
    found, axes = arrays.whole(part.kind, result), part.all_axes(work.seeds)
    try:
        arrays.check(part.kind, found, axes, undefined=part.undefined)
    except ValueError as error:
        raise ValueError(
            f"{must}{seeds}; the result {error}. Fields that may be undefined are named in "
            "`undefined`."
        ) from error


def _divide(part: Part, missing: Sequence[tuple[str, tuple[int, ...]]]) -> Iterator[_Work]:
    """Yield the jobs of what is missing of a part."""
    size = part.at_once or max(len(missing), 1)
    for i in range(0, len(missing), size):
        units, seeds = zip(*missing[i : i + size], strict=True)
        yield _Work(part, units, sum(seeds, ()))


def _check(parts: Sequence[Part]) -> None:
    known: set[str] = set()
    for part in parts:
        if part.label in known:
            raise ValueError(f"parts must have different labels; got {part.label!r} twice.")
        later = [label for label in part.needs if label not in known]
        if later:
            raise ValueError(
                f"`needs` of {part.label} must be labels of earlier parts; got {', '.join(later)}."
            )
        names = arrays.fields_of(part.kind)
        axes = {axis for field in names.values() for axis in field.axes}
        for what, given, there in (("axes", part.axes, axes), ("undefined", part.undefined, names)):
            odd = [name for name in given if name not in there]
            if odd:
                raise ValueError(
                    f"`{what}` of {part.label} must be of {part.kind.__name__}, "
                    f"{', '.join(sorted(there))}; got {', '.join(odd)}."
                )
        known.add(part.label)


def _cores() -> int:
    """Return how many jobs run side by side: one a core on a CPU, one on an accelerator."""
    import jax

    return (os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1
