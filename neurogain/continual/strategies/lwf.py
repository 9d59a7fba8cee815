"""LwF: the outputs for old classes are held by distillation, on the new task's examples."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PyTree

from neurogain import _checks, uncertainty
from neurogain.continual.baselines import _arrays, lwf_loss, mark_seen
from neurogain.continual.network import Variables
from neurogain.continual.strategy import Batch, Ended, Examples, Strategy


class LwFState(NamedTuple):
    """State of LwF."""

    old: Variables  # of the model at the end of the last task
    old_classes: Bool[Array, " classes"]  # seen by then
    seen: Bool[Array, " classes"]


def lwf(distillation: ArrayLike = 1.0, temperature: ArrayLike = 2.0) -> Strategy:
    """Return LwF: on new examples the model keeps its old outputs for the classes of old tasks.

        L = loss(new) + distillation mean lwf_loss(z, z_old)

    The old model is the one that acts at the end of a task, in evaluation: with an optimizer that
    averages, the average. In the first task there is none, and nothing is added. The paper first
    trains the new outputs alone; here all weights learn from the first update on.

    Args:
      distillation: weight, finite and >= 0; may be traced.
      temperature: of `baselines.lwf_loss`, positive and finite; may be traced.

    Raises:
      ValueError: if a known number is out of range.

    Example:
      >>> strategy = lwf(distillation=1.0, temperature=2.0)

    Source: Li & Hoiem 2016 (arXiv 1606.09282), whose weight and temperature are the defaults.
    """
    _arrays.check_weight("distillation", distillation)
    _checks.in_range(
        "temperature", temperature, "positive and finite", lambda x: (x > 0) & (x < np.inf), "2.0"
    )

    def init(learned: Variables, logits: Float[Array, " classes"]) -> LwFState:
        return LwFState(learned, *(jnp.zeros(len(logits), bool) for _ in range(2)))

    def loss(state: LwFState, params: PyTree, batch: Batch) -> Float[Array, ""]:
        del params
        new = batch.new
        total = batch.mean_loss(new.logits, new.labels, new.counted)
        held = lwf_loss(
            new.logits,
            batch.predict(*state.old, new.inputs),
            state.old_classes,
            temperature=temperature,
        )
        mean = uncertainty.batch_mean(held, where=new.counted)
        return total + (jnp.asarray(distillation, mean.dtype) * mean).astype(total.dtype)

    def add(state: LwFState, new: Examples, key: Array) -> LwFState:
        del key
        return state._replace(seen=mark_seen(state.seen, new.labels, where=new.counted))

    def at_task_end(state: LwFState, ended: Ended) -> LwFState:
        return LwFState(ended.acting, state.seen, state.seen)

    return Strategy(init=init, loss=loss, add=add, at_task_end=at_task_end)
