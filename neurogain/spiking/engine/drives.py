"""What flows into a cell: currents and conductances, constant, in time, or drawn in every step."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.spiking.engine import random_bits


class Rule(NamedTuple):
    """What the values of one field of a drive must be; a type of drive names its own in `rules`."""

    text: str  # completes "`field` must be", with the unit
    holds: Callable[[np.ndarray], np.ndarray]  # whether values obey it
    suggestion: str  # a value that would do, or a sentence that ends with a full stop
    draws: tuple[type, ...] = ()  # of Noise and PoissonInput, those that never break it
    name: str = ""  # what errors call the field; its path where empty


class Drive(NamedTuple):
    """Input of one compartment; each field is a scalar or one value per cell, shape (n,).

    Where a simulation asks for a drive, a field may also be a `TimeSeries`, a `Pulse`, `Noise`,
    `PoissonInput`, or a function of (step, key) that returns the value in that step. The function
    is JAX code: NumPy's random numbers would be drawn once, when it is compiled. What it returns
    is checked for its shape alone, so keep conductances at 0 nS and above, and couplings in [0, 1].

    A cell with more than one input takes a NamedTuple of its own: a `Drive` for each compartment
    and possibly further fields, with a static method `rules` that returns a `Rule` for each field
    that is not a current.

    Example:
      >>> Drive(Noise(300.0, 50.0), conductance=5.0, reversal_current=5.0 * -75.0)
      Drive(current=Noise(mean=300.0, sd=50.0), conductance=5.0, reversal_current=-375.0)
    """

    current: Any = 0.0  # pA, depolarising when positive
    conductance: Any = 0.0  # nS, of all open synapses together, >= 0
    reversal_current: Any = 0.0  # pA, sum of conductance times reversal potential

    @staticmethod
    def rules() -> dict[str, Rule]:
        """Return the rule of each field that is not a current."""
        return {"conductance": CONDUCTANCE}


class TimeSeries(NamedTuple):
    """A drive given step by step: value k acts in step k, counted from the start of the run.

    Example:
      >>> ramp = Drive(TimeSeries(np.linspace(0.0, 500.0, 1001)))  # 100 ms at dt = 0.1 ms
      >>> float(at_step(ramp, jnp.int32(500), None, dt=0.1).current)
      250.0
    """

    values: AnyArray  # (steps,) or (steps, n)


class Pulse(NamedTuple):
    """A drive of `height` from `start` to `end`, without the end, and of `base` elsewhere.

    Each field is a scalar or one value per cell; a step belongs to the pulse if it starts in it.

    Example:
      >>> pulse = Drive(Pulse(500.0, start=10.0, end=60.0, base=100.0))
      >>> [float(at_step(pulse, jnp.int32(k), None, dt=0.1).current) for k in (99, 100, 600)]
      [100.0, 500.0, 100.0]
    """

    height: ArrayLike  # unit of the drive
    start: ArrayLike  # ms
    end: ArrayLike  # ms
    base: ArrayLike = 0.0  # unit of the drive


class Noise(NamedTuple):
    """A drive with fresh Gaussian noise in every step, independent for each cell.

    The step is part of the model: over a membrane's time constant the same `sd` averages out the
    more the shorter dt is. For noise that does not depend on it let sd grow as 1 / sqrt(dt).

    Example:
      >>> noisy = Drive(Noise(0.0, 300.0))  # `simulate` needs a key for it
      >>> noisy.current.sd
      300.0
    """

    mean: ArrayLike  # unit of the drive
    sd: ArrayLike  # unit of the drive, >= 0


class PoissonInput(NamedTuple):
    """Spikes of a Poisson process of its own for each cell, counted in every step.

    As jumps of a receptor's conductance in a network (`weight` in nS), or as a current that lasts
    one step (in pA).

    Example:
      >>> background = Drive(PoissonInput(1000.0, 20.0))  # `simulate` needs a key for it
      >>> background.current.rate_hz
      1000.0

      In a network: {"l5.dendrite.ampa": PoissonInput(50.0, 0.5)} for a population "l5" with
      `inputs=("dendrite.ampa",)`.
    """

    rate_hz: ArrayLike  # >= 0, at most 1000 / dt
    weight: ArrayLike  # per spike


CURRENT = Rule("a finite current in pA", np.isfinite, "0.0", (Noise, PoissonInput))
CONDUCTANCE = Rule(
    "a finite conductance of at least 0 nS",
    lambda x: (x >= 0) & (x < np.inf),
    "0.0",
    (PoissonInput,),
)


def synapse(conductance: ArrayLike, reversal: ArrayLike) -> Drive:
    """Return the drive of a conductance in nS that pulls towards `reversal` in mV.

    Example:
      >>> float(synapse(10.0, -75.0).reversal_current)
      -750.0
    """
    return Drive(conductance=conductance, reversal_current=jnp.asarray(conductance) * reversal)


def combine(*drives: Drive) -> Drive:
    """Return the sum of drives whose fields are numbers or arrays.

    Example:
      >>> combine(Drive(100.0), Drive(current=20.0, conductance=3.0))
      Drive(current=120.0, conductance=3.0, reversal_current=0.0)

    Raises:
      TypeError: if a field changes in time; combine the constant ones and `_replace` it in.
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


