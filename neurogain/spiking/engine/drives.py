"""What flows into a cell: currents and conductances, constant, in time, or drawn in every step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.spiking.engine import random_bits


class Drive(NamedTuple):
    """Input of one compartment; each field is a scalar or one value per cell, shape (n,).

    Where a simulation asks for a drive, a field may also be a `TimeSeries`, a `Pulse`, `Noise`,
    `PoissonInput`, or a function of (step, key) that returns the value in that step. The function
    is JAX code: NumPy's random numbers would be drawn once, when it is compiled. What it returns
    is checked for its shape alone, so keep conductances at 0 nS and above, and couplings in [0, 1].
    """

    current: Any = 0.0  # pA, depolarising when positive
    conductance: Any = 0.0  # nS, of all open synapses together, >= 0
    reversal_current: Any = 0.0  # pA, sum of conductance times reversal potential


class PyramidalDrive(NamedTuple):
    """Input of a two-compartment cell; fields as in `Drive`."""

    soma: Drive = Drive()
    dendrite: Drive = Drive()
    coupling: Any = 0.0  # dimensionless, in [0, 1]


class TimeSeries(NamedTuple):
    """A drive given step by step: value k acts in step k, counted from the start of the run."""

    values: AnyArray  # (steps,) or (steps, n)


class Pulse(NamedTuple):
    """A drive of `height` from `start` to `end`, without the end, and of `base` elsewhere.

    Each field is a scalar or one value per cell; a step belongs to the pulse if it starts in it.
    """

    height: ArrayLike  # unit of the drive
    start: ArrayLike  # ms
    end: ArrayLike  # ms
    base: ArrayLike = 0.0  # unit of the drive


class Noise(NamedTuple):
    """A drive with fresh Gaussian noise in every step, independent for each cell.

    The step is part of the model: over a membrane's time constant the same `sd` averages out the
    more the shorter dt is. For noise that does not depend on it let sd grow as 1 / sqrt(dt).
    """

    mean: ArrayLike  # unit of the drive
    sd: ArrayLike  # unit of the drive, >= 0


class PoissonInput(NamedTuple):
    """Spikes of a Poisson process of its own for each cell, counted in every step.

    As jumps of a receptor's conductance in a network (`weight` in nS), or as a current that lasts
    one step (in pA).
    """

    rate_hz: ArrayLike  # >= 0, at most 1000 / dt
    weight: ArrayLike  # per spike


def synapse(conductance: ArrayLike, reversal: ArrayLike) -> Drive:
    """Return the drive of a conductance in nS that pulls towards `reversal` in mV.

    Example:
      >>> float(synapse(10.0, -75.0).reversal_current)
      -750.0
    """
    return Drive(conductance=conductance, reversal_current=jnp.asarray(conductance) * reversal)


def combine(*drives: Drive) -> Drive:
    """Return the sum of drives whose fields are numbers or arrays.

    Raises:
      TypeError: a field that changes in time; combine the constant ones and `_replace` it in.
    """
    if any(is_varying(field) for one in drives for field in one):
        raise TypeError(
            "`combine` adds numbers and arrays; got a field that changes in time. Combine the "
            "constant drives, then put it in with _replace(current=...)."
        )
    return Drive(*(sum(fields[1:], start=fields[0]) for fields in zip(*drives, strict=True)))


def is_varying(leaf: object) -> bool:
    """Return whether a drive's field changes in time."""
    return isinstance(leaf, TimeSeries | Pulse) or is_random(leaf)


def is_random(leaf: object) -> bool:
    """Return whether a drive's field takes a key in every step."""
    return isinstance(leaf, Noise | PoissonInput) or callable(leaf)


def numbers(leaf: Any) -> tuple[Any, ...]:
    """Return the values that a field which is not drawn can take."""
    if isinstance(leaf, TimeSeries):
        return (leaf.values,)
    if isinstance(leaf, Pulse):
        return (leaf.height, leaf.base)
    return () if is_random(leaf) else (leaf,)


