"""How a stream is trained and evaluated."""

import dataclasses
from typing import Literal

Regime = Literal["joint", "replay", "finetune"]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a stream is trained and evaluated; static.

    Example:
      >>> Protocol(iterations=100, eval_every=10, regime="replay", buffer_size=200).check()
    """

    iterations: int = 200  # updates per task
    batch_size: int = 128
    eval_every: int = 1  # updates between evaluations
    regime: Regime = "joint"
    buffer_size: int = 500  # images of old tasks, for "replay"

    def check(self) -> None:
        """Raise a ValueError that names the field, the rule, the value and a way out."""
        for name in ("iterations", "batch_size", "eval_every", "buffer_size"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"`{name}` must be a whole number of at least 1; got {value!r}.")
        if self.iterations % self.eval_every:
            raise ValueError(
                f"`eval_every` must divide the {self.iterations} iterations of a task; got "
                f"{self.eval_every}. Pass eval_every=1 to miss no part of the gap."
            )
        if self.regime not in ("joint", "replay", "finetune"):
            raise ValueError(
                f'`regime` must be "joint" (all data so far), "replay" (a bounded buffer) or '
                f'"finetune" (the new task alone); got {self.regime!r}.'
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