def is_compound(node: object) -> bool:
    """Return whether a node of a drive has fields of its own: a NamedTuple of them."""
    return isinstance(node, tuple) and hasattr(node, "_fields") and not is_varying(node)


def fields(
    drive: Any, name: str = "drive", rule: Rule = CURRENT
) -> Iterator[tuple[str, Any, Rule]]:
    """Yield name, content and rule of each field of a drive, or of a dictionary of drives."""
    if isinstance(drive, dict):
        for key in sorted(drive):
            yield from fields(drive[key], f"{name}[{key!r}]", rule)
    elif is_compound(drive):
        rules = drive.rules() if hasattr(drive, "rules") else {}
        for field, value in drive._asdict().items():
            yield from fields(value, f"{name}.{field}", rules.get(field, CURRENT))
    else:
        yield name, drive, rule


def check(
    drive: Any,
    *,
    n: int,
    last_step: int,
    key: jax.Array | None,
    dt: float = 0.1,
    name: str = "drive",
) -> None:
    """Check shape, length and values of each field of a drive.

    `name` is what the error calls it.

    Raises:
      ValueError: if a field has the wrong shape, is too short or breaks its rule (not finite, a
        negative conductance); names the field, the rule with its unit, the value and a way out.
      TypeError: if a function of (step, key) does not return an array.
    """
    for path, field, rule in fields(drive, name):
        if isinstance(field, TimeSeries):
            _check_series(path, field, rule, n, last_step)
        elif isinstance(field, Pulse):
            _check_pulse(path, field, rule, n)
        elif isinstance(field, Noise | PoissonInput):
            _check_drawn(path, field, rule, n, dt)
            if key is None:
                raise ValueError(
                    f"`key` must be a jax.random.key, since `{path}` is drawn; got None. Pass "
                    "key=jax.random.key(0)."
                )
        elif callable(field):
            _check_function(path, field, n, key)
        else:
            check_array(path, field, n)
            _check_values(path, field, rule)


def _check_series(name: str, series: TimeSeries, rule: Rule, n: int, last_step: int) -> None:
    """Raise ValueError for a series that is too short, or of wrong shape or values."""
    shape = np.shape(series.values)
    if not shape or shape[0] < last_step:
        raise ValueError(
            f"`{name}` must have a value for each of the {last_step} steps up to the end of the "
            f"run; got shape {shape}. Pass a longer series or a shorter duration."
        )
    check_shape(name, shape[1:], n)
    _check_values(name, series.values, rule)


