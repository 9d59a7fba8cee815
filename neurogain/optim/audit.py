"""Does the uncertainty reach every gain of a chain, and does a gain matter? Ask beforehand."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.tree_util import keystr, tree_leaves_with_path
from jaxtyping import PyTree

from neurogain import _checks
from neurogain.optim import _drive, _scope, _weights
from neurogain.optim._nodes import find_nodes
from neurogain.optim.keywords import update_with
from neurogain.optim.modulate import ModulateByGainState, check_inner

RAISED = 1.4  # the factor by which a gain is raised to see its effect
MORE = 8  # updates behind the first that moves a leaf, until one that stands is frozen
MOST = 1000  # updates in which none moves, until all are frozen


class GainReport(NamedTuple):
    """What one gain node of a chain received, and what its gain does to the model's output.

    `effect` is None, and `frozen` empty, where `audit` was given no model.
    """

    path: str  # in the optimizer state
    leaves: int  # leaves of the parameters that it modulates
    received: bool  # whether `uncertainty` arrived
    effect: dict[str, float] | None = None  # by gain: see `audit`
    frozen: tuple[str, ...] = ()  # leaves that the gain moves though no gradients do


class _Log:
    """Collects what one node reports while it is traced."""

    def __init__(self) -> None:
        self.received, self.leaves = False, 0

    def __call__(self, received: bool, leaves: int) -> None:
        self.received, self.leaves = received, leaves


def audit(
    tx: optax.GradientTransformation | optax.MultiSteps,
    params: PyTree,
    *,
    apply: Callable[[PyTree, Any], PyTree] | None = None,
    batch: Any = None,
    uncertainty: PyTree = 0.0,
    **extra_args: Any,
) -> list[GainReport]:
    """Trace one update of a chain and report, for every gain node, whether its drive arrives.

    It does not see what happens to the update behind the gain: a transformation that rescales it
    (optax.scale, weight decay, clipping) belongs inside the gain's inner optimizer or before it.
    Nothing is computed: gradients, state and drive are abstract. Nodes that would raise for want
    of a drive are reported instead.

    With `apply` and `batch` it is computed what a gain does. `effect` says, for the gain of all
    leaves ("all") or of each leaf (by its path), how far the output y moves when that gain is 1.4
    times as high, |y' - y| / |y|. It is 0 up to rounding where normalisation behind the weights
    takes the gain away, and NaN where all weights of the gain are zero, as new biases are. `frozen`
    names the modulated leaves that no gradients move, as behind
    optax.masked(optax.set_to_zero(), ...): the gain rescales them all the same, so leave them out
    of its `mask`. Random gradients are tried, in 8 updates behind the first that moves any leaf,
    which a warm-up or an accumulation of gradients may hold, at most 1,000.

    Args:
      tx: any chain of optimizers.
      params: its parameters, arrays or `jax.ShapeDtypeStruct`s; arrays, with `apply`.
      apply: the model: from parameters and `batch` to its output, an array or a tree of them; a
        pure function. That of an nnx module is `lambda params, x: nnx.merge(graph, params, rest,
        copy=True)(x)`, since batch statistics would otherwise change in place.
      batch: what `apply` takes.
      uncertainty: a drive of the structure that training will pass.
      **extra_args: other extra arguments that the chain needs.

    Returns:
      One report per `modulate_by_gain` node.

    Raises:
      ValueError: if the chain holds no gain node, or `uncertainty` is negative or not finite; if
        the output is not finite, or 0 everywhere.
      TypeError: if `tx` is no optimizer, a transformation takes no extra arguments
        (optax.lookahead), `apply` comes with abstract parameters, can't be called or returns other
        than floating arrays, or `batch` comes without it.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import modulate_by_gain
      >>> lost = optax.MultiSteps(modulate_by_gain(optax.sgd(0.1)), 2).gradient_transformation()
      >>> audit(optax.chain(lost), {"w": jnp.zeros(3)})
      [GainReport(path='[0].inner_opt_state', leaves=1, received=False, effect=None, frozen=())]
      >>> params = {"hidden": jnp.eye(3), "output": jnp.ones((3, 2))}
      >>> def model(params, x):
      ...     h = x @ params["hidden"]
      ...     return h / jnp.linalg.norm(h) @ params["output"]
      >>> tx = modulate_by_gain(optax.sgd(0.1), per="leaf")
      >>> effect = audit(tx, params, apply=model, batch=jnp.arange(3.0))[0].effect
      >>> {name: round(change, 3) for name, change in effect.items()}
      {"['hidden']": 0.0, "['output']": 0.4}
    """
    check_inner(tx, "tx")
    _check_model(apply, batch)
    logs: dict[str, _Log] = {}

    def watched(state: optax.OptState) -> optax.OptState:
        nodes = iter(find_nodes(state, ModulateByGainState).items())

        def watch(node: PyTree) -> PyTree:
            if not isinstance(node, ModulateByGainState):
                return node
            path, _ = next(nodes)
            logs[path] = _Log()
            gain = _scope.Watched(node.gain, logs[path])
            return node._replace(gain=gain, inner_state=walk(node.inner_state))

        def walk(tree: PyTree) -> PyTree:
            return jax.tree.map(watch, tree, is_leaf=lambda x: isinstance(x, ModulateByGainState))

        return walk(state)

    def update(
        drive: PyTree, grads: PyTree, state: PyTree, params: PyTree
    ) -> tuple[PyTree, PyTree]:
        return update_with(tx, grads, state, params, {"uncertainty": drive, **extra_args})

    def run(params: PyTree, drive: PyTree) -> PyTree:
        grads = jax.tree.map(jnp.ones_like, params)
        return update(drive, grads, watched(tx.init(params)), params)

    _check_drive(uncertainty)
    jax.eval_shape(run, params, uncertainty)
    if not logs:
        raise ValueError("`tx` must hold a modulate_by_gain node; found none. Wrap its optimizer.")
    reports = [GainReport(path, log.leaves, log.received) for path, log in logs.items()]
    if apply is None:
        return reports
    if any(_weights.is_abstract(leaf) for leaf in jax.tree.leaves(params)):
        raise TypeError("`params` must be arrays, since `apply` was given; got ShapeDtypeStructs.")
    drive = jax.tree.map(lambda x: jnp.zeros(jnp.shape(x)), uncertainty)  # it may be abstract
    moves = _moves(functools.partial(update, drive), watched(tx.init(params)), params)
    nodes = find_nodes(tx.init(params), ModulateByGainState)
    return [
        report._replace(
            effect=_effects(nodes[report.path], params, apply, batch),
            frozen=_frozen(nodes[report.path], moves),
        )
        for report in reports
    ]


def _check_drive(uncertainty: PyTree) -> None:
    """Raise an error if a drive that is known is none."""
    for leaf in jax.tree.leaves(uncertainty):
        if not _weights.is_abstract(leaf):
            _drive.checked(leaf, np.float32)


def _check_model(apply: object, batch: object) -> None:
    """Raise a TypeError unless both or none are given, and the model can be called."""
    if (apply is None) != (batch is None):
        missing = "apply" if apply is None else "batch"
        raise TypeError(f"`apply` and `batch` belong together; got no `{missing}`. Pass both.")
    if apply is not None and not callable(apply):
        raise TypeError(
            f"`apply` must be a function of parameters and `batch`; got {apply!r:.200}."
        )


def _measured(output: PyTree) -> list[jax.Array]:
    """Return what has a size in an output: its floating arrays, in float32 at least."""
    leaves = [jnp.asarray(y) for y in jax.tree.leaves(output)]
    floating = [y for y in leaves if jnp.issubdtype(y.dtype, jnp.inexact)]
    return [y.astype(_weights.at_least_float32(y.dtype)) for y in floating]


def _check_output(output: PyTree) -> None:
    """Raise an error unless the output of a model is one whose change can be measured."""
    leaves = jax.tree.leaves(output)
    measured = _measured(output)
    if not measured:
        got = [f"{y.dtype}{list(y.shape)}" for y in leaves] or output
        raise TypeError(
            f"`apply` must return floating arrays, such as logits; got {got}. Leave out argmax and "
            "metrics."
        )
    size = optax.tree.norm(measured)
    if not (jnp.isfinite(size) and size > 0):
        raise ValueError(
            "the output of `apply` must be finite, and not 0 everywhere, since its change is "
            f"measured against it; got the norm {size}. Audit parameters after an update or two."
        )


def _random_like(rng: np.random.Generator, params: PyTree) -> PyTree:
    """Return gradients of no pattern, in the shapes and dtypes of the parameters."""
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)).astype(x.dtype), params)


def _moves(
    update: Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]], state: PyTree, params: PyTree
) -> PyTree:
    """Return which leaves updates for random gradients move, while their gain stays."""

    @jax.jit
    def step(grads: PyTree, state: PyTree, params: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        updates, state = update(grads, state, params)
        moves = jax.tree.map(lambda d: jnp.any(d != 0), updates)
        return optax.apply_updates(params, updates), state, moves

    params, rng = _weights.arrays(params), np.random.default_rng(0)
    moved = jax.tree.map(lambda x: False, params)
    done = since = 0
    while done < MOST and since < MORE and not all(jax.tree.leaves(moved)):
        params, state, moves = step(_random_like(rng, params), state, params)
        moved = jax.tree.map(lambda before, now: before or bool(now), moved, moves)
        done, since = done + 1, since + any(jax.tree.leaves(moved))
    return moved


def _modulated_paths(node: ModulateByGainState) -> list[str]:
    """Return the paths of the leaves that a node modulates."""
    leaves = tree_leaves_with_path(node.weights, is_leaf=_scope.is_mark)
    return [keystr(path) for path, kept in leaves if not isinstance(kept, _scope.MaskedNode)]


def _frozen(node: ModulateByGainState, moves: PyTree) -> tuple[str, ...]:
    """Return the modulated leaves that an update leaves where they are."""
    moved = {keystr(path): moved for path, moved in tree_leaves_with_path(moves)}
    return tuple(path for path in _modulated_paths(node) if not moved[path])


def _effects(
    node: ModulateByGainState, params: PyTree, apply: Callable[[PyTree, Any], PyTree], batch: Any
) -> dict[str, float]:
    """Return by gain how far the output moves when it is raised."""
    modulated = _modulated_paths(node)
    shared = jax.tree_util.all_leaves([node.gain])
    groups = {"all": set(modulated)} if shared else {path: {path} for path in modulated}
    model = jax.jit(apply)
    try:
        before = model(params, batch)
    except Exception as error:  # whatever a user's model raises
        changes = "trace" in type(error).__name__.lower()  # as batch statistics of nnx do
        way_out = "With an nnx module pass lambda params, x: nnx.merge(graph, params, rest, copy="
        raise _checks.kind_of(error)(
            "`apply` must be a pure function that takes parameters and `batch`; it raised "
            f"{_checks.said(error)}. " + (f"{way_out}True)(x)." if changes else "Call it alone.")
        ) from error
    _check_output(before)
    sizes = {keystr(path): bool(jnp.any(p != 0)) for path, p in tree_leaves_with_path(params)}

    def raised(group: set[str]) -> PyTree:
        return jax.tree_util.tree_map_with_path(
            lambda path, p: (RAISED * p).astype(p.dtype) if keystr(path) in group else p, params
        )

    def change(group: set[str]) -> float:
        if not any(sizes[path] for path in group):
            return float("nan")
        after = _measured(model(raised(group), batch))
        moved = optax.tree.norm(jax.tree.map(lambda a, b: a - b, after, _measured(before)))
        return float(moved / optax.tree.norm(_measured(before)))

    return {name: change(group) for name, group in groups.items()}
