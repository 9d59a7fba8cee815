"""Measure the curve, tune a learning rate for each source, train: a part for each step."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from neurogain import bridge, optim
from neurogain.bridge import GainCurve
from neurogain.continual import metrics
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves, Trainer
from neurogain.experiments.bridge import inside
from neurogain.experiments.bridge.config import SOURCES, BridgeConfig
from neurogain.experiments.stream_models import MODELS
from neurogain.experiments.training import load_stream
from neurogain.jobs import Job, Part
from neurogain.optim import GainSource

CURVE, LINKS, WATCHED = "curve", "links", "watched"
B1, MAX_NORM, CONSOLIDATION = 0.5, 0.3, 0.88  # as in the preset two-timescale
Row: TypeAlias = Any  # a traced number: place of a run among those trained together
OfRow: TypeAlias = Callable[[Row], GainSource]


class Measured(NamedTuple):
    """The curve of the cortical gain."""

    concentration: Float[np.ndarray, " level"]  # nM
    slope: Float[np.ndarray, "measurement level"]  # Hz/nA
    burst_fraction: Float[np.ndarray, "measurement level"]
    rate: Float[np.ndarray, "measurement level"]  # Hz


class Tuning(NamedTuple):
    """What each learning rate gives on the tuning seeds."""

    avg_sg: Float[np.ndarray, "learning_rate tuning_seed"]
    avg_anytime_acc: Float[np.ndarray, "learning_rate tuning_seed"]
    avg_acc: Float[np.ndarray, "learning_rate tuning_seed"]
    gain: Float[np.ndarray, "learning_rate tuning_seed step"]  # after each update of all tasks


def parts(config: BridgeConfig) -> Iterator[Part]:
    """Yield the curve, what its links add, for each source its tuning and its runs, spikes."""
    stream = load_stream(config)
    protocol = config.protocol
    protocol.check()
    protocol.check_for(stream)
    axes = {
        "task": np.array(stream.task_names),
        "of_task": np.array(stream.task_names),
        "evaluation": np.array(protocol.evaluated_at),
        "update": np.arange(1, protocol.longest + 1),
    }
    tuned = {
        "learning_rate": np.array(config.learning_rates),
        "tuning_seed": np.array(config.tuning_range),
        "step": np.arange(1, protocol.longest * stream.tasks + 1),
    }
    measured = {"measurement": np.arange(config.curve_seeds)}
    yield Part(CURVE, Measured, functools.partial(_measure, config), measured)
    links = {"link": np.array(list(inside.LINKS))} | measured
    yield Part(LINKS, inside.Links, functools.partial(inside.links, config), links)
    for name in config.sources:
        others = _others(name)
        needs = (CURVE, *(f"tuning,{other}" for other in others))
        tune = functools.partial(_tune, config, stream, name)
        yield Part(f"tuning,{name}", Tuning, tune, tuned, needs, undefined=Tuning._fields)
        run = functools.partial(_report, config, stream, name)
        needs = (CURVE, f"tuning,{name}", *others)
        yield Part(
            name, TaskCurves, run, axes | {"seed": np.array(config.seed_range)}, needs,
            undefined=TaskCurves._fields,
        )  # fmt: skip
    if watches(config):
        size = (config.pyramidal + config.pv + config.som, len(inside.window(config)))
        shown = {"cell": np.arange(size[0]), "ms": np.arange(round(size[1] * config.ms_per_update))}
        watch = functools.partial(_watch, config)
        yield Part(WATCHED, inside.Watched, watch, shown, (CURVE, "spikes"))


def watches(config: BridgeConfig) -> bool:
    """Return whether the circuit runs, for whole milliseconds, so that its spikes can be shown."""
    return "spikes" in config.sources and config.ms_per_update % 1 == 0


def _watch(config: BridgeConfig, job: Job) -> inside.Watched:
    source = source_of(config, "spikes", curve_of(job.needed[CURVE]), {}, list(config.seed_range))
    assert source is not None
    return inside.watch(config, source(0), job.needed["spikes"].uncertainty[0])


def seconds(config: BridgeConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    stream = config.spec.count(config.spec, config.stream_options)
    updates = stream * config.iterations
    runs = config.seeds + config.tuning_seeds * len(config.learning_rates)
    points = 19 * config.curve_seeds * (config.curve_duration + 500) / 0.25
    cells = config.pyramidal + config.pv + config.som
    steps = points + ("spikes" in config.sources) * runs * updates * config.ms_per_update / 0.25
    compiling, example = MODELS[config.model_name].seconds(config)
    update = max(2e-3, 3 * example * config.batch_size)  # evaluations included
    own = len(config.sources) * (14 + compiling + runs * updates * update)
    return 30 + steps * (5e-6 + 1e-7 * cells) + own


def _others(name: str) -> tuple[str, ...]:
    """Return the sources whose gains a control takes."""
    follows = SOURCES[name].follows
    return (follows, *(("leaky",) if name == "scaled" else ())) if follows else ()


def _measure(config: BridgeConfig, job: Job) -> Measured:
    curve = bridge.measure(
        config.circuit(), seeds=range(config.curve_seeds), duration=config.curve_duration,
        progress=job.show,
    )  # fmt: skip
    return Measured(curve.concentration, curve.slope, curve.burst_fraction, curve.rate)


def curve_of(measured: Measured) -> GainCurve:
    """Return the curve, whose tonic level is that of the tables."""
    tonic = float(np.asarray(bridge.pyramidal_cells(2).params.neuromod.kinetics[NA].tonic))
    place = int(np.searchsorted(measured.concentration, tonic))
    return GainCurve(NA, place, *measured)


NA = "noradrenaline"


def _tune(config: BridgeConfig, stream: Stream, name: str, job: Job) -> Tuning:
    seeds = tuple(config.tuning_range)
    gains = {}
    for other in _others(name):
        found = job.needed[f"tuning,{other}"]
        gains[other] = np.tile(found.gain[best(found)], (len(config.learning_rates), 1))
    runs = [(rate, seed) for rate in config.learning_rates for seed in seeds]
    curves = _train(config, stream, name, curve_of(job.needed[CURVE]), gains, runs, job)
    shape = (len(config.learning_rates), len(seeds))
    times = curves.evaluated_at[0, 0]
    measured = [
        (
            metrics.gaps(run, eval_every=times).sg.mean(),
            metrics.average_anytime_accuracy(run, eval_every=times),
            metrics.final_accuracy(run),
        )
        for run in np.asarray(curves.accuracy, float)
    ]
    gap, anytime, final = (np.array(x).reshape(shape) for x in zip(*measured, strict=True))
    return Tuning(gap, anytime, final, curves.gain.reshape(*shape, -1))


def best(tuning: Tuning) -> int:
    """Return the place of the rate with the highest average anytime accuracy."""
    return int(np.argmax(np.nan_to_num(tuning.avg_anytime_acc.mean(axis=1), nan=-1)))


def _report(config: BridgeConfig, stream: Stream, name: str, job: Job) -> TaskCurves:
    rate = config.learning_rates[best(job.needed[f"tuning,{name}"])]
    gains = {x: job.needed[x].gain.reshape(config.seeds, -1) for x in _others(name)}
    runs = [(rate, seed) for seed in config.seed_range]
    return _train(config, stream, name, curve_of(job.needed[CURVE]), gains, runs, job)


def _train(
    config: BridgeConfig,
    stream: Stream,
    name: str,
    curve: GainCurve,
    gains: Mapping[str, np.ndarray],
    runs: list[tuple[float, int]],
    job: Job,
) -> TaskCurves:
    """Train all runs, of a learning rate and a seed, side by side."""
    build = builder(config, name, source_of(config, name, curve, gains, [s for _, s in runs]))
    trainer = Trainer(
        config.network(stream), stream, config.protocol, build, batched=True, baseline=None
    )
    constants = [{"learning_rate": rate, "row": float(row)} for row, (rate, _) in enumerate(runs)]

    def show(task: int, curves: TaskCurves) -> None:
        job.show(task + 1, stream.tasks, f"gain up to {curves.gain.max():.2f}")

    return trainer.run(constants, [seed for _, seed in runs], show)


def builder(
    config: BridgeConfig, name: str, source: OfRow | None
) -> Callable[[Mapping[str, Any]], optax.GradientTransformation]:
    """Return the function from constants to the optimizer under a source of the gain."""

    def build(constants: Mapping[str, Any]) -> optax.GradientTransformation:
        rate = constants["learning_rate"]
        inner = optax.sgd(rate)
        if config.inner == "averaged":
            inner = optax.chain(optax.clip_by_global_norm(MAX_NORM), optax.adam(rate, b1=B1))
        if name == "leaky":
            inner = optim.modulate_by_gain(inner, sensitivity=config.spec.sensitivity)
        elif source is not None:
            inner = optim.with_gain_source(inner, source(constants["row"]))
        return (
            optim.consolidate(inner, decay=CONSOLIDATION) if config.inner == "averaged" else inner
        )

    return build


def source_of(
    config: BridgeConfig,
    name: str,
    curve: GainCurve,
    gains: Mapping[str, np.ndarray],
    seeds: list[int],
) -> OfRow | None:
    """Return the source of each run's gain; None for those that have none of their own.

    Args:
      config: of the experiment.
      name: of the source.
      curve: of the cortical gain.
      gains: courses of the sources that a control takes, (runs, updates).
      seeds: of the runs.
    """
    task: dict[str, Any] = {"full": config.full, "ms_per_update": config.ms_per_update}
    if name == "offline":
        return lambda row: bridge.offline(curve, **task)
    if name == "spikes":
        source = bridge.online(config.circuit(), curve, key=jax.random.key(0), **task)
        return functools.partial(_keyed, source, jnp.asarray(seeds, jnp.uint32))
    if name in ("none", "leaky"):
        return None
    return functools.partial(_replayed, jnp.asarray(control(config, name, gains), jnp.float32))


def _keyed(source: GainSource, seeds: Array, row: Row) -> GainSource:
    """Return the source with the noise of a run's seed."""
    seed = seeds[jnp.asarray(row, jnp.int32)]

    def init() -> Any:
        state = source.init()
        return state._replace(key=jax.random.fold_in(state.key, seed))

    return source._replace(init=init)


