"""One optimizer around the first switch: curvature, loss along its path, on lines and in a plane.

Curvature is that of the training loss, on fixed training images of all tasks seen so far; path,
lines and plane are measured on the test images of the old and of the new task.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from neurogain import analysis
from neurogain.continual import images as pixels
from neurogain.continual import models, streams
from neurogain.continual.method import Method
from neurogain.continual.streams import Stream
from neurogain.experiments.landscape.config import LandscapeConfig
from neurogain.experiments.landscape.training import Weights, every_run, make_trainer

Apply = Callable[[Any, Any], Any]  # from flat weights and inputs to logits


class Switch(NamedTuple):
    """What is measured of one optimizer; two tasks, the old and the new one.

    Times are before the first update and after every `every` of the task. The plane is that of the
    first seed.
    """

    # "at": E and W; eigenvalues descend from the largest
    eigenvalues: Float[np.ndarray, "seed at task curvature_update eigenvalue"]
    residuals: Float[np.ndarray, "seed at task curvature_update eigenvalue"]  # bounds of errors
    modulation: Float[np.ndarray, "seed task curvature_update"]  # g with E = g W
    gain: Float[np.ndarray, "seed task update"]  # after it
    entropy: Float[np.ndarray, "seed task update"]  # nats, batch mean
    train_loss: Float[np.ndarray, "seed task update"]  # nats
    path_loss: Float[np.ndarray, "seed path_update task"]  # nats
    path_accuracy: Float[np.ndarray, "seed path_update task"]
    line_loss: Float[np.ndarray, "seed line_distance task"]  # nats
    line_accuracy: Float[np.ndarray, "seed line_distance task"]
    plane_x: Float[np.ndarray, " x"]  # along the trajectory's first principal direction
    plane_y: Float[np.ndarray, " y"]  # along its second
    plane_loss: Float[np.ndarray, "x y task"]  # nats
    plane_accuracy: Float[np.ndarray, "x y task"]
    trajectory: Float[np.ndarray, "path_update direction"]  # in the plane, the switch at its origin
    captured: Float[np.ndarray, ""]  # share of the trajectory's squared distances in the plane


def distances(config: LandscapeConfig) -> np.ndarray:
    """Return the places on the lines: -1 is `window` updates before the switch, 1 after it."""
    return np.linspace(-1, 1, config.points)


def times(config: LandscapeConfig) -> np.ndarray:
    """Return the updates at which curvature is measured, counted within a task."""
    return np.arange(0, config.iterations + 1, config.every)


class _Run(NamedTuple):
    """What all seeds went through on the first two tasks."""

    updates: np.ndarray  # after which weights are kept, (kept,)
    weights: Weights  # leaves (seeds, kept, ...)
    curves: dict[str, np.ndarray]  # each (seeds, tasks, iterations)


def _train(config: LandscapeConfig, stream: Stream, method: Method, seeds: Sequence[int]) -> _Run:
    """Learn the two tasks, and keep the weights that are measured."""
    T, window = config.iterations, config.window
    kept = np.union1d(times(config), T + times(config))
    kept = np.union1d(kept, np.arange(T - window, T + window + 1))
    trainer = make_trainer(config, stream, method)
    runs = trainer.start([method.constants] * len(seeds), seeds)
    found = [jax.tree.map(lambda x: np.asarray(x)[:, None], every_run(runs.state))]
    curves = []
    for task in range(2):
        own = kept[(kept > T * task) & (kept <= T * (task + 1))] - T * task
        runs, learned, observed = trainer.learn(runs, task, keep=own.tolist())
        found.append(observed)
        curves.append(learned)
    weights = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *found)
    fields = {"gain": "gain", "entropy": "uncertainty", "train_loss": "loss"}
    return _Run(
        kept,
        weights,
        {ours: np.stack([getattr(c, f) for c in curves], axis=1) for ours, f in fields.items()},
    )


def run_method(
    config: LandscapeConfig,
    stream: Stream,
    method: Method,
    *,
    seeds: Sequence[int] | None = None,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Switch:
    """Train one optimizer from all seeds and measure the loss around its weights.

    `show` is called with the number of parts done and their total.
    """
    chosen = tuple(config.seed_range if seeds is None else seeds)
    total = 2 + 2 * len(chosen)
    runs = _train(config, stream, method, chosen)
    show(1, total)
    apply = models.flat_apply(config.model(stream.classes), stream.images.shape[1:])
    pairs, modulation = [], []
    for task in range(2):
        images, labels = streams.training_sample(stream, task + 1, config.images)
        places = np.searchsorted(runs.updates, config.iterations * task + times(config))
        modulation.append(runs.weights.modulation[:, places])
        for run in range(len(chosen)):
            pairs.append(
                _curvature(
                    *(x[run, places] for x in runs.weights),
                    as_inputs(images),
                    labels,
                    apply=apply,
                    top=config.top,
                    products=config.products,
                    modulated=bool(np.any(runs.weights.modulation != 1)),
                )
            )
            jax.block_until_ready(pairs[-1])
            show(len(pairs) + 1, total)
    eigenvalues, residuals = (
        np.moveaxis(np.reshape(x, (2, len(chosen), *x[0].shape)), 0, 2)
        for x in map(np.stack, zip(*pairs, strict=True))
    )
    around = config.iterations + np.arange(-config.window, config.window + 1)
    weights = np.asarray(runs.weights.effective)[:, np.searchsorted(runs.updates, around)]
    plane = analysis.principal_plane(weights[0], weights[0, config.window])
    x, y = analysis.frame(plane.coordinates, config.points)
    path, line, values = _slices(
        weights, distances(config), plane.directions, x, y, *test_images(stream), apply=apply
    )
    show(total, total)
    found = (
        *(eigenvalues, residuals, np.stack(modulation, axis=1), *runs.curves.values()),
        *(path["loss"], path["accuracy"], line["loss"], line["accuracy"], x, y),
        *(values["loss"], values["accuracy"], plane.coordinates, plane.captured),
    )
    return Switch(*map(np.asarray, found))


def as_inputs(images: np.ndarray) -> Array:
    """Return uint8 images in [0, 1], as the trainer gives them to the model."""
    return pixels.scaled(jnp.asarray(images), pixels.Scale())


def test_images(stream: Stream) -> tuple[list[Any], list[Any]]:
    """Return the test images, as inputs, and labels of the first two tasks."""
    counts = stream.test_counts[:2]
    images = [as_inputs(stream.test_images[k, :n]) for k, n in enumerate(counts)]
    return images, [stream.test_labels[k, :n] for k, n in enumerate(counts)]


@functools.partial(jax.jit, static_argnames=("apply", "top", "products", "modulated"))
def _curvature(
    effective: Array,
    underlying: Array,
    modulation: Array,
    inputs: Array,
    labels: Array,
    *,
    apply: Apply,
    top: int,
    products: int,
    modulated: bool,
) -> tuple[Array, Array]:
    """Return eigenvalues and residuals of one run, at E and at W: (2, times, top) each.

    The two start from different random vectors, so that they agree only once they are converged.
    """
    measure = analysis.classification(apply, inputs, labels)

    def loss(flat: Array) -> Array:
        return measure(flat)["loss"]

    def at(point: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        i, E, W, g = point
        keys = jax.random.split(jax.random.fold_in(jax.random.key(0), i))
        pairs = functools.partial(analysis.top_eigenpairs, k=top, steps=products)
        at_E = at_W = pairs(loss, E, key=keys[0])
        if modulated:
            at_W = pairs(lambda w: loss(g * w), W, key=keys[1])
        return jnp.stack([at_E.values, at_W.values]), jnp.stack([at_E.residuals, at_W.residuals])

    points = (jnp.arange(len(effective)), effective, underlying, modulation)
    values, residuals = jax.lax.map(at, points)
    return jnp.swapaxes(values, 0, 1), jnp.swapaxes(residuals, 0, 1)


@functools.partial(jax.jit, static_argnames="apply")
def _slices(
    weights: Array,
    distances: Array,
    directions: Array,
    x: Array,
    y: Array,
    images: list[Array],
    labels: list[Array],
    *,
    apply: Apply,
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Measure on paths and lines of all runs, (seeds, times, n), and in the plane of the first."""
    tasks = zip(images, labels, strict=True)
    measure = analysis.stacked([analysis.classification(apply, *task) for task in tasks])
    path, line = jax.lax.map(lambda run: analysis.path_and_lines(measure, run, distances), weights)
    middle = weights[0, weights.shape[1] // 2]
    return path, line, analysis.slice_2d(measure, middle, tuple(directions), x, y)