def _check_pulse(name: str, pulse: Pulse, rule: Rule, n: int) -> None:
    """Raise ValueError for a pulse of wrong shape, values or times."""
    for field, value in pulse._asdict().items():
        check_array(f"{name}, {field} of the pulse,", value, n)
    for time in (pulse.start, pulse.end):
        finite = "a pulse with finite times in ms"
        _checks.in_range(name, time, finite, np.isfinite, "Pass Pulse(height, 50.0, 450.0).")
    known = _checks.is_concrete(pulse.start) and _checks.is_concrete(pulse.end)
    if known and not np.all(np.asarray(pulse.start) <= np.asarray(pulse.end)):
        raise ValueError(
            f"`{name}` must be a pulse that starts before it ends (ms); got start "
            f"{pulse.start!r}, end {pulse.end!r}."
        )
    _check_values(name, pulse.height, rule)
    _check_values(name, pulse.base, rule)


def _check_function(name: str, function: Callable[..., Any], n: int, key: jax.Array | None) -> None:
    """Raise TypeError or ValueError for a function of (step, key) that returns no such field."""
    result = jax.eval_shape(function, jax.ShapeDtypeStruct((), jnp.int32), key)
    if not hasattr(result, "shape"):
        raise TypeError(
            f"`{name}`, a function of (step, key), must return one array; got {result!r}."
        )
    check_shape(name, result.shape, n)


def _check_drawn(name: str, drawn: Noise | PoissonInput, rule: Rule, n: int, dt: float) -> None:
    """Raise ValueError for a draw with wrong constants, or that could break the field's rule."""
    for part, value in drawn._asdict().items():
        check_array(f"{name}, {part},", value, n)
        _checks.in_range(f"{name}, {part},", value, "finite", np.isfinite, "Choose a number.")
    if type(drawn) not in rule.draws:
        others = " or ".join(kind.__name__ for kind in rule.draws) or "a TimeSeries"
        raise ValueError(
            f"`{rule.name or name}` must be {rule.text}, so it can't be drawn as "
            f"{type(drawn).__name__}; got {drawn!r}. Pass {others}."
        )
    if isinstance(drawn, Noise):
        text = "a standard deviation of at least 0"
        _checks.in_range(f"{name}, sd,", drawn.sd, text, lambda x: x >= 0, "Noise(0.0, 100.0).")
    else:
        _check_values(f"{name}, weight,", drawn.weight, rule)
        _check_rate(name, drawn.rate_hz, dt)


def _check_rate(name: str, rate_hz: ArrayLike, dt: float) -> None:
    """Raise ValueError for a rate of more than one spike a step on average."""
    most = 1000 / dt
    text = f"in [0, {most:g}] Hz, at most one spike a step on average"
    way_out = "Take a shorter dt, or Noise of the same mean and variance."
    holds = lambda x: (x >= 0) & (x <= most * (1 + 1e-6))  # noqa: E731
    _checks.in_range(f"{name}, rate_hz,", rate_hz, text, holds, way_out)


def _check_values(name: str, values: object, rule: Rule) -> None:
    """Raise ValueError for values that break the rule of their field."""
    _checks.in_range(rule.name or name, values, rule.text, rule.holds, rule.suggestion)


def check_kind(name: str, value: object, kind: type) -> None:
    """Raise TypeError for what is meant for another kind of cell."""
    if not isinstance(value, kind):
        raise TypeError(
            f"`{name}` must be a {kind.__name__} for this cell; got {type(value).__name__}."
        )


def check_number(name: str, value: object, rule: str) -> None:
    """Raise TypeError for a drive with fields where one field, `rule`, is wanted."""
    if is_compound(value):
        raise TypeError(f"`{name}` must be {rule}; got {value!r}. Pass a number.")


def check_array(name: str, value: Any, n: int) -> None:
    """Raise TypeError for lists, None and the like, ValueError for wrong shapes."""
    if value is None or isinstance(value, list | tuple):
        raise TypeError(
            f"`{name}` must be a number or an array; got {value!r}. Pass a list as np.array([...])."
        )
    check_shape(name, np.shape(value), n)


def check_shape(name: str, shape: tuple[int, ...], n: int) -> None:
    """Raise ValueError unless the shape is that of one value, or of one per cell."""
    if shape not in ((), (n,)):
        raise ValueError(
            f"`{name}` must be one value, or one per cell, shape ({n},); got shape {shape}. For "
            "values in time pass TimeSeries(values), with steps as the first axis."
        )
