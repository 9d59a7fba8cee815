"""Does bursting speed up learning? STDP between layer-5 cells that spike regularly or burst.

Presynaptic and postsynaptic cells get the same noisy somatic current in all regimes, with the same
noise; they differ in what reaches the dendrite. Before weights may change, a warm-up lets the cells
lose the synchrony of their common start. A map over current and noise shows where the answer holds.

Source: Rodriguez-Garcia, Mei & Ramaswamy, arXiv 2507.03222.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neurogain.experiments.burst_stdp.config import SEGMENT, BurstStdpConfig, Point
from neurogain.jobs import Job, Part, seeded
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

REGIMES = ("regular", "bursting", "pulse")
_SYNAPSES = "pre_to_post"


class Course(NamedTuple):
    """One regime; samples are taken every `sample` ms, segments last 500 ms."""

    change: Float[np.ndarray, "seed time_ms"]  # mean over synapses of |w - w(0)| / w_max
    mean: Float[np.ndarray, "seed time_ms"]  # mean weight / w_max
    step: Float[np.ndarray, "seed segment_end_ms"]  # mean |w(end) - w(start)| / w_max
    pre_spikes: Float[np.ndarray, "seed segment_end_ms"]  # per presynaptic cell
    post_spikes: Float[np.ndarray, "seed segment_end_ms"]  # per postsynaptic cell
    bursts: Float[np.ndarray, "seed segment_end_ms"]  # share of all spikes, reset as bursts
    weights: Float[np.ndarray, "seed synapse"]  # at the end, / w_max


class Early(NamedTuple):
    """Early changes at a point of the map, shares of w_max."""

    regular: Float[np.ndarray, " seed"]
    bursting: Float[np.ndarray, " seed"]


def parts(config: BurstStdpConfig) -> Iterator[Part]:
    """Yield a part for each regime, and the map.

    Raises:
      ValueError: if a regime can't be simulated.
    """
    network, params = _network(config)
    _runner(network, config.pre, _every(config))  # made here, before threads ask for it
    points = config.points()
    for point in [(config.somatic_current, config.noise), *points]:
        drive = _drive(*point, config.dendritic_current, config.coupling)
        key = jax.random.key(0)
        check(network, params, drive, duration=SEGMENT, dt=config.dt, key=key, record={})
    samples, segments = (round(config.duration / x) for x in (config.sample, SEGMENT))
    axes = {
        "time_ms": config.sample * np.arange(1, samples + 1),
        "segment_end_ms": SEGMENT * np.arange(1, segments + 1),
    }
    seeds = tuple(range(config.seed, config.seed + config.seeds))
    for name in REGIMES:
        yield Part(name, Course, seeded(run_regime, config, name), axes, seeds=seeds)
    seeds = tuple(range(config.seed, config.seed + config.map_seeds))
    for point in points:
        early = functools.partial(_early, config, point)
        yield Part(point.label, Early, early, seeds=seeds, settings=point._asdict())


def seconds(config: BurstStdpConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    cells = config.pre + config.post
    steps = 3 * config.seeds * (config.warm_up + config.duration) / config.dt
    map_runs = 2 * len(config.points()) * config.map_seeds
    steps += map_runs * (config.warm_up + config.early) / config.dt
    return 10 + steps * (3e-8 * cells + 2e-9 * config.pre * config.post)


def _early(config: BurstStdpConfig, point: Point, job: Job) -> Early:
    """Run regular and bursting cells at a point of the map, for the early change alone."""
    one = dataclasses.replace(
        config, somatic_current=point.current, noise=point.noise, duration=config.early
    )

    def change(name: str, before: int) -> np.ndarray:
        def show(done: int, total: int) -> None:
            job.show(before * total + done, 2 * total)

        return early_change(one, run_regime(one, name, job.seeds, show))

    return Early(change("regular", 0), change("bursting", 1))


def _every(config: BurstStdpConfig) -> int:
    """Return the steps between samples of the weights."""
    return round(config.sample / config.dt)


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

    def segment(
        params: Any, state: Any, drive: tuple[Any, ...], key: Array
    ) -> tuple[Any, dict[str, Array]]:
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
    config: BurstStdpConfig,
    name: str,
    seeds: Sequence[int],
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Course:
    """Run the seeds of one regime together, warm-up included; `show` is told segments.

    Spikes and weights of a seed don't depend on the others. The last bit of `mean` and `step` may:
    the compiler orders their sums by the number of seeds.
    """
    network, params = _network(config)
    _, still = _network(config, learning=False)
    segment = _runner(network, config.pre, _every(config))
    state: Any = network.init(params)
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(seeds), *x.shape)), state)
    keys = jax.vmap(jax.random.key)(np.array(seeds))
    warm, learned = round(config.warm_up / SEGMENT), round(config.duration / SEGMENT)
    found: list[dict[str, np.ndarray]] = []
    for number in range(-warm, learned):
        own = jax.vmap(lambda k, i=number + warm: jax.random.fold_in(k, i))(keys)
        drive = (config.somatic_current, config.noise, *regime(config, name, number * SEGMENT))
        state, results = segment(params if number >= 0 else still, state, drive, own)
        if number >= 0:
            found.append(jax.tree.map(np.asarray, results))
        show(number + warm + 1, warm + learned)
    course = {field: np.stack([f[field] for f in found], axis=1) for field in found[0]}
    for field in ("change", "mean"):
        course[field] = course[field].reshape(len(seeds), -1)
    final = np.asarray(state.projections[_SYNAPSES].synapse_state.weight) / config.w_max
    return Course(**course, weights=final.reshape(len(seeds), -1))


def early_change(config: BurstStdpConfig, course: Course) -> np.ndarray:
    """Return the mean change of weights over the first `early` ms, share of w_max, per seed."""
    return course.change[:, round(config.early / config.sample) - 1]
