"""Find the gain, the underlying weights and those that act in any optimizer state.

The state may be nested however optax, Flax or the user nest it: every helper searches it, and takes
`flax.nnx` variables for their values (`params` is then nnx.state(model, nnx.Param)). All are pure
and run under jit.
"""

import functools
import operator

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree

from neurogain import gain as dynamics
from neurogain.optim import _scope, _weights
from neurogain.optim._gains import find
from neurogain.optim._nodes import find_nodes, pure
from neurogain.optim.consolidate import ConsolidateState
from neurogain.optim.modulate import ModulateByGainState

_AVERAGES = (ConsolidateState, optax.contrib.ScheduleFreeState)
_STATES = (  # of which an optimizer's state is made, for the most part
    ModulateByGainState, *_AVERAGES, optax.EmptyState, optax.ScaleByAdamState, optax.TraceState,
    optax.ScaleByScheduleState, optax.MaskedState, optax.MultiStepsState,
)  # fmt: skip


def find_gains(opt_state: optax.OptState) -> dict[str, PyTree]:
    """Return every gain in the state by the path of its node ("" for the state itself).

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import ngm_sgd
      >>> find_gains(optax.chain(optax.clip(1.0), ngm_sgd(0.1)).init({"w": jnp.ones(2)}))
      {'[1]': Array(1., dtype=float32)}
    """
    return {path: node.gain for path, node in find(pure(opt_state)).items()}


def get_gain(opt_state: optax.OptState) -> PyTree:
    """Return the only gain in the state: a scalar, or a tree of one gain per leaf or unit.

    Raises:
      ValueError: if there is none, or more than one.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.optim import ngm_sgd
      >>> get_gain(ngm_sgd(0.1, baseline=1.5).init({"w": jnp.ones(2)}))
      Array(1.5, dtype=float32)
    """
    gains = find_gains(opt_state)
    if len(gains) != 1:
        raise ValueError(
            f"`opt_state` must hold exactly one gain; found {len(gains)}: {sorted(gains)}. "
            "Use find_gains(opt_state), which returns all of them by path."
        )
    return next(iter(gains.values()))


def _plain(opt_state: optax.OptState, params: PyTree) -> tuple[optax.OptState, PyTree]:
    """Return state and parameters as trees of arrays; raise a TypeError if they are none."""
    opt_state, params = pure(opt_state), _weights.arrays(pure(params))
    state_leaves, leaves = jax.tree.leaves(opt_state), jax.tree.leaves(params)
    same = len(state_leaves) == len(leaves) and all(map(operator.is_, state_leaves, leaves))
    if leaves and same:
        raise TypeError(
            "`opt_state` must be the state of an optimizer; got the parameters. Pass (opt_state, "
            "params), in this order."
        )
    if find_nodes(params, _STATES):
        raise TypeError(
            "`params` must be parameters; got the state of an optimizer. Pass (opt_state, params), "
            "in this order."
        )
    return opt_state, params


def _leaves(prefix: PyTree, params: PyTree) -> list[PyTree]:
    """Return the node of `prefix` that stands for each leaf of the parameters."""
    is_leaf = _scope.is_mark
    try:
        return jax.tree.leaves(jax.tree.broadcast(prefix, params, is_leaf=is_leaf), is_leaf=is_leaf)
    except ValueError as error:
        raise ValueError(
            "`params` must be the tree that the optimizer was initialised with; it has the "
            f"structure {jax.tree.structure(params)}, the state knows {jax.tree.structure(prefix)}."
        ) from error


def _unfold(opt_state: optax.OptState, params: PyTree) -> tuple[list[Array], list[list[Array]]]:
    """Return for each leaf its underlying weights, and the gains on it, outer before inner."""
    weights = jax.tree.leaves(params)
    gains: list[list[Array]] = [[] for _ in weights]
    owner = [""] * len(weights)
    for path, node in find_nodes(opt_state, ModulateByGainState).items():
        parts = [_leaves(part, params) for part in (node.gain, node.weights)]
        for i, (gain, kept) in enumerate(zip(*parts, strict=True)):
            if isinstance(kept, _scope.MaskedNode):
                continue
            if gains[i] and not path.startswith(owner[i]):
                raise ValueError(
                    f"`opt_state` modulates leaf {i} of the parameters twice, at {owner[i]} and "
                    f"{path}: its weights are not defined. Nest the two, or mask one of them."
                )
            if jnp.ndim(gain) not in (0, jnp.ndim(weights[i])):
                raise ValueError(
                    f"`opt_state` must be of one run; got a gain of shape {gain.shape} for leaf {i}"
                    f" of the parameters, of shape {weights[i].shape}. Write "
                    "jax.vmap(get_weights)(opt_state, params) for states with an axis of runs."
                )
            owner[i] = path
            gains[i].append(gain)
            weights[i] = _weights.effective_to_underlying(weights[i], gain, kept)
    return weights, gains


