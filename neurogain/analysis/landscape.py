"""Slices of a loss (or of any figures of merit) along lines and planes through weights.

A `measure` maps parameters to a tree of arrays, for instance loss and accuracy; its values are
returned with the axes of the slice in front. Everything is pure and runs under jit.

Source: Li, Xu, Taylor, Studer & Goldstein, NeurIPS 2018, arXiv 1712.09913.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree
from numpy.typing import ArrayLike

from neurogain import _checks, _seeds
from neurogain._types import AnyArray

Measure = Callable[[PyTree], PyTree]


class Plane(NamedTuple):
    """The plane in which a trajectory moves most."""

    directions: Float[Array, "2 n"]  # orthonormal
    coordinates: Float[Array, "times 2"]  # of the trajectory, from the origin
    captured: Float[Array, ""]  # share of the squared distances from the origin in the plane


def between(start: PyTree, end: PyTree) -> PyTree:
    """Return the direction end - start: a slice from `start` reaches `end` at distance 1.

    Example:
      >>> between({"w": jnp.ones(2)}, {"w": jnp.zeros(2)})
      {'w': Array([-1., -1.], dtype=float32)}
    """
    _check_like("end", end, start)
    return jax.tree.map(lambda a, b: jnp.asarray(b) - a, start, end)


def filter_normalized(params: PyTree, *, key: Array) -> PyTree:
    """Return a random direction whose filters are as long as those of the parameters.

    A filter is what feeds one output unit, all of a leaf but its last axis; leaves with fewer than
    two axes (biases, norms) stay where they are. A leaf's draw depends on the key and its own name.

    Example:
      >>> params = {"kernel": jnp.ones((4, 2)), "bias": jnp.ones(2)}
      >>> direction = filter_normalized(params, key=jax.random.key(0))
      >>> lengths = jnp.linalg.norm(direction["kernel"], axis=0)
      >>> bool(jnp.allclose(lengths, 2.0)), float(direction["bias"].sum())
      (True, 0.0)

    Source: arXiv 1712.09913, section 4.
    """
    leaves, structure = jax.tree.flatten(params)

    def one(leaf: Array, key: Array) -> Array:
        leaf = jnp.asarray(leaf)
        if leaf.ndim < 2:
            return jnp.zeros_like(leaf)
        drawn = jax.random.normal(key, leaf.shape, leaf.dtype)
        axes = tuple(range(leaf.ndim - 1))
        own, target = (jnp.sqrt(jnp.sum(x**2, axes, keepdims=True)) for x in (drawn, leaf))
        return drawn * (target / own)

    numbers = (np.uint32(_seeds.of_name(name)) for name in _seeds.leaf_names(params))
    keys = [jax.random.fold_in(key, number) for number in numbers]
    return jax.tree.unflatten(structure, list(map(one, leaves, keys)))


def principal_plane(trajectory: Float[AnyArray, "times n"], origin: Float[AnyArray, " n"]) -> Plane:
    """Return the plane through `origin` that lies closest to a trajectory.

    The first two right singular vectors of trajectory - origin; each points to where the
    trajectory ends.

    Raises:
      ValueError: if there are fewer than two points, or less than two dimensions.

    Example:
      >>> trajectory = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0]])
      >>> plane = principal_plane(trajectory, jnp.zeros(3))
      >>> plane.coordinates.shape, float(plane.captured.round(4))
      ((3, 2), 1.0)
    """
    if jnp.ndim(trajectory) != 2 or min(jnp.shape(trajectory)) < 2:
        raise ValueError(
            "`trajectory` must be of shape (times, n) with at least 2 of both; got "
            f"{jnp.shape(trajectory)}."
        )
    if jnp.shape(origin) != jnp.shape(trajectory)[1:]:
        raise ValueError(
            f"`origin` must be of shape {jnp.shape(trajectory)[1:]} as each point of the "
            f"trajectory; got {jnp.shape(origin)}."
        )
    away = jnp.asarray(trajectory) - origin
    directions = jnp.linalg.svd(away, full_matrices=False)[2][:2]
    coordinates = away @ directions.T
    sign = jnp.where(coordinates[-1] < 0, -1, 1).astype(away.dtype)
    captured = jnp.sum(coordinates**2) / jnp.sum(away**2)
    return Plane(directions * sign[:, None], coordinates * sign, captured)


def slice_1d(
    measure: Measure,
    origin: PyTree,
    direction: PyTree,
    distances: ArrayLike,
    *,
    batch_size: int = 1,
) -> PyTree:
    """Measure at origin + x direction for every x in `distances`, shape (points,).

    Args:
      measure: from parameters to a tree of arrays.
      origin: parameters.
      direction: a tree like them.
      distances: in units of the direction's length.
      batch_size: points that are evaluated side by side; more for accelerators.

    Returns:
      What `measure` returns, with a leading axis of points.

    Raises:
      ValueError: if a direction is unlike the origin, or `distances` are no list of finite numbers.

    Example:
      >>> import jax.numpy as jnp
      >>> slice_1d(lambda w: w @ w, jnp.zeros(2), jnp.ones(2), [0.0, 1.0, 2.0])
      Array([0., 2., 8.], dtype=float32)
    """
    return _evaluate(measure, origin, [direction], [_points("distances", distances)], batch_size)


def slice_2d(
    measure: Measure,
    origin: PyTree,
    directions: tuple[PyTree, PyTree],
    x: ArrayLike,
    y: ArrayLike,
    *,
    batch_size: int = 1,
) -> PyTree:
    """Measure at origin + x directions[0] + y directions[1] on the grid of all x and y.

    The other arguments are as for `slice_1d`.

    Returns:
      What `measure` returns, with leading axes (x, y).

    Raises:
      ValueError: as for `slice_1d`, and if there are not two directions.

    Example:
      >>> axes = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
      >>> print(slice_2d(lambda w: w @ w, jnp.zeros(2), axes, [0.0, 1.0], [0.0, 2.0, 3.0]))
      [[ 0.  4.  9.]
       [ 1.  5. 10.]]
    """
    if len(directions) != 2:
        raise ValueError(f"`directions` must be two trees; got {len(directions)}.")
    x, y = _points("x", x), _points("y", y)
    grid = [jnp.repeat(x, len(y)), jnp.tile(y, len(x))]
    values = _evaluate(measure, origin, list(directions), grid, batch_size)
    return jax.tree.map(lambda v: v.reshape(len(x), len(y), *v.shape[1:]), values)


def frame(
    coordinates: Float[AnyArray, "times 2"], points: int, *, margin: float = 0.25
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of a grid in a plane, around a trajectory's coordinates in it.

    `margin` is left on each side, in units of the trajectory's extent.

    Example:
      >>> x, y = frame(jnp.array([[0.0, 0.0], [4.0, 2.0]]), 4)
      >>> x.tolist(), y.tolist()
      ([-1.0, 1.0, 3.0, 5.0], [-0.5, 0.5, 1.5, 2.5])
    """
    along = np.asarray(coordinates)
    room = margin * np.maximum(np.ptp(along, axis=0), 1e-6)
    x, y = np.linspace(along.min(axis=0) - room, along.max(axis=0) + room, points).T
    return x, y


