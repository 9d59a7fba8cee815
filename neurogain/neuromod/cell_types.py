"""Neuromodulators in layers that learn: cell types that answer them differently.

Source: arXiv 2407.04525, section 3: modulators act on many cells at once, by receptors that differ
between types.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neurogain import _checks
from neurogain.neuromod import effects
from neurogain.neuromod.effects import Effect
from neurogain.spiking import layer_checks, paths
from neurogain.spiking.cell import Cell, check_cell
from neurogain.spiking.engine.drives import Drive
from neurogain.spiking.layers import Modulate

Strengths = dict[str, Float[Array, "types receptors"]]


@dataclasses.dataclass(frozen=True, eq=False)
class CellTypes:
    """Which type each cell of a layer has, and what receptors do to each type.

    Targets of effects, all of the cell's own:

        adaptation            factor exp(amount) of the jumps of adaptation
        coupling              odds, of the coupling of soma and dendrite
        COMPARTMENT.current   shift of the current, pA
        COMPARTMENT.gain      factor exp(amount) of the current, that of synapses included
        a constant            shift, in its unit; of one that must be positive factor exp(amount);
                              within what the cell allows where the others are as they are

    The amount is the sum over receptors of strength x activation. At activations of 0, which are
    those at tonic concentrations, every value is kept bit for bit.

    Attributes:
      cell: the kind of the layer.
      constants: of the layer's cells.
      index: type of each cell, whole numbers from 0 on, (n,).
      types: effects of each type, such as `on_layer(tables.EFFECTS["pv"], cell, constants)`; their
        strengths are where learning starts.
      receptors: names, in the order of the activations; by default as they occur in the effects.
      dt: ms, the step that constants must allow under all effects; 0: any.

    Raises:
      ValueError, TypeError: if an effect names no target of the cell or no receptor, or if an index
        has no type.

    Example:
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> from neurogain.spiking.layers import Layer
      >>> up, down = Effect("m1", "soma.gain", 0.5), Effect("m1", "soma.gain", -0.5)
      >>> types = CellTypes(LIFCell(), LIFParams(), np.array([0, 0, 1]), ((up,), (down,)))
      >>> layer = Layer(LIFCell(), LIFParams(), inputs=5, n=3)
      >>> levels = jnp.ones((50, 4, 1))  # steps, batch, receptors
      >>> spikes, _ = layer.apply(
      ...     layer.init(jax.random.key(0)), jnp.ones((50, 4, 5)),
      ...     modulate=types.modulate(types.init()), levels=levels,
      ... )
    """

    cell: Cell
    constants: Any
    index: Any
    types: Sequence[Sequence[Effect]]
    receptors: tuple[str, ...] = ()
    dt: float = 0.0

    def __post_init__(self) -> None:
        """Check all that is known before a run."""
        check_cell("`cell`", self.cell)
        _checks.one_number(
            "dt", self.dt, "0 or a step in ms", lambda x: (x >= 0) & (x < 1e9), "1.0"
        )
        object.__setattr__(self, "types", _as_types(self.types))
        index = _known_index(self.index)
        number = len(self.types)
        if index.ndim != 1 or index.dtype.kind not in "iu" or not len(index):
            raise ValueError(
                f"`index` must be the type of each cell, whole numbers of shape (n,); got "
                f"{self.index!r:.200}."
            )
        _check_constants(self.cell, self.constants, len(index), self.dt or 1e-3)
        if index.min() < 0 or index.max() >= number:
            raise ValueError(
                f"`index` must be from 0 to {number - 1}, as there are {number} types; got "
                f"{index.min()} to {index.max()}."
            )
        named = tuple(dict.fromkeys(e.receptor for own in self.types for e in own))
        receptors = layer_checks.names("receptors", self.receptors) or named
        object.__setattr__(self, "receptors", receptors)
        known = _targets(self.cell, self.constants, self.dt)
        for own in self.types:
            effects.check(own, receptors)
            for effect in own:
                _check_effect(effect, known)

    @property
    def targets(self) -> tuple[str, ...]:
        """Return what the effects name."""
        return tuple(dict.fromkeys(e.target for own in self.types for e in own))

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the shapes of what `init` returns, by target."""
        return dict.fromkeys(self.targets, (len(self.types), len(self.receptors)))

    def init(self) -> Strengths:
        """Return the effects' strengths by target, (types, receptors), which may be learned."""
        found = {target: np.zeros(shape) for target, shape in self.shapes.items()}
        for number, own in enumerate(self.types):
            for effect in own:
                place = number, self.receptors.index(effect.receptor)
                found[effect.target][place] += float(np.asarray(effect.strength))
        return {name: jnp.asarray(x, jnp.result_type(float)) for name, x in found.items()}

    def modulate(self, strengths: Mapping[str, Array]) -> Modulate:
        """Return what `Layer.apply` takes; a level is the activation of each receptor.

        Args:
          strengths: as `init` returns them.

        Raises:
          TypeError, ValueError: if strengths have other targets or shapes; in a run, if levels are
            missing or not one a receptor.
        """
        layer_checks.check_params(strengths, self.shapes, "cell types", "strengths")
        known = _targets(self.cell, self.constants, self.dt)
        index = np.asarray(self.index)

        def apply(constants: Any, drive: Any, activation: Array) -> tuple[Any, Any]:
            if activation is None:
                raise ValueError(
                    "`levels` must be given with `modulate`: the activation of each receptor, "
                    "(steps, batch, receptors); got None."
                )
            if np.shape(activation) != (len(self.receptors),):
                raise ValueError(
                    f"`levels` must have the activation of each of the {len(self.receptors)} "
                    f"receptors on their last axis; got {np.shape(activation)}, behind steps and "
                    "batch."
                )
            sizes = {np.shape(x)[0] for x in jax.tree.leaves(drive) if np.ndim(x)}
            if sizes - {len(index)}:
                raise ValueError(
                    f"`index` must have the type of each of the layer's {max(sizes)} cells; got "
                    f"{len(index)}."
                )
            for target, strength in strengths.items():
                amount = (strength @ activation)[index]
                constants, drive = known[target](constants, drive, amount)
            return constants, drive

        return apply


