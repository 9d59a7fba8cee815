"""What flows into a cell: currents and conductances, constant, in time, or drawn in every step."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks, _seeds, _words
from neurogain._types import AnyArray
from neurogain.spiking.engine.times import nearest_step


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


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class TimeSeries:
    """A drive given step by step: value k acts in step `first` + k.

    Steps are counted from the start of the first run, as by `first_step` of a run that continues
    another. A run needs a value for each of its steps; others are not read. So a closed loop can
    pass what it has so far, or the values of the next steps alone, with `first`; neither compiles
    anything again.

    Example:
      >>> ramp = Drive(TimeSeries(np.linspace(0.0, 500.0, 1001)))  # 100 ms at dt = 0.1 ms
      >>> float(at_step(ramp, jnp.int32(500), None, dt=0.1).current)
      250.0
    """

    values: Any  # array, (steps,) or (steps, n)
    first: int = dataclasses.field(default=0, metadata={"static": True})  # step of the first value


class SeriesInSteps(NamedTuple):
    """The part of a `TimeSeries` that acts in some steps."""

    values: AnyArray  # (steps,) or (steps, n)
    first: ArrayLike  # step of the first value


class Pulse(NamedTuple):
    """A drive of `height` from `start` to `end`, without the end, and of `base` elsewhere.

    Each field is a scalar or one value per cell. Both times are moved to the nearest begin of a
    step; a pulse that would vanish by that is refused.

    Example:
      >>> pulse = Drive(Pulse(500.0, start=10.0, end=60.0, base=100.0))
      >>> [float(at_step(pulse, jnp.int32(k), None, dt=0.1).current) for k in (99, 100, 600)]
      [100.0, 500.0, 100.0]
    """

    height: ArrayLike  # unit of the drive
    start: ArrayLike  # ms
    end: ArrayLike  # ms
    base: ArrayLike = 0.0  # unit of the drive


class PulseInSteps(NamedTuple):
    """A `Pulse` as it is run: in the steps from `first` on, before `after`."""

    height: ArrayLike  # unit of the drive
    first: ArrayLike  # step
    after: ArrayLike  # step
    base: ArrayLike  # unit of the drive


class Noise(NamedTuple):
    """A drive with fresh Gaussian noise in every step, independent for each cell.

    Every field that is drawn has its own stream, made from the key and the field's name, such as
    "current", or "pyr.soma.current" in a network: what else is driven changes none of its numbers.
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
    one step (in pA). A step may have many spikes; above one the cost grows with the largest mean.
    A rate that is not known before the run, and then is NaN or out of its range, gives NaN. A count
    has the gradient of its mean.

    Example:
      >>> background = Drive(PoissonInput(1000.0, 20.0))  # `simulate` needs a key for it
      >>> background.current.rate_hz
      1000.0

      In a network: {"l5.dendrite.ampa": PoissonInput(50.0, 0.5)} for a population "l5" with
      `inputs=("dendrite.ampa",)`.
    """

    rate_hz: ArrayLike  # >= 0, at most 1000 spikes a step on average
    weight: ArrayLike  # per spike


class PoissonInRounds(NamedTuple):
    """A `PoissonInput` as it is run where a mean may be above 1: as a sum of counts up to 1."""

    mean: ArrayLike  # count of a round, NaN for a rate that is refused
    weight: ArrayLike  # per spike
    rounds: ArrayLike  # number of counts to add up
    most: ArrayLike  # largest number of rounds


DRAWN = (Noise, PoissonInput, PoissonInRounds)
MOST_COUNTS = 1000  # of a PoissonInput in a step, on average
SLACK = 1e-6  # relative, for rounding where a mean or a probability is compared with its limit

IN_TIME = "Only a whole field of a drive can change in time."  # a way out
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
    for name, value in (("conductance", conductance), ("reversal", reversal)):
        check_is_array(name, value)
    factor = float(conductance) if isinstance(conductance, int) else conductance
    return Drive(conductance=conductance, reversal_current=jnp.asarray(factor) * reversal)


def combine(*drives: Drive) -> Drive:
    """Return the sum of drives whose fields are numbers or arrays.

    Example:
      >>> combine(Drive(100.0), Drive(current=20.0, conductance=3.0))
      Drive(current=120.0, conductance=3.0, reversal_current=0.0)

    Raises:
      TypeError: if a field changes in time; combine the constant ones and `_replace` it in.
    """
    for one in drives:
        check_kind("drives", one, Drive, of="")
    if any(is_varying(field) for one in drives for field in one):
        raise TypeError(
            "`combine` adds numbers and arrays; got a field that changes in time. Combine the "
            "constant drives, then put it in with _replace(current=...)."
        )
    return Drive(*(sum(fields[1:], start=fields[0]) for fields in zip(*drives, strict=True)))


def is_varying(leaf: object) -> bool:
    """Return whether a drive's field changes in time."""
    known = TimeSeries | SeriesInSteps | Pulse | PulseInSteps
    return isinstance(leaf, known) or is_random(leaf)


