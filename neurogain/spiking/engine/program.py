"""One compiled program for all runs: what is static, what may change, one scan over both."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from neurogain.spiking.engine import draws, drives, same_value, step_checks
from neurogain.spiking.engine.checks import Model, check, drive_of, parts_of, period_of, size_of
from neurogain.spiking.engine.times import as_float
from neurogain.spiking.recorders import Recorder, Total
from neurogain.spiking.select import check_selections

Advance = Callable[[Any, Any], tuple[Any, Any]]  # (carry, inputs of a step) -> carry, info
Block = Callable[[int, Any, Any], tuple[Any, tuple[Any, ...], Any]]


@dataclasses.dataclass(frozen=True)
class Program:
    """All that is known when a run is compiled; functions that are alike are one."""

    model: Model
    dt: float
    recorders: tuple[Recorder, ...] = dataclasses.field(compare=False)
    # by leaf, those of the drive that are functions
    functions: tuple[tuple[int, Callable[..., Any]], ...] = dataclasses.field(compare=False)
    names: tuple[str, ...]  # of the leaves of the drive
    sizes: tuple[int, ...]  # number of cells of each leaf of the drive
    drawn: bool  # whether a drive takes a key
    structure: jax.tree_util.PyTreeDef  # of the drive
    alike: tuple[Any, ...] = dataclasses.field(init=False, repr=False)  # recorders and functions

    def __post_init__(self) -> None:
        """Keep what tells functions apart: their text and the values that they refer to now."""
        functions = ((i, same_value.key_of(function)) for i, function in self.functions)
        alike = (tuple(map(same_value.key_of, self.recorders)), tuple(functions))
        object.__setattr__(self, "alike", alike)

    @property
    def period(self) -> int:
        """Steps after which all recorders that emit do so together."""
        return period_of(self.recorders)

    @property
    def emission_strides(self) -> tuple[int, ...]:
        """Steps between emissions, each a multiple of the one before; () where none emits.

        A recorder emits at the longest of them that divides its `every`. There are three at most,
        each four times as long as the one before or longer: each doubles what is compiled.
        """
        strides: list[int] = []
        left = sorted({r.every for r in self.recorders if r.every})
        while left and len(strides) < 3:
            stride = math.gcd(*left)
            if not strides or stride >= 4 * strides[-1]:
                strides.append(stride)
                left = [every for every in left if every > stride]
            else:
                del left[0]
        return tuple(strides)

    def emission_stride(self, recorder: Recorder) -> int:
        """Return the steps between a recorder's emissions, some of which are left out later."""
        return max(stride for stride in self.emission_strides if recorder.every % stride == 0)


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
    stacked: dict[str, float]  # bytes that each recorder stacks in a step, on average
    recorders: dict[str, Recorder]
    steps: int


def prepare(
    model: Model,
    params: Any,
    drive: Any,
    *,
    n: int | None,
    duration: float,
    dt: float,
    key: jax.Array | None,
    record: Mapping[str, Recorder] | None,
    state: Any,
    first_step: int,
    dtype: DTypeLike,
) -> Prepared:
    """Check the arguments of a run and set up its first state; errors as in `check`."""
    n = size_of(model, n)
    drive = drive_of(model, drive)
    recorders: Any = {"spikes": Total()} if record is None else record
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
    dt = as_float(dt)
    if state is None:
        state = step_checks.initial(model, params, n, dtype)
        begin = getattr(model, "begin", None)
        state = begin(params, state, first_step) if begin and first_step else state
    dtype = next(
        (x.dtype for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)), dtype
    )

    def as_array(x: Any) -> jax.Array:
        """Return one dtype for all numbers, so that another kind compiles nothing again."""
        is_index = isinstance(x, jax.Array) and not jnp.issubdtype(x.dtype, jnp.inexact)
        return x if is_index else jnp.asarray(x, dtype)

    as_arrays = functools.partial(jax.tree.map, as_array)
    leaves, structure = jax.tree.flatten(drive, is_leaf=drives.is_varying)
    leaves = [drives.in_steps(leaf, dt) for leaf in leaves]
    functions = tuple((i, leaf) for i, leaf in enumerate(leaves) if callable(leaf))
    sizes = tuple(
        size
        for _, part, size in parts_of(model, drive, n)
        for _ in jax.tree.leaves(part, is_leaf=drives.is_varying)
    )
    names = drives.leaf_names(drive)
    emitting, random = tuple(recorders.values()), bool(drives.drawn_names(drive))
    program = Program(model, dt, emitting, functions, names, sizes, random, structure)

    def constant(leaf: Any) -> Any:
        """Return a leaf as arrays; series stay on the host, see `drives.window`."""
        if isinstance(leaf, drives.TimeSeries) and not isinstance(leaf.values, jax.core.Tracer):
            return dataclasses.replace(leaf, values=np.asarray(leaf.values, dtype))
        return None if callable(leaf) else draws.in_rounds(as_arrays(leaf), dt)

    constants = [constant(leaf) for leaf in leaves]
    arrays = Arrays(as_arrays(params), constants, key)
    shapes = _shapes(program, arrays, state)
    after, info = shapes
    step_checks.check(model, state, after, info, n)
    shown = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    try:
        carries = tuple(recorder.init(*shown) for recorder in emitting)
        stacked = _stacked_bytes(program, shapes, carries, recorders)
    except TypeError:
        check_selections(recorders, after, info)  # it knows their names
        raise
    return Prepared(program, arrays, state, carries, stacked, recorders, steps)


