"""Does bursting speed up learning? STDP between layer-5 cells that spike regularly or burst.

Presynaptic and postsynaptic cells get the same noisy somatic current in all regimes, with the same
noise; they differ in what reaches the dendrite. Before weights may change, a warm-up lets the cells
lose the synchrony of their common start. A map over current and noise shows where the answer holds.

Source: Rodriguez-Garcia, Mei & Ramaswamy, arXiv 2507.03222.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks, output
from neurogain.experiments import grids
from neurogain.spiking import (
    Drive,
    Network,
    Noise,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    check,
    connectivity,
    plasticity,
    rollout,
)
from neurogain.spiking.recorders import Total, Traces

SCHEMA_VERSION = 1
REGIMES = ("regular", "bursting", "pulse")
_SYNAPSES = "pre_to_post"


@dataclasses.dataclass(frozen=True)
class BurstStdpConfig:
    """STDP between layer-5 cells that spike regularly, that burst, and under a pulse of gain."""

    pre: int = 100
    """Presynaptic cells."""
    post: int = 20
    """Postsynaptic cells; every presynaptic cell reaches each of them."""
    somatic_current: float = 700.0
    """pA, onto every soma."""
    noise: float = 1000.0
    """pA, standard deviation of the somatic current, fresh in every step and cell; with 0.1 ms it
    moves the potential at rest by 2 mV."""
    dendritic_current: float = 800.0
    """pA, while bursting; the regular regime has none."""
    coupling: float = 1.0
    """Probability in [0, 1] that soma and dendrite are coupled, while bursting and in the pulse."""
    w_max: float = 1.0
    """nS, bound of the weights, which start at half of it."""
    learning_rate: float = 0.01
    """Potentiation of a pair over w_max (lambda)."""
    alpha: float = 1.05
    """Depression over potentiation."""
    tau: float = 20.0
    """ms, of both traces."""
    warm_up: float = 1000.0
    """ms, without plasticity."""
    duration: float = 10_000.0
    """ms, with plasticity; a multiple of 500."""
    early: float = 2000.0
    """ms, over which the first change of weights is measured; a multiple of 500."""
    pulse: tuple[float, float] = (4000.0, 6000.0)
    """ms, start and end of the pulse of coupling; multiples of 500."""
    sample: float = 50.0
    """ms between samples of the weights; divides 500."""
    seeds: int = 20
    """Networks with noise of their own."""
    seed: int = 0
    """Of the first; the others follow."""
    map_current: tuple[str, ...] = ("700", "900", "1200")
    """pA, somatic currents of the map; numbers, or start:stop:step with both ends."""
    map_noise: tuple[str, ...] = ("100", "300", "1000")
    """pA, standard deviations of the map."""
    map_seeds: int = 5
    """Networks for each point of the map."""
    dt: float = 0.1
    """ms."""

    def points(self) -> list[tuple[float, float]]:
        """Return somatic current and noise of the points of the map, both in pA."""
        currents = grids.parse("map_current", self.map_current, "pA")
        noises = grids.parse("map_noise", self.map_noise, "pA")
        return list(itertools.product(currents, noises))

    def check(self) -> None:
        """Refuse bad input before anything is run.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        for name in ("pre", "post", "seeds", "map_seeds"):
            _checks.whole(name, getattr(self, name), 1)
        _checks.seed(self.seed)
        for name, example in (("dt", "0.1"), ("sample", "50"), ("w_max", "1"), ("tau", "20")):
            unit = "nS" if name == "w_max" else "ms"
            rule = f"positive and finite, in {unit}"
            value = getattr(self, name)
            _checks.in_range(name, value, rule, lambda x: (x > 0) & (x < np.inf), example)
        for name in ("learning_rate", "alpha"):
            rule, value = "finite and at least 0 (dimensionless)", getattr(self, name)
            _checks.in_range(name, value, rule, lambda x: (x >= 0) & (x < np.inf), "1")
        for name in ("duration", "early", "warm_up", *("pulse",) * 2):
            given = getattr(self, name)
            for value in given if isinstance(given, tuple) else (given,):
                if not (value >= 0 and math.isfinite(value) and value % SEGMENT == 0):
                    raise ValueError(
                        f"`{name}` must be a multiple of {SEGMENT:g} ms; got {value!r}. Pass "
                        f"{name}={max(1, round(value / SEGMENT)) * SEGMENT:g}."
                    )
        start, end = self.pulse
        if not 0 < self.early <= self.duration or not 0 < start < end < self.duration:
            raise ValueError(
                "`duration` must hold `early`, and `pulse`, start before end, with time before and "
                f"after it (ms); got duration {self.duration:g}, early {self.early:g}, pulse "
                f"{start:g} {end:g}. For instance duration 2000, early 500, pulse 500 1000."
            )
        ratios = (self.sample / self.dt, SEGMENT / self.sample)
        if not all(x > 0.5 and abs(x - round(x)) < 1e-6 * x for x in ratios):
            raise ValueError(
                f"`sample` must be a multiple of dt = {self.dt:g} ms that divides {SEGMENT:g} ms; "
                f"got {self.sample!r}. Pass sample=50."
            )
        network, params = _network(self)
        for current, noise in [(self.somatic_current, self.noise), *self.points()]:
            check(
                network,
                params,
                _drive(current, noise, self.dendritic_current, self.coupling),
                duration=SEGMENT,
                dt=self.dt,
                key=jax.random.key(0),
                record={},
            )


