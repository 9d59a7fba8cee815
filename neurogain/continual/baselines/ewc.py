"""EWC: weights that mattered for old tasks are held where they were."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PyTree

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.continual.baselines import _arrays

_OUTPUTS = "apply(params, inputs)"


def fisher_diagonal(
    apply: Callable[[PyTree, Array], Array],
    params: PyTree,
    inputs: Float[AnyArray, "n ..."],
    *,
    labels: Int[AnyArray, " n"] | None = None,
    key: Array | None = None,
    at_once: int = 16,
) -> PyTree:
    """Return the diagonal of the Fisher information of a classifier, by its own examples.

        F_j = (1 / n) sum_i (d log p(y_i | x_i) / d theta_j)^2

    With `key` the y_i are drawn from the model's p(. | x_i): an unbiased estimate of the true
    Fisher information. With `labels` they are those of the data: the empirical Fisher, which
    differs where the model does not fit them. Gradients are those of single examples.

    Args:
      apply: from parameters and inputs, (batch, ...), to logits, (batch, classes). A layer with
        batch statistics must use stored ones, since each example is a batch of its own.
      params: theta, a tree of floating arrays.
      inputs: x, (n, ...).
      labels: y, (n,); this or `key`.
      key: example i draws from `jax.random.split(key, n)[i]`.
      at_once: number of examples whose gradients are held at one time.

    Returns:
      F, a tree like `params`, in float32 or wider; >= 0.

    Raises:
      TypeError: unless just one of `labels` and `key` is given, or if labels are no integers, or
        logits not floating.
      ValueError: if `inputs` are empty, labels are not (n,) or, if known, out of range, logits are
        not (batch, classes), or `at_once` is no whole number of at least 1.

    Example:
      >>> import jax.numpy as jnp
      >>> params, x = jnp.zeros((1, 2)), jnp.array([[2.0]])  # p = 0.5 of both classes
      >>> print(fisher_diagonal(lambda w, x: x @ w, params, x, labels=jnp.array([0])))
      [[1. 1.]]

    Source: Kirkpatrick et al. 2017 (arXiv 1612.00796); on the two kinds Kunstner, Balles & Hennig
      2019 (arXiv 1905.12558).
    """
    _checks.whole("at_once", at_once, 1)
    if (labels is None) == (key is None):
        raise TypeError(
            "just one of `labels` and `key` must be given; got "
            f"{'none' if labels is None else 'both'}. Pass labels for the empirical Fisher, a key "
            "for labels that the model draws."
        )
    inputs = jnp.asarray(inputs)
    if not inputs.ndim or not len(inputs):
        raise ValueError(
            f"`inputs` must be (n, ...), with one example or more; got shape {inputs.shape}. "
            "Pass x[None] for a single one."
        )
    n = len(inputs)
    example = jax.ShapeDtypeStruct((1, *inputs.shape[1:]), inputs.dtype)
    outputs = jax.eval_shape(apply, params, example)
    classes = _arrays.logits(_OUTPUTS, jnp.zeros(outputs.shape, outputs.dtype)).shape[1]
    if key is not None:
        given = jax.random.split(key, n)
    elif labels is not None:
        given = _arrays.labels("labels", labels, n, classes)

    def log_p(params: PyTree, x: Array, own: Array) -> Float[Array, ""]:
        logits = _arrays.logits(_OUTPUTS, apply(params, x[None]))[0]
        label = jax.random.categorical(own, logits) if labels is None else own
        return jax.nn.log_softmax(logits)[label]

    def add(total: PyTree, chunk: tuple[Array, Array, Array]) -> tuple[PyTree, None]:
        x, own, share = chunk
        grads = jax.vmap(jax.grad(log_p), (None, 0, 0))(params, x, own)
        return jax.tree.map(
            lambda t, g: t + jnp.tensordot(share.astype(t.dtype), g.astype(t.dtype) ** 2, 1),
            total,
            grads,
        ), None

    at_once = min(at_once, n)
    place = np.arange(-(-n // at_once) * at_once).reshape(
        -1, at_once
    )  # the last chunk is filled up
    chunks = inputs[place % n], given[place % n], jnp.asarray((place < n) / n)
    zeros = jax.tree.map(lambda x: jnp.zeros(jnp.shape(x), _wide(x)), params)
    return jax.lax.scan(add, zeros, chunks)[0]


def _wide(leaf: ArrayLike) -> np.dtype:
    """Return the dtype of a leaf, or float32 for a narrower one."""
    return _checks.widest(jnp.asarray(leaf).dtype, jnp.float32)


class EWCState(NamedTuple):
    """State of `ewc` and `online_ewc`: quadratic wells, one per task or a single one."""

    anchors: PyTree  # theta*, (wells, ...) for each leaf of the parameters
    fishers: PyTree  # F, (wells, ...), at least float32; zeros where a well is not yet used
    tasks: Int[Array, ""]  # learned so far


class EWC(NamedTuple):
    """A rule of what is remembered of each task, as pure functions."""

    init: Callable[[PyTree], EWCState]  # from the parameters
    add: Callable[[EWCState, PyTree, PyTree], EWCState]  # the parameters and F at a task's end
    tasks: int | None = None  # the most that it can hold; None: any number


def ewc(tasks: int) -> EWC:
    """Return EWC with one quadratic well for each of at most `tasks` learned tasks.

    `init(params)` has no well. `add(state, params, fisher)`, at the end of a task, keeps theta* =
    params and F = fisher. `ewc_penalty` is what the loss of later tasks adds.

    Args:
      tasks: number of wells; a further one would make the penalty NaN.

    Raises:
      ValueError: if `tasks` is no whole number of at least 1; in `add`, if trees differ in
        structure or shapes, or all wells are known to be used.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = ewc(tasks=2)
      >>> state = rule.add(rule.init(jnp.zeros(2)), jnp.zeros(2), jnp.array([1.0, 0.0]))
      >>> state = rule.add(state, jnp.ones(2), jnp.array([1.0, 3.0]))
      >>> print(ewc_penalty(jnp.array([1.0, 2.0]), state, strength=2.0))  # 1, and 3 of the second
      4.0

    Source: Kirkpatrick et al. 2017 (arXiv 1612.00796), eq. 3, with one term for each old task.
    """
    _checks.whole("tasks", tasks, 1)

    def add(state: EWCState, params: PyTree, fisher: PyTree) -> EWCState:
        _check(params, state, fisher)
        _checks.in_range(
            "state.tasks",
            state.tasks,
            f"below {tasks}, the number of wells",
            lambda x: x < tasks,
            f"Build ewc(tasks={tasks + 1}) or more.",
        )
        well = jnp.minimum(state.tasks, tasks - 1)

        def keep(old: Array, new: ArrayLike) -> Array:
            value = jnp.where(state.tasks < tasks, jnp.asarray(new, old.dtype), jnp.nan)
            return old.at[well].set(value)

        return EWCState(
            jax.tree.map(keep, state.anchors, params),
            jax.tree.map(keep, state.fishers, fisher),
            state.tasks + 1,
        )

    return EWC(lambda params: _init(params, tasks), add, tasks)


def online_ewc(decay: ArrayLike = 1.0) -> EWC:
    """Return EWC with a single well, which follows the latest parameters.

        F <- decay F + F_k,   theta* <- theta_k     at the end of task k

    Functions are those of `ewc`. The paper's penalty weighs F by the decay once more, which the
    strength of `ewc_penalty` can take over.

    Args:
      decay: gamma in [0, 1], per task; may be traced. 1: old tasks are never forgotten.

    Raises:
      ValueError: if `decay` is known and out of range; in `add`, if trees differ in structure or
        shapes.

    Example:
      >>> import jax.numpy as jnp
      >>> rule = online_ewc(decay=0.5)
      >>> state = rule.add(rule.init(jnp.zeros(2)), jnp.zeros(2), jnp.array([2.0, 0.0]))
      >>> state = rule.add(state, jnp.ones(2), jnp.array([1.0, 3.0]))
      >>> print(state.fishers, ewc_penalty(jnp.array([1.0, 2.0]), state, strength=2.0))
      [[2. 3.]] 3.0

    Source: Schwarz et al. 2018 (arXiv 1805.06370; online EWC).
    """
    _checks.no_schedule("decay", decay)
    _checks.single("decay", decay)
    _checks.in_range("decay", decay, "in [0, 1], per task", lambda x: (x >= 0) & (x <= 1), "0.9")

    def add(state: EWCState, params: PyTree, fisher: PyTree) -> EWCState:
        _check(params, state, fisher)
        anchors = jax.tree.map(lambda a, p: jnp.array(p, a.dtype)[None], state.anchors, params)
        fishers = jax.tree.map(
            lambda old, f: jnp.asarray(decay, old.dtype) * old + jnp.asarray(f, old.dtype)[None],
            state.fishers,
            fisher,
        )
        return EWCState(anchors, fishers, state.tasks + 1)

    return EWC(lambda params: _init(params, 1), add)


def ewc_penalty(params: PyTree, state: EWCState, strength: ArrayLike) -> Float[Array, ""]:
    """Return the penalty, lambda / 2 times the sum of F (theta - theta*)^2 over wells and entries.

    It is 0 before the first task has ended, and differentiable in `params`.

    Args:
      params: theta, a tree of floating arrays.
      state: that of `ewc` or `online_ewc`.
      strength: lambda, finite and >= 0; may be traced.

    Raises:
      ValueError: if `params` have another structure or other shapes than those of the state, or
        `strength` is known and out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> rule, old = online_ewc(), jnp.zeros(2)
      >>> state = rule.add(rule.init(old), old, jnp.array([1.0, 0.0]))
      >>> print(ewc_penalty(jnp.array([3.0, 3.0]), state, strength=2.0))
      9.0

    Source: Kirkpatrick et al. 2017 (arXiv 1612.00796), eq. 3.
    """
    _arrays.check_weight("strength", strength)
    _check(params, state)

    def one(fisher: Array, anchor: Array, param: ArrayLike) -> Float[Array, ""]:
        away = jnp.asarray(param, fisher.dtype)[None] - anchor.astype(fisher.dtype)
        return jnp.sum(fisher * away**2)

    terms = jax.tree.leaves(jax.tree.map(one, state.fishers, state.anchors, params))
    total = sum(terms, jnp.zeros([], _checks.widest(jnp.float32, *(x.dtype for x in terms))))
    return jnp.asarray(strength, total.dtype) / 2 * total


def _init(params: PyTree, wells: int) -> EWCState:
    def zeros(leaf: ArrayLike, dtype: np.dtype) -> Array:
        return jnp.zeros((wells, *jnp.shape(leaf)), dtype)

    return EWCState(
        jax.tree.map(lambda x: zeros(x, jnp.asarray(x).dtype), params),
        jax.tree.map(lambda x: zeros(x, _wide(x)), params),
        jnp.zeros([], jnp.int32),
    )


def _check(params: PyTree, state: EWCState, fisher: PyTree | None = None) -> None:
    """Raise a ValueError unless trees are like those of the state."""
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), state.anchors)
    _arrays.check_alike("params", params, "init(params)", like)
    if fisher is not None:
        _arrays.check_alike("fisher", fisher, "init(params)", like)
