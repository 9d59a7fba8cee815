"""Whether releases, wires, effects and feedback of a modulated network fit it."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from neurogain import _checks
from neurogain.neuromod import spike_release, systems
from neurogain.neuromod.effects import Effect
from neurogain.neuromod.spike_release import SpikeRelease
from neurogain.spiking.network import Network


def check_static(network: Network, releases: Any, wired: Any, feedback: Any) -> None:
    """Raise an error unless what a modulated network is built with fits the network."""
    for name, value in (("releases", releases), ("wired", wired)):
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise TypeError(f"`{name}` must be a dict by system; got {value!r:.200}.")
    for system, release in releases.items():
        if not isinstance(release, SpikeRelease):
            raise TypeError(
                f"`releases` of {system} must be a SpikeRelease; got {release!r:.200}. Pass "
                'SpikeRelease("vta").'
            )
        _check_population(f"population of the release of {system}", network, release.population)
    for system, names in wired.items():
        if not isinstance(names, tuple) or len({*names}) < len(names) or not names:
            raise TypeError(
                f"`wired` of {system} must be a tuple of populations, none twice; got "
                f"{names!r:.200}."
            )
        for name in names:
            _check_population(f"wired of {system}", network, name)
    if feedback is not None and (not callable(feedback) or _checks.why_not(feedback, None, {})):
        raise TypeError(f"`feedback` must be a function of (state, drive); got {feedback!r:.200}.")


def _check_population(what: str, network: Network, name: Any) -> None:
    if name not in network.sizes:
        raise ValueError(f"`{what}` must be one of {', '.join(network.sizes)}; got {name!r}.")


def check_releases(modulated: Any, params: Any) -> None:
    """Raise an error unless systems whose release is by spikes, or wired, are there and fit."""
    kinetics, sizes = params.neuromod.kinetics, modulated.network.sizes
    for field in ("releases", "wired"):
        for system in getattr(modulated, field):
            if system not in kinetics:
                raise ValueError(
                    f"`{field}` must be of systems that are there, {', '.join(kinetics)}; got "
                    f"{system!r}."
                )
    for system, names in modulated.wired.items():
        wanted = (sum(sizes[name] for name in names),)
        found = np.shape(kinetics[system].tonic)
        if found != wanted:
            raise ValueError(
                f"`tonic` of {system} must have shape {wanted}, one for each cell of "
                f"{', '.join(names)}, to which it is wired; got shape {found}. Pass "
                f"np.full({wanted[0]}, level)."
            )
    for system, weights in params.wires.items():
        if system not in modulated.releases:
            raise ValueError(
                f"`wires` must be of systems that are released by spikes, "
                f"{', '.join(modulated.releases) or 'none'}; got {system!r}. Pass "
                f'releases={{"{system}": SpikeRelease(...)}}.'
            )
        cells = sizes[modulated.releases[system].population]
        spike_release.check_weights(system, weights, np.shape(kinetics[system].tonic), cells)


def check_field(modulated: Any, params: Any, field: str) -> None:
    """Raise a ValueError for a drive that no system has, or one of a system that spikes release."""
    known = systems.fields(params.neuromod)
    if field not in known:
        raise ValueError(
            f"`drive` of neuromodulators must be of {', '.join(known)}; got 'neuromod.{field}'."
        )
    sources = params.neuromod.sources
    driven = [name for name in params.neuromod.kinetics if sources[name].drive == field]
    if driven and all(name in modulated.releases for name in driven):
        raise ValueError(
            f"`drive` 'neuromod.{field}' must be left out, since spikes of "
            f"{modulated.releases[driven[0]].population} release {driven[0]}. Drive its cells."
        )


def check_sizes(modulated: Any, params: Any, effect: Effect, system: str) -> None:
    """Raise a ValueError unless strength and tonic level fit the cells that an effect is on."""
    population = effect.target.partition(".")[0]
    size = modulated.network.sizes.get(population, 1)
    if np.shape(effect.strength) not in ((), (size,)):
        raise ValueError(
            f"`strength` of {effect.receptor} on {effect.target} must have shape () or ({size},), "
            f"one for each target cell; got {np.shape(effect.strength)}."
        )
    if population in modulated.wired.get(system, ()):
        return
    shape = jnp.shape(params.neuromod.kinetics[system].tonic)
    if system in modulated.wired or shape not in ((), (size,)):
        raise ValueError(
            f"`tonic` of {system} must have shape () or ({size},), one for each target cell, to "
            f"act on {effect.target}; got {shape}. A system that is wired to several populations "
            "names them: wired={...}."
        )


def fed_back(feedback: Any, state: Any, drive: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the drive that a feedback makes; raise a TypeError at trace time for no mapping."""
    found = feedback(state, drive)
    if not isinstance(found, Mapping):
        raise TypeError(
            f"`feedback` must return a drive, a dict; got a {type(found).__name__}. Write return "
            "{**drive, name: value}."
        )
    return found