def is_random(leaf: object) -> bool:
    """Return whether a drive's field takes a key in every step."""
    return isinstance(leaf, DRAWN) or _checks.is_function(leaf)


def leaf_names(drive: Any) -> tuple[str, ...]:
    """Return the name of each leaf, from which it draws: "current", "pyr.soma.current".

    Example:
      >>> leaf_names({"e": Drive(Noise(0.0, 1.0))})
      ('e.current', 'e.conductance', 'e.reversal_current')
    """
    return _seeds.leaf_names(drive, is_varying)


def drawn_names(drive: Any) -> list[str]:
    """Return the names of the leaves that are drawn; a ValueError if two share a random stream."""
    leaves = jax.tree.leaves(drive, is_leaf=is_varying)
    names = [n for n, leaf in zip(leaf_names(drive), leaves, strict=True) if is_random(leaf)]
    _seeds.check_distinct("`drive`", names)
    return names


def numbers(leaf: Any) -> tuple[Any, ...]:
    """Return the values that a field which is not drawn can take."""
    if isinstance(leaf, TimeSeries):
        return (leaf.values,)
    if isinstance(leaf, Pulse):
        return (leaf.height, leaf.base)
    return () if is_random(leaf) else (leaf,)


def constants(leaf: Any) -> tuple[Any, ...]:
    """Return all numbers of a field but its times and rates, drawn or not."""
    if isinstance(leaf, PoissonInput):
        return (leaf.weight,)
    return tuple(leaf) if isinstance(leaf, Noise) else numbers(leaf)


def in_steps(leaf: Any, dt: float) -> Any:
    """Return a field of a drive with its times in steps; see `times.nearest_step`."""
    if not isinstance(leaf, Pulse):
        return leaf
    first, after = (jnp.asarray(nearest_step(time, dt)) for time in (leaf.start, leaf.end))
    return PulseInSteps(leaf.height, first, after, leaf.base)


def window(leaves: Sequence[Any], length: int, start: int | None = None) -> list[Any]:
    """Return the leaves of a drive with the values of their series in `length` steps alone.

    So shapes don't depend on the length of a series.

    Args:
      leaves: of a drive.
      length: number of steps.
      start: the first of them; by default the first step of each series.
    """

    def cut(leaf: Any) -> Any:
        if not isinstance(leaf, TimeSeries):
            return leaf
        begin = 0 if start is None else start - leaf.first
        return SeriesInSteps(leaf.values[begin : begin + length], np.int32(begin + leaf.first))

    return [cut(leaf) for leaf in leaves]


