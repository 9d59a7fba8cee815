"""Sources of a gain: pure functions that step it inside the state of the optimizer."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, PyTree

from neurogain import _checks
from neurogain import gain as dynamics

Hyperparameter: TypeAlias = float | Array | optax.Schedule


class GainSource(NamedTuple):
    """Two pure functions that make a gain of a drive; any object with these two will do.

    Attributes:
      init: () -> S, the source's state before the first update, a tree of arrays.
      update: (S, drive) -> (gain, S), once per update; the drive and the gain are numbers, shape
        (), the gain finite and > 0.
      initial_gain: the gain before the first update, finite and > 0; 1 where a source has none.
    """

    init: Callable[[], PyTree]
    update: Callable[[PyTree, ArrayLike], tuple[ArrayLike, PyTree]]
    initial_gain: ArrayLike = 1.0


class LeakyState(NamedTuple):
    """State of `leaky_integrator`."""

    gain: Array  # shape ()
    step: Array | None  # updates so far; only where a constant is a schedule


_RULES: dict[str, tuple[str, Callable[[Any], Any], str]] = {  # for values that come at an update
    "decay": ("in [0, 1], per update", lambda x: (x >= 0) & (x <= 1), "0.9"),
    "baseline": ("a finite gain of at least 1", lambda x: (x >= 1) & (x < np.inf), "1"),
    "sensitivity": ("finite and >= 0", lambda x: (x >= 0) & (x < np.inf), "0.4"),
}


def value_at(name: str, constant: Hyperparameter, count: Array | None) -> ArrayLike:
    """Return a constant at this update; a schedule is called with its count.

    What is out of range is an error where it is known, and NaN where it is traced.
    """
    if not callable(constant) and _checks.is_concrete(constant):
        return constant  # checked when it was given
    value: Any = constant(count) if callable(constant) else constant
    check_precision(name, value)
    _checks.broadcast(**{name: value})  # a TypeError for what is no number
    if jnp.ndim(value):
        raise ValueError(
            f"`{name}` must be one number at each update; got shape {np.shape(value)}."
        )
    rule, holds, usual = _RULES[name]
    _checks.in_range(name, value, rule, holds, usual)
    if _checks.is_concrete(value):
        return value
    floating = jnp.issubdtype(value.dtype, jnp.floating)
    value = jnp.asarray(value, value.dtype if floating else jnp.float32)
    return jnp.where(holds(value), value, jnp.nan)


def constants_at(
    constants: Mapping[str, Hyperparameter], count: Array | None, dtype: DTypeLike
) -> dict[str, Array]:
    """Return all constants at this update, in the dtype of a gain."""
    return {k: jnp.asarray(value_at(k, v, count), dtype) for k, v in constants.items()}


def check_precision(name: str, value: object) -> None:
    """Raise a TypeError for a hyperparameter that was rounded to less than single precision."""
    if isinstance(value, jax.Array | np.ndarray) and value.dtype.itemsize < 4:
        raise TypeError(
            f"`{name}` must have at least single precision; got {value.dtype}, which has no "
            "number between 0.996 and 1 or rounds it as coarsely. Pass "
            "optax.inject_hyperparams(..., hyperparam_dtype=jnp.float32)."
        )


def check_constants(
    constants: Mapping[str, Hyperparameter], initial_gain: ArrayLike | None
) -> None:
    """Raise a ValueError if a constant of the integrator is no number or out of range."""
    for name, value in constants.items():
        check_precision(name, value)
        _checks.single(name, value)
    if constants:
        dynamics.check_parameters(**constants)
    if initial_gain is not None:
        _checks.single("initial_gain", initial_gain)
        _checks.in_range(
            "initial_gain", initial_gain, "finite and > 0", lambda x: (x > 0) & (x < np.inf), "1.0"
        )


def leaky_integrator(
    *,
    decay: Hyperparameter = 0.9,
    baseline: Hyperparameter = 1.0,
    sensitivity: Hyperparameter = 0.4,
    initial_gain: ArrayLike | None = None,
) -> GainSource:
    """Return the source that `modulate_by_gain` has built in: g' = g0 + decay (g - g0) + eta u.

    Args:
      decay, baseline, sensitivity: as for `modulate_by_gain`.
      initial_gain: g before the first update; `baseline` (at update 0) by default.

    Raises:
      ValueError: if a constant is outside its range.

    Example:
      >>> source = leaky_integrator(sensitivity=0.4)
      >>> gain, _ = source.update(source.init(), 0.5)
      >>> print(f"{gain:.2f}")
      1.20

    Source: arXiv 2507.14056, eq. 4.
    """
    constants = {"decay": decay, "baseline": baseline, "sensitivity": sensitivity}
    check_constants(constants, initial_gain)
    scheduled = any(callable(value) for value in constants.values())
    start = initial_gain
    if start is None:
        start = value_at("baseline", baseline, jnp.zeros([], jnp.int32))

    def init() -> LeakyState:
        count = jnp.zeros([], jnp.int32) if scheduled else None
        return LeakyState(jnp.array(start, jnp.float32), count)

    def update(state: LeakyState, drive: ArrayLike) -> tuple[Array, LeakyState]:
        values = constants_at(constants, state.step, state.gain.dtype)
        gain = dynamics.step(state.gain, drive, **values)
        count = None if state.step is None else optax.safe_increment(state.step)
        return gain, LeakyState(gain, count)

    return GainSource(init, update, start)


@runtime_checkable
class Stepper(Protocol):
    """What steps the gain of a state."""

    def init(self) -> PyTree:
        """Return the state of what steps."""

    def step(self, gain: PyTree, state: PyTree, drive: PyTree) -> tuple[PyTree, PyTree]:
        """Return gain and state after an update with a drive like the gain."""

    def skip(self, state: PyTree) -> PyTree:
        """Return the state after an update without a drive."""


_step = jax.jit(dynamics.step, inline=True)  # of thousands of leaves it is traced once


class Integrator(NamedTuple):
    """The leaky integrator, for one gain or a tree of them; its state is the count of updates."""

    constants: Mapping[str, Hyperparameter]

    def init(self) -> Array | None:
        """Return 0; None where no constant is a schedule."""
        scheduled = any(callable(value) for value in self.constants.values())
        return jnp.zeros([], jnp.int32) if scheduled else None

    def step(self, gain: PyTree, state: Array | None, drive: PyTree) -> tuple[PyTree, Array | None]:
        """Return every gain, integrated, and the count."""
        constants = functools.cache(lambda dtype: constants_at(self.constants, state, dtype))

        def one(g: Array, u: Array) -> Array:
            return _step(g, u, **constants(g.dtype))

        return jax.tree.map(one, gain, drive), self.skip(state)

    def skip(self, state: Array | None) -> Array | None:
        """Return the count, one higher."""
        return None if state is None else optax.safe_increment(state)


class FromSource(NamedTuple):
    """A source of the user's own, for one gain; its state is the source's."""

    source: Any  # with the methods of GainSource

    def init(self) -> PyTree:
        """Return the source's state."""
        return self.source.init()

    def step(self, gain: Array, state: PyTree, drive: Array) -> tuple[Array, PyTree]:
        """Return what the source makes of the drive; a gain that is no gain is NaN or an error."""
        found = self.source.update(state, drive)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise TypeError(
                "`update` of a source must return the gain and the source's next state, a pair; "
                f"got {type(found).__name__}. Write return gain, state."
            )
        new, state = found
        return checked_gain("the gain of a source", new, gain), state

    def skip(self, state: PyTree) -> PyTree:
        """Return the state as it is."""
        return state