def _replayed(courses: Array, row: Row) -> GainSource:
    """Return the source that gives a run's course of gains, whatever the uncertainty."""
    own = courses[jnp.asarray(row, jnp.int32)]
    return GainSource(lambda: jnp.zeros((), jnp.int32), lambda count, _: (own[count], count + 1))


def control(config: BridgeConfig, name: str, gains: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the courses of a control, (runs, updates), from those of the sources that it takes.

    Raises:
      ValueError: if it is no control.
    """
    g = np.asarray(gains[SOURCES[name].follows], float)
    if name == "mean":
        return np.broadcast_to(g.mean(axis=1, keepdims=True), g.shape)
    if name == "late":
        start = np.ones((len(g), min(config.late, g.shape[1])))
        return np.concatenate([start, g], axis=1)[:, : g.shape[1]]
    if name == "yoked":
        rng = np.random.default_rng([config.first_seed, len(g)])
        shifts = rng.integers(-config.jitter, config.jitter + 1, len(g))
        other = np.roll(g, -1, axis=0)
        return np.stack([np.roll(x, k) for x, k in zip(other, shifts, strict=True)])
    if name == "scaled":
        spread, wanted = (x.std(axis=1, keepdims=True) for x in (g, gains["leaky"]))
        factor = np.where(spread > 0, wanted / np.where(spread > 0, spread, 1), 1)
        return np.maximum(1 + factor * (g - 1), 0.1)
    raise ValueError(f"`name` must be a control; got {name!r}.")
