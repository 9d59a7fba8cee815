"""Run cells in time: `simulate` from the host, `rollout` inside jit, vmap and grad.

Both scan the same step; neither holds more than is recorded. The noise of a step depends on the
key and the step's number alone, so neither the length of chunks nor an interruption changes it.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from neurogain import _checks
from neurogain.spiking import drive as drives
from neurogain.spiking.recorders import Recorder, Total


class Model(Protocol):
    """What can be simulated: a cell here, a network elsewhere. Hashable, holds no arrays."""

    def init(self, params: Any, n: int, dtype: DTypeLike) -> Any:
        """Return the state of `n` cells: a tree of arrays whose first axis is the cell."""

    def step(
        self, params: Any, state: Any, drive: Any, *, dt: float, key: jax.Array | None
    ) -> tuple[Any, Any]:
        """Return the state after `dt` and what happened; the latter has a field `spike`."""

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Refuse what can't be run."""


class Result(NamedTuple):
    """What a run leaves behind."""

    state: Any  # at the end; hand it and `step` to the next run to continue this one
    step: int  # number of the next step
    recorded: dict[str, Any]  # by the names given to the recorders


class NonFiniteError(FloatingPointError):
    """A state stopped being a number; says where and when."""


@dataclasses.dataclass(frozen=True)
class _Program:
    """All that is known when a run is compiled."""

    model: Model
    dt: float
    recorders: tuple[Recorder, ...]
    functions: tuple[tuple[int, Callable], ...]  # drives drawn in every step, by leaf
    structure: jax.tree_util.PyTreeDef  # of the drive

    @property
    def block(self) -> int:
        """Steps between two emissions of any recorder; 0 where none emits."""
        return math.gcd(*(r.every for r in self.recorders))

    @property
    def period(self) -> int:
        """Steps after which all recorders that emit do so together."""
        return _period(self.recorders)


def _period(recorders: Iterable[Recorder]) -> int:
    return math.lcm(*(r.every for r in recorders if r.every))


class _Arrays(NamedTuple):
    """All that may change without compiling again."""

    params: Any
    drive: list[Any]  # leaves; None in place of functions
    key: jax.Array | None


