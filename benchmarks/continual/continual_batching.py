"""Time the continual trainer with its runs side by side, and one by one in a scan or in a loop.

    python benchmarks/run.py run continual-batching                    (about 6 minutes on 2 cores)
    python benchmarks/run.py run continual-batching --models resnet --bfloat16 --iterations 20

Measured: the wall time of --runs seeds of NGM-SGD on three tasks of random images, joint training,
evaluated before each task and at its end; every mode once untimed (what that takes longer is the
compilation), then rounds in random order; medians. Peak memory is that of the process so far, with
the modes in the order given: on a GPU what JAX held there, else all that the process held.

Expected before measuring: the perceptron's matrices are small, so side by side wins on every
backend; the weights of convolutions that differ from run to run make them grouped convolutions,
which libraries do badly, so these go one by one; in a scan XLA's CPU backend leaves its fast
convolutions (https://github.com/jax-ml/jax/issues/12868), so that this is left out there, and a GPU
does not mind.
"""

import dataclasses
import json
import resource
import time
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.command import command
from neurogain import output
from neurogain.continual import data, methods, models, streams
from neurogain.continual.protocol import Protocol
from neurogain.continual.training import Trainer

TASKS = 3
MIB = 2**20


Mode = Literal["loop", "scan", "batched"]
MODES: dict[str, dict[str, Any]] = {
    "loop": {"batched": False, "scanned": False},
    "scan": {"batched": False, "scanned": True},
    "batched": {"batched": True},
}


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Time the continual trainer with its runs side by side, one by one, in a scan or a loop."""

    models: tuple[Literal["digits", "mnist", "resnet"], ...] = ("digits", "mnist", "resnet")
    """Perceptrons on 8 x 8 images at batch 64 and 28 x 28 at 128; a slim ResNet-18 on 32 x 32, at
    256, on a CPU at 64 with 100 test images a task in place of 500."""
    modes: tuple[Mode, ...] = ("loop", "scan", "batched")
    """Runs one by one in a loop or in a scan, or side by side."""
    runs: int = 4
    """Seeds."""
    iterations: int | None = None
    """Updates per task; 50 of a perceptron and 2 of the ResNet by default."""
    batch_size: int | None = None
    """Images per update; the model's by default."""
    bfloat16: bool = False
    """Compute convolutions in bfloat16."""
    rounds: int = 3
    """Timed runs of each mode."""
    name: str | None = None
    """Of the result file; continual_batching_cpu, _gpu, ... by default."""
    out: Path = Path("benchmarks/results")
    """Folder of the results."""


def updates(args: Arguments, model: str) -> int:
    """Return the updates per task."""
    return args.iterations or (2 if model == "resnet" else 50)


def make_trainer(args: Arguments, model: str, mode: str) -> Trainer:
    """Return a trainer of NGM-SGD on random images."""
    on_cpu = jax.default_backend() == "cpu"
    large = 64 if on_cpu else 256
    shapes = {"digits": (8, 1, 64), "mnist": (28, 1, 128), "resnet": (32, 3, large)}
    side, channels, batch = shapes[model]
    rng = np.random.default_rng(0)

    def draw(n: int) -> data.Examples:
        pixels = rng.integers(0, 256, (n, side, side, channels), dtype=np.uint8)
        return data.Examples(pixels, np.arange(n, dtype=np.int32) % (2 * TASKS))

    convolutional = model == "resnet"
    tests = 300 if convolutional and on_cpu else 1500
    dataset = data.Dataset("random", 2 * TASKS, draw(6000), draw(tests))
    dtype = "bfloat16" if args.bfloat16 else "float32"
    module = models.ResNet(2 * TASKS, dtype=dtype) if convolutional else models.MLP(2 * TASKS)
    return Trainer(
        module,
        streams.split(dataset, tasks=TASKS),
        Protocol(updates(args, model), args.batch_size or batch, eval_every=updates(args, model)),
        methods.METHODS["ngm"],
        normalize=convolutional,
        **MODES[mode],
    )


def peak_mib() -> float:
    """Return the most memory held so far, on the device where JAX counts it."""
    stats = jax.local_devices()[0].memory_stats() or {}
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return float(stats.get("peak_bytes_in_use", process)) / MIB


def measure(args: Arguments, model: str) -> dict[str, Any]:
    """Time all modes on one model."""
    slow = model == "resnet" and jax.default_backend() == "cpu"
    modes: list[str] = [mode for mode in args.modes if not (slow and mode == "scan")]
    trainers = {mode: make_trainer(args, model, mode) for mode in modes}
    constants = [methods.METHODS["ngm"].constants] * args.runs
    seconds: dict[str, list[float]] = {mode: [] for mode in modes}
    first: dict[str, float] = {}
    memory: dict[str, float] = {}

    def run(mode: str) -> float:
        start = time.perf_counter()
        trainers[mode].run(constants, range(args.runs))
        return time.perf_counter() - start

    with tqdm(total=len(modes) * (1 + args.rounds), desc=model, dynamic_ncols=True) as bar:
        for mode in modes:
            first[mode], memory[mode] = run(mode), peak_mib()
            bar.update()
        rng = np.random.default_rng(0)
        for _ in range(args.rounds):
            for mode in rng.permutation(modes):
                seconds[mode].append(run(mode))
                bar.update()
    done = args.runs * TASKS * updates(args, model)
    found: dict[str, Any] = {}
    for mode in modes:
        median = float(np.median(seconds[mode]))
        found[mode] = {
            "updates_per_s": done / median,
            "seconds": seconds[mode],
            "compile_s": first[mode] - median,
            "peak_mib_so_far": memory[mode],
        }
    return found


def main() -> None:
    """Measure, print a table, write JSON."""
    args = tyro.cli(Arguments)
    results = {model: measure(args, model) for model in args.models}
    lines = [f"{'model':<8}{'runs go':<10}{'updates/s':>10}{'compile s':>11}{'peak MiB':>10}"]
    for model, modes in results.items():
        for mode, found in modes.items():
            numbers = found["updates_per_s"], found["compile_s"], found["peak_mib_so_far"]
            lines.append(
                f"{model:<8}{mode:<10}{numbers[0]:>10.1f}{numbers[1]:>11.1f}{numbers[2]:>10,.0f}"
            )
    device = jax.local_devices()[0]
    content = {
        "schema_version": 1,
        "title": f"Runs of the continual trainer side by side and one by one: {device.device_kind}",
        "command": command(),
        "versions": output.versions(),
        "arguments": output.plain(args),
        "results": results,
        "table": "\n".join(lines),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{args.name or f'continual_batching_{device.platform}'}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