def _draw(
    program: Program, arrays: Arrays, state: Any, key: jax.Array | None
) -> tuple[jax.Array, ...]:
    """Return what the drives draw in a step."""
    dtype = next((x.dtype for x in jax.tree.leaves(state) if x.dtype.kind == "f"), jnp.float32)
    return draws.draw(
        arrays.drive, key, names=program.names, dt=program.dt, n=program.sizes, dtype=dtype
    )


def _one_step(
    program: Program,
    arrays: Arrays,
    state: Any,
    step: jax.Array,
    keys: tuple[jax.Array | None, jax.Array | None],
    drawn: tuple[jax.Array, ...],
) -> tuple[Any, Any]:
    """Return the state after a step, and its info; `keys` are the model's, the drives'."""
    leaves = list(arrays.drive)
    for i, function in program.functions:
        leaves[i] = function
    for_model, for_drive = keys
    drive = jax.tree.unflatten(program.structure, leaves)
    drive = drives.at_step(drive, step, for_drive, dt=program.dt, drawn=drawn)
    result = program.model.step(arrays.params, state, drive, dt=program.dt, key=for_model)
    return step_checks.pair(program.model, result)


def _keys(
    program: Program, key: jax.Array | None, steps: jax.Array
) -> tuple[jax.Array | None, jax.Array | None]:
    """Return a key per step for the model, and another for drives that are drawn."""
    if key is None:
        return None, None

    def per_step(stream: int) -> jax.Array:
        base = jax.random.fold_in(key, stream)
        return jax.vmap(functools.partial(jax.random.fold_in, base))(steps)

    return per_step(0), per_step(1) if program.drawn else None


def _example_step(program: Program, arrays: Arrays, state: Any) -> tuple[Any, Any]:
    drawn = _draw(program, arrays, state, arrays.key)
    return _one_step(program, arrays, state, jnp.int32(0), (arrays.key, arrays.key), drawn)


_jitted_step = jax.jit(_example_step, static_argnums=0)  # traced once for all runs, for its shapes


def _shapes(program: Program, arrays: Arrays, state: Any) -> Any:
    """Return shapes and dtypes of the state and of the info of a step."""
    arrays = arrays._replace(drive=drives.window(arrays.drive, 1))
    return _jitted_step.eval_shape(program, arrays, state)


def _stacked_bytes(
    program: Program, shapes: Any, carries: Any, recorders: Mapping[str, Recorder]
) -> dict[str, float]:
    """Return the bytes that each recorder stacks in a step, on average."""
    sizes = {}
    for (name, recorder), carry in zip(recorders.items(), carries, strict=True):
        emitted: list[Any] = []
        if recorder.every:
            emitted = jax.tree.leaves(jax.eval_shape(recorder.emit, carry, *shapes))
        per_emission = sum(x.size * x.dtype.itemsize for x in emitted)
        sizes[name] = per_emission / program.emission_stride(recorder) if emitted else 0.0
    return sizes


