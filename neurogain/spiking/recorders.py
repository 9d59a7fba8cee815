"""What a simulation keeps, chosen before it is compiled, so that memory grows with that alone.

A recorder folds every step into a carry, and emits a value every `every` steps (0: never). The
carry lives on the device; what is emitted is stacked over a chunk and then moved to the host.
`select` arguments are functions (state, info) -> array of shape (n,), or a tree of them.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks
from neurogain.spiking import sums
from neurogain.spiking.select import Select as Select
from neurogain.spiking.select import Selects, selected
from neurogain.spiking.select import spikes_of as spikes_of


@runtime_checkable
class Recorder(Protocol):
    """What `simulate` and `rollout` ask of a recorder. It is hashable, and holds no arrays.

    `Total` is a short one to start from.

    Example:
      >>> isinstance(Total(), Recorder)
      True
    """

    @property
    def every(self) -> int:
        """Steps between emissions, after steps every, 2 every, ...; 0 for none."""

    def init(self, state: Any, info: Any) -> Any:
        """Return the first carry; `state` and `info` show shapes and dtypes."""

    def update(self, carry: Any, state: Any, info: Any, *, step: jax.Array, dt: float) -> Any:
        """Return the carry after a step that ended in `state`; `step` counts from the start."""

    def emit(self, carry: Any, state: Any, info: Any) -> Any:
        """Return a tree of arrays to stack."""

    def finish(self, carry: Any, emitted: Any, *, first_step: int, dt: float) -> Any:
        """Return the result on the host, from NumPy arrays with the samples as first axis."""


def _lowest(x: jax.Array) -> jax.Array:
    """Return what every value of this dtype exceeds, or is."""
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.full_like(x, -jnp.inf)
    return jnp.full_like(x, False if x.dtype == bool else jnp.iinfo(x.dtype).min)


@dataclasses.dataclass(frozen=True)
class Total(Selects):
    """The sum over steps of what is selected, by default the spike count, per cell.

    A condition counts the steps in which it holds. Sums are compensated, so that they stay right in
    long runs: `simulate` returns counts of spikes, conditions and integers in int64, other sums in
    float64; `rollout` returns floats in their own dtype, and the rest in int32.

    Example:
      >>> from neurogain.spiking import Drive, LIFCell, LIFParams, simulate
      >>> above = Total(lambda state, info: state.v > -65.0)
      >>> record = {"spikes": Total(), "above": above}
      >>> run = simulate(LIFCell(), LIFParams(), Drive(100.0), n=1, duration=50.0, record=record)
      >>> {name: value.item() for name, value in run.recorded.items()}
      {'spikes': 0, 'above': 362}
    """

    select: Select = spikes_of
    every = 0

    def init(self, state: Any, info: Any) -> Any:
        """Return empty sums."""
        return jax.tree.map(sums.start, selected(self, state, info))

    def update(self, carry: Any, state: Any, info: Any, *, step: jax.Array, dt: float) -> Any:
        """Add this step."""
        del step, dt
        return _each(sums.add, carry, self.select(state, info))

    def emit(self, carry: Any, state: Any, info: Any) -> Any:
        """Emit nothing."""

    def finish(self, carry: Any, emitted: Any, *, first_step: int, dt: float) -> Any:
        """Return the sums, each of shape (n,)."""
        del emitted, first_step, dt
        total = _each(sums.total_of, carry)
        if self.select is spikes_of and isinstance(total, np.ndarray):
            return np.rint(total).astype(np.int64)
        return total


def _each(function: Callable[..., Any], total: Any, *trees: Any) -> Any:
    """Apply a function to each sum of a tree, and to what belongs to it."""
    return jax.tree.map(function, total, *trees, is_leaf=lambda x: isinstance(x, sums.Sum))


@dataclasses.dataclass(frozen=True)
class Mean(Selects):
    """The mean over steps of what is selected, per cell; of a condition the share of steps.

    Example:
      >>> from neurogain.spiking import Drive, LIFCell, LIFParams, simulate
      >>> record = {"v": Mean(lambda state, info: state.v)}
      >>> run = simulate(LIFCell(), LIFParams(), Drive(100.0), n=1, duration=50.0, record=record)
      >>> round(run.recorded["v"].item(), 1)
      -63.7
    """

    select: Select
    every = 0

    def init(self, state: Any, info: Any) -> Any:
        """Return empty sums, and no step."""
        return Total(self.select).init(state, info), jnp.zeros((), jnp.int32)

    def update(self, carry: Any, state: Any, info: Any, *, step: jax.Array, dt: float) -> Any:
        """Add this step."""
        total, steps = carry
        return Total(self.select).update(total, state, info, step=step, dt=dt), steps + 1

    def emit(self, carry: Any, state: Any, info: Any) -> Any:
        """Emit nothing."""

    def finish(self, carry: Any, emitted: Any, *, first_step: int, dt: float) -> Any:
        """Return the means, each of shape (n,): of `simulate` in float64."""
        del emitted, first_step, dt
        total, steps = carry
        return jax.tree.map(lambda x: x / steps.astype(x.dtype), _each(sums.total_of, total))


@dataclasses.dataclass(frozen=True)
class Peak(Selects):
    """The largest value over all steps of what is selected, per cell.

    Example:
      >>> from neurogain.spiking import Drive, LIFCell, LIFParams, simulate
      >>> record = {"v": Peak(lambda state, info: state.v)}
      >>> run = simulate(LIFCell(), LIFParams(), Drive(100.0), n=1, duration=50.0, record=record)
      >>> round(run.recorded["v"].item(), 1)
      -60.8
    """

    select: Select
    every = 0

    def init(self, state: Any, info: Any) -> Any:
        """Return minus infinity."""
        return jax.tree.map(_lowest, selected(self, state, info))

    def update(self, carry: Any, state: Any, info: Any, *, step: jax.Array, dt: float) -> Any:
        """Keep the larger."""
        del step, dt
        return jax.tree.map(jnp.maximum, carry, self.select(state, info))

    def emit(self, carry: Any, state: Any, info: Any) -> Any:
        """Emit nothing."""

    def finish(self, carry: Any, emitted: Any, *, first_step: int, dt: float) -> Any:
        """Return the peaks, each of shape (n,)."""
        del emitted, first_step, dt
        return carry


def check_recorders(record: Mapping[str, Recorder], n: int, model: Any = None) -> None:
    """Check that each value is a recorder, of cells and synapses that are there.

    A recorder with a method `check(model)` raises an error for models that it is not for.

    Raises:
      TypeError: if `record` is no mapping of names to recorders.
      ValueError: names the recorder, the rule, the value and a way out.
    """
    if not isinstance(record, Mapping):
        raise TypeError(
            f'`record` must be a dictionary by name; got {record!r}. Pass {{"events": Spikes()}}.'
        )
    for name, recorder in record.items():
        if isinstance(recorder, type) or not hasattr(recorder, "finish"):
            raise TypeError(
                f"`record` must map names to recorders; {name!r} is {recorder!r}. Pass for "
                "instance Traces(select) from neurogain.spiking.recorders."
            )
        missing = [x for x in ("init", "update", "emit") if not hasattr(recorder, x)]
        if missing:
            raise TypeError(
                f"The recorder {name!r} must have all members of recorders.Recorder; it has no "
                f"{', '.join(missing)}."
            )
        _checks.members(f"the recorder {name!r}", recorder, Recorder)
        _checks.hashable(f"The recorder {name!r}", recorder)
        if not isinstance(getattr(recorder, "every", None), int) or recorder.every < 0:
            raise ValueError(
                f"`every` of the recorder {name!r} must be a whole number of steps; got "
                f"{getattr(recorder, 'every', None)!r}."
            )
        if hasattr(recorder, "check"):
            recorder.check(model)
        cells = getattr(recorder, "cells", None)
        if cells is not None and not all(_is_cell(cell, n) for cell in cells):
            raise ValueError(
                f"`cells` of the recorder {name!r} must be in [0, {n - 1}]; got {cells!r}."
            )


def _is_cell(cell: object, n: int) -> bool:
    return isinstance(cell, int | np.integer) and bool(0 <= cell < n)


class TraceRecord(NamedTuple):
    """Samples in time."""

    time_ms: np.ndarray  # (samples,), at the end of the sampled step
    values: Any  # tree of (samples, cells)


@dataclasses.dataclass(frozen=True)
class Traces(Selects):
    """Samples of what is selected, of chosen cells, every `every` steps.

    In a network `state.cells["name"]` is the state of a population, and `cells` are numbered in
    what is selected: `Traces(lambda state, info: state.cells["pv"].v, cells=(0, 1))`.

    Example:
      >>> from neurogain.spiking import Drive, LIFCell, LIFParams, simulate
      >>> record = {"v": Traces(lambda state, info: state.v, every=200)}
      >>> run = simulate(LIFCell(), LIFParams(), Drive(300.0), n=1, duration=100.0, record=record)
      >>> run.recorded["v"].time_ms.tolist(), run.recorded["v"].values.shape
      ([20.0, 40.0, 60.0, 80.0, 100.0], (5, 1))
    """

    select: Select
    every: int = 1
    cells: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Raise an error for samples at no step, and for cells that are not a tuple."""
        _checks.whole("every", self.every, 1)
        if self.cells is not None and not isinstance(self.cells, tuple):
            raise TypeError(
                f"`cells` must be a tuple of cell numbers; got {self.cells!r}. Pass "
                f"cells=tuple(...)."
            )

    def init(self, state: Any, info: Any) -> Any:
        """Carry nothing."""

    def update(self, carry: Any, state: Any, info: Any, *, step: jax.Array, dt: float) -> Any:
        """Fold nothing."""

    def emit(self, carry: Any, state: Any, info: Any) -> Any:
        """Emit the chosen cells' values."""
        chosen = selected(self, state, info)
        if self.cells is None:
            return chosen
        most = min(len(x) if x.ndim else 0 for x in jax.tree.leaves(chosen))
        if self.cells and max(self.cells) >= most:
            raise ValueError(
                f"`cells` of a recorder must be in [0, {most - 1}], the cells of what it selects; "
                f"got {self.cells!r}."
            )
        return jax.tree.map(lambda x: x[np.asarray(self.cells, int)], chosen)

    def finish(self, carry: Any, emitted: Any, *, first_step: int, dt: float) -> Any:
        """Return a `TraceRecord`."""
        samples = len(jax.tree.leaves(emitted)[0])
        steps = first_step + self.every * (1 + np.arange(samples))
        return TraceRecord(time_ms=steps * dt, values=emitted)