def simulate(
    model: Model,
    params: Any,
    drive: Any,
    *,
    n: int,
    duration: float,
    dt: float = 0.1,
    key: jax.Array | None = None,
    record: Mapping[str, Recorder] | None = None,
    state: Any = None,
    first_step: int = 0,
    dtype: DTypeLike = jnp.float32,
    chunk: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run `n` cells from the host, chunk by chunk.

    Args:
      model: for instance `PyramidalCell()`; pass an equal one again and nothing is compiled again.
      params: constants of the model, scalars or one value per cell.
      drive: tree that the model's step takes; see `drive.Drive` for what a field may be.
      n: number of cells.
      duration: ms, a multiple of dt.
      dt: ms.
      key: jax.random.key, for stochastic models and for drives that are functions of (step, key).
      record: recorders by name; `{"spikes": Total()}` by default, the spike count of each cell.
      state: start from here in place of rest; it is not changed.
      first_step: number of the first step, for a run that continues another.
      dtype: of the state.
      chunk: steps between calls of `progress`, about; the results don't depend on it.
      progress: called with (steps done, steps in all).

    Returns:
      State, number of the next step, and what was recorded, as NumPy arrays.

    Raises:
      ValueError: bad constants, drives, times or recorders, before anything is compiled.
      NonFiniteError: a state stopped being finite; names the variable, the cell and the step.

    Example:
      >>> from neurogain.spiking import Drive, IzhikevichCell, cells
      >>> run = simulate(IzhikevichCell(), cells.RS, Drive(current=100.0), n=1, duration=500.0)
      >>> run.recorded["spikes"].item()
      6.0
    """
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((params, drive, state))):
        raise TypeError(
            "`simulate` runs on the host and can't be transformed by jit, vmap or grad. "
            "Call `rollout` with the same arguments instead."
        )
    recorders = {"spikes": Total()} if record is None else dict(record)
    steps = check(
        model, params, drive, n=n, duration=duration, dt=dt, key=key, record=recorders,
        first_step=first_step, state=state,
    )  # fmt: skip
    program, arrays = _split(model, params, drive, key, dt, recorders)
    state = model.init(params, n, dtype) if state is None else state
    carries = _start(program, arrays, state)
    chunk = max(1, chunk // program.period) * program.period
    chunks: list[list[Any]] = [[] for _ in recorders]
    done = 0
    while done < steps:
        length = min(chunk, steps - done)
        start = first_step + done
        before = state
        state, carries, emitted = _run_chunk(program, length, arrays, state, carries, start)
        if not _is_finite(state):
            raise _locate(program, arrays, before, start, length)
        for kept, recorder, values in zip(chunks, recorders.values(), emitted, strict=True):
            kept.append(_to_host(recorder, values, start))
        done += length
        if progress is not None:
            progress(done, steps)
    recorded = {}
    for (name, recorder), carry, parts in zip(recorders.items(), carries, chunks, strict=True):
        joined = jax.tree.map(lambda *x: np.concatenate(x), *parts) if recorder.every else None
        on_host = jax.tree.map(np.asarray, carry)
        recorded[name] = recorder.finish(on_host, joined, first_step=first_step, dt=dt)
    return Result(state=state, step=first_step + steps, recorded=recorded)


def rollout(
    model: Model,
    params: Any,
    drive: Any,
    *,
    n: int,
    duration: float,
    dt: float = 0.1,
    key: jax.Array | None = None,
    record: Mapping[str, Recorder] | None = None,
    state: Any = None,
    first_step: int = 0,
    dtype: DTypeLike = jnp.float32,
    segment: int | None = None,
) -> Result:
    """Run `n` cells as one pure function, to be used inside jit, vmap and grad.

    Arguments as for `simulate`. Reverse mode keeps the state at every `segment` steps, by default
    the square root of their number, and computes the steps between again, so memory grows as that
    root. What is recorded is returned as it was emitted: carries as they are, samples stacked.
    Numbers that are not known when it is traced are not checked.

    Example:
      >>> from neurogain.spiking import Drive, IzhikevichCell, cells
      >>> def spikes(current):
      ...     run = rollout(IzhikevichCell(), cells.RS, Drive(current), n=1, duration=500.0)
      ...     return run.recorded["spikes"].sum()
      >>> bool(jax.grad(spikes)(100.0) > 0)
      True
    """
    recorders = {"spikes": Total()} if record is None else dict(record)
    steps = check(
        model, params, drive, n=n, duration=duration, dt=dt, key=key, record=recorders,
        first_step=first_step, state=state,
    )  # fmt: skip
    program, arrays = _split(model, params, drive, key, dt, recorders)
    state = model.init(params, n, dtype) if state is None else state
    carries = _start(program, arrays, state)
    length = _segment(segment, steps, program.period)

    @functools.partial(jax.checkpoint, static_argnums=3)
    def run(carry, arrays, start, length):
        state, carries, emitted = _scan(program, length, arrays, carry[0], carry[1], start)
        return (state, carries), emitted

    whole, rest = divmod(steps, length)
    starts = first_step + length * jnp.arange(whole)
    carry, emitted = jax.lax.scan(
        lambda c, start: run(c, arrays, start, length), (state, carries), starts
    )
    emitted = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), emitted)
    if rest:
        carry, last = run(carry, arrays, jnp.asarray(first_step + whole * length), rest)
        emitted = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), emitted, last)
    state, carries = carry
    recorded = {
        name: samples if recorder.every else folded
        for (name, recorder), folded, samples in zip(
            recorders.items(), carries, emitted, strict=True
        )
    }
    return Result(state=state, step=first_step + steps, recorded=recorded)


def _segment(segment: int | None, steps: int, period: int) -> int:
    wanted = math.isqrt(steps) if segment is None else segment
    return min(steps, max(1, round(wanted / period)) * period)


def _split(model, params, drive, key, dt, recorders) -> tuple[_Program, _Arrays]:
    leaves, structure = jax.tree.flatten(drive, is_leaf=drives.is_varying)
    functions = tuple((i, leaf) for i, leaf in enumerate(leaves) if callable(leaf))
    program = _Program(model, dt, tuple(recorders.values()), functions, structure)
    return program, _Arrays(params, [None if callable(x) else x for x in leaves], key)


def _one_step(program: _Program, arrays: _Arrays, state: Any, step: jax.Array, key: Any):
    leaves = list(arrays.drive)
    for i, function in program.functions:
        leaves[i] = function
    drive = drives.at_step(jax.tree.unflatten(program.structure, leaves), step, key, dt=program.dt)
    return program.model.step(arrays.params, state, drive, dt=program.dt, key=key)


def _start(program: _Program, arrays: _Arrays, state: Any) -> tuple[Any, ...]:
    """Return the recorders' first carries."""
    shapes = jax.eval_shape(
        functools.partial(_one_step, program), arrays, state, jnp.asarray(0), arrays.key
    )
    shown = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    return tuple(recorder.init(*shown) for recorder in program.recorders)


def _scan(program: _Program, length: int, arrays: _Arrays, state: Any, carries: Any, start: Any):
    """Advance by `length` steps; return state, carries, and each recorder's stacked emissions."""
    steps = start + jnp.arange(length, dtype=jnp.int32)
    keys = None
    if arrays.key is not None:
        keys = jax.vmap(functools.partial(jax.random.fold_in, arrays.key))(steps)

    def advance(carry, inputs):
        state, carries = carry
        step, key = inputs
        state, info = _one_step(program, arrays, state, step, key)
        carries = tuple(
            r.update(c, state, info, step=step, dt=program.dt)
            for r, c in zip(program.recorders, carries, strict=True)
        )
        return (state, carries), info

    def silently(carry, inputs):
        return advance(carry, inputs)[0], None

    if not program.block:
        (state, carries), _ = jax.lax.scan(silently, (state, carries), (steps, keys))
        return state, carries, (None,) * len(program.recorders)

    def advance_block(carry, inputs):
        if program.block > 1:
            carry, _ = jax.lax.scan(silently, carry, jax.tree.map(lambda x: x[:-1], inputs))
        carry, info = advance(carry, jax.tree.map(lambda x: x[-1], inputs))
        state, carries = carry
        emitted = tuple(
            r.emit(c, state, info) if r.every else None
            for r, c in zip(program.recorders, carries, strict=True)
        )
        return carry, emitted

    inputs = jax.tree.map(lambda x: x.reshape(-1, program.block, *x.shape[1:]), (steps, keys))
    (state, carries), emitted = jax.lax.scan(advance_block, (state, carries), inputs)
    thinned = tuple(
        jax.tree.map(lambda x, k=r.every // program.block: x[k - 1 :: k], e) if r.every else None
        for r, e in zip(program.recorders, emitted, strict=True)
    )
    return state, carries, thinned


_run_chunk = jax.jit(_scan, static_argnums=(0, 1))


def _to_host(recorder: Recorder, values: Any, start: int) -> Any:
    values = jax.tree.map(np.asarray, values)
    compress = getattr(recorder, "compress", None)
    return values if compress is None else compress(values, first_step=start)


@jax.jit
def _all_finite(state: Any) -> jax.Array:
    leaves = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in leaves]))


