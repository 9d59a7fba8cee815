"""The protocol of a cell, and what all cells share: drives by compartment, checks of constants."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks
from neurogain.spiking.engine.drives import Drive, check_array, is_compound
from neurogain.spiking.engine.drives import check_kind as check_kind

Bounds = dict[str, tuple[Any, Any]]  # by constant, as "C" or "soma.C": both ends are excluded


@runtime_checkable
class Cell(Protocol):
    """A kind of cell: a kernel with its options bound. Hashable, holds no arrays.

    `simulate` and `rollout` run cells of one kind, a `Population` puts them in a network. The
    state is a NamedTuple of arrays whose first axis is the cell; the info of a step has a field
    `spike`, 1.0 where the cell spiked, with a surrogate gradient if it is to have one. An integer
    field `step` of the state counts steps: a run in which it would wrap is refused. Such a cell has
    a method `begin(params, state, step)`, which returns the fresh state of a run that begins there.

    The drive of a cell with one compartment is a `Drive`; that of a cell with several is a
    NamedTuple with a `Drive` under the name of each compartment, and possibly further fields.

    A cell whose constants hold the jump of an adaptation may name them in `adaptation_jumps`, with
    dots for parts ("d", "soma.d"); neuromodulators scale these. Constants that may be learned have
    a method `bounds(dt)`: the interval of each, by name, in which `check` allows it while the
    others stay, for steps up to dt ms.

    `LIFCell` is one in a short file, and `scripts/tutorials/extending.py` writes another.

    Example:
      >>> from neurogain.spiking import LIFCell
      >>> isinstance(LIFCell(), Cell), LIFCell().compartments
      (True, ('soma',))
    """

    @property
    def compartments(self) -> tuple[str, ...]:
        """Names of the compartments that synapses can reach; () for sources of spikes."""

    @property
    def empty_drive(self) -> Any:
        """The drive of cells that get none; 0.0 for sources of spikes."""

    def init(self, params: Any, n: int, dtype: DTypeLike) -> Any:
        """Return the state of `n` cells at rest, in fresh arrays."""

    def step(
        self, params: Any, state: Any, drive: Any, *, dt: float, key: jax.Array | None
    ) -> tuple[Any, Any]:
        """Return the state after `dt` ms, and the info; `key` is for this step alone."""

    def potential(self, state: Any, compartment: str) -> jax.Array:
        """Return the membrane potential of a compartment, mV, shape (n,)."""

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Raise ValueError or TypeError if constants, drive or step are not those of such cells.

        The values in the drive are checked by the rules of its type, see `Drive`.
        """


def add_synaptic(cell: Cell, drive: Any, synaptic: Mapping[str, Drive]) -> Any:
    """Return the drive of a cell with what synapses add to each compartment."""
    if not synaptic:
        return drive
    if isinstance(cell.empty_drive, Drive):
        (compartment,) = cell.compartments
        return _sum(drive, synaptic[compartment])
    return drive._replace(**{c: _sum(getattr(drive, c), d) for c, d in synaptic.items()})


def _sum(one: Drive, other: Drive) -> Drive:
    return Drive(*(a + b for a, b in zip(one, other, strict=True)))


def like(tree: Any, reference: jax.Array) -> Any:
    """Return the tree with its leaves as arrays of the dtype of `reference`."""
    return jax.tree.map(lambda x: jnp.asarray(x, reference.dtype), tree)


