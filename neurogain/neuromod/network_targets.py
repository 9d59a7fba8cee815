"""The standard targets of effects on a network; each is one entry of `TARGETS`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from neurogain.neuromod import effects, target
from neurogain.neuromod.target import Changed, Owner, Target
from neurogain.spiking import paths
from neurogain.spiking.engine.drives import Drive
from neurogain.spiking.network import Network


def _jumps(owner: Owner) -> tuple[str, ...]:
    """Return which constants of a population's cells are jumps of an adaptation."""
    return getattr(owner.cell, "adaptation_jumps", ())


def _has_adaptation(network: Network, owner: Owner) -> bool:
    """Return whether a population's cells have constants that are jumps of an adaptation."""
    del network
    return bool(_jumps(owner))


def _has_coupling(network: Network, owner: Owner) -> bool:
    """Return whether the drive of a population's cells has a coupling."""
    del network
    return hasattr(owner.cell.empty_drive, "coupling")


def _coupling(changed: Changed, owner: Owner, amount: jax.Array) -> Changed:
    own = changed.drive_of(owner)
    return changed.with_drive(owner, own._replace(coupling=effects.odds(own.coupling, amount)))


def _adaptation(changed: Changed, owner: Owner, amount: jax.Array) -> Changed:
    own = changed.params.cells[owner.name]
    for path in _jumps(owner):
        own = paths.replace(own, path, effects.scaled(paths.get(own, path), amount))
    return changed.with_cells(owner, own)


def _current(
    change: Callable[[Any, jax.Array], jax.Array],
) -> Callable[[Changed, Owner, jax.Array], Changed]:
    """Return what changes the current into one compartment."""

    def apply(changed: Changed, owner: Owner, amount: jax.Array) -> Changed:
        whole = changed.drive_of(owner)
        if isinstance(whole, Drive):  # of cells with one compartment
            return changed.with_drive(owner, whole._replace(current=change(whole.current, amount)))
        part = getattr(whole, owner.compartment)
        part = part._replace(current=change(part.current, amount))
        return changed.with_drive(owner, whole._replace(**{owner.compartment: part}))

    return apply


def _conductance(changed: Changed, owner: Owner, amount: jax.Array) -> Changed:
    params = changed.params.synapses[owner.name][owner.compartment]
    receptor = getattr(params, owner.receptor)
    before = 1.0 if receptor.gain is None else receptor.gain
    receptor = dataclasses.replace(receptor, gain=effects.scaled(before, amount))
    return changed.with_synapses(owner, params._replace(**{owner.receptor: receptor}))


def _is_plastic(network: Network, owner: Owner) -> bool:
    """Return whether a rule changes the weights of a projection."""
    return network.layout(owner.name).plastic


def _learning_rate(changed: Changed, owner: Owner, amount: jax.Array) -> Changed:
    table = changed.params.projections[owner.name]
    rule: Any = table.rule
    return changed.with_projection(owner, table._replace(rule=rule.scaled(jnp.exp(amount))))


def _has_modulator(network: Network, owner: Owner) -> bool:
    """Return whether a projection has a three-factor rule."""
    return owner.name in network.modulated


def _modulator(changed: Changed, owner: Owner, amount: jax.Array) -> Changed:
    return changed.with_drive(owner, effects.shifted(changed.drive.get(owner.name, 0.0), amount))


TARGETS: tuple[Target, ...] = (
    Target(
        "POPULATION.coupling", "odds, of the coupling of soma and dendrite",
        _coupling, _has_coupling,
    ),
    Target(
        "POPULATION.adaptation", "factor of the jumps of adaptation at spikes and bursts",
        _adaptation, _has_adaptation,
    ),
    Target(
        "POPULATION.COMPARTMENT.current", "shift of the current, pA", _current(effects.shifted)
    ),
    Target(
        "POPULATION.COMPARTMENT.gain", "factor of the current that the drive gives",
        _current(effects.scaled),
    ),
    Target(
        "POPULATION.COMPARTMENT.RECEPTOR", "factor of its conductances; ampa, nmda, gaba_a, ...",
        _conductance,
    ),
    Target(
        "PROJECTION.learning_rate", "factor of all changes by its rule",
        _learning_rate, _is_plastic,
    ),
    Target(
        "PROJECTION.modulator", "shift of the modulator of a three-factor rule, 1/ms",
        _modulator, _has_modulator,
    ),
)  # fmt: skip
"""Pass `targets=(*TARGETS, mine)` to `Modulated` for one more."""


def targets(network: Network, table: Sequence[Target] = TARGETS) -> tuple[str, ...]:
    """Return the names of all targets that effects on a network may have.

    Example:
      >>> import jax
      >>> from neurogain.spiking import IzhikevichCell, Population, build, cells
      >>> pv = Population(IzhikevichCell(), cells.PV, 5)
      >>> targets(build({"pv": pv}, {}, dt=0.1, key=jax.random.key(0)).network)
      ('pv.adaptation', 'pv.soma.current', 'pv.soma.gain')
    """
    return tuple(target.find(network, table))
