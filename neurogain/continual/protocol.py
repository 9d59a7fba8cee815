"""How a stream is trained and evaluated."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from neurogain import _checks
from neurogain.continual.stream import Stream, check_stream

Regime = Literal["joint", "replay", "finetune"]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a stream is trained and evaluated; static.

    Tasks may have different numbers of updates; curves are then as long as the longest task's, and
    NaN behind the end of a shorter one. Evaluation takes most of the time, and the gap lies just
    behind a switch: `dense` and `sparse` evaluate the first updates of each task often and the
    others seldom.

    Example:
      >>> Protocol(iterations=100, eval_every=10, regime="replay", buffer_size=200).check()
      >>> Protocol(iterations=(100, 50)).updates(1)
      50
      >>> Protocol(iterations=20, eval_every=1, dense=4, sparse=8).evaluated_at
      (0, 1, 2, 3, 4, 12, 20)
    """

    iterations: int | Sequence[int] = 200  # updates per task; several numbers: of each task
    batch_size: int = 128
    eval_every: int = 1  # updates between evaluations
    regime: Regime = "joint"
    buffer_size: int = 500  # images of old tasks, for "replay"
    dense: int | None = None  # updates at the start of a task that `eval_every` is for; None: all
    sparse: int | None = None  # updates between evaluations behind these
    once: bool = False  # every example once a task; made by `one_pass`

    def __post_init__(self) -> None:
        """Turn numbers of NumPy into those of Python, so that equal protocols are equal."""
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))

    @classmethod
    def one_pass(cls, stream: Stream, *, regime: Regime, **others: Any) -> "Protocol":
        """Return the protocol in which a task shows every example once, in an order of the seed.

        These are the examples of the new task ("finetune", "replay"), or all so far ("joint"). The
        number of updates follows: ceil(n / fresh), with fresh = batch_size, or what replay leaves
        of it. The last batch of a task may be short of n. Repeats of its examples then fill it up,
        which neither the loss nor the uncertainty counts; batch statistics see them.

        Args:
          stream: that is trained on.
          regime: as in every protocol.
          others: the other fields, but `iterations` and `once`.

        Raises:
          TypeError, ValueError: as `check` and `check_stream`, or for `iterations` and `once`;
            `eval_every` must divide the number of updates of every task, as 1 does.

        Example:
          >>> from neurogain.continual import data, streams
          >>> stream = streams.split(data.load("digits"), tasks=3)
          >>> np.diff(stream.starts).tolist()
          [519, 393, 385]
          >>> Protocol.one_pass(stream, regime="finetune", batch_size=64).iterations
          (9, 7, 7)
        """
        for name in {"iterations", "once"} & {*others}:
            raise ValueError(
                f"`{name}` must be left out, since one pass over the stream gives it; got "
                f"{others[name]!r:.200}. Write Protocol(iterations=...) for so many updates."
            )
        blank = cls(regime=regime, once=True, **others)
        check_stream(stream)
        _checks.whole("batch_size", blank.batch_size, 1)
        blank._check_regime()
        protocol = dataclasses.replace(blank, iterations=blank.passes(stream))
        protocol.check()
        return protocol

    def passes(self, stream: Stream) -> tuple[int, ...]:
        """Return how many updates show every example of each task once."""
        pools = np.diff(stream.starts) if self.regime != "joint" else stream.starts[1:]
        fresh = [self.batch_size - self.replayed(task) for task in range(stream.tasks)]
        return tuple(-(-int(n) // size) for n, size in zip(pools, fresh, strict=True))

    def replayed(self, task: int) -> int:
        """Return how many examples of a batch come from the buffer."""
        return self.batch_size // 2 if self.regime == "replay" and task > 0 else 0

    def updates(self, task: int) -> int:
        """Return the number of updates of a task."""
        return self.iterations[task] if isinstance(self.iterations, Sequence) else self.iterations

    @property
    def longest(self) -> int:
        """The number of updates of the longest task, which is the length of all curves."""
        return max(self.iterations) if isinstance(self.iterations, Sequence) else self.iterations

    @property
    def uneven(self) -> bool:
        """Whether tasks have different numbers of updates."""
        return isinstance(self.iterations, Sequence) and len(set(self.iterations)) > 1

    @property
    def stretches(self) -> tuple[range, ...]:
        """The updates, counted from 0, that begin a stretch up to an evaluation, by spacing."""
        if self.dense is None or self.sparse is None:
            return (range(0, self.longest, self.eval_every),)
        dense = range(0, self.dense, self.eval_every)
        return dense, range(self.dense, self.longest, self.sparse)

    @property
    def evaluated_at(self) -> tuple[int, ...]:
        """The number of updates of the longest task before each evaluation, ascending from 0.

        Those of a shorter task are the first of them.
        """
        return (0, *(start + s.step for s in self.stretches for start in s))

    def check(self) -> None:
        """Raise a ValueError that names the field, the rule, the value and a way out."""
        for name in ("batch_size", "eval_every", "buffer_size"):
            _checks.whole(name, getattr(self, name), 1)
        _checks.flag("once", self.once)
        several = isinstance(self.iterations, tuple) and len(self.iterations) > 0
        each: Any = self.iterations if several else [self.iterations]
        for iterations in each:
            _checks.whole("iterations", iterations, 1)
            self._check_schedule(iterations)
        self._check_regime()

    def _check_regime(self) -> None:
        """Raise a ValueError for a regime that there is not."""
        if not isinstance(self.regime, str) or self.regime not in get_args(Regime):
            raise ValueError(
                f'`regime` must be "joint" (all data so far), "replay" (a bounded buffer) or '
                f'"finetune" (the new task alone); got {self.regime!r}.'
            )

    def _check_schedule(self, iterations: int) -> None:
        """Raise a ValueError unless evaluations fall on the ends of what they divide."""
        if (self.dense is None) != (self.sparse is None):
            raise ValueError(
                f"`dense` and `sparse` must be given both or neither; got {self.dense!r} and "
                f"{self.sparse!r}. Pass for instance dense=50, sparse=10."
            )
        total, often = iterations, f"{iterations} iterations of a task"
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
        """Raise a ValueError for iterations of other tasks, or a buffer too small for the old."""
        if isinstance(self.iterations, Sequence) and len(self.iterations) != tasks:
            raise ValueError(
                f"`iterations` must be one number, or one for each of the {tasks} tasks; got "
                f"{len(self.iterations)} of them."
            )
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

    def check_for(self, stream: Stream) -> None:
        """Raise a ValueError unless this is a protocol for the stream."""
        self.check_tasks(stream.tasks)
        if self.once and tuple(map(self.updates, range(stream.tasks))) != self.passes(stream):
            raise ValueError(
                f"`iterations` must be {self.passes(stream)} to show every example of "
                f"{stream.name} once; got {self.iterations}. Pass Protocol.one_pass(stream, ...)."
            )


def _plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python, and what holds several as a tuple."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | range) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return tuple(_plain(x) for x in value)
    return value


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
