"""Concentrations, activations and effects of four neuromodulators for a pattern of drives.

Run twice, with the interactions between the systems and without them. The dose-response curve holds
each concentration until the receptor has settled.

Source: Mei, Rodriguez-Garcia & Ramaswamy, arXiv 2501.06762.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks, output
from neurogain.neuromod import effects, receptors, systems, tables
from neurogain.neuromod.systems import SYSTEMS, Drives, Interactions, NeuromodParams

SCHEMA_VERSION = 1
DRIVES = ("prediction_error", "surprise", "expected_uncertainty", "aversion")


@dataclasses.dataclass(frozen=True)
class NeuromodConfig:
    """What four neuromodulators do for a pattern of drives, with their interactions and without."""

    prediction_error: tuple[str, ...] = ("500:700:1", "3000:3500:-1")
    """Drive of dopamine: start:end:height, ms and units of reward."""
    surprise: tuple[str, ...] = ("1500:1501:1",)
    """Trigger of the locus coeruleus, height in [0, 1]."""
    expected_uncertainty: tuple[str, ...] = ("2000:4000:1",)
    """Drive of acetylcholine, height at least 0."""
    aversion: tuple[str, ...] = ("3000:3500:1", "4500:4700:1")
    """Drive of serotonin."""
    modulatory: tuple[str, ...] = ("acetylcholine:dopamine:1", "noradrenaline:acetylcholine:-1")
    """acting:acted-on:strength; the acting system's level changes the other's release."""
    opponent: tuple[str, ...] = ("serotonin:dopamine:1",)
    """acting:acted-on:share; the acting system's activity is taken from the other's."""
    cell: str = "l5_pyramidal"
    """Whose effects: l5_pyramidal, pv, som or plastic_synapse."""
    duration: float = 6000.0
    """ms."""
    dt: float = 1.0
    """ms."""

    def pulses(self) -> dict[str, list[tuple[float, float, float]]]:
        """Return start and end (ms) and height of the pulses of each drive."""
        return {name: [_numbers(name, text) for text in getattr(self, name)] for name in DRIVES}

    def interactions(self) -> Interactions:
        """Return both tables."""
        found = {}
        for name in ("modulatory", "opponent"):
            found[name] = np.zeros((4, 4))
            for text in getattr(self, name):
                acting, acted_on, strength = _link(name, text)
                found[name][SYSTEMS.index(acted_on), SYSTEMS.index(acting)] = strength
        return Interactions(**found)

    def check(self) -> None:
        """Refuse bad input before anything is run.

        Raises:
          ValueError: names the argument, the rule with its unit, the value and a way out.
        """
        for name in ("duration", "dt"):
            rule, value = "positive and finite, in ms", getattr(self, name)
            _checks.in_range(name, value, rule, lambda x: (x > 0) & (x < np.inf), "1.0")
        if self.duration < self.dt or self.duration / self.dt > 1e6:
            raise ValueError(
                f"`duration` must be 1 to a million steps of dt = {self.dt:g} ms; got "
                f"{self.duration:g}. Pass duration=6000."
            )
        if self.cell not in tables.EFFECTS:
            raise ValueError(f"`cell` must be {', '.join(tables.EFFECTS)}; got {self.cell!r}.")
        for name, pulses in self.pulses().items():
            for start, end, height in pulses:
                if not 0 <= start < end <= self.duration:
                    raise ValueError(
                        f"`{name}` must have 0 <= start < end <= {self.duration:g} ms; got "
                        f"{start:g}:{end:g}:{height:g}."
                    )
                systems.check_drives(Drives(**{name: height}))
        systems.check(tables.standard()._replace(interactions=self.interactions()))


class Course(NamedTuple):
    """What happened; the last axis is time."""

    concentration: np.ndarray  # (systems, steps), nM
    activation: np.ndarray  # (receptors, steps), dimensionless
    amount: np.ndarray  # (targets, steps), sum of strength x activation


class DoseResponse(NamedTuple):
    """Activation of settled receptors."""

    concentration: np.ndarray  # (doses,), nM
    occupancy: np.ndarray  # (receptors, doses), simulated
    hill: np.ndarray  # (receptors, doses), c^n / (K^n + c^n) in NumPy


def run(config: NeuromodConfig, *, interacting: bool) -> Course:
    """Run all systems under the drives."""
    steps = round(config.duration / config.dt)
    time = config.dt * np.arange(steps)
    drives = {}
    for name, pulses in config.pulses().items():
        drives[name] = np.zeros(steps, np.float32)
        for start, end, height in pulses:
            drives[name][(time >= start - 1e-9) & (time < end - 1e-9)] += height
    params = tables.standard()
    if interacting:
        params = params._replace(interactions=config.interactions())
    names = tuple(systems.owners(params))
    own = tables.EFFECTS[config.cell]

    def step(state: Any, drive: Drives) -> Any:
        state = systems.step(params, state, drive, dt=config.dt)
        amounts = effects.combine(own, state.activation)
        shown = (
            jnp.stack([state.concentration[name] for name in SYSTEMS]),
            jnp.stack([state.activation[name] for name in names]),
            jnp.stack([amounts[name] for name in effects.names(own)]),
        )
        return state, shown

    scan = jax.jit(lambda drives: jax.lax.scan(step, systems.init(params), drives)[1])
    shown = scan(Drives(**drives)._replace(locus_mode=np.zeros(steps, np.float32)))
    return Course(*(np.asarray(x).T for x in shown))


def dose_response(doses: int = 41) -> DoseResponse:
    """Hold every receptor at concentrations from 0.1 to 10^5 nM until it has settled."""
    params: NeuromodParams = tables.standard()
    concentration = np.concatenate([[0.0], np.geomspace(0.1, 1e5, doses - 1)])
    occupied, expected = [], []
    for own in params.receptors.values():
        for one in own.values():
            state = jnp.zeros(doses)
            held = jnp.asarray(concentration, jnp.float32)
            for _ in range(20):
                state = receptors.step(one, state, held, 0.0, dt=float(np.maximum(one.tau, 1.0)))
            occupied.append(np.asarray(state))
            K, n = float(np.asarray(one.K)), float(np.asarray(one.n))
            expected.append(concentration**n / (K**n + concentration**n))
    return DoseResponse(concentration, np.array(occupied), np.array(expected))


def summarize(config: NeuromodConfig, courses: dict[str, Course], doses: DoseResponse) -> dict:
    """Return the content of `metrics.json` but for versions and times."""
    params = tables.standard()
    names, own = tuple(systems.owners(params)), tables.EFFECTS[config.cell]
    extremes = {}
    for kind, course in courses.items():
        extremes[kind] = {
            "concentration_nM": _extremes(SYSTEMS, course.concentration),
            "activation": _extremes(names, course.activation),
            "amount": _extremes(effects.names(own), course.amount),
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "config": output.plain(config),
        "tonic_nM": {name: float(np.asarray(params.kinetics[name].tonic)) for name in SYSTEMS},
        "sources": {f"{e.receptor} on {e.target}": e.source for e in own},
        "extremes": extremes,
        "dose_response_largest_error": float(np.abs(doses.occupancy - doses.hill).max()),
    }


def _extremes(names: tuple[str, ...], values: np.ndarray) -> dict[str, dict[str, float]]:
    return {
        name: {"lowest": float(row.min()), "highest": float(row.max())}
        for name, row in zip(names, values, strict=True)
    }


def _numbers(name: str, text: str) -> tuple[float, float, float]:
    try:
        start, end, height = (float(part) for part in text.split(":"))
    except ValueError:
        start = math.nan
    if not math.isfinite(start):
        raise ValueError(
            f"`{name}` must be pulses start:end:height, ms; got {text!r}. Write 500:700:1."
        )
    return start, end, height


def _link(name: str, text: str) -> tuple[str, str, float]:
    acting, _, rest = text.partition(":")
    acted_on, _, strength = rest.partition(":")
    try:
        value = float(strength)
    except ValueError:
        value = math.nan
    if acting not in SYSTEMS or acted_on not in SYSTEMS or not math.isfinite(value):
        raise ValueError(
            f"`{name}` must be acting:acted-on:strength, of {', '.join(SYSTEMS)}; got {text!r}. "
            "Write serotonin:dopamine:1."
        )
    return acting, acted_on, value