def on_layer(table: Sequence[Effect], cell: Cell, constants: Any) -> tuple[Effect, ...]:
    """Return the effects of a table whose targets cells of a layer have.

    A layer has synaptic currents, so effects on a receptor's conductance, as "dendrite.gaba_a",
    have no target there.

    Args:
      table: such as `tables.EFFECTS["pv"]`.
      cell: the kind of the layer.
      constants: of the layer's cells.

    Example:
      >>> from neurogain.neuromod import tables
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> [e.target for e in on_layer(tables.EFFECTS["pv"], LIFCell(), LIFParams())]
      ['soma.current']
    """
    (own,) = _as_types((table,))
    known = _targets(cell, constants, 0.0)
    return tuple(effect for effect in own if effect.target in known)


def _check_effect(effect: Effect, known: Mapping[str, Any]) -> None:
    """Raise a ValueError unless an effect has a known target and one strength."""
    if effect.target not in known:
        raise ValueError(
            f"`target` of an effect on a layer must be one of {', '.join(known)}; got "
            f"{effect.target!r}. Pass cell_types.on_layer(table, cell, constants), which leaves "
            "others out."
        )
    if not _checks.is_concrete(effect.strength) or np.ndim(effect.strength):
        raise ValueError(
            f"`strength` of {effect.receptor} on {effect.target} must be one known number; got "
            f"{effect.strength!r:.200}. Pass what is learned to `modulate`."
        )


def _known_index(index: Any) -> np.ndarray:
    """Return the types of cells as an array; raise a TypeError for what is none or traced."""
    if not _checks.is_concrete(index):
        raise TypeError(
            f"`index` must be known before a run is traced; got {index!r:.100}. Pass a NumPy array."
        )
    _checks.as_array("index", index)
    return _checks.as_numbers("index", index)


def _as_types(types: Any) -> tuple[tuple[Effect, ...], ...]:
    """Return the effects of each type; raise a TypeError unless there is a type."""
    try:
        given = [tuple(own) for own in types]
    except TypeError:
        given = []
    if not given or not all(isinstance(one, Effect) for own in given for one in own):
        raise TypeError(
            "`types` must hold a sequence of effects for each type, at least one type; got "
            f"{types!r:.200}. Pass for instance ((effect,), ()) for two types."
        )
    return tuple(given)


def _check_constants(cell: Cell, constants: Any, n: int, dt: float) -> None:
    """Raise an error unless the cell takes the constants."""
    try:
        cell.check(constants, cell.empty_drive, dt=dt, n=n, key=jax.random.key(0))
    except (AttributeError, KeyError, TypeError) as error:
        raise TypeError(
            f"`constants` must be those of the cell, {type(cell).__name__}; got "
            f"{constants!r:.200}. Pass layer.constants."
        ) from error


_Apply = Callable[[Any, Any, jax.Array], tuple[Any, Any]]


def _targets(cell: Cell, constants: Any, dt: float) -> dict[str, _Apply]:
    """Return what effects on a kind of cell may name, and what each does."""
    found: dict[str, _Apply] = {}
    jumps = getattr(cell, "adaptation_jumps", ())
    if jumps:
        found["adaptation"] = lambda c, d, amount: (_all(c, jumps, effects.scaled, amount), d)
    if hasattr(cell.empty_drive, "coupling"):
        found["coupling"] = lambda c, d, amount: (
            c,
            d._replace(coupling=effects.odds(d.coupling, amount)),
        )
    for name in cell.compartments:
        for what, change in (("current", effects.shifted), ("gain", effects.scaled)):
            found[f"{name}.{what}"] = _on_current(name, change)
    for name, (low, high) in (
        constants.bounds(0.0) if hasattr(constants, "bounds") else {}
    ).items():
        positive = np.all(np.asarray(low) == 0) and np.all(np.asarray(high) == np.inf)
        found[name] = _on_constant(name, effects.scaled if positive else effects.shifted, dt)
    return found


def _all(constants: Any, names: Sequence[str], change: Callable[..., Any], amount: Any) -> Any:
    for name in names:
        constants = paths.replace(constants, name, change(paths.get(constants, name), amount))
    return constants


def _on_constant(name: str, change: Callable[..., Any], dt: float) -> _Apply:
    """Return what an effect does to a constant, which stays within what the cell allows."""

    def apply(constants: Any, drive: Any, amount: jax.Array) -> tuple[Any, Any]:
        new = change(paths.get(constants, name), amount)
        ends = jax.lax.stop_gradient(constants.bounds(dt)[name])
        low, high = (jnp.asarray(x, new.dtype) for x in ends)
        inside = jnp.clip(new, jnp.nextafter(low, jnp.inf), jnp.nextafter(high, -jnp.inf))
        return paths.replace(constants, name, inside), drive

    return apply


def _on_current(compartment: str, change: Callable[..., Any]) -> _Apply:
    def apply(constants: Any, drive: Any, amount: jax.Array) -> tuple[Any, Any]:
        part = drive if isinstance(drive, Drive) else getattr(drive, compartment)
        part = part._replace(current=change(part.current, amount))
        if isinstance(drive, Drive):
            return constants, part
        return constants, drive._replace(**{compartment: part})

    return apply
