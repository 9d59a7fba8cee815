"""Checks of a run before it is compiled: model, times, drives, recorders, state."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from neurogain import _checks
from neurogain.spiking.engine import drive_checks, drives, state_checks
from neurogain.spiking.engine.times import LAST_STEP, as_float, count_steps
from neurogain.spiking.recorders import Recorder, check_recorders


@runtime_checkable
class Model(Protocol):
    """What can be simulated: cells of one kind, or a network. Hashable, holds no arrays.

    A model that knows how many cells it has says so in a property `size`; one whose drive has
    parts for different numbers of cells has a method `parts(drive)` that returns the name, the part
    and its number of cells, in the order of the drive's leaves. One that can run without a drive
    has it as `empty_drive`. One whose state knows the number of the step has a method
    `begin(params, state, step)`, which a run without `state` takes if `first_step` is not 0.

    Every `Cell` is one, and so are `Network` and `neuromod.Modulated`.

    Example:
      >>> from neurogain.spiking import LIFCell
      >>> isinstance(LIFCell(), Model)
      True
    """

    def init(self, params: Any, n: int, dtype: DTypeLike) -> Any:
        """Return the state of `n` cells: a tree of arrays whose first axis is the cell."""

    def step(
        self, params: Any, state: Any, drive: Any, *, dt: float, key: jax.Array | None
    ) -> tuple[Any, Any]:
        """Return the state after `dt` ms, and the info, which has a field `spike`."""

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Raise ValueError or TypeError if constants, drive or step are not those of this model."""


def size_of(model: Model, n: int | None) -> int:
    """Return the number of cells, which a network knows itself."""
    members = [member for member in vars(Model) if not member.startswith("_")]
    missing = [member for member in members if not hasattr(model, member)]
    if {"network", "params"} <= set(getattr(model, "_fields", ())):
        raise TypeError(
            f"`model` must be a network alone; got {type(model).__name__}, which holds its "
            "parameters too. Write network, params = build(...), then pass both: network, params, "
            "drive."
        )
    if isinstance(model, type) or len(missing) == len(members):
        raise TypeError(
            "`model` must be cells or a network, for instance PyramidalCell(); got "
            f"{model!r:.200}. Arguments come in the order model, params, drive."
        )
    if missing:
        raise TypeError(
            f"`model` must have all members of neurogain.spiking.Cell; {model!r:.200} has no "
            f"{', '.join(missing)}."
        )
    _checks.hashable("`model`", model)
    _checks.members(f"{model!r:.100}", model, Model)
    own = getattr(model, "size", None)
    if n is None and own is None:
        raise ValueError("`n` must be given, the number of cells. Pass n=1.")
    if own is not None and n not in (None, own):
        raise ValueError(f"`n` must be the number of cells of the network, {own}; got {n}.")
    size: Any = own if n is None else n
    _checks.whole("n", size, 1)
    if size > LAST_STEP:
        raise ValueError(
            f"`n` must be at most {LAST_STEP} cells, which are numbered in 32 bits; got {size}. "
            "Run fewer at a time."
        )
    return int(size)


def drive_of(model: Model, drive: Any) -> Any:
    """Return the drive, or where there is none the empty one of the model.

    Raises:
      TypeError: if the model has no `empty_drive`, or a name in the drive is no text.
    """
    if drive is not None:
        check_names(drive)
        return drive
    if not hasattr(model, "empty_drive"):
        raise TypeError(
            f"`drive` must be given, since {model!r:.200} has no `empty_drive`; got None. Pass a "
            "drive, or give the model one."
        )
    return model.empty_drive


def check_names(drive: Any) -> None:
    """Raise TypeError for a dictionary of drives with a name that is no text.

    It comes before all that JAX does with the drive: names that can't be sorted are no tree.
    """
    for name in drive if isinstance(drive, dict) else ():
        if not isinstance(name, str):
            raise TypeError(
                f"A name in `drive` must be a text; got {name!r:.200}. Pass for "
                "instance {'pyr': ...}."
            )


def parts_of(model: Model, drive: Any, n: int) -> list[tuple[str, Any, int]]:
    """Return name, content and number of cells of the parts of a drive."""
    parts = getattr(model, "parts", None)
    return [("drive", drive, n)] if parts is None else parts(drive)


