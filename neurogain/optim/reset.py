"""An optimizer that forgets its state at a switch of tasks: the control of knowing the boundary."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import PyTree

from neurogain import _checks
from neurogain.optim import _weights
from neurogain.optim._gains import refuse_lost
from neurogain.optim._nodes import check_state, own_state
from neurogain.optim.keywords import update_with
from neurogain.optim.modulate import check_inner


class ResetOnSwitchState(NamedTuple):
    """State of `reset_on_switch`."""

    inner_state: optax.OptState


def reset_on_switch(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Start the state of `inner` anew at each update that is called with `task_switch=True`.

    Args:
      inner: any optax optimizer; extra arguments reach it.

    Returns:
      A transformation that needs the keyword `task_switch`, a Python or traced bool.

    Raises:
      TypeError: if `inner` is no optimizer; if `update` is called without `task_switch`, at trace
        time, or with `gain` and without a gain in `inner`.
      ValueError: at `update` if the state is of another inner optimizer.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = reset_on_switch(optax.sgd(0.1, momentum=0.9))
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> for switch in (False, False, True):  # the third update has no momentum left
      ...     updates, state = tx.update(params, state, params, task_switch=switch)
      ...     print(updates["w"])
      [-0.1 -0.1]
      [-0.19 -0.19]
      [-0.1 -0.1]
    """
    check_inner(inner)
    inner = optax.with_extra_args_support(inner)

    def init_fn(params: PyTree) -> ResetOnSwitchState:
        params = _weights.arrays(params)
        # Some optimizers keep the parameters they get, and a donated buffer needs one owner.
        return ResetOnSwitchState(inner.init(_weights.copy_shared(params, params)))

    def update_fn(
        updates: PyTree,
        state: ResetOnSwitchState,
        params: PyTree | None = None,
        *,
        task_switch: ArrayLike | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ResetOnSwitchState]:
        check_state(state, ResetOnSwitchState, "reset_on_switch")
        if task_switch is None or params is None:
            raise TypeError(
                "`reset_on_switch` needs params and `task_switch`; write "
                "tx.update(grads, state, params, task_switch=first_update_of_a_task)."
            )
        if not _checks.is_bool(task_switch) or jnp.ndim(task_switch):
            raise TypeError(
                f"`task_switch` must be one bool, traced or not; got {task_switch!r:.200}. Write "
                "task_switch=i == 0."
            )

        refuse_lost("reset_on_switch", extra_args, state.inner_state)

        def fresh() -> optax.OptState:  # in the old state's structure, which audit marks
            structure = jax.tree.structure(state.inner_state)
            return jax.tree.unflatten(structure, jax.tree.leaves(inner.init(params)))

        with own_state(inner, state.inner_state, params, "reset_on_switch"):
            inner_state = jax.lax.cond(task_switch, fresh, lambda: state.inner_state)
            updates, inner_state = update_with(inner, updates, inner_state, params, extra_args)
        return updates, ResetOnSwitchState(inner_state)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