SEGMENT = 500.0  # ms, that are run at once


class Course(NamedTuple):
    """One regime; samples are taken every `sample` ms, segments last 500 ms."""

    change: np.ndarray  # (seeds, samples), mean over synapses of |w - w(0)| / w_max
    mean: np.ndarray  # (seeds, samples), mean weight / w_max
    step: np.ndarray  # (seeds, segments), mean |w(end) - w(start)| / w_max
    pre_spikes: np.ndarray  # (seeds, segments), per presynaptic cell
    post_spikes: np.ndarray  # (seeds, segments), per postsynaptic cell
    bursts: np.ndarray  # (seeds, segments), share of all spikes that were reset as bursts
    weights: np.ndarray  # (seeds, synapses), at the end, / w_max


def _network(config: BurstStdpConfig, *, learning: bool = True) -> Any:
    cell = PyramidalCell()
    rule = plasticity.PairSTDP(
        tau_plus=config.tau,
        tau_minus=config.tau,
        lambda_=config.learning_rate if learning else 0.0,
        alpha=config.alpha,
        Wmax=config.w_max,
    )
    populations = {
        "pre": Population(cell, cells.L5_PYRAMIDAL, config.pre),
        "post": Population(cell, cells.L5_PYRAMIDAL, config.post),
    }
    synapses = Projection(
        "pre",
        "post",
        connectivity.AllToAll(),
        weight=config.w_max / 2,
        delay=config.dt,
        plasticity=rule,
        path="dense",
    )
    return build(populations, {_SYNAPSES: synapses}, dt=config.dt, key=jax.random.key(0))


def _drive(current: Any, noise: Any, dendritic: Any, coupling: Any) -> dict[str, PyramidalDrive]:
    one = PyramidalDrive(Drive(Noise(current, noise)), Drive(dendritic), coupling)
    return {"pre": one, "post": one}


def regime(config: BurstStdpConfig, name: str, time: float) -> tuple[float, float]:
    """Return dendritic current (pA) and coupling of a regime at `time` ms; the warm-up is < 0."""
    if name == "regular":
        return 0.0, config.coupling
    if name == "bursting":
        return config.dendritic_current, config.coupling
    start, end = config.pulse
    return config.dendritic_current, config.coupling if start <= time < end else 0.0


def _weights(state: Any, info: Any) -> Any:
    del state
    return info.weights[_SYNAPSES]


def _bursts(state: Any, info: Any) -> Any:
    del state
    return jnp.concatenate([cell.burst for cell in info.cells.values()])