def period_of(recorders: Iterable[Recorder]) -> int:
    """Return the steps after which all recorders that emit do so together."""
    return math.lcm(*(r.every for r in recorders if r.every))


def check(
    model: Model,
    params: Any,
    drive: Any = None,
    *,
    n: int | None = None,
    duration: float,
    dt: float,
    key: jax.Array | None,
    record: Mapping[str, Recorder],
    first_step: int = 0,
    state: Any = None,
    dtype: DTypeLike = jnp.float32,
) -> int:
    """Check the arguments of a run before anything is traced; return the number of steps.

    Raises:
      ValueError, TypeError: names the argument, the rule with its unit, the value and a way out.
    """
    n = size_of(model, n)
    drive = drive_of(model, drive)
    _checks.whole("first_step", first_step, 0)
    _checks.one_number("dt", dt, "positive, in ms", lambda x: (x > 0) & (x < np.inf), "0.1")
    _checks.one_number("duration", duration, f"a multiple of dt = {dt:g} ms", np.isreal, "100.0")
    dt, duration = as_float(dt), as_float(duration)
    if key is not None:
        check_key("key", key)
    model.check(params, drive, dt=dt, n=n, key=key)
    drives.drawn_names(drive)  # raises where two are the same
    check_recorders(record, n, model)
    check_dtype(dtype)
    steps = count_steps(duration, dt, first_step)
    period = period_of(record.values())
    if steps % period or first_step % period:
        raise ValueError(
            f"`duration` must be a multiple of {period * dt:g} ms, the shortest time after which "
            f"all recorders sample together; got {duration!r} ms from step {first_step}. Choose "
            "another duration or another `every`."
        )
    for name, part, size in parts_of(model, drive, n):
        after = first_step + steps
        drive_checks.check(
            part, n=size, first_step=first_step, last_step=after, key=key, dt=dt, name=name
        )
        for path, field, _ in drives.fields(part, name):
            for value in drives.constants(field):
                check_held(path, value, dtype)
    check_held("params", params, dtype)
    if state is not None:
        state_checks.check(model, params, n, state, dtype)
        state_checks.check_counters(state, steps)
    return steps


def check_held(name: str, tree: Any, dtype: DTypeLike) -> None:
    """Raise ValueError for a finite number that the dtype of a run would take as infinite."""
    most = float(jnp.finfo(dtype).max)
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if isinstance(leaf, jax.core.Tracer) or getattr(leaf, "dtype", None) == dtype:
            continue
        value = np.asarray(leaf)
        if value.dtype.kind not in "fiu" or np.can_cast(value.dtype, dtype):
            continue
        wrong = np.isfinite(value) & (np.abs(value) > most)
        if wrong.any():
            raise ValueError(
                f"`{name}{jax.tree_util.keystr(path)}` must be at most {most:.3g}, the largest "
                f"number of {jnp.dtype(dtype)}; got {value[wrong].flat[0]:g}. See to its unit."
            )


def check_key(name: str, key: Any) -> None:
    """Raise an error unless a value is one key of jax.random, of a generator that can be used."""
    _checks.key(name, key)
    if str(jax.random.key_impl(key)) == "unsafe_rbg":  # of raw keys, the default
        raise ValueError(
            f"`{name}` must not be of the generator unsafe_rbg, whose numbers depend on how steps "
            'are batched. Pass jax.random.key(0), or impl="rbg".'
        )


def check_dtype(dtype: DTypeLike) -> None:
    """Raise an error for a dtype that can't hold potentials and counts."""
    try:
        if isinstance(dtype, jax.Array):
            raise TypeError("an array")
        jnp.dtype(dtype)
    except TypeError as error:
        raise TypeError(
            f"`dtype` must be float32 or float64; got {dtype!r:.200}. Pass jnp.float32."
        ) from error
    if jnp.dtype(dtype) not in (jnp.float32, jnp.float64):
        raise ValueError(f"`dtype` must be float32 or float64; got {jnp.dtype(dtype).name}.")
    if jnp.dtype(dtype) == jnp.float64 and jnp.zeros(()).dtype != jnp.float64:
        raise ValueError(
            "`dtype` float64 needs 64-bit numbers in JAX. Run inside jax.enable_x64(), or set "
            "JAX_ENABLE_X64=1."
        )