def at_step(
    drive: Any, step: jax.Array, key: jax.Array | None, *, dt: float, drawn: Sequence[Any] = ()
) -> Any:
    """Return the drive in one step of `dt` ms; each function (step, key) gets a key of its own.

    `key` is for this step and for drives alone; `drawn` is what `draw` returned for this step.
    """
    leaves, structure = jax.tree.flatten(drive, is_leaf=is_varying)
    random = iter(drawn)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, TimeSeries):
            leaves[i] = jnp.asarray(leaf.values)[step]
        elif isinstance(leaf, Pulse):
            leaves[i] = _pulse(leaf, step, dt)
        elif isinstance(leaf, Noise | PoissonInput):
            leaves[i] = next(random)
        elif callable(leaf):
            leaves[i] = leaf(step, None if key is None else jax.random.fold_in(key, i))
    return jax.tree.unflatten(structure, leaves)


def draw(
    leaves: Sequence[Any], key: jax.Array | None, *, dt: float, n: Sequence[int], dtype: DTypeLike
) -> tuple[jax.Array, ...]:
    """Return the values in one step of the leaves that are `Noise` or `PoissonInput`.

    Args:
      leaves: of the drive; each that is drawn has a stream of its own.
      key: for this step and for drives alone.
      dt: step in ms.
      n: number of cells of each leaf.
      dtype: of the draws.
    """
    drawn: list[Any] = []
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Noise):
            noise = random_bits.normal(_needed(key), n[i], stream=i, dtype=dtype)
            drawn.append(leaf.mean + leaf.sd * noise)
        elif isinstance(leaf, PoissonInput):
            mean = jnp.asarray(leaf.rate_hz, dtype) * (dt / 1000)
            count = random_bits.poisson(_needed(key), mean, n[i], stream=i, dtype=dtype)
            drawn.append(leaf.weight * count)
    return tuple(drawn)


def _needed(key: jax.Array | None) -> jax.Array:
    if key is None:
        raise ValueError("`key` must be a jax.random.key for a drive that is drawn; got None.")
    return key


def _pulse(pulse: Pulse, step: jax.Array, dt: float) -> jax.Array:
    first, after = (
        jnp.round(jnp.asarray(t, float) / dt).astype(step.dtype) for t in (pulse.start, pulse.end)
    )
    return jnp.where((step >= first) & (step < after), pulse.height, pulse.base)


def check(
    drive: Any,
    *,
    n: int,
    last_step: int,
    key: jax.Array | None,
    dt: float = 0.1,
    name: str = "drive",
) -> None:
    """Refuse a drive of the wrong shape, too short, not finite, or with a negative conductance.

    `name` is what the error calls it.

    Raises:
      ValueError: names the field, the rule with its unit, the value and a way out.
      TypeError: a function of (step, key) that does not return an array.
    """

    def is_field(node: object) -> bool:
        return is_varying(node) or not isinstance(node, Drive | PyramidalDrive | dict)

    root = name
    for path, leaf in jax.tree_util.tree_flatten_with_path(drive, is_leaf=is_field)[0]:
        name = root + jax.tree_util.keystr(path)
        if isinstance(leaf, TimeSeries):
            shape = np.shape(leaf.values)
            if not shape or shape[0] < last_step:
                raise ValueError(
                    f"`{name}` must have a value for each of the {last_step} steps up to the end "
                    f"of the run; got shape {shape}. Pass a longer series or a shorter duration."
                )
            check_shape(name, shape[1:], n)
            _check_values(name, leaf.values)
        elif isinstance(leaf, Pulse):
            for field, value in leaf._asdict().items():
                check_array(f"{name}, {field} of the pulse,", value, n)
            for time in (leaf.start, leaf.end):
                rule = "a pulse with finite times in ms"
                _checks.in_range(name, time, rule, np.isfinite, "Pass Pulse(height, 50.0, 450.0).")
            known = _checks.is_concrete(leaf.start) and _checks.is_concrete(leaf.end)
            if known and not np.all(np.asarray(leaf.start) <= np.asarray(leaf.end)):
                raise ValueError(
                    f"`{name}` must be a pulse that starts before it ends (ms); got start "
                    f"{leaf.start!r}, end {leaf.end!r}."
                )
            _check_values(name, leaf.height)
            _check_values(name, leaf.base)
        elif is_random(leaf) and not callable(leaf):
            _check_noise(name, leaf, n, dt)
            if key is None:
                raise ValueError(
                    f"`key` must be a jax.random.key, since `{name}` is drawn; got None. Pass "
                    "key=jax.random.key(0)."
                )
        elif callable(leaf):
            result = jax.eval_shape(leaf, jax.ShapeDtypeStruct((), jnp.int32), key)
            if not hasattr(result, "shape"):
                raise TypeError(
                    f"`{name}`, a function of (step, key), must return one array; got {result!r}."
                )
            check_shape(name, result.shape, n)
        else:
            check_array(name, leaf, n)
            _check_values(name, leaf)


