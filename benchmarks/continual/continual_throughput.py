"""Time the compiled continual trainer against a per-step JAX loop and a plain PyTorch loop.

Compared, on the default device of JAX and on the CPU with PyTorch, the same work by
- trainer: `neurogain.continual.training.Trainer`, all seeds side by side, a task one compiled scan;
- jax loop: Python loops over seeds, tasks and iterations around one jitted training step (donated
  state, data on the device) and one jitted evaluation of the test images of all tasks seen;
- pytorch: the same loops in eager PyTorch (`[benchmarks]` extra; left out if it isn't installed),
  with one thread per CPU, and with one thread, which is faster where the matrices are small.

All train the same MLP on five tasks of two classes, joint training; all record loss, entropy, gain,
and the accuracy on up to 500 images of each task seen before the first update of a task, after
every update, and of the slow weights at its end. The loops get every shortcut that keeps the work
the same: test images in float, all tasks seen in one forward pass, no waiting within a task.

Problems: `mnist`, 784-400-400-10 at batch 128 on synthetic images of MNIST's sizes (the real ones
with --data-dir), where matrix products dominate; `digits`, 64-400-400-10 at batch 64 on the
embedded digits, where the dispatch of small operations weighs. A second protocol evaluates only at
the end of a task: what it saves is the share of the evaluation.

Measured: the wall time of all seeds, each contender once untimed (the excess of that run is the
compilation), then rounds in random order; medians.

Expected before measuring: on a CPU both update and evaluation are matrix products that every
contender hands to a tuned library, so on `mnist` the three are close; the trainer starts no Python
between updates, so it is the faster one on `digits`. It is to be slower than neither.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.continual._contenders import CLASSES, RUNNERS, Work
from benchmarks.measure import compared, installed, timed
from benchmarks.record import Record, table
from neurogain.continual import data, methods, streams
from neurogain.continual.training import Protocol
from neurogain.options import by_default

ABOUT = {
    "title": "Speed of the continual trainer",
    "minutes": 20,
    "needs": "an idle machine; PyTorch as a peer, if installed",
}
TINY = {"problems": ("digits",), "iterations": 2, "rounds": 1, "seeds": 2}
Contender = Literal["trainer", "jax loop", "pytorch", "pytorch, 1 thread"]


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Time the compiled continual trainer against a per-step JAX loop and a plain PyTorch loop."""

    problems: tuple[Literal["mnist", "digits"], ...] = ("mnist", "digits")
    """784-400-400-10 at batch 128; 64-400-400-10 at batch 64."""
    methods: tuple[Literal["sgd", "ngm"], ...] = ("sgd", "ngm")
    """Optimizers, with their default constants."""
    contenders: tuple[Contender, ...] = tuple(RUNNERS)
    """Who runs; ratios are to the first."""
    data_dir: Path | None = by_default("none; images are synthetic")
    """Folder of sets prepared by TensorFlow Datasets, with mnist."""
    iterations: int = 50
    """Updates per task."""
    seeds: int = 5
    """Number of seeds."""
    rounds: int = 3
    """Timed runs of each contender, at least 1."""


