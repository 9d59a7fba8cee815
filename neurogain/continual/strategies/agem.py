"""A-GEM: no step goes uphill on the loss of earlier tasks' examples."""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float

from neurogain.continual.baselines import buffers, project_gradients
from neurogain.continual.baselines.buffers import BufferState, Slots
from neurogain.continual.network import Variables
from neurogain.continual.strategies.rehearsal import er
from neurogain.continual.strategy import Ended, Examples, Strategy


class AGEMState(NamedTuple):
    """State of A-GEM."""

    memory: BufferState  # of all examples so far
    earlier: BufferState  # the same at the end of the last task: those that references come from


def agem(memory: int = 500) -> Strategy:
    """Return A-GEM: a step that would increase the loss on earlier tasks is projected.

    The batch is as large as that of new examples, and drawn anew for every update. The paper's
    memory holds equally many of each task; this one is a reservoir of all examples of earlier
    tasks.
    `baselines.project_gradients` does the rest; the optimizer sees what it leaves. In the first
    task there is no reference, and nothing changes.

    Args:
      memory: number of examples kept.

    Raises:
      ValueError: if `memory` is no whole number of at least 1.

    Example:
      >>> strategy = agem(memory=200)

    Source: Chaudhry, Ranzato, Rohrbach & Elhoseiny 2019 (arXiv 1812.00420), algorithm 2.
    """
    plain = er(memory)

    def init(learned: Variables, logits: Float[Array, " classes"]) -> AGEMState:
        return AGEMState(plain.init(learned, logits), plain.init(learned, logits))

    def draw(state: AGEMState, size: int, key: Array) -> tuple[Slots, Bool[Array, " n"]]:
        return buffers.sample(state.earlier, size, key)

    def add(state: AGEMState, new: Examples, key: Array) -> AGEMState:
        assert plain.add is not None
        return state._replace(memory=plain.add(state.memory, new, key))

    def at_task_end(state: AGEMState, ended: Ended) -> AGEMState:
        del ended
        return state._replace(earlier=state.memory)

    return Strategy(
        init=init, draw=draw, project=project_gradients, add=add, at_task_end=at_task_end
    )
