"""Dopamine, noradrenaline, acetylcholine and serotonin: drives, interactions, one step.

    drive                                       system            acts through
    reward-prediction error (signed)            dopamine          its neurons' activity
    surprise (unexpected uncertainty)           noradrenaline     bursts of the locus coeruleus
    expected uncertainty                        acetylcholine     its neurons' activity
    aversion (punishment, long horizon)         serotonin         its neurons' activity

Interactions are of three kinds. Convergent: effects on one target add up (`effects.combine`).
Modulatory: one system's level changes another's release by a factor. Opponent: one system's
activity takes away from another's, and equal activities cancel.

Source: Mei, Rodriguez-Garcia & Ramaswamy, arXiv 2501.06762; drives: Schultz, Dayan & Montague,
Science 275:1593 (1997), Yu & Dayan, Neuron 46:681 (2005), Doya, Neural Netw 15:495 (2002), Daw,
Kakade & Dayan, Neural Netw 15:603 (2002).
"""

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks
from neurogain.neuromod import kinetics, locus_coeruleus, receptors
from neurogain.neuromod.drives import (
    ANY,
    DRAWN,
    RULES,
    SOURCES,
    Drives,
    Source,
    check_drives,
    named,
)
from neurogain.neuromod.kinetics import KineticsParams, Release
from neurogain.neuromod.locus_coeruleus import LocusParams, LocusState
from neurogain.neuromod.receptors import ReceptorParams
from neurogain.spiking.engine import drive_checks, drives