def get_weights(opt_state: optax.OptState, params: PyTree) -> PyTree:
    """Return the underlying weights W = E / g, or those held in the state for low precision.

    Args:
      opt_state: state of the optimizer of `params`, however nested.
      params: the effective weights E, as the training loop holds them.

    Raises:
      TypeError: if `params` are the state of an optimizer or `opt_state` is none, as far as it is
        seen; if it was restored without its classes.
      ValueError: if `params` have another structure, or two nodes side by side modulate one leaf.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.optim import ngm_sgd
      >>> params = {"w": jnp.ones(2)}
      >>> get_weights(ngm_sgd(0.1, baseline=2.0).init(params), params)
      {'w': Array([0.5, 0.5], dtype=float32)}
    """
    opt_state, params = _plain(opt_state, params)
    return jax.tree.unflatten(jax.tree.structure(params), _unfold(opt_state, params)[0])


def get_fast_slow(
    opt_state: optax.OptState, params: PyTree, *, baseline: ArrayLike = 1.0
) -> dynamics.FastSlow:
    """Return slow = g0 W and fast = (g - g0) W, each a tree like the parameters; they sum to E.

    A leaf without a gain is all slow.

    Args:
      opt_state: state of the optimizer of `params`, however nested.
      params: the effective weights E.
      baseline: g0, as given to the optimizer.

    Raises:
      TypeError, ValueError: as for `get_weights`.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.optim import ngm_sgd
      >>> params = {"w": jnp.ones(2)}
      >>> parts = get_fast_slow(ngm_sgd(0.1, initial_gain=2.0).init(params), params)
      >>> parts.slow["w"], parts.fast["w"]
      (Array([0.5, 0.5], dtype=float32), Array([0.5, 0.5], dtype=float32))
    """
    opt_state, params = _plain(opt_state, params)
    structure = jax.tree.structure(params)
    slow, fast = [], []
    for leaf, gains in zip(jax.tree.leaves(params), _unfold(opt_state, params)[1], strict=True):
        part = dynamics.FastSlow(slow=leaf, fast=jnp.zeros_like(leaf))
        if gains:
            gain = functools.reduce(jnp.multiply, gains)
            part = _split(leaf.astype(_weights.working_dtype(leaf, gain)), gain, baseline)
        slow.append(part.slow.astype(leaf.dtype))
        fast.append(part.fast.astype(leaf.dtype))
    return dynamics.FastSlow(
        slow=jax.tree.unflatten(structure, slow), fast=jax.tree.unflatten(structure, fast)
    )


def _split(effective: Array, gain: Array, baseline: ArrayLike) -> dynamics.FastSlow:
    """Return the slow and the fast part of a leaf, which may be complex."""
    if not jnp.iscomplexobj(effective):
        return dynamics.fast_slow(effective, gain, baseline=baseline)
    parts = (_split(part, gain, baseline) for part in (effective.real, effective.imag))
    return jax.tree.map(jax.lax.complex, *parts)


def has_acting(opt_state: optax.OptState) -> bool:
    """Return whether the weights that act differ from the held ones: for a trainer, when tracing.

    The structure of the state alone decides, so it may hold tracers or shapes.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.optim import ngm_sgd, two_timescale
      >>> params = {"w": jnp.ones(2)}
      >>> has_acting(ngm_sgd(0.1).init(params)), has_acting(two_timescale().init(params))
      (False, True)
    """
    return bool(find_nodes(opt_state, _AVERAGES))


def get_acting(opt_state: optax.OptState, params: PyTree) -> PyTree:
    """Return the weights that act and are to be evaluated, in the dtypes of `params`.

    They are the slow weights S where the state holds a `ConsolidateState`, the point of evaluation
    where it holds an `optax.contrib.ScheduleFreeState`, and elsewhere the parameters themselves.

    Args:
      opt_state: state of the optimizer of `params`, however nested.
      params: the weights that the training loop holds.

    Raises:
      TypeError: if `params` are the state of an optimizer or `opt_state` is none, as far as it is
        seen; if it was restored without its classes.
      ValueError: if `params` have another structure, if two such nodes average one leaf, or if one
        is inside `modulate_by_gain`, where it averages the underlying weights W and not those that
        act.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import consolidate
      >>> tx = optax.chain(optax.clip(1.0), consolidate(optax.sgd(0.1)))
      >>> params = {"w": jnp.ones(2)}
      >>> get_acting(tx.init(params), params)["w"]
      Array([1., 1.], dtype=float32)
    """
    opt_state, params = _plain(opt_state, params)
    held, structure = jax.tree.flatten(params)
    acting, owner = list(held), [""] * len(held)
    gains = find_nodes(opt_state, ModulateByGainState)
    for path, node in find_nodes(opt_state, _AVERAGES).items():
        for gain in gains:
            if path.startswith(gain + ".inner_state"):
                raise ValueError(
                    f"`opt_state` averages weights at {path}, inside the gain at "
                    f"{gain or 'its root'}, and so not those that act. Write "
                    "consolidate(modulate_by_gain(inner))."
                )
        consolidated = isinstance(node, ConsolidateState)
        for i, kept in enumerate(_leaves(node.slow if consolidated else node.z, params)):
            if isinstance(kept, _scope.MaskedNode):
                continue
            if owner[i]:
                raise ValueError(
                    f"`opt_state` averages leaf {i} of the parameters twice, at {owner[i]} and at "
                    f"{path}: which weights act is not defined. Keep one, or mask one of them."
                )
            owner[i] = path or "its root"
            if not consolidated:
                node_of_leaf = node._replace(z=kept)
                kept = optax.contrib.schedule_free_eval_params(node_of_leaf, held[i])
            acting[i] = kept.astype(held[i].dtype)
    return jax.tree.unflatten(structure, acting)
