"""Concentrations, activations and effects of four neuromodulators for a pattern of drives.

Run twice, with the interactions between the systems and without them. The dose-response curve holds
each concentration until the receptor has settled.

Source: Mei, Rodriguez-Garcia & Ramaswamy, arXiv 2501.06762.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from neurogain.experiments.neuromod.config import NeuromodConfig
from neurogain.jobs import Job, Part
from neurogain.neuromod import effects, receptors, systems, tables
from neurogain.neuromod.drives import Drives, named
from neurogain.neuromod.systems import SYSTEMS, NeuromodParams, NeuromodState

KINDS = {"on": "interactions=on", "off": "interactions=off"}
"""Labels of the two courses."""
DOSES = "dose_response"


class Course(NamedTuple):
    """Concentrations, activations and effects in time."""

    concentration: Float[np.ndarray, "system time_ms"]  # nM
    activation: Float[np.ndarray, "receptor time_ms"]  # dimensionless
    amount: Float[np.ndarray, "target time_ms"]  # sum of strength x activation


class DoseResponse(NamedTuple):
    """Activation of settled receptors."""

    concentration: Float[np.ndarray, " dose"]  # nM
    occupancy: Float[np.ndarray, "receptor dose"]  # simulated
    hill: Float[np.ndarray, "receptor dose"]  # c^n / (K^n + c^n) in NumPy


def parts(config: NeuromodConfig) -> Iterator[Part]:
    """Yield the course with interactions, that without, and the dose-response curve."""
    receptor = np.array(list(systems.owners(tables.standard())))
    axes = {
        "time_ms": config.dt * (1 + np.arange(round(config.duration / config.dt))),
        "system": np.array(SYSTEMS),
        "receptor": receptor,
        "target": np.array(effects.names(tables.EFFECTS[config.cell])),
    }
    for kind, label in KINDS.items():
        run = functools.partial(course, config, interacting=kind == "on")
        yield Part(label, Course, run, axes)
    yield Part(DOSES, DoseResponse, lambda job: dose_response(), {"receptor": receptor})


def seconds(config: NeuromodConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    return 5 + 1e-4 * config.duration / config.dt


def course(config: NeuromodConfig, job: Job | None = None, *, interacting: bool) -> Course:
    """Run all systems under the drives."""
    del job
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

    def step(state: NeuromodState, drive: Drives) -> tuple[NeuromodState, tuple[jax.Array, ...]]:
        state = systems.step(params, state, drive, dt=config.dt)
        amounts = effects.combine(own, state.activation)
        shown = (
            jnp.stack([state.concentration[name] for name in SYSTEMS]),
            jnp.stack([state.activation[name] for name in names]),
            jnp.stack([amounts[name] for name in effects.names(own)]),
        )
        return state, shown

    scan = jax.jit(lambda drives: jax.lax.scan(step, systems.init(params), drives)[1])
    shown = scan(named(drives)._replace(locus_mode=np.zeros(steps, np.float32)))
    return Course(*(np.asarray(x).T for x in shown))


def dose_response() -> DoseResponse:
    """Hold every receptor at concentrations from 0.1 to 10^5 nM until it has settled."""
    params: NeuromodParams = tables.standard()
    concentration = np.concatenate([[0.0], np.geomspace(0.1, 1e5, 40)])
    occupied, expected = [], []
    for own in params.receptors.values():
        for one in own.values():
            held = jnp.asarray(concentration, jnp.float32)
            state = jnp.zeros_like(held)
            for _ in range(20):
                state = receptors.step(one, state, held, 0.0, dt=float(np.maximum(one.tau, 1.0)))
            occupied.append(np.asarray(state))
            K, n = float(np.asarray(one.K)), float(np.asarray(one.n))
            expected.append(concentration**n / (K**n + concentration**n))
    return DoseResponse(concentration, np.array(occupied), np.array(expected))
