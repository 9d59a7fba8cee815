"""Flax's TrainState with extra arguments; imported on its own, since optim needs no Flax."""

import functools
from collections.abc import Mapping
from typing import Any

import optax
from jaxtyping import PyTree

from neurogain._extras import extra

with extra("continual"):
    from flax.training import train_state


class TrainState(train_state.TrainState):
    """A `flax.training.train_state.TrainState` that forwards `uncertainty=` to the optimizer.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.optim import ngm_sgd
      >>> params = {"w": jnp.ones(2)}
      >>> state = TrainState.create(apply_fn=None, params=params, tx=ngm_sgd(0.1))
      >>> state = state.apply_gradients(grads=params, uncertainty=0.0)
      >>> state.params["w"]
      Array([0.9, 0.9], dtype=float32)
    """

    def apply_gradients(
        self, *, grads: PyTree, extra_args: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> "TrainState":
        """Step the parameters.

        Args:
          grads: gradients at `params`.
          extra_args: further keyword arguments for the optimizer's update, as a dict.
          **kwargs: `uncertainty` or `gain` for the optimizer; the rest replaces fields, as in Flax.
        """
        extra = dict(extra_args or {})
        extra |= {name: kwargs.pop(name) for name in ("uncertainty", "gain") if name in kwargs}
        update = optax.with_extra_args_support(self.tx).update
        bound = optax.GradientTransformation(self.tx.init, functools.partial(update, **extra))
        stepped = super(TrainState, self.replace(tx=bound)).apply_gradients(grads=grads, **kwargs)
        return stepped.replace(tx=self.tx)
