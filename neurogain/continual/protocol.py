"""How a stream is trained and evaluated."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from neurogain import _checks

Regime = Literal["joint", "replay", "finetune"]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a stream is trained and evaluated; static.

    Evaluation takes most of the time, and the gap lies just behind a switch: `dense` and `sparse`
    evaluate the first updates of each task often and the others seldom.

    Example:
      >>> Protocol(iterations=100, eval_every=10, regime="replay", buffer_size=200).check()
      >>> Protocol(iterations=20, eval_every=1, dense=4, sparse=8).evaluated_at
      (0, 1, 2, 3, 4, 12, 20)
    """

    iterations: int = 200  # updates per task
    batch_size: int = 128
    eval_every: int = 1  # updates between evaluations
    regime: Regime = "joint"
    buffer_size: int = 500  # images of old tasks, for "replay"
    dense: int | None = None  # updates at the start of a task that `eval_every` is for; None: all
    sparse: int | None = None  # updates between evaluations behind these

    @property
    def stretches(self) -> tuple[range, ...]:
        """The updates, counted from 0, that begin a stretch up to an evaluation, by spacing."""
        if self.dense is None or self.sparse is None:
            return (range(0, self.iterations, self.eval_every),)
        dense = range(0, self.dense, self.eval_every)
        return dense, range(self.dense, self.iterations, self.sparse)

    @property
    def evaluated_at(self) -> tuple[int, ...]:
        """The number of updates of a task before each of its evaluations, ascending from 0."""
        return (0, *(start + s.step for s in self.stretches for start in s))

    def check(self) -> None:
        """Raise a ValueError that names the field, the rule, the value and a way out."""
        for name in ("iterations", "batch_size", "eval_every", "buffer_size"):
            _checks.whole(name, getattr(self, name), 1)
        self._check_schedule()
        if self.regime not in ("joint", "replay", "finetune"):
            raise ValueError(
                f'`regime` must be "joint" (all data so far), "replay" (a bounded buffer) or '
                f'"finetune" (the new task alone); got {self.regime!r}.'
            )

    def _check_schedule(self) -> None:
        """Raise a ValueError unless evaluations fall on the ends of what they divide."""
        if (self.dense is None) != (self.sparse is None):
            raise ValueError(
                f"`dense` and `sparse` must be given both or neither; got {self.dense!r} and "
                f"{self.sparse!r}. Pass for instance dense=50, sparse=10."
            )
        total, often = self.iterations, f"{self.iterations} iterations of a task"
        if self.dense is not None and self.sparse is not None:
            _checks.whole("dense", self.dense, 1)
            _checks.whole("sparse", self.sparse, 1)
            if self.dense >= total:
                raise ValueError(
                    f"`dense` must be below the {often}; got {self.dense}. Leave `dense` and "
                    "`sparse` out to evaluate all of them alike."
                )
            rest = total - self.dense
            if rest % self.sparse:
                raise ValueError(
                    f"`sparse` must divide the {rest} iterations of a task behind the first "
                    f"{self.dense}; got {self.sparse}. Pass sparse={rest} for their end alone."
                )
            total, often = self.dense, f"{self.dense} iterations of `dense`"
        if total % self.eval_every:
            raise ValueError(
                f"`eval_every` must divide the {often}; got {self.eval_every}. Pass eval_every=1 "
                "to miss no part of the gap."
            )

    def check_tasks(self, tasks: int) -> None:
        """Raise a ValueError where replay has no room for an image of every old task."""
        if self.regime == "replay" and self.buffer_size < tasks - 1:
            raise ValueError(
                f"`buffer_size` must hold at least one image of each of {tasks - 1} old tasks; "
                f"got {self.buffer_size}."
            )
        if self.regime == "replay" and self.batch_size < 2:
            raise ValueError(
                "`batch_size` must be at least 2 for replay, which takes half of it from the "
                f"buffer; got {self.batch_size}."
            )


def when_evaluated(schedule: Mapping[str, Any]) -> str:
    """Return in words when a task is evaluated.

    `schedule` has `eval_every` and, where there are any, `dense` and `sparse`, as results have.

    Example:
      >>> when_evaluated({"eval_every": 1, "dense": 50, "sparse": 10})
      'after every update of the first 50 of a task, then every 10 updates'
    """
    words = _every(schedule["eval_every"])
    if schedule.get("sparse") is None:
        return words
    return f"{words} of the first {schedule['dense']} of a task, then {_every(schedule['sparse'])}"


def _every(updates: int) -> str:
    return "after every update" if updates == 1 else f"every {updates} updates"
