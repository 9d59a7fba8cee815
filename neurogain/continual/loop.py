"""A task as a loop around a compiled update, for one run or for all runs at once."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from neurogain import optim
from neurogain.continual.program import ACTING, HELD, Observe, Record
from neurogain.continual.protocol import Protocol
from neurogain.continual.runs import RunState, TaskCurves, curves_of_task, lengthened


def step_through(
    protocol: Protocol,
    updates: int,
    state: RunState,
    update: Callable[[RunState, Any], tuple[RunState, Record]],
    evaluate: Callable[[RunState, Any], Array],
    *,
    observe: Observe | None = None,
    keep: Sequence[int] = (),
    after: Callable[[int, RunState], None] = lambda done, state: None,
) -> tuple[RunState, TaskCurves, PyTree]:
    """Train on one task; the accuracies are those after updates, and none of slow weights.

    Args:
      protocol: says when to evaluate, and how long curves are.
      updates: number of updates of the task.
      state: before the task; it is donated.
      update: state, number i -> state, record.
      evaluate: state, kind of weights -> accuracies.
      observe: what is kept after the updates `keep`.
      keep: see there.
      after: called behind each update with the number of updates done.

    Returns:
      State, curves, what was kept; times are the first axis.
    """
    times, total = protocol.evaluated_at, protocol.longest
    records, accuracy, fast, kept = [], [], [], []
    for i in range(updates):
        state, record = update(state, np.int32(i))
        records.append(record)
        if observe is not None and i + 1 in keep:
            kept.append(jax.tree.map(jnp.copy, observe(state)))  # the state is donated
        if i + 1 in times:
            accuracy.append(evaluate(state, ACTING))
            if optim.has_acting(state.opt_state):
                fast.append(evaluate(state, HELD))
        after(i + 1, state)
    gain, drive, loss = (lengthened(x, total) for x in zip(*records, strict=True))
    acts, held = (lengthened(x, len(times) - 1) for x in (accuracy, fast or accuracy))
    curves = curves_of_task(acts, held, gain, drive, loss)
    return state, curves, jax.tree.map(lambda *x: jnp.stack(x), *kept) if kept else ()
