"""Does the uncertainty reach every gain of a chain? Find out before training."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from neurogain.optim import _scope
from neurogain.optim._nodes import find_nodes
from neurogain.optim.modulate import ModulateByGainState


class GainReport(NamedTuple):
    """What one gain node of a chain received."""

    path: str  # in the optimizer state
    leaves: int  # leaves of the parameters that it modulates
    received: bool  # whether `uncertainty` arrived


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
    uncertainty: PyTree = 0.0,
    **extra_args: Any,
) -> list[GainReport]:
    """Trace one update of a chain and report, for every gain node, whether its drive arrives.

    It does not see what happens to the update behind the gain: a transformation that rescales it
    (optax.scale, weight decay, clipping) belongs inside the gain's inner optimizer or before it.
    Nothing is computed: gradients, state and drive are abstract. Nodes that would raise for want
    of a drive are reported instead.

    Args:
      tx: any chain of optimizers.
      params: its parameters, arrays or `jax.ShapeDtypeStruct`s.
      uncertainty: a drive of the structure that training will pass.
      **extra_args: other extra arguments that the chain needs.

    Returns:
      One report per `modulate_by_gain` node.

    Raises:
      ValueError: if the chain holds no gain node.
      TypeError: if a transformation takes no extra arguments (optax.lookahead).

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import modulate_by_gain
      >>> lost = optax.MultiSteps(modulate_by_gain(optax.sgd(0.1)), 2).gradient_transformation()
      >>> audit(optax.chain(lost), {"w": jnp.zeros(3)})
      [GainReport(path='[0].inner_opt_state', leaves=1, received=False)]
    """
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

    def run(params: PyTree, uncertainty: PyTree) -> PyTree:
        grads = jax.tree.map(jnp.zeros_like, params)
        state = watched(tx.init(params))
        return tx.update(grads, state, params, uncertainty=uncertainty, **extra_args)[0]

    jax.eval_shape(run, params, uncertainty)
    if not logs:
        raise ValueError("`tx` must hold a modulate_by_gain node; found none. Wrap its optimizer.")
    return [GainReport(path, log.leaves, log.received) for path, log in logs.items()]