def checked_gain(name: str, value: ArrayLike, like: Array) -> Array:
    """Return a gain in the shape and dtype of another; what is no gain is NaN, or an error.

    Raises:
      ValueError: if the shape is another, or a concrete value is not finite and > 0.
    """
    _checks.in_range(
        name, value, "finite and > 0", lambda x: (x > 0) & (x < np.inf), "Return or pass 1.0."
    )
    new = jnp.asarray(value, like.dtype)
    if new.shape != like.shape and new.size == like.size:
        new = new.reshape(like.shape)
    if new.shape not in ((), like.shape):
        raise ValueError(
            f"`{name}` must be one number, or have the shape {like.shape} of the state's gain; got "
            f"shape {new.shape}. Build the optimizer with the `per` that fits."
        )
    new = jnp.where((new > 0) & (new < jnp.inf), new, jnp.nan)
    return jnp.broadcast_to(new, like.shape)


def prescribed(value: PyTree, gain: PyTree) -> PyTree:
    """Return a gain that was given, in the structure of the state's.

    Raises:
      ValueError: if it has another structure or shape, or is not finite and > 0.
    """
    if jax.tree_util.all_leaves([value]):
        return jax.tree.map(lambda g: checked_gain("gain", value, g), gain)
    structure: jax.tree_util.PyTreeDef = jax.tree.structure(gain)
    given: jax.tree_util.PyTreeDef = jax.tree.structure(value)
    if given != structure:
        raise ValueError(
            f"`gain` must be one number, or a tree like the state's gain, {structure}; got {given}."
        )
    return jax.tree.map(lambda g, v: checked_gain("gain", v, g), gain, value)