def at_step(
    drive: Any, step: jax.Array, key: jax.Array | None, *, dt: float, drawn: Sequence[Any] = ()
) -> Any:
    """Return the drive in one step of `dt` ms; each function (step, key) gets a key of its own.

    `key` is for this step and for drives alone; the key of a function depends on it and on the
    name of its leaf. `drawn` is what `draws.draw` returned for this step.
    """
    leaves, structure = jax.tree.flatten(drive, is_leaf=is_varying)
    random = iter(drawn)
    for i, (leaf, name) in enumerate(zip(leaves, leaf_names(drive), strict=True)):
        if isinstance(leaf, TimeSeries | SeriesInSteps):
            leaves[i] = jnp.asarray(leaf.values)[step - leaf.first]
        elif isinstance(leaf, Pulse | PulseInSteps):
            height, first, after, base = in_steps(leaf, dt)
            leaves[i] = jnp.where((step >= first) & (step < after), height, base)
        elif isinstance(leaf, DRAWN):
            leaves[i] = next(random)
        elif callable(leaf):
            own = None if key is None else jax.random.fold_in(key, np.uint32(_seeds.of_name(name)))
            leaves[i] = leaf(step, own)
    return jax.tree.unflatten(structure, leaves)


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
            path, own = f"{name}.{field}", rules.get(field, CURRENT)
            if isinstance(value, dict):  # no field is one; its check says so
                yield path, value, own
            else:
                yield from fields(value, path, own)
    else:
        yield name, drive, rule


def check_kind(name: str, value: object, kind: type, of: str = " for this cell") -> None:
    """Raise TypeError for what is meant for another kind of cell."""
    if not isinstance(value, kind):
        got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        named = _words.a(kind.__name__)
        raise TypeError(f"`{name}` must be {named}{of}; got {got}.{_way(value, kind)}")


def _way(value: object, kind: Any) -> str:
    """Return what to pass in place of a value of another kind; "" where nobody can tell."""
    if isinstance(value, type) and issubclass(value, kind):
        without = len(getattr(kind, "_field_defaults", "")) < len(getattr(kind, "_fields", "x"))
        return f" Pass {kind.__name__}({'...' if without else ''})."
    if is_result(value):
        return " Pass run.state, where run is that Result."
    is_field = isinstance(value, int | float | np.ndarray | jax.Array) or is_varying(value)
    text = str(value) if isinstance(value, int | float) else "..."
    if is_field and kind is Drive:
        return f" Pass Drive({text})."
    first = getattr(kind, "_fields", ("",))[0]
    if is_field and isinstance(getattr(kind, "_field_defaults", {}).get(first), Drive):
        return f" Pass {kind.__name__}({first}=Drive({text}))."
    return ""


def is_result(value: object) -> bool:
    """Return whether a value is what `simulate` returns, which holds a state."""
    return {"state", "step", "recorded"} <= set(getattr(value, "_fields", ()))


def check_number(name: str, value: object, rule: str) -> None:
    """Raise TypeError for a drive with fields where one field, `rule`, is wanted."""
    if is_compound(value):
        raise TypeError(f"`{name}` must be {rule}; got {value!r}. Pass a number.")


def check_is_array(name: str, value: Any) -> None:
    """Raise TypeError for lists, None and the like."""
    if value is None or isinstance(value, list | tuple | dict) or callable(value):
        raise TypeError(
            f"`{name}` must be a number or an array; got {value!r}. Pass a list as np.array([...])."
        )
    if not isinstance(value, jax.Array):
        _checks.as_numbers(name, value)


def check_array(name: str, value: Any, n: int, *, in_time: str = IN_TIME) -> None:
    """Check what is constant in time.

    `in_time` is the way out for a value that changes in time.

    Raises:
      TypeError: if it is a list, None or the like, or changes in time.
      ValueError: if its shape is wrong.
    """
    if is_varying(value):
        got = "a function" if callable(value) else type(value).__name__
        raise TypeError(
            f"`{name}` must be a number or an array, constant in time; got {got}. {in_time}"
        )
    check_is_array(name, value)
    way_out = f"Pass one number, or an array of {n}, or take another number of cells."
    check_shape(name, np.shape(value), n, way_out)


def check_shape(name: str, shape: tuple[int, ...], n: int, way_out: str) -> None:
    """Raise ValueError unless the shape is that of one value, or of one per cell."""
    if shape not in ((), (n,)):
        raise ValueError(
            f"`{name}` must be one value, or one per cell, shape ({n},); got shape {shape}. "
            f"{way_out}"
        )