def scan(
    program: Program,
    length: int,
    arrays: Arrays,
    state: Any,
    carries: tuple[Any, ...],
    start: jax.Array | int,
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Advance by `length` steps; return state, carries, and each recorder's stacked emissions."""
    steps = jnp.asarray(start, jnp.int32) + jnp.arange(length + 1, dtype=jnp.int32)
    for_model, for_drive = _keys(program, arrays.key, steps)
    first = None if for_drive is None else for_drive[0]
    # Noise is drawn a step ahead, into the carry: else XLA draws it in each loop that reads it.
    drawn = _draw(program, arrays, state, first)
    following = None if for_drive is None else for_drive[1:]
    inputs = jax.tree.map(lambda x: x[:-1], (steps, (for_model, for_drive)))

    def advance(carry: Any, inputs: Any) -> tuple[Any, Any]:
        state, carries, drawn = carry
        (step, keys), following = inputs
        state, info = _one_step(program, arrays, state, step, keys, drawn)
        carries = tuple(
            r.update(c, state, info, step=step, dt=program.dt)
            for r, c in zip(program.recorders, carries, strict=True)
        )
        return (state, carries, _draw(program, arrays, state, following)), info

    def one_block(level: int, carry: Any, inputs: Any) -> tuple[Any, tuple[Any, ...], Any]:
        return _block(program, advance, level, carry, inputs)

    top = len(program.emission_strides) - 1
    carry = (state, carries, drawn)
    carry, emitted = _scan_blocks(
        one_block, top, program.emission_strides, carry, (inputs, following)
    )

    def thin(recorder: Recorder, emitted: Any) -> Any:
        skip = recorder.every // program.emission_stride(recorder)
        return jax.tree.map(lambda x: x[skip - 1 :: skip], emitted)

    thinned = tuple(
        thin(r, e) if r.every else None for r, e in zip(program.recorders, emitted, strict=True)
    )
    return carry[0], carry[1], thinned


def _block(
    program: Program, advance: Advance, level: int, carry: Any, inputs: Any
) -> tuple[Any, tuple[Any, ...], Any]:
    """Advance by one emission stride; return the carry, what was emitted, and the last info.

    A block holds blocks of the next shorter stride, down to single steps (level -1), so that what
    is sampled rarely costs nothing between its samples. The last of them is run apart, for its
    info.
    """
    if level < 0:
        carry, info = advance(carry, jax.tree.map(lambda x: x[0], inputs))
        return carry, (None,) * len(program.recorders), info

    def inner(level: int, carry: Any, inputs: Any) -> tuple[Any, tuple[Any, ...], Any]:
        return _block(program, advance, level, carry, inputs)

    stride = program.emission_strides[level]
    last = program.emission_strides[level - 1] if level else 1
    emitted = []
    if stride > last:
        head = jax.tree.map(lambda x: x[: stride - last], inputs)
        carry, first = _scan_blocks(inner, level - 1, program.emission_strides, carry, head)
        emitted.append(first)
    tail = jax.tree.map(lambda x: x[stride - last :], inputs)
    carry, rest, info = inner(level - 1, carry, tail)
    emitted.append(rest)
    joined = jax.tree.map(lambda *x: jnp.concatenate(x), *emitted)
    state, carries, _ = carry
    own = tuple(
        jax.tree.map(lambda x: x[None], r.emit(c, state, info))
        if r.every and program.emission_stride(r) == stride
        else e
        for r, c, e in zip(program.recorders, carries, joined, strict=True)
    )
    return carry, own, info


def _scan_blocks(
    one_block: Block, level: int, strides: tuple[int, ...], carry: Any, inputs: Any
) -> tuple[Any, Any]:
    """Scan over blocks of one emission stride; return the carry and what they emitted, joined."""
    length = strides[level] if level >= 0 else 1
    blocks = len(jax.tree.leaves(inputs)[0]) // length
    inputs = jax.tree.map(lambda x: x.reshape(blocks, length, *x.shape[1:]), inputs)

    def body(carry: Any, block: Any) -> tuple[Any, Any]:
        carry, emitted, _ = one_block(level, carry, block)
        return carry, emitted

    carry, emitted = jax.lax.scan(body, carry, inputs)
    return carry, jax.tree.map(join, emitted)


def join(blocks: jax.Array) -> jax.Array:
    """Return blocks of samples as one; their shape may have zeros."""
    return blocks.reshape(blocks.shape[0] * blocks.shape[1], *blocks.shape[2:])
