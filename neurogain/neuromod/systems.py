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

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks
from neurogain.neuromod import kinetics, locus_coeruleus, receptors
from neurogain.neuromod.kinetics import KineticsParams, Release
from neurogain.neuromod.locus_coeruleus import LocusParams, LocusState
from neurogain.neuromod.receptors import ReceptorParams
from neurogain.spiking.engine import drive_checks, drives
from neurogain.spiking.engine.drives import Rule

SYSTEMS = ("dopamine", "noradrenaline", "acetylcholine", "serotonin")


class Drives(NamedTuple):
    """What the systems respond to in a step; each is a scalar, or of the shape of `tonic`."""

    prediction_error: ArrayLike = 0.0  # any sign, in units of reward
    surprise: ArrayLike = 0.0  # in [0, 1], trigger of a burst of the locus coeruleus, per ms
    expected_uncertainty: ArrayLike = 0.0  # >= 0
    aversion: ArrayLike = 0.0  # any sign
    locus_mode: ArrayLike = 0.0  # in [0, 1], from phasic to tonic


class Interactions(NamedTuple):
    """Tables of (system acted on, acting system), shape (4, 4), in the order of `SYSTEMS`."""

    modulatory: ArrayLike = np.zeros((4, 4))  # log factor of release per unit of level
    opponent: ArrayLike = np.zeros((4, 4))  # share of the acting system's activity taken away


class NeuromodParams(NamedTuple):
    """All constants; systems that are left out of `kinetics` are absent."""

    kinetics: dict[str, KineticsParams]
    receptors: dict[str, dict[str, ReceptorParams]]  # by system and name
    interactions: Interactions = Interactions()
    locus: LocusParams = LocusParams()


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
    params: NeuromodParams, state: NeuromodState, drives: Drives, *, dt: float
) -> tuple[dict[str, jax.Array], LocusState]:
    """Return the activity of each system's neurons, >= -1, and the locus coeruleus."""
    dtype = state.locus.burst.dtype
    locus, of_locus = locus_coeruleus.step(
        params.locus, state.locus, drives.surprise, mode=drives.locus_mode, dt=dt
    )
    driven = {
        "dopamine": jnp.asarray(drives.prediction_error, dtype),
        "noradrenaline": of_locus,
        "acetylcholine": jnp.asarray(drives.expected_uncertainty, dtype),
        "serotonin": jnp.asarray(drives.aversion, dtype),
    }
    alone = {
        name: jnp.asarray(one.sensitivity, dtype) * driven[name]
        for name, one in params.kinetics.items()
    }
    levels = {name: level(params, state, name) for name in params.kinetics}
    modulatory, opponent = (jnp.asarray(x, dtype) for x in params.interactions)
    result = {}
    for name, own in alone.items():
        to = SYSTEMS.index(name)
        factor: Any = jnp.zeros((), dtype)
        taken: Any = jnp.zeros((), dtype)
        for other in alone:
            by = SYSTEMS.index(other)
            factor = factor + modulatory[to, by] * levels[other]
            if other != name:
                taken = taken + opponent[to, by] * alone[other]
        released = jnp.maximum(own - taken, -1)
        result[name] = released + (1 + released) * jnp.expm1(factor)
    return result, locus


LONGEST = 2.0  # ms, of what is computed as one step: receptors of 200 ms and more lag by 1 % less