class SpikeRecord(NamedTuple):
    """Spikes as events, in order of time, then of cell."""

    time_ms: np.ndarray  # (spikes,), end of the step in which v reached its peak
    cell: np.ndarray  # (spikes,)


@dataclasses.dataclass(frozen=True)
class Spikes:
    """Every spike. `simulate` keeps the events, `rollout` the differentiable raster (steps, n).

    Example:
      >>> from neurogain.spiking import Drive, LIFCell, LIFParams, simulate
      >>> record = {"events": Spikes()}
      >>> run = simulate(LIFCell(), LIFParams(), Drive(300.0), n=1, duration=100.0, record=record)
      >>> run.recorded["events"].time_ms.round(1).tolist()
      [22.0, 44.6, 67.7, 91.2]
    """

    every = 1

    def init(self, state: Any, info: Any) -> Any:
        """Carry nothing."""

    def update(self, carry: Any, state: Any, info: Any, *, step: jax.Array, dt: float) -> Any:
        """Fold nothing."""

    def emit(self, carry: Any, state: Any, info: Any) -> Any:
        """Emit all cells' spikes."""
        return info.spike

    def compress(self, emitted: np.ndarray, *, first_step: int) -> np.ndarray:
        """Return the events of a chunk, (events, 2), so that the raster need not be kept."""
        return np.argwhere(emitted > 0) + np.array([first_step, 0])

    def finish(self, carry: Any, emitted: Any, *, first_step: int, dt: float) -> Any:
        """Return a `SpikeRecord`."""
        return SpikeRecord(time_ms=(emitted[:, 0] + 1) * dt, cell=emitted[:, 1])