@functools.cache
def _runner(network: Network, pre: int, every: int) -> Callable[..., Any]:
    """Return one compiled segment of all seeds."""

    def segment(params, state, drive, key):
        rule = params.projections[_SYNAPSES].rule
        before = state.projections[_SYNAPSES].synapse_state.weight.reshape(-1)
        run = rollout(
            network, params, _drive(*drive), duration=SEGMENT, dt=network.dt, key=key, state=state,
            record={"w": Traces(_weights, every), "spikes": Total(), "bursts": Total(_bursts)},
        )  # fmt: skip
        sampled = run.recorded["w"] / rule.Wmax
        spikes = run.recorded["spikes"]
        return run.state, {
            "change": jnp.abs(sampled - 0.5).mean(axis=1),
            "mean": sampled.mean(axis=1),
            "step": jnp.abs(sampled[-1] - before / rule.Wmax).mean(),
            "pre_spikes": spikes[:pre].mean(),
            "post_spikes": spikes[pre:].mean(),
            "bursts": run.recorded["bursts"].sum() / jnp.maximum(spikes.sum(), 1),
        }

    return jax.jit(jax.vmap(segment, in_axes=(None, 0, None, 0)))


def run_regime(
    config: BurstStdpConfig, name: str, progress: Callable[[int, int], None] | None = None
) -> Course:
    """Run all seeds of one regime, warm-up included; `progress` is called with segments."""
    network, params = _network(config)
    _, still = _network(config, learning=False)
    segment = _runner(network, config.pre, round(config.sample / config.dt))
    state: Any = network.init(params)
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, (config.seeds, *x.shape)), state)
    keys = jax.vmap(jax.random.key)(config.seed + np.arange(config.seeds))
    warm, learned = round(config.warm_up / SEGMENT), round(config.duration / SEGMENT)
    found: list[dict[str, np.ndarray]] = []
    for number in range(-warm, learned):
        own = jax.vmap(lambda k, i=number + warm: jax.random.fold_in(k, i))(keys)
        drive = (config.somatic_current, config.noise, *regime(config, name, number * SEGMENT))
        state, results = segment(params if number >= 0 else still, state, drive, own)
        if number >= 0:
            found.append(jax.tree.map(np.asarray, results))
        if progress is not None:
            progress(number + warm + 1, warm + learned)
    course = {field: np.stack([f[field] for f in found], axis=1) for field in found[0]}
    for field in ("change", "mean"):
        course[field] = course[field].reshape(config.seeds, -1)
    final = np.asarray(state.projections[_SYNAPSES].synapse_state.weight) / config.w_max
    return Course(**course, weights=final.reshape(config.seeds, -1))


def early_change(config: BurstStdpConfig, course: Course) -> np.ndarray:
    """Return the mean change of weights over the first `early` ms, share of w_max, per seed."""
    return course.change[:, round(config.early / config.sample) - 1]


class Map(NamedTuple):
    """Early changes over somatic current and noise, each of shape (points, seeds)."""

    regular: np.ndarray  # share of w_max
    bursting: np.ndarray  # share of w_max


def run_map(config: BurstStdpConfig, progress: Callable[[int, int], None] | None = None) -> Map:
    """Run regular and bursting cells at all points of the map, for the early change alone."""
    points = config.points()
    found: dict[str, list[np.ndarray]] = {"regular": [], "bursting": []}
    for number, (current, noise) in enumerate(points):
        one = dataclasses.replace(
            config,
            somatic_current=current,
            noise=noise,
            duration=config.early,
            seeds=config.map_seeds,
        )
        for name, kept in found.items():
            kept.append(early_change(one, run_regime(one, name)))
        if progress is not None:
            progress(number + 1, len(points))
    return Map(*(np.stack(found[name]) for name in Map._fields))


def as_json(config: BurstStdpConfig) -> dict[str, Any]:
    """Return the configuration as JSON values."""
    return output.plain(config)