def step(
    params: NeuromodParams,
    state: NeuromodState,
    drives: Drives,
    *,
    dt: float,
    longest: float = LONGEST,
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

    Returns:
      The state at t + dt.

    Raises:
      ValueError, TypeError: if `dt` is no positive number that is known before tracing.

    Source: arXiv 2501.06762; the forms of the interactions are modelling choices.

    Example:
      >>> from neurogain.neuromod import tables
      >>> params = tables.standard()
      >>> rewarded = jax.jit(step, static_argnames="dt")(
      ...     params, init(params), Drives(prediction_error=1.0), dt=10.0)
      >>> float(rewarded.concentration["dopamine"]) > params.kinetics["dopamine"].tonic
      True
    """
    _checks.positive("dt", dt, "ms", "1.0")
    count = math.ceil(dt / longest)
    if count > 1:

        def once(_: Any, now: NeuromodState) -> NeuromodState:
            return step(params, now, drives, dt=dt / count, longest=longest)

        return jax.lax.fori_loop(0, count, once, state)
    active, locus = activities(params, state, drives, dt=dt)
    concentration, activation = {}, {}
    for name, one in params.kinetics.items():
        c = kinetics.step(one, state.concentration[name], Release(active[name]), dt=dt)
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
        if name not in SYSTEMS:
            raise ValueError(f"`kinetics` must be of {', '.join(SYSTEMS)}; got {name!r}.")
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
    for field, table in params.interactions._asdict().items():
        _checks.in_range(field, table, "finite, dimensionless", np.isfinite, "np.zeros((4, 4)).")
        if np.shape(table) != (4, 4):
            raise ValueError(
                f"`{field}` must have shape (4, 4), in the order {', '.join(SYSTEMS)}; got "
                f"{np.shape(table)}."
            )
        _check_acting(params, field, table)
    locus_coeruleus.check(params.locus)


def _check_kinds(params: NeuromodParams) -> None:
    """Raise TypeError for fields that are not dictionaries, or of another kind."""
    kinds = (
        ("interactions", params.interactions, Interactions),
        ("locus", params.locus, LocusParams),
        ("kinetics", params.kinetics, dict),
        ("receptors", params.receptors, dict),
    )
    for name, value, kind in kinds:
        drives.check_kind(name, value, kind, of=" of NeuromodParams")
    for system, own in params.receptors.items():
        drives.check_kind(f"receptors[{system!r}]", own, dict, of=" of receptors by name")


def _check_acting(params: NeuromodParams, field: str, table: Any) -> None:
    """Raise ValueError where a wired system acts on one with another number of targets."""
    if not _checks.is_concrete(table):
        return
    for to, by in zip(*np.nonzero(np.asarray(table)), strict=True):
        names = SYSTEMS[to], SYSTEMS[by]
        if to != by and all(name in params.kinetics for name in names):
            acted, acting = (np.shape(params.kinetics[name].tonic) for name in names)
            if acting not in ((), acted):
                raise ValueError(
                    f"`{field}` lets {names[1]}, wired to {acting[0]} targets, act on {names[0]}, "
                    f"whose level has shape {acted}. Give both the same number of targets, or set "
                    f"{field}[{to}, {by}] = 0."
                )


_DRIVEN = {
    "prediction_error": "dopamine",
    "expected_uncertainty": "acetylcholine",
    "aversion": "serotonin",
}


_UNIT = "in [0, 1]"
_in_unit = lambda x: (x >= 0) & (x <= 1)  # noqa: E731
_DRAWN = (drives.Noise, drives.PoissonInput)
_RULES = {
    "prediction_error": Rule("finite, in units of reward", np.isfinite, "0.0", _DRAWN),
    "surprise": Rule(_UNIT, _in_unit, "0.0"),
    "expected_uncertainty": Rule(
        "finite and at least 0", lambda x: (x >= 0) & (x < np.inf), "0.0", (drives.PoissonInput,)
    ),
    "aversion": Rule("finite", np.isfinite, "0.0", _DRAWN),
    "locus_mode": Rule(f"{_UNIT}, from phasic to tonic", _in_unit, "0.0"),
}


def check_drive(params: NeuromodParams, field: str, value: Any) -> None:
    """Check what a simulation is given for a field of `Drives`: numbers, in time, or drawn.

    Raises:
      ValueError: if a value is out of range, could be drawn out of it, or differs between targets
        and its system isn't wired to as many.
    """
    if isinstance(value, _DRAWN):
        drive_checks.check_draws(field, value, _RULES[field])
    own = params.kinetics.get(_DRIVEN.get(field, ""))
    wanted = () if own is None else np.shape(own.tonic)
    for number in drives.numbers(value):
        if _checks.is_concrete(number):
            _checks.as_numbers(field, number)
        drives.check_number(field, number, _RULES[field].text)
        shape = np.shape(number)[1:] if isinstance(value, drives.TimeSeries) else np.shape(number)
        if shape not in ((), wanted):
            raise ValueError(
                f"`{field}` must be one number, or one for each target of a wired system, shape "
                f"{wanted}; got shape {np.shape(number)}."
            )
        check_drives(Drives(**{field: number}))


def check_drives(values: Drives) -> None:
    """Raise ValueError for drives outside their range; as `check` does."""
    for name, rule in _RULES.items():
        _checks.in_range(name, getattr(values, name), rule.text, rule.holds, rule.suggestion)