def path_and_lines(
    measure: Measure, trajectory: Float[AnyArray, "times n"], distances: ArrayLike
) -> tuple[PyTree, PyTree]:
    """Measure on a trajectory, and on the straight lines from its first to its middle to its last.

    Args:
      measure: from parameters to a tree of arrays.
      trajectory: weights, of an odd number of times.
      distances: places on the lines; -1 is the first of the weights, 0 the middle, 1 the last.

    Returns:
      What `measure` returns, with a leading axis of times, and with one of distances.

    Example:
      >>> trajectory = jnp.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
      >>> path, lines = path_and_lines(lambda w: w[0] + w[1], trajectory, [-0.5, 0.5])
      >>> path.tolist(), lines.tolist()
      ([0.0, 2.0, 2.0], [1.0, 2.0])
    """
    trajectory, distances = jnp.asarray(trajectory), jnp.asarray(distances)
    middle = trajectory[len(trajectory) // 2]
    before, after = (
        slice_1d(measure, middle, between(*ends), distances)
        for ends in ((trajectory[0], middle), (middle, trajectory[-1]))
    )

    def on_its_side(a: Array, b: Array) -> Array:
        return jnp.where(distances.reshape(-1, *[1] * (a.ndim - 1)) < 0, a, b)

    return jax.lax.map(measure, trajectory), jax.tree.map(on_its_side, before, after)


def stacked(measures: Sequence[Measure]) -> Measure:
    """Return a measure of what several return, stacked along a first axis.

    Example:
      >>> stacked([jnp.sum, jnp.max])(jnp.array([1.0, 2.0])).tolist()
      [3.0, 2.0]
    """

    def measure(params: PyTree) -> PyTree:
        return jax.tree.map(lambda *values: jnp.stack(values), *(one(params) for one in measures))

    return measure


def classification(
    apply: Callable[[PyTree, Array], Array], images: ArrayLike, labels: ArrayLike
) -> Measure:
    """Return a measure of "loss" (mean cross-entropy in nats) and "accuracy" of a classifier.

    Args:
      apply: from parameters and images to logits, (examples, classes).
      images: as the model takes them.
      labels: whole numbers, (examples,).

    Raises:
      ValueError: if there is not one label per image.

    Example:
      >>> measure = classification(lambda w, x: x @ w, jnp.eye(2), [0, 1])
      >>> values = measure(jnp.eye(2) * 10)
      >>> float(values["accuracy"]), float(values["loss"].round(4))
      (1.0, 0.0)
    """
    images, labels = jnp.asarray(images), jnp.asarray(labels)
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"`labels` must be one per image, shape {images.shape[:1]}; got {labels.shape}."
        )

    def measure(params: PyTree) -> dict[str, Array]:
        logits = apply(params, images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return {"loss": loss, "accuracy": jnp.mean(jnp.argmax(logits, axis=-1) == labels)}

    return measure


def _evaluate(
    measure: Measure,
    origin: PyTree,
    directions: list[PyTree],
    coordinates: list[Array],
    batch_size: int,
) -> PyTree:
    """Measure at every point; the coordinates have one entry per direction, each (points,)."""
    _checks.whole("batch_size", batch_size, 1)
    for direction in directions:
        _check_like("direction", direction, origin)

    def at(point: Array) -> PyTree:
        def moved(leaf: AnyArray, *along: AnyArray) -> Array:
            p = jnp.asarray(leaf)
            return p + sum(c.astype(p.dtype) * d for c, d in zip(point, along, strict=True))

        return measure(jax.tree.map(moved, origin, *directions))

    points = jnp.stack(coordinates, axis=1)
    return jax.lax.map(at, points, batch_size=batch_size if batch_size > 1 else None)


def _points(name: str, value: ArrayLike) -> Array:
    _checks.in_range(name, value, "finite", np.isfinite, "np.linspace(-1, 1, 41)")
    points = jnp.asarray(value, float)
    if points.ndim != 1 or points.size == 0:
        raise ValueError(
            f"`{name}` must be a list of at least one number; got shape {points.shape}. Pass "
            "np.linspace(-1, 1, 41)."
        )
    return points


def _check_like(name: str, tree: PyTree, origin: PyTree) -> None:
    shapes = jax.tree.map(jnp.shape, tree), jax.tree.map(jnp.shape, origin)
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`{name}` must be a tree like the weights it starts from, of shapes {shapes[1]}; got "
            f"{shapes[0]}."
        )
