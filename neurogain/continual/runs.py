"""What runs carry, record and share while a `Trainer` trains them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from neurogain import optim
from neurogain.continual.evaluation import EvaluationSets


class RunState(NamedTuple):
    """What a run carries from update to update."""

    params: PyTree  # effective weights E, which learn
    stats: PyTree  # their batch statistics, by collection (linen) or module (nnx); {} where the
    # model has none
    opt_state: optax.OptState
    acting_stats: PyTree  # those of the weights that act; {} where these are E
    strategy: PyTree = ()  # what the strategy carries, such as a memory; () without one


class TaskCurves(NamedTuple):
    """What runs record: T updates a task, one evaluation for each of `Protocol.evaluated_at`.

    T is that of the longest task; behind the last update of a shorter one all is NaN.
    The trainer's curves of one task are without the axis "task"; on the device they are arrays of
    one run, outside NumPy arrays of all runs.
    """

    accuracy: Float[np.ndarray, "seed task evaluation of_task"]  # at the weights that act; the
    # first before any update; NaN on tasks not seen
    slow_accuracy: Float[np.ndarray, "seed task of_task"]  # at g0 W, after the last update; NaN
    # where that isn't evaluated
    gain: Float[np.ndarray, "seed task update"]  # after it, mean over gain groups; 1: none
    uncertainty: Float[np.ndarray, "seed task update"]  # batch mean; entropy in nats, or one's own
    loss: Float[np.ndarray, "seed task update"]  # batch mean; cross-entropy in nats, or one's own;
    # with a strategy all that is minimized
    fast_accuracy: Float[np.ndarray, "seed task evaluation of_task"]  # as accuracy, at E; the same
    # where E acts
    evaluated_at: Int[np.ndarray, "seed task evaluation"]  # updates of the task before it, 0, ...


class Data(NamedTuple):
    """A stream on the device."""

    images: Array  # (n, ...)
    labels: Int[Array, " n"]
    sets: EvaluationSets


class Runs(NamedTuple):
    """Runs under way, R of them."""

    constants: dict[str, Float[Array, " R"]]  # of optimizer and strategy
    seeds: tuple[int, ...]
    keys: Key[Array, " R"]
    data: Data
    state: RunState  # leaves (R, ...)

    def saved(self) -> dict[str, np.ndarray]:
        """Return the state as arrays by name, for a checkpoint."""
        leaves = jax.tree.leaves(plain(self.state))
        return {f"state{i}": np.asarray(x) for i, x in enumerate(leaves)}

    def restored(self, saved: Mapping[str, np.ndarray]) -> "Runs":
        """Return the runs with the state that `saved` gave.

        Raises ValueError if it is of other runs.
        """
        leaves, form = jax.tree.flatten(plain(self.state))
        found = [saved.get(f"state{i}", np.zeros(0)) for i in range(len(leaves))]
        for i, (old, new) in enumerate(zip(found, leaves, strict=True)):
            if old.shape != new.shape or old.dtype != new.dtype:
                raise ValueError(
                    f"a checkpoint must be of the same runs; state{i} is {old.dtype} of shape "
                    f"{old.shape}, here {new.dtype} of shape {new.shape}. Delete it."
                )
        return self.at(jax.tree.unflatten(form, [jnp.asarray(x) for x in found]))

    def at(self, state: RunState) -> "Runs":
        """Return the runs at a state of plain arrays, as `plain` gives it."""
        return self._replace(state=jax.tree.map(_like, self.state, state))


def _is_key(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def plain(tree: PyTree) -> PyTree:
    """Return the tree with the numbers of its random keys, which can be saved, in their place."""
    return jax.tree.map(lambda x: jax.random.key_data(x) if _is_key(x) else x, tree)


def _like(old: Array, new: Array) -> Array:
    """Return plain numbers as what they stand for."""
    return jax.random.wrap_key_data(new, impl=jax.random.key_impl(old)) if _is_key(old) else new


class Trained(NamedTuple):
    """What training on all tasks gives."""

    curves: TaskCurves  # axes (R, K, ...)
    state: RunState  # after the last task, leaves (R, ...)


class Learned(NamedTuple):
    """What learning one task gives."""

    runs: Runs
    curves: TaskCurves  # without the accuracies before the first update and of slow weights
    observed: PyTree  # what the trainer observed after the updates kept, leaves (R, kept, ...)


def curves_of_task(
    accuracy: Array, fast: Array, gain: Array, drive: Array, loss: Array
) -> TaskCurves:
    """Return one run's curves of one task on the device, those that the device records."""
    parts: Any = (accuracy, None, gain, drive, loss, fast, None)
    return TaskCurves(*parts)


def until(updates: Array, stretch: Callable[..., Any]) -> Callable[..., Any]:
    """Return a body of a scan that changes nothing, and records NaN, from update `updates` on."""

    def body(carry: Any, start: Array) -> tuple[Any, Any]:
        records = jax.eval_shape(stretch, carry, start)[1]
        nothing = jax.tree.map(lambda x: jnp.full(x.shape, jnp.nan, x.dtype), records)
        return jax.lax.cond(start < updates, stretch, lambda same, _: (same, nothing), carry, start)

    return body


def lengthened(rows: Sequence[Array], length: int) -> Array:
    """Return rows as one array of a length, NaN where there are none."""
    found = jnp.stack(rows)
    missing = [(0, length - len(rows)), *[(0, 0)] * (found.ndim - 1)]
    return jnp.pad(found, missing, constant_values=jnp.nan)


def acting(state: RunState) -> tuple[PyTree, PyTree]:
    """Return the weights that act, and their batch statistics."""
    params = optim.get_acting(state.opt_state, state.params)
    return params, state.acting_stats or state.stats


def mean_gain(opt_state: optax.OptState) -> Float[Array, ""]:
    """Return the mean over all gain groups, 1 where the optimizer has no gain."""
    gains = [g.ravel() for g in jax.tree.leaves(optim.find_gains(opt_state))]
    return jnp.mean(jnp.concatenate(gains)) if gains else jnp.ones(())


def one_by_one(function: Callable[..., Any], in_axes: Sequence[int | None]) -> Callable[..., Any]:
    """Return the function over the first axis of some arguments, called for one at a time."""

    def every(*arguments: Any) -> Any:
        mapped = [x for x, axis in zip(arguments, in_axes, strict=True) if axis == 0]
        runs = len(jax.tree.leaves(mapped)[0])  # the first may be empty: constants without names
        results = []
        for r in range(runs):
            own = [
                jax.tree.map(lambda x, r=r: x[r], argument) if axis == 0 else argument
                for argument, axis in zip(arguments, in_axes, strict=True)
            ]
            results.append(jax.block_until_ready(function(*own)))
        return jax.tree.map(lambda *parts: jnp.stack(parts), *results)

    return every


def over_runs(
    function: Callable[..., Any], in_axes: Sequence[int | None], one_each: bool, **options: Any
) -> Callable[..., Any]:
    """Return the function over runs, compiled once; `options` are those of jax.jit.

    The runs go side by side, or one by one (`one_each`).
    """
    if one_each:
        return one_by_one(jax.jit(function, **options), in_axes)
    return jax.jit(jax.vmap(function, in_axes), **options)
