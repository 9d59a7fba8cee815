"""The functions of a run over all runs, compiled: side by side, one by one, or update by update."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from neurogain.continual.batches import Source
from neurogain.continual.loop import step_through
from neurogain.continual.program import Observe, RunProgram
from neurogain.continual.runs import (
    Data,
    Learned,
    Runs,
    RunState,
    TaskCurves,
    acting,
    one_by_one,
    over_runs,
)
from neurogain.continual.strategy import made


@dataclasses.dataclass(frozen=True)
class CompiledRuns:
    """The functions of `RunProgram` over R runs, each compiled when it is first called."""

    program: RunProgram
    observe: Observe | None  # what `learn` and `loop` keep
    one_each: bool  # runs go one by one
    step_by_step: bool  # so do the updates of a task

    @functools.cached_property
    def init(self) -> Callable[..., RunState]:
        """`RunProgram.init` over runs."""
        return over_runs(self.program.init, (0, 0), self.one_each)

    @functools.cached_property
    def evaluate(self) -> Callable[..., Array]:
        """`RunProgram.evaluate` over runs."""
        return over_runs(self.program.evaluate, (0, 0, None, None, None), self.one_each)

    @functools.cached_property
    def predict(self) -> Callable[..., Array]:
        """From states and examples to logits in evaluation, at the weights that act."""

        def predict(state: RunState, examples: Array) -> Array:
            return self.program.predict(*acting(state), examples)

        return over_runs(predict, (0, None), self.one_each)

    def learn(
        self, runs: Runs, source: Source, stored: np.ndarray, keep: Sequence[int], *, own: bool
    ) -> Learned:
        """Train on one task, or on a task of each run's own, whose sources are (R,)."""
        state, curves, observed = self._learn[own](
            runs.constants, runs.state, runs.data, source, stored, runs.keys,
            np.asarray(keep, np.int32),
        )  # fmt: skip
        return Learned(self._after_task(runs, state, source, own=own), curves, observed)

    @functools.cached_property
    def _learn(self) -> dict[bool, Callable[..., Any]]:
        """By whether each run has a task of its own; one task's evaluation skips what is unseen."""
        return {own: self._learning(0 if own else None) for own in (False, True)}

    def _learning(self, source: int | None) -> Callable[..., Any]:
        """Return the training on a task over runs, with the axis of their sources."""
        axes = (0, 0, None, source, 0, 0, None)
        if not self.step_by_step:
            task = functools.partial(self.program.run_task, self.observe)
            return over_runs(task, axes, self.one_each, donate_argnums=1)
        update = jax.jit(self.program.update, donate_argnums=1)
        evaluate = jax.jit(self.program.evaluate)

        def step(
            constants: PyTree, state: RunState, data: Data, source: Source, stored: Any,
            key: Array, keep: np.ndarray,
        ) -> tuple[RunState, TaskCurves, PyTree]:  # fmt: skip
            return step_through(
                self.program.protocol,
                int(source.updates),
                state,
                lambda state, i: update(constants, state, data, source, stored, key, i),
                lambda state, which: evaluate(constants, state, data, source.task + 1, which),
                observe=self.observe,
                keep=keep.tolist(),
            )

        return one_by_one(step, axes)

    def loop(
        self,
        runs: Runs,
        source: Source,
        stored: np.ndarray,
        keep: Sequence[int],
        after: Callable[[int, RunState], None],
    ) -> Learned:
        """Train all runs on one task, update by update; call `after` behind each of them."""
        constants, _, keys, data, _ = runs
        state, *found = step_through(
            self.program.protocol,
            int(source.updates),
            runs.state,
            lambda state, i: self._update(constants, state, data, source, stored, keys, i),
            lambda state, which: self.evaluate(constants, state, data, source.task + 1, which),
            observe=None if self.observe is None else jax.vmap(self.observe),
            keep=keep,
            after=after,
        )
        curves, observed = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), found)
        return Learned(self._after_task(runs, state, source, own=False), curves, observed)

    @functools.cached_property
    def _update(self) -> Callable[..., Any]:
        axes = (0, 0, None, None, 0, 0, None)
        return over_runs(self.program.update, axes, self.one_each, donate_argnums=1)

    def _after_task(self, runs: Runs, state: RunState, source: Source, *, own: bool) -> Runs:
        """Return the runs behind a task, once their strategy has taken it in."""
        of_first = {name: x[0] for name, x in runs.constants.items()}
        if made(self.program.strategy, of_first).at_task_end is not None:
            carried = self._end_task[own](runs.constants, state, runs.data, source, runs.keys)
            state = state._replace(strategy=carried)
        return runs._replace(state=state)

    @functools.cached_property
    def _end_task(self) -> dict[bool, Callable[..., PyTree]]:
        """By whether each run has a task of its own."""
        axes = {own: (0, 0, None, 0 if own else None, 0) for own in (False, True)}
        return {own: over_runs(self.program.end_task, axes[own], self.one_each) for own in axes}