def _is_finite(state: Any) -> bool:
    return bool(_all_finite(state))


def _locate(program, arrays, state, start: int, length: int) -> NonFiniteError:
    """Run the chunk again, step by step, and say where it stopped being finite."""
    one = dataclasses.replace(program, recorders=())
    for step in range(start, start + length):
        state, _, _ = _run_chunk(one, 1, arrays, state, (), step)
        if not _is_finite(state):
            break
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        values = np.asarray(leaf)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            return NonFiniteError(
                f"`{jax.tree_util.keystr(path).lstrip('.')}` of cell {where[0]} is "
                f"{values[where]} after step {step} ({(step + 1) * program.dt:g} ms). Look for a "
                "drive that is too strong there, or take a shorter dt."
            )
    raise AssertionError("a chunk is finite step by step, but not as a whole")


def check(
    model: Model,
    params: Any,
    drive: Any,
    *,
    n: int,
    duration: float,
    dt: float,
    key: jax.Array | None,
    record: Mapping[str, Recorder],
    first_step: int = 0,
    state: Any = None,
) -> int:
    """Refuse what can't be run, before anything is traced; return the number of steps.

    Raises:
      ValueError: names the argument, the rule with its unit, the value and a way out.
    """
    for name, value, least in (("n", n, 1), ("first_step", first_step, 0)):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"`{name}` must be a whole number of at least {least}; got {value!r}.")
    _checks.in_range("dt", dt, "positive, in ms", lambda x: (x > 0) & (x < np.inf), "0.1")
    model.check(params, drive, dt=dt, n=n, key=key)
    steps = count_steps(duration, dt)
    period = _period(record.values())
    if steps % period or first_step % period:
        raise ValueError(
            f"`duration` must be a multiple of {period * dt:g} ms, the shortest time after which "
            f"all recorders sample together; got {duration!r} ms from step {first_step}. Choose "
            "another duration or another `every`."
        )
    drives.check(drive, n=n, last_step=first_step + steps, key=key)
    if state is not None:
        wrong = [np.shape(x) for x in jax.tree.leaves(state) if np.shape(x)[:1] != (n,)]
        if wrong:
            raise ValueError(
                f"`state` must hold n = {n} cells along the first axis; got shape {wrong[0]}."
            )
    return steps


def count_steps(duration: float, dt: float) -> int:
    """Return duration / dt, both in ms, refusing durations that are not a multiple of dt."""
    steps = round(duration / dt) if math.isfinite(duration) else 0
    if steps < 1 or not math.isclose(steps * dt, duration, rel_tol=1e-6):
        near = max(1, steps) * dt
        raise ValueError(
            f"`duration` must be a positive multiple of dt = {dt:g} ms; got {duration!r}. "
            f"Pass duration={near:g}."
        )
    return steps