def check_cell(name: str, cell: Any) -> None:
    """Check that a value is a cell, with an empty drive that fits its compartments.

    Raises:
      TypeError: if `cell` is a class, lacks a member of `Cell`, or is not hashable.
      ValueError: if a compartment has no `Drive` in the empty drive.
    """
    members = [member for member in vars(Cell) if not member.startswith("_")]
    missing = [member for member in members if not hasattr(cell, member)]
    if isinstance(cell, type) or len(missing) == len(members):
        raise TypeError(
            f"{name} must be a kind of cell, for instance IzhikevichCell(); got {cell!r}."
        )
    if missing:
        raise TypeError(
            f"{name} must have all members of neurogain.spiking.Cell; {cell!r} has no "
            f"{', '.join(missing)}."
        )
    _checks.hashable(name, cell)
    _checks.members(f"{name}, {cell!r:.100},", cell, Cell)
    given: Any = cell.compartments
    if not isinstance(given, tuple) or not all(isinstance(c, str) for c in given):
        raise TypeError(
            f"{name} must have `compartments` that are a tuple of names; {cell!r} has {given!r}. "
            'Write compartments = ("soma",).'
        )
    empty, compartments = cell.empty_drive, cell.compartments
    if isinstance(empty, Drive) and len(compartments) == 1:
        return
    without = [c for c in compartments if not isinstance(getattr(empty, c, None), Drive)]
    if without:
        raise ValueError(
            f"{name} must have an empty drive with a Drive for each compartment; {cell!r} has "
            f"none for {', '.join(without)}. Return a NamedTuple with these fields."
        )


def check_drive(cell: Cell, drive: Any) -> None:
    """Raise TypeError unless the drive has the type of the cell's empty one, in all its parts."""
    empty = cell.empty_drive
    check_kind("drive", drive, type(empty))
    for field in empty._fields:
        part = getattr(empty, field)
        if is_compound(part):
            check_kind(f"drive.{field}", getattr(drive, field), type(part))


def check_constants(
    params: Any, positive: Mapping[str, str], finite: Mapping[str, str], n: int, prefix: str = ""
) -> None:
    """Check the shape, the sign and the finiteness of constants.

    Args:
      params: has the constants as fields; each is a scalar or has shape (n,).
      positive: unit by name of each constant that must be positive.
      finite: unit by name of each other constant.
      n: number of cells.
      prefix: of the names in errors.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.

    Example:
      >>> from neurogain.spiking import LIFParams
      >>> check_constants(LIFParams(), {"C": "pF"}, {"E_leak": "mV"}, n=1)
    """
    advice = "See neurogain.spiking.cells for sets that work."
    for name, unit in {**positive, **finite}.items():
        value = getattr(params, name)
        check_array(prefix + name, value, n)
        if name in positive:
            rule, holds = f"positive, in {unit}", lambda x: (x > 0) & (x < np.inf)
        else:
            rule, holds = f"finite, in {unit}", np.isfinite
        _checks.in_range(prefix + name, value, rule, holds, advice)


def over_steps(x: ArrayLike, dt: float) -> Any:
    """Return x / (2 dt): the rate at which half a time constant is one step; infinity at dt 0."""
    return x / (2 * dt) if dt else np.inf


def check_surrogate(name: str, value: object) -> None:
    """Raise TypeError unless a value can be called with a distance from the threshold."""
    if not _checks.is_function(value):
        raise TypeError(
            f"`{name}` must be a surrogate gradient; got {value!r:.200}. Pass for instance "
            "surrogate.Sigmoid(20.0)."
        )


def check_dt(dt: float, time_constants: float | Mapping[str, float]) -> None:
    """Raise ValueError for a step above half of the shortest time constant.

    Args:
      dt: ms.
      time_constants: ms, the shortest; or several by what they are made of, with units, for the
        error.

    Example:
      >>> check_dt(11.0, {"C / g_leak, in pF / nS": 20.0, "tau_w, in ms": 100.0})
      Traceback (most recent call last):
      ...
      ValueError: `dt` must be in (0, 10] ms, half the shortest time constant of these cells \
(C / g_leak, in pF / nS); got 11.0. Pass dt=0.1, or constants in these units.
    """
    known = isinstance(time_constants, Mapping)
    taus = time_constants if isinstance(time_constants, Mapping) else {"": time_constants}
    name, tau_min = min(taus.items(), key=lambda one: one[1])
    what, way_out = (f" ({name})", ", or constants in these units") if known else ("", "")
    if not 0.0 < dt <= 0.5 * tau_min:  # also rejects NaN
        raise ValueError(
            f"`dt` must be in (0, {0.5 * tau_min:g}] ms, half the shortest time constant of these "
            f"cells{what}; got {dt!r}. Pass dt={min(0.1, 0.1 * tau_min):g}{way_out}."
        )