Fired: TypeAlias = Mapping[str, ArrayLike]
NOTHING: Fired = MappingProxyType({})
SYSTEMS = ("dopamine", "noradrenaline", "acetylcholine", "serotonin")
"""Those that `tables` has; others are as good, see `Neuromodulator`."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Interaction:
    """One system acts on the release of another.

    Attributes:
      acting: its name; its activity or level acts.
      onto: name of the system whose release changes.
      modulatory: logarithm of the factor of release per unit of the acting system's `level`.
      opponent: share of the acting system's activity that is taken away.

    Example:
      >>> Interaction("serotonin", "dopamine", opponent=1.0).modulatory
      0.0
    """

    acting: str = dataclasses.field(metadata={"static": True})
    onto: str = dataclasses.field(metadata={"static": True})
    modulatory: ArrayLike = 0.0
    opponent: ArrayLike = 0.0


class Neuromodulator(NamedTuple):
    """One neuromodulator as a record, for `NeuromodParams.having`.

    Example:
      >>> from neurogain.neuromod import tables
      >>> cleared, bound = KineticsParams(tonic=10.0, tau=400.0), ReceptorParams(K=50.0)
      >>> histamine = Neuromodulator(cleared, {"h1": bound}, Source("arousal"))
      >>> five = tables.standard().having(histamine=histamine)
      >>> awake = step(five, init(five), Drives(other={"arousal": 1.0}), dt=10.0)
      >>> bool(awake.activation["h1"] > 0)
      True
    """

    kinetics: KineticsParams
    receptors: dict[str, ReceptorParams]
    source: Source


class NeuromodParams(NamedTuple):
    """All constants; systems that are left out of `kinetics` are absent."""

    kinetics: dict[str, KineticsParams]
    receptors: dict[str, dict[str, ReceptorParams]]  # by system and name
    interactions: tuple[Interaction, ...] = ()
    locus: LocusParams = LocusParams()
    sources: dict[str, Source] = SOURCES  # of all systems that are there, at least

    def having(self, **records: Neuromodulator) -> "NeuromodParams":
        """Return it with more systems, or others in the place of those of the same name."""
        return self._replace(
            kinetics=self.kinetics | {name: one.kinetics for name, one in records.items()},
            receptors=self.receptors | {name: one.receptors for name, one in records.items()},
            sources=self.sources | {name: one.source for name, one in records.items()},
        )


class NeuromodState(NamedTuple):
    """All that changes, by name."""

    concentration: dict[str, jax.Array]  # nM, of each system
    activation: dict[str, jax.Array]  # dimensionless, of each receptor
    locus: LocusState


def init(params: NeuromodParams, dtype: DTypeLike = jnp.float32) -> NeuromodState:
    """Return all systems at their tonic level, all activations 0."""
    concentration = {name: kinetics.init(one, dtype) for name, one in params.kinetics.items()}
    activation = {
        name: jnp.zeros_like(concentration[system])
        for system, own in params.receptors.items()
        for name in own
    }
    return NeuromodState(concentration, activation, locus_coeruleus.init(dtype))


def level(params: NeuromodParams, state: NeuromodState, system: str) -> jax.Array:
    """Return how far a system is from its tonic level: (c - tonic) / (c + tonic), in [-1, 1)."""
    c = state.concentration[system]
    tonic = jnp.asarray(params.kinetics[system].tonic, c.dtype)
    total = c + tonic
    return jnp.where(total > 0, (c - tonic) / jnp.where(total > 0, total, 1), 0)


def activities(
    params: NeuromodParams,
    state: NeuromodState,
    drives: Drives,
    *,
    dt: float,
    fired: Fired = NOTHING,
) -> tuple[dict[str, jax.Array], LocusState]:
    """Return the activity of each system's neurons, >= -1, and the locus coeruleus.

    Arguments are those of `step`.
    """
    dtype = state.locus.burst.dtype
    locus, of_locus = locus_coeruleus.step(
        params.locus, state.locus, drives.surprise, mode=drives.locus_mode, dt=dt
    )
    alone = {}
    for name, one in params.kinetics.items():
        source = params.sources[name]
        driven = of_locus if source.bursts else jnp.asarray(drives.of(source.drive), dtype)
        alone[name] = jnp.asarray(one.sensitivity, dtype) * driven
        if name in fired:
            alone[name] = jnp.asarray(fired[name], dtype)
    factor, taken = ({name: jnp.zeros((), dtype) for name in alone} for _ in range(2))
    for link in params.interactions:
        if {link.acting, link.onto} <= alone.keys():
            acting = level(params, state, link.acting)
            part = jnp.asarray(link.modulatory, dtype) * acting
            factor[link.onto] = factor[link.onto] + part
            part = jnp.asarray(link.opponent, dtype) * alone[link.acting]
            taken[link.onto] = taken[link.onto] + part
    result = {}
    for name, own in alone.items():
        released = jnp.maximum(own - taken[name], -1)
        result[name] = released + (1 + released) * jnp.expm1(factor[name])
    return result, locus


LONGEST = 2.0  # ms, of what is computed as one step: receptors of 200 ms and more lag by 1 % less


def step(
    params: NeuromodParams,
    state: NeuromodState,
    drives: Drives,
    *,
    dt: float,
    longest: float = LONGEST,
    fired: Fired = NOTHING,
) -> NeuromodState:
    """Advance all systems by `dt`: activity, release and clearance, receptors.

        activity_i <- max(-1, s_i drive_i - sum_j opponent_ij s_j drive_j)
        1 + activity_i <- (1 + activity_i) exp(sum_j modulatory_ij level_j)

    then `kinetics.step` and `receptors.step`. Differentiable, and free of randomness. Without
    drives everything stays at its tonic level bit for bit.

    Args:
      params: constants.
      state: at t.
      drives: held over the step.
      dt: step in ms, of any size.
      longest: ms; a longer step is made of equal steps of at most that, in one loop, since a
        metabotropic receptor would lose its lag behind the concentration.
      fired: activity of systems whose neurons are cells that spike, in place of their drives:
        firing over tonic firing less 1, of the shape of `tonic`. Their spikes release at once.

    Returns:
      The state at t + dt.

    Raises:
      ValueError, TypeError: if `dt` or `longest` is no positive number that is known before
        tracing, or `fired` names a system that is not there.

    Source: arXiv 2501.06762; the forms of the interactions are modelling choices.

    Example:
      >>> from neurogain.neuromod import tables
      >>> params = tables.standard()
      >>> rewarded = jax.jit(step, static_argnames="dt")(
      ...     params, init(params), Drives(prediction_error=1.0), dt=10.0)
      >>> float(rewarded.concentration["dopamine"]) > params.kinetics["dopamine"].tonic
      True
    """
    for name, value in (("dt", dt), ("longest", longest)):
        _checks.positive(name, value, "ms", "1.0")
    unknown = [name for name in fired if name not in params.kinetics]
    if unknown:
        raise ValueError(
            f"`fired` must be of systems that are there, {', '.join(params.kinetics)}; got "
            f"{', '.join(map(str, unknown))}."
        )
    count = math.ceil(dt / longest)
    if count > 1:

        def once(_: Any, now: NeuromodState) -> NeuromodState:
            return step(params, now, drives, dt=dt / count, longest=longest, fired=fired)

        return jax.lax.fori_loop(0, count, once, state)
    active, locus = activities(params, state, drives, dt=dt, fired=fired)
    concentration, activation = {}, {}
    for name, one in params.kinetics.items():
        release = Release(active[name])
        if name in fired:
            share = dt / jnp.asarray(one.tau, active[name].dtype)  # what is cleared meanwhile
            release = Release(-1.0, (1 + active[name]) * one.tonic * share)
        c = kinetics.step(one, state.concentration[name], release, dt=dt)
        concentration[name] = c
        for receptor, own in params.receptors.get(name, {}).items():
            before = state.activation[receptor]
            activation[receptor] = receptors.step(own, before, c, one.tonic, dt=dt)
    return NeuromodState(concentration, activation, locus)


def owners(params: NeuromodParams) -> dict[str, str]:
    """Return the system of each receptor, by its name.

    Example:
      >>> from neurogain.neuromod import tables
      >>> owners(tables.standard())["alpha1"]
      'noradrenaline'
    """
    return {name: system for system, own in params.receptors.items() for name in own}


def check(params: Any) -> None:
    """Check that systems are known, that receptors have a system, and all constants.

    Raises:
      ValueError, TypeError: names the argument, the rule with its unit, the value and a way out.
    """
    if not isinstance(params, NeuromodParams):
        raise TypeError(f"`params` must be NeuromodParams; got {type(params).__name__}.")
    _check_kinds(params)
    for name, one in params.kinetics.items():
        if name not in params.sources:
            raise ValueError(
                f"`sources` must say what the neurons of {name} follow; got those of "
                f"{', '.join(params.sources)}. Pass NeuromodParams.having({name}=Neuromodulator("
                "...))."
            )
        kinetics.check(name, one)
    seen: dict[str, str] = {}
    for system, own in params.receptors.items():
        if system not in params.kinetics:
            raise ValueError(
                f"`receptors` must be of systems that are there, {', '.join(params.kinetics)}; got "
                f"some of {system}. Add its kinetics, or leave its receptors out."
            )
        for name, receptor in own.items():
            if name in seen:
                raise ValueError(
                    f"`receptors` must have names of their own; {name!r} is one of {seen[name]} "
                    f"and of {system}."
                )
            seen[name] = system
            receptors.check(name, receptor, np.shape(params.kinetics[system].tonic))
    for link in params.interactions:
        _check_link(params, link)
    locus_coeruleus.check(params.locus)


def _check_kinds(params: NeuromodParams) -> None:
    """Raise TypeError for fields that are not dictionaries, or of another kind."""
    kinds = (
        ("interactions", params.interactions, tuple),
        ("locus", params.locus, LocusParams),
        ("kinetics", params.kinetics, dict),
        ("receptors", params.receptors, dict),
        ("sources", params.sources, dict),
    )
    for name, value, kind in kinds:
        drives.check_kind(name, value, kind, of=" of NeuromodParams")
    for system, own in params.receptors.items():
        drives.check_kind(f"receptors[{system!r}]", own, dict, of=" of receptors by name")
    for system, source in params.sources.items():
        drives.check_kind(f"sources[{system!r}]", source, Source, of=" of a neuromodulator")


def _check_link(params: NeuromodParams, link: Any) -> None:
    """Raise an error unless an interaction is one number, between systems that fit each other."""
    drives.check_kind("interactions", link, Interaction, of=", each one of a tuple")
    known = params.kinetics.keys() | params.sources.keys()
    for field in ("acting", "onto"):
        if getattr(link, field) not in known:
            raise ValueError(
                f"`{field}` of an interaction must be one of {', '.join(sorted(known))}; got "
                f"{getattr(link, field)!r}."
            )
    where = f"of {link.acting} on {link.onto}"
    for field in ("modulatory", "opponent"):
        value = getattr(link, field)
        _checks.in_range(f"{field} {where}", value, "finite, dimensionless", np.isfinite, "0.0")
        if np.shape(value):
            raise ValueError(f"`{field} {where}` must be one number; got shape {np.shape(value)}.")
    if link.acting == link.onto and _checks.is_concrete(link.opponent) and link.opponent != 0:
        raise ValueError(
            f"`opponent {where}` must be 0: no system opposes itself; got {link.opponent}."
        )
    if link.acting != link.onto and {link.acting, link.onto} <= params.kinetics.keys():
        acting, acted = (np.shape(params.kinetics[x].tonic) for x in (link.acting, link.onto))
        if acting not in ((), acted):
            raise ValueError(
                f"`interactions` let {link.acting}, wired to {acting[0]} targets, act on "
                f"{link.onto}, whose level has shape {acted}. Give both the same number of targets."
            )


def check_drive(params: NeuromodParams, field: str, value: Any) -> None:
    """Check what a simulation is given for a field of `Drives`: numbers, in time, or drawn.

    Raises:
      ValueError: if a value is out of range, could be drawn out of it, or differs between targets
        and its system isn't wired to as many.
    """
    if isinstance(value, DRAWN):
        drive_checks.check_draws(field, value, RULES.get(field, ANY))
    driven = (x for x, one in params.sources.items() if one.drive == field and not one.bursts)
    wanted = next((np.shape(params.kinetics[x].tonic) for x in driven if x in params.kinetics), ())
    for number in drives.numbers(value):
        if _checks.is_concrete(number):
            _checks.as_numbers(field, number)
        drives.check_number(field, number, RULES.get(field, ANY).text)
        shape = np.shape(number)[1:] if isinstance(value, drives.TimeSeries) else np.shape(number)
        if shape not in ((), wanted):
            raise ValueError(
                f"`{field}` must be one number, or one for each target of a wired system, shape "
                f"{wanted}; got shape {np.shape(number)}."
            )
        check_drives(named({field: number}))


def fields(params: NeuromodParams) -> tuple[str, ...]:
    """Return the names of all drives: those of `Drives`, and of sources of your own."""
    own = (source.drive for source in params.sources.values())
    return tuple(dict.fromkeys((*RULES, *own)))
