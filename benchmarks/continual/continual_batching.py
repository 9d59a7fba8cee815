"""Time the continual trainer with its runs side by side, and one by one in a scan or in a loop.

Measured: the wall time of --runs seeds of NGM-SGD on three tasks of random images, joint training,
evaluated before each task and at its end; every mode once untimed (what that takes longer is the
compilation), then rounds in random order; medians. Peak memory is that of the process so far, with
the modes in the order given: on a GPU what JAX held there, else all that the process held.

Expected before measuring: the perceptron's matrices are small, so side by side wins on every
backend; the weights of convolutions that differ from run to run make them grouped convolutions,
which libraries do badly, so these go one by one; in a scan XLA's CPU backend leaves its fast
convolutions (https://github.com/jax-ml/jax/issues/12868), and a GPU does not mind. Found later: on
a CPU our ResNet multiplies patches instead (`models.by_patches`), and then all modes take about the
same time. A model with XLA's own convolutions is as expected, so the defaults stay.
"""

import dataclasses
import functools
import resource
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import numpy as np

from benchmarks.device import MIB, peak
from benchmarks.measure import compared, timed
from benchmarks.record import Record, table
from neurogain import results
from neurogain.continual import data, methods, models, streams
from neurogain.continual.protocol import Protocol
from neurogain.continual.training import Trainer
from neurogain.options import by_default

ABOUT = {
    "title": "Runs of the continual trainer side by side and one by one",
    "minutes": 6,
    "needs": "an idle machine; on a GPU --models resnet --bfloat16 --iterations 20",
}
TINY = {"models": ("digits",), "iterations": 2, "runs": 2, "rounds": 1}
TASKS = 3


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Time the continual trainer with its runs side by side, one by one, in a scan or a loop."""

    models: tuple[Literal["digits", "mnist", "resnet"], ...] = ("digits", "mnist", "resnet")
    """Perceptrons on 8 x 8 images at batch 64 and 28 x 28 at 128; a slim ResNet-18 on 32 x 32, at
    256, on a CPU at 64 with 100 test images a task in place of 500."""
    modes: tuple[Literal["loop", "scan", "batched"], ...] = ("loop", "scan", "batched")
    """Runs one by one in a loop or in a scan, or side by side."""
    runs: int = 4
    """Seeds."""
    iterations: int | None = by_default("50 of a perceptron, 2 of the ResNet")
    """Updates per task."""
    batch_size: int | None = by_default("the model's")
    """Images per update."""
    bfloat16: bool = False
    """Compute convolutions in bfloat16."""
    rounds: int = 3
    """Timed runs of each mode."""


def make_trainer(args: Arguments, model: str, mode: str, iterations: int) -> Trainer:
    """Return a trainer of NGM-SGD on random images."""
    on_cpu, convolutional = jax.default_backend() == "cpu", model == "resnet"
    large, tests = (64, 300) if on_cpu else (256, 1500)
    shapes = {"digits": (8, 1, 64), "mnist": (28, 1, 128), "resnet": (32, 3, large)}
    side, channels, batch = shapes[model]
    rng = np.random.default_rng(0)

    def draw(n: int) -> data.Examples:
        pixels = rng.integers(0, 256, (n, side, side, channels), dtype=np.uint8)
        return data.Examples(pixels, np.arange(n, dtype=np.int32) % (2 * TASKS))

    dataset = data.Dataset("random", 2 * TASKS, draw(6000), draw(tests if convolutional else 1500))
    dtype = "bfloat16" if args.bfloat16 else "float32"
    module = models.ResNet(2 * TASKS, dtype=dtype) if convolutional else models.MLP(2 * TASKS)
    return Trainer(
        module,
        streams.split(dataset, tasks=TASKS),
        Protocol(iterations, args.batch_size or batch, eval_every=iterations),
        methods.METHODS["ngm"],
        normalize=convolutional,
        batched=mode == "batched",
        scanned=mode == "scan",
    )


def measure(args: Arguments, model: str) -> dict[str, Any]:
    """Time all modes on one model."""
    iterations = args.iterations or (2 if model == "resnet" else 50)
    constants = [methods.METHODS["ngm"].constants] * args.runs

    def once(trainer: Trainer, _: int) -> tuple[float, float]:
        seconds, _ = timed(trainer.run, constants, range(args.runs))
        process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB
        return seconds, peak().get("device_peak_mib", process)

    runs = {
        mode: functools.partial(once, make_trainer(args, model, mode, iterations))
        for mode in args.modes
    }
    return {
        mode: {
            "updates_per_s": args.runs * TASKS * iterations / found.median,
            "seconds": found.walls,
            "compile_s": found.compile_s,
            "peak_mib_so_far": found.first,
        }
        for mode, found in compared(runs, args.rounds, show=True).items()
    }


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield updates per second in each mode."""
    each = (
        f"{model}: " + ", ".join(f"{x} {found['updates_per_s']:.3g}" for x, found in modes.items())
        for model, modes in content["results"].items()
    )
    head = f"Training updates a second over runs, {content['versions']['device']}"
    yield head, "; ".join(each)


COLUMNS = (
    ("model", "model", "<8"), ("runs go", "mode", "<10"), ("updates/s", "updates_per_s", "10.1f"),
    ("compile s", "compile_s", "11.1f"), ("peak MiB", "peak_mib_so_far", "10,.0f"),
)  # fmt: skip


def run(args: Arguments, record: Record) -> None:
    """Time all models; the result is named by the platform."""
    found = {model: measure(args, model) for model in args.models}
    rows = [
        one | {"model": model, "mode": mode}
        for model, modes in found.items()
        for mode, one in modes.items()
    ]
    device = jax.local_devices()[0]
    record.name += f"_{device.platform}"
    record.title += f": {device.device_kind}"
    record.table = table(COLUMNS, rows)
    record.data = {"arguments": results.plain(args), "results": found}