class IntervalRecord(NamedTuple):
    """Inter-spike intervals of each cell, all of shape (n,)."""

    spikes: Any  # number
    mean_ms: Any  # of the intervals, of which there is one fewer than spikes; 0 without
    squares_ms2: Any  # sum of the squared deviations from their mean
    in_burst: Any  # number of spikes with a neighbour at most `burst_window` away


class _IntervalCarry(NamedTuple):
    spikes: jax.Array  # number
    mean: jax.Array  # ms
    squares: sums.Sum  # ms^2
    in_burst: jax.Array  # number
    last: jax.Array  # step of the last spike
    counted: jax.Array  # whether that spike is in `in_burst`


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Inter-spike intervals and spikes close to a neighbour, without keeping the spikes.

    Numbers of spikes are integers, and have no gradient; those of `Total()` have one.

    `measures.interval_statistics` and `measures.isi_burst_fraction` take the record.

    Example:
      >>> from neurogain.spiking import Drive, LIFCell, LIFParams, simulate
      >>> record = {"intervals": Intervals()}
      >>> run = simulate(LIFCell(), LIFParams(), Drive(300.0), n=1, duration=100.0, record=record)
      >>> round(run.recorded["intervals"].mean_ms.item(), 1)
      23.1
    """

    burst_window: float = 10.0  # ms
    every = 0

    def __post_init__(self) -> None:
        """Raise an error for a window that is not positive."""
        _checks.positive("burst_window", self.burst_window, "ms", "10.0")

    def init(self, state: Any, info: Any) -> Any:
        """Return empty sums."""
        zero = jnp.zeros_like(info.spike)
        none = jnp.zeros(info.spike.shape, jnp.int32)
        return _IntervalCarry(none, zero, sums.start(zero), none, none, none > 0)

    def update(self, carry: Any, state: Any, info: Any, *, step: jax.Array, dt: float) -> Any:
        """Add the interval that ends in this step, where one does."""
        spikes, mean, squares, in_burst, last, counted = carry
        fired = info.spike > 0
        ends = fired & (spikes > 0)
        steps = step - last
        number = jnp.maximum(spikes, 1).astype(mean.dtype)  # of the interval that ends
        deviation = jnp.where(ends, steps.astype(mean.dtype) * dt - mean, 0)
        near = ends & (steps <= min(math.floor(self.burst_window / dt + 1e-6), 2**31 - 1))
        return _IntervalCarry(
            spikes + fired.astype(jnp.int32),
            mean + deviation / number,  # Welford's recursion
            sums.add(squares, deviation**2 * (1 - 1 / number)),
            in_burst + jnp.where(near, 2 - counted.astype(jnp.int32), 0),
            jnp.where(fired, step, last),
            jnp.where(fired, near, counted),
        )

    def emit(self, carry: Any, state: Any, info: Any) -> Any:
        """Emit nothing."""

    def finish(self, carry: Any, emitted: Any, *, first_step: int, dt: float) -> Any:
        """Return an `IntervalRecord`."""
        del emitted, first_step, dt
        squares = sums.total_of(carry.squares)
        return IntervalRecord(carry.spikes, carry.mean, squares, carry.in_burst)