def _check_noise(name: str, noise: Any, n: int, dt: float) -> None:
    for field, value in noise._asdict().items():
        check_array(f"{name}, {field},", value, n)
        _checks.in_range(f"{name}, {field},", value, "finite", np.isfinite, "Choose a number.")
    if name.endswith("coupling"):
        raise ValueError(f"`{name}` must stay in [0, 1], so it can't be drawn; got {noise!r}.")
    if name.endswith("conductance") and isinstance(noise, PoissonInput):
        _check_values(f"{name}, weight of a conductance", noise.weight)
    if isinstance(noise, Noise):
        rule = "a standard deviation of at least 0"
        _checks.in_range(f"{name}, sd,", noise.sd, rule, lambda x: x >= 0, "Noise(0.0, 100.0).")
        if name.endswith("conductance"):
            raise ValueError(
                f"`{name}` must not be Gaussian noise, which would make conductances negative; got "
                f"{noise!r}. Pass PoissonInput(rate_hz, weight)."
            )
    else:
        most = 1000 / dt
        rule = f"in [0, {most:g}] Hz, at most one spike a step on average"
        way_out = "Take a shorter dt, or Noise of the same mean and variance."
        holds = lambda x: (x >= 0) & (x <= most * (1 + 1e-6))  # noqa: E731
        _checks.in_range(f"{name}, rate_hz,", noise.rate_hz, rule, holds, way_out)


def _check_values(name: str, values: object) -> None:
    """Refuse values that the field, told by its name, can't have."""
    if name.endswith("coupling"):
        check_coupling(values)
    elif name.endswith("conductance"):
        rule = "a finite conductance of at least 0 nS"
        _checks.in_range(name, values, rule, lambda x: (x >= 0) & (x < np.inf), "0.0")
    else:
        _checks.in_range(name, values, "a finite current in pA", np.isfinite, "0.0")


def check_kind(name: str, value: object, kind: type) -> None:
    """Refuse what is meant for another kind of cell."""
    if not isinstance(value, kind):
        raise TypeError(
            f"`{name}` must be a {kind.__name__} for this cell; got {type(value).__name__}."
        )


def check_number(name: str, value: object, rule: str) -> None:
    """Refuse the drive of a cell where a number, or one that changes in time, is wanted."""
    if isinstance(value, Drive | PyramidalDrive):
        raise TypeError(f"`{name}` must be {rule}; got {value!r}. Pass a number.")


def check_coupling(coupling: object) -> None:
    """Refuse a coupling outside [0, 1]."""
    _checks.in_range(
        "coupling",
        coupling,
        "in [0, 1], the probability (dimensionless) that soma and dendrite are coupled",
        lambda x: (x >= 0) & (x <= 1),
        "0.5",
    )


def check_array(name: str, value: Any, n: int) -> None:
    """Refuse lists, None and the like, then wrong shapes."""
    if value is None or isinstance(value, list | tuple):
        raise TypeError(
            f"`{name}` must be a number or an array; got {value!r}. Pass a list as np.array([...])."
        )
    check_shape(name, np.shape(value), n)


def check_shape(name: str, shape: tuple[int, ...], n: int) -> None:
    """Refuse what is neither one value nor one per cell."""
    if shape not in ((), (n,)):
        raise ValueError(
            f"`{name}` must be one value, or one per cell, shape ({n},); got shape {shape}. For "
            "values in time pass TimeSeries(values), with steps as the first axis."
        )
