"""Cells that only spike: Poisson processes, and spikes given as a list."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int

from neurogain import _checks
from neurogain.spiking.engine import drives, random_bits
from neurogain.spiking.engine.times import LAST_STEP, as_float, whole_steps
from neurogain.spiking.surrogate import straight_through

_NEVER = np.iinfo(np.int32).max
MAX_TABLE_BYTES = 2**32  # of a `SpikeList`


class SourceInfo(NamedTuple):
    """Spikes of a step, one value per source."""

    spike: Float[Array, " n"]  # 1 where the source spiked, else 0


class SpikeList(NamedTuple):
    """Spikes of given times, by `spike_list`."""

    step: Int[Array, "n most"]  # ascending, padded with the largest integer
    dt: ArrayLike  # ms, that steps are counted in


class PoissonState(NamedTuple):
    """Number of spikes, one value per source; `last` has the dtype of the run."""

    spikes: Int[Array, " n"]  # so far
    last: Float[Array, " n"]  # 1 where the source spiked in the last step, 0 or NaN elsewhere


class SpikeListState(NamedTuple):
    """Where each source is in its list; `last` has the dtype of the run."""

    spikes: Int[Array, " n"]  # so far
    last: Float[Array, " n"]  # 1 where the source spiked in the last step, else 0
    step: Int[Array, " n"]  # of the next step, counted from 0
    next: Int[Array, " n"]  # place in the list of the next spike


@dataclasses.dataclass(frozen=True)
class PoissonSource:
    """Sources that spike at random; their drive is the rate in Hz, a number or a field of a drive.

    A source spikes at most once a step, with probability rate dt; rates above 1000 / dt are
    refused. A rate that is not known before the run, and then is NaN or outside [0, 1000 / dt],
    makes the source's spikes NaN from there on, which `simulate` reports; `rollout` records them,
    and on the sparse path targets get nothing. For more spikes a step give the cells a
    `PoissonInput`. A spike has the gradient of its probability. Sources have no
    parameters: ().

    Example:
      >>> from neurogain.spiking import simulate
      >>> key = jax.random.key(0)
      >>> run = simulate(PoissonSource(), (), 40.0, n=100, duration=500.0, key=key)
      >>> bool(1700 < run.recorded["spikes"].sum() < 2300)
      True
    """

    compartments = ()
    empty_drive = 0.0

    def init(self, params: Any, n: int, dtype: DTypeLike = jnp.float32) -> PoissonState:
        """Return sources that never spiked."""
        del params
        return PoissonState(jnp.zeros((n,), jnp.int32), jnp.zeros((n,), dtype))

    def step(
        self, params: Any, state: PoissonState, drive: ArrayLike, *, dt: float, key: jax.Array
    ) -> tuple[PoissonState, SourceInfo]:
        """Draw the spikes of a step."""
        del params
        dtype = state.last.dtype
        chance = jnp.asarray(drive, dtype) * (dt / 1000)
        drawn = random_bits.happens(key, chance, state.last.shape[0], dtype=dtype)
        sound = (chance >= 0) & (chance <= 1 + drives.SLACK) & ~jnp.isnan(state.last)
        spike = straight_through(drawn.astype(dtype), chance)
        spike = jnp.where(sound, spike, jnp.asarray(jnp.nan, dtype))
        return PoissonState(state.spikes + drawn.astype(jnp.int32), spike), SourceInfo(spike)

    def potential(self, state: PoissonState, compartment: str) -> jax.Array:
        """Raise ValueError: sources have no compartments."""
        raise ValueError(f"Sources of spikes have no compartment; got {compartment!r}.")

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: object) -> None:
        """Raise an error for rates out of range, parameters, and for a run without a key."""
        del n
        if jax.tree.leaves(params):
            raise TypeError(
                f"`params` of Poisson sources must be (), they have none; got {params!r:.200}. "
                "The rate is their drive."
            )
        most = 1000 / dt
        rule = f"a rate in [0, {most:g}] Hz, since a source spikes at most once in {dt:g} ms"
        way_out = (
            "Pass 0.0 for no spikes; for more take a shorter dt, or give the cells "
            "PoissonInput(rate_hz, weight), which counts."
        )
        drives.check_number("drive", drive, rule)
        if isinstance(drive, drives.Noise | drives.PoissonInput):
            raise ValueError(f"`drive` of Poisson sources must be {rule}; got {drive!r}.")
        for value in drives.numbers(drive):
            holds = lambda x: (x >= 0) & (x <= most * (1 + drives.SLACK))  # noqa: E731
            _checks.in_range("drive", value, rule, holds, way_out)
        if key is None:
            raise ValueError(
                "`key` must be a jax.random.key for Poisson sources; got None. Pass "
                "key=jax.random.key(0)."
            )


@dataclasses.dataclass(frozen=True)
class SpikeListSource:
    """Sources that spike at given times; their parameters are a `SpikeList`, they have no drive.

    Example:
      >>> from neurogain.spiking import simulate
      >>> spikes = spike_list([0.3, 0.5, 2.0], [0, 0, 1], n=2, dt=0.1)
      >>> run = simulate(SpikeListSource(), spikes, n=2, duration=1.0)
      >>> run.recorded["spikes"].tolist()
      [2, 0]
    """

    compartments = ()
    empty_drive = 0.0

    def init(self, params: SpikeList, n: int, dtype: DTypeLike = jnp.float32) -> SpikeListState:
        """Return the start of all lists."""
        del params
        none = jnp.zeros((n,), jnp.int32)
        return SpikeListState(none, jnp.zeros((n,), dtype), none, none)

    def begin(self, params: SpikeList, state: SpikeListState, step: int) -> SpikeListState:
        """Return the state of a run that begins with this step; earlier spikes are left out."""
        passed = (params.step < step).sum(axis=1, dtype=jnp.int32)
        return state._replace(step=jnp.full_like(state.step, step), next=passed)

    def step(
        self, params: SpikeList, state: SpikeListState, drive: Any, *, dt: float, key: Any
    ) -> tuple[SpikeListState, SourceInfo]:
        """Return the spikes of a step."""
        del drive, dt, key
        due = jnp.take_along_axis(params.step, state.next[:, None], axis=1)[:, 0] == state.step
        spike, one = due.astype(state.last.dtype), due.astype(jnp.int32)
        after = SpikeListState(state.spikes + one, spike, state.step + 1, state.next + one)
        return after, SourceInfo(spike)

    def potential(self, state: SpikeListState, compartment: str) -> jax.Array:
        """Raise ValueError: sources have no compartments."""
        raise ValueError(f"Sources of spikes have no compartment; got {compartment!r}.")

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: object) -> None:
        """Raise an error for a list of another number of sources, or in another dt."""
        del key
        drives.check_kind("params", params, SpikeList)
        given = jax.tree.leaves(drive)
        if given and (len(given) > 1 or np.ndim(given[0]) or given[0] != 0.0):
            raise ValueError(
                f"`drive` must not be given to sources that spike by a list; got {drive!r}. Leave "
                "it out."
            )
        rule = f"in steps of the simulation's dt = {dt:g} ms"
        way_out = f"Pass spike_list(..., dt={dt:g})."
        same = lambda x: np.abs(x - dt) <= 1e-6 * dt  # noqa: E731
        _checks.in_range("params.dt", params.dt, rule, same, way_out)
        dtype = getattr(params.step, "dtype", None)  # of arrays, and of what is traced
        if np.ndim(params.step) != 2 or dtype is None or not np.issubdtype(dtype, np.integer):
            raise TypeError(
                "`params.step` must be a table of whole numbers, (sources, spikes); got "
                f"{params.step!r:.200}. Pass spike_list(time_ms, cell, n={n}, dt=dt)."
            )
        if np.shape(params.step)[0] != n:
            raise ValueError(
                f"`params` must list the spikes of {n} sources; got {np.shape(params.step)[0]}. "
                f"Pass spike_list(time_ms, cell, n={n}, dt=dt)."
            )


def spike_list(
    time_ms: ArrayLike | Sequence[float], cell: ArrayLike | Sequence[int], *, n: int, dt: float
) -> SpikeList:
    """Return spikes for `SpikeListSource`, as `recorders.Spikes` records them.

    Args:
      time_ms: end of the step of each spike, multiples of dt, > 0, in any order.
      cell: number of the source of each spike.
      n: number of sources.
      dt: ms.

    The list is a table of 4 bytes for each source times the spikes of the one that has most.

    Raises:
      ValueError, TypeError: if a time is not a step, a source is not there, two spikes are in one
        step, or the table would take more than 4 GiB.

    Example:
      >>> spike_list([0.3, 0.1, 0.2], [0, 0, 1], n=2, dt=0.1).step[:, :2].tolist()
      [[0, 2], [1, 2147483647]]
    """
    _checks.positive("dt", dt, "ms", "0.1")
    dt = as_float(dt)
    _checks.whole("n", n, 1)
    time, number = _checks.as_numbers("time_ms", time_ms).astype(float), _cells(cell)
    if time.shape != number.shape or time.ndim != 1:
        raise ValueError(
            f"`time_ms` and `cell` must have one value per spike; got shapes {time.shape} and "
            f"{number.shape}."
        )
    most = f"at most {LAST_STEP} steps of dt = {dt:g} ms, which are counted in 32 bits"
    ended = lambda x: np.isfinite(x) & (x > LAST_STEP * dt)  # noqa: E731
    _checks.in_range("time_ms", time, most, lambda x: ~ended(x), "Take a longer dt.")
    ends, on_grid = whole_steps(time, dt)
    rule = f"positive multiples of dt = {dt:g} ms"
    _checks.in_range("time_ms", time, rule, lambda x: on_grid & (ends >= 1), "Round them first.")
    steps = ends.astype(int) - 1
    number = number.astype(int)
    rule = f"in [0, {n - 1}]"
    _checks.in_range("cell", number, rule, lambda x: (x >= 0) & (x < n), "Choose others.")
    order = np.lexsort((steps, number))
    steps, number = steps[order], number[order]
    double = (np.diff(steps) == 0) & (np.diff(number) == 0)
    if double.any():
        at = int(np.flatnonzero(double)[0])
        raise ValueError(
            f"`time_ms` must have one spike a step and source; source {number[at]} has two at "
            f"{(steps[at] + 1) * dt:g} ms."
        )
    busiest = int(np.unique(number, return_counts=True)[1].max(initial=0))
    if 4 * n * (busiest + 1) > MAX_TABLE_BYTES:
        raise ValueError(
            f"`n` x spikes of the source that has most must be at most {MAX_TABLE_BYTES // 4}, "
            f"4 GiB; got {n} x {busiest + 1}. Make several populations of sources, the busy ones "
            "apart."
        )
    counts = np.bincount(number, minlength=n)
    table = np.full((n, counts.max(initial=0) + 1), _NEVER, np.int32)
    place = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    table[number, place] = steps
    return SpikeList(jax.device_put(table), dt)


def _cells(cell: Any) -> np.ndarray:
    """Return numbers of cells as an array; raise a ValueError unless all are whole."""
    number = _checks.as_numbers("cell", cell)
    if not np.issubdtype(number.dtype, np.integer) and number.size:
        raise ValueError(f"`cell` must be whole numbers; got an array of {number.dtype}.")
    return number