def synthetic_mnist() -> data.Dataset:
    """Return noisy images of ten random patterns, in MNIST's numbers and sizes."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(0, 255, (CLASSES, 28, 28, 1)) * (rng.random((CLASSES, 28, 28, 1)) < 0.2)

    def draw(n: int) -> data.Examples:
        labels = np.arange(n, dtype=np.int32) % CLASSES
        noise = rng.normal(0, 60, (n, 28, 28, 1)).astype(np.float32)
        return data.Examples(np.clip(patterns[labels] + noise, 0, 255).astype(np.uint8), labels)

    return data.Dataset("synthetic-mnist", CLASSES, draw(60_000), draw(10_000))


def make_stream(args: Arguments, problem: str) -> streams.Stream:
    """Return five tasks of two classes, up to 500 evaluation images each."""
    if problem == "digits":
        return streams.split(data.load("digits"))
    has_data = args.data_dir is not None
    return streams.split(data.load("mnist", args.data_dir) if has_data else synthetic_mnist())


def run_problem(
    args: Arguments, problem: str, stream: streams.Stream, contenders: Sequence[str]
) -> dict[str, Any]:
    """Time all methods and contenders on one problem, under both protocols."""
    batch_size, everys = 128 if problem == "mnist" else 64, (1, args.iterations)
    runs = {}
    for method, every in itertools.product(args.methods, everys):
        protocol = Protocol(args.iterations, batch_size, eval_every=every)
        work = Work(stream, protocol, methods.parse(method), range(args.seeds))
        for contender in contenders:
            runner = RUNNERS[contender](work)
            runs[method, contender, every] = lambda _, runner=runner: timed(runner)
    found = compared(runs, args.rounds)

    def figures(method: str, contender: str) -> dict[str, Any]:
        whole, sparse = (found[method, contender, every] for every in everys)
        ratio, ratio_sparse = (
            float(np.median(np.divide(own.walls, found[method, contenders[0], every].walls)))
            for own, every in zip((whole, sparse), everys, strict=True)
        )
        return {
            "wall_s": whole.median,
            "wall_s_per_round": whole.walls,
            "wall_s_evaluation_at_end_of_task": sparse.median,
            "compile_s": None if contender.startswith("pytorch") else whole.compile_s,
            "updates_per_s": args.iterations * stream.tasks * args.seeds / whole.median,
            "ratio": ratio,
            "ratio_evaluation_at_end_of_task": ratio_sparse,
            "evaluation_share": 1 - sparse.median / whole.median,
            "final_accuracy": float(whole.first[:, -1, -1].mean()),
        }

    return {method: {name: figures(method, name) for name in contenders} for method in args.methods}


COLUMNS = (
    ("problem", "problem", "<22"), ("method", "method", "<8"),
    ("contender", "contender", "<19"), ("wall s", "wall_s", "8.2f"),
    ("compile s", "compile_s", "11.1f"), ("updates/s", "updates_per_s", "11.0f"),
    ("ratio", "ratio", "7.2f"), ("evaluation", "evaluation_share", "12.0%"),
    ("ratio without", "ratio_evaluation_at_end_of_task", "15.2f"),
    ("accuracy", "final_accuracy", "10.3f"),
)  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the trainer's speed, and how much longer the loops take."""
    for problem in content["problems"].values():
        found = problem["methods"].get("ngm", {})
        claim = f"Training updates a second, {problem['stream']}, NGM-SGD, {content['seeds']} runs"
        yield claim, ", ".join(f"{name} {r['updates_per_s']:,.0f}" for name, r in found.items())


def run(args: Arguments, record: Record) -> None:
    """Time all."""
    version = installed("torch")
    contenders = [c for c in args.contenders if version or not c.startswith("pytorch")]
    problems, rows = {}, []
    for name in args.problems:
        stream = make_stream(args, name)
        by_method = run_problem(args, name, stream, contenders)
        problems[name] = {"stream": stream.name, "methods": by_method}
        rows += [
            row | {"problem": stream.name, "method": method, "contender": contender}
            for method, by_contender in by_method.items()
            for contender, row in by_contender.items()
        ]
    record.table = table(COLUMNS, rows)
    record.notes.append(
        f"{args.seeds} seeds, 5 tasks of {args.iterations} updates; ratio: wall time over that "
        f"of the {contenders[0]}, above 1 is slower; evaluation: its share of the wall time; ratio "
        f"without: with evaluation only at the end of a task."
        + ("" if version else " PyTorch is not installed and was left out.")
    )
    record.data = {
        "seeds": args.seeds,
        "iterations_per_task": args.iterations,
        "rounds": args.rounds,
        "ratio_to": contenders[0],
        "pytorch": version or "not installed",
        "problems": problems,
    }
