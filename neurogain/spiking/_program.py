"""One compiled program for all runs: what is static, what may change, one scan over both."""

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
from neurogain.spiking.recorders import Recorder, Total, check_recorders


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


@dataclasses.dataclass(frozen=True)
class Program:
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


class Arrays(NamedTuple):
    """All that may change without compiling again."""

    params: Any
    drive: list[Any]  # leaves; None in place of functions
    key: jax.Array | None


class Prepared(NamedTuple):
    """A run that is about to start."""

    program: Program
    arrays: Arrays
    state: Any
    carries: tuple[Any, ...]  # of the recorders
    bytes_per_step: float  # that the recorders stack
    recorders: dict[str, Recorder]
    steps: int


def prepare(
    model: Model,
    params: Any,
    drive: Any,
    *,
    n: int,
    duration: float,
    dt: float,
    key: jax.Array | None,
    record: Mapping[str, Recorder] | None,
    state: Any,
    first_step: int,
    dtype: DTypeLike,
) -> Prepared:
    """Check the arguments of a run and set up its first state; errors as in `check`."""
    recorders: dict[str, Recorder] = {"spikes": Total()} if record is None else dict(record)
    steps = check(
        model,
        params,
        drive,
        n=n,
        duration=duration,
        dt=dt,
        key=key,
        record=recorders,
        first_step=first_step,
        state=state,
        dtype=dtype,
    )
    state = model.init(params, n, dtype) if state is None else state
    dtype = next(x.dtype for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating))
    # as arrays of one dtype, so that another kind of number compiles nothing again
    as_arrays = functools.partial(jax.tree.map, lambda x: jnp.asarray(x, dtype))
    leaves, structure = jax.tree.flatten(drive, is_leaf=drives.is_varying)
    functions = tuple((i, leaf) for i, leaf in enumerate(leaves) if callable(leaf))
    program = Program(model, dt, tuple(recorders.values()), functions, structure)
    constants = [None if callable(x) else as_arrays(x) for x in leaves]
    arrays = Arrays(as_arrays(params), constants, key)
    carries, size = _start(program, arrays, state)
    return Prepared(program, arrays, state, carries, size, recorders, steps)


def _one_step(program: Program, arrays: Arrays, state: Any, step: jax.Array, keys: Any):
    leaves = list(arrays.drive)
    for i, function in program.functions:
        leaves[i] = function
    for_model, for_drive = keys
    drive = jax.tree.unflatten(program.structure, leaves)
    drive = drives.at_step(drive, step, for_drive, dt=program.dt)
    return program.model.step(arrays.params, state, drive, dt=program.dt, key=for_model)


def _keys(program: Program, key: jax.Array | None, steps: jax.Array) -> tuple[Any, Any]:
    """Return a key per step for the model, and another for drives that are drawn."""
    if key is None:
        return None, None

    def per_step(stream: int) -> jax.Array:
        base = jax.random.fold_in(key, stream)
        return jax.vmap(functools.partial(jax.random.fold_in, base))(steps)

    return per_step(0), per_step(1) if program.functions else None


def _start(program: Program, arrays: Arrays, state: Any) -> tuple[tuple[Any, ...], float]:
    """Return the recorders' first carries, and the bytes that they stack in a step on average."""
    shapes = jax.eval_shape(
        functools.partial(_one_step, program), arrays, state, jnp.int32(0), (arrays.key, arrays.key)
    )
    shown = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    carries = tuple(recorder.init(*shown) for recorder in program.recorders)
    size = 0.0
    for recorder, carry in zip(program.recorders, carries, strict=True):
        if recorder.every:
            emitted = jax.tree.leaves(recorder.emit(carry, *shown))
            size += sum(x.size * x.dtype.itemsize for x in emitted) / program.block
    return carries, size


def scan(program: Program, length: int, arrays: Arrays, state: Any, carries: Any, start: Any):
    """Advance by `length` steps; return state, carries, and each recorder's stacked emissions."""
    steps = jnp.asarray(start, jnp.int32) + jnp.arange(length, dtype=jnp.int32)
    keys = _keys(program, arrays.key, steps)

    def advance(carry, inputs):
        state, carries = carry
        step, keys = inputs
        state, info = _one_step(program, arrays, state, step, keys)
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
    dtype: DTypeLike = jnp.float32,
) -> int:
    """Refuse what can't be run, before anything is traced; return the number of steps.

    Raises:
      ValueError: names the argument, the rule with its unit, the value and a way out.
    """
    for name, value, least in (("n", n, 1), ("first_step", first_step, 0)):
        _checks.whole(name, value, least)
    _checks.in_range("dt", dt, "positive, in ms", lambda x: (x > 0) & (x < np.inf), "0.1")
    if key is not None:
        raw = jnp.shape(key) == (2,) and key.dtype == jnp.uint32
        typed = jnp.shape(key) == () and jnp.issubdtype(jnp.result_type(key), jax.dtypes.prng_key)
        if not (raw or typed):
            raise TypeError(f"`key` must be one key; got {key!r}. Pass jax.random.key(0).")
    model.check(params, drive, dt=dt, n=n, key=key)
    check_recorders(record, n)
    check_dtype(dtype)
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
        expected = jax.eval_shape(lambda: model.init(params, n, dtype))
        if type(state) is not type(expected) or len(jax.tree.leaves(state)) != len(
            jax.tree.leaves(expected)
        ):
            raise TypeError(
                f"`state` must be a {type(expected).__name__} of this model; got {type(state)}."
            )
        for wanted, leaf in zip(*map(jax.tree.leaves, (expected, state)), strict=True):
            if np.shape(leaf) != wanted.shape:
                raise ValueError(
                    f"`state` must have arrays of shape {wanted.shape}; got {np.shape(leaf)}."
                )
            if leaf.dtype != wanted.dtype:
                raise TypeError(
                    f"`state` must have the dtype of the run, {wanted.dtype}; got {leaf.dtype}. "
                    f"Pass dtype=jnp.{leaf.dtype} to continue this one."
                )
    return steps


def check_dtype(dtype: DTypeLike) -> None:
    """Refuse what potentials and counts can't be held in."""
    if jnp.dtype(dtype) not in (jnp.float32, jnp.float64):
        raise ValueError(f"`dtype` must be float32 or float64; got {jnp.dtype(dtype).name}.")
    if jnp.dtype(dtype) == jnp.float64 and jnp.zeros(()).dtype != jnp.float64:
        raise ValueError(
            "`dtype` float64 needs 64-bit numbers in JAX. Run inside jax.enable_x64(), or set "
            "JAX_ENABLE_X64=1."
        )


def count_steps(duration: float, dt: float) -> int:
    """Return duration / dt, both in ms, refusing durations that are not a multiple of dt."""
    steps = round(duration / dt) if math.isfinite(duration) else 0
    if steps < 1 or abs(duration / dt - steps) > 1e-3:
        near = max(1, steps) * dt
        raise ValueError(
            f"`duration` must be a positive multiple of dt = {dt:g} ms; got {duration!r}. "
            f"Pass duration={near:g}."
        )
    return steps
