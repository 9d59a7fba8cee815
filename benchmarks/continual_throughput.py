"""Time the compiled continual trainer against a per-step JAX loop and a plain PyTorch loop.

    python benchmarks/continual_throughput.py [--data-dir DIR]    (about 20 minutes on 2 cores)

Compared, on the default device of JAX and on the CPU with PyTorch, the same work by
- trainer: `neurogain.continual.training.Trainer`, all seeds side by side, a task one compiled scan;
- jax loop: Python loops over seeds, tasks and iterations around one jitted training step (donated
  state, data on the device) and one jitted evaluation of the test images of all tasks seen;
- pytorch: the same loops in eager PyTorch (`[benchmarks]` extra; left out if it isn't installed),
  with one thread per CPU, and with one thread, which is faster where the matrices are small.
All train the same MLP without biases on five tasks of two classes, joint training, the method's
published constants; all record loss, entropy of the logits, gain, and the accuracy on up to 500
images of each task seen, before the first update of a task, after every update, and of the slow
weights at its end. The loops get every shortcut that keeps the work the same: test images converted
to float once, all tasks seen evaluated in one forward pass, no waiting for results before the end
of a task.

Problems: `mnist`, 784-400-400-10 at batch 128 on synthetic images of MNIST's sizes (the real ones
with --data-dir), where matrix products dominate; `digits`, 64-400-400-10 at batch 64 on the
embedded digits, where the dispatch of small operations weighs. A second protocol evaluates only at
the end of a task: what it saves is the share of the evaluation.

Measured: the wall time of all seeds, each contender once untimed (the excess of that run is the
compilation), then rounds in random order; medians.

Expected before measuring: on a CPU the evaluation of 500 to 2,500 images costs more than the update
on 128, and both are matrix products that every contender hands to a tuned library, so on `mnist`
the three are close; the trainer shares every test image between its seeds, and starts no Python
between updates, so it is the faster one on `digits`. It is to be slower than neither.
"""

import dataclasses
import functools
import importlib.util
import itertools
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from _command import command
from jaxtyping import Array, PyTree

from neurogain import optim, output, uncertainty
from neurogain.continual import data, methods, streams
from neurogain.continual.models import MLP
from neurogain.continual.training import Protocol, Trainer

HIDDEN = (400, 400)
CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Time the compiled continual trainer against a per-step JAX loop and a plain PyTorch loop."""

    problems: tuple[Literal["mnist", "digits"], ...] = ("mnist", "digits")
    """784-400-400-10 at batch 128; 64-400-400-10 at batch 64."""
    methods: tuple[Literal["sgd", "ngm"], ...] = ("sgd", "ngm")
    """Optimizers, with their default constants."""
    contenders: tuple[Literal["trainer", "jax loop", "pytorch", "pytorch, 1 thread"], ...] = (
        "trainer",
        "jax loop",
        "pytorch",
        "pytorch, 1 thread",
    )
    """Who runs; ratios are to the first."""
    data_dir: Path | None = None
    """Folder of sets prepared by TensorFlow Datasets, with mnist; synthetic images without it."""
    iterations: int = 50
    """Updates per task."""
    seeds: int = 5
    """Number of seeds."""
    rounds: int = 3
    """Timed runs of each contender, at least 1."""
    out: Path = Path("benchmarks/results")
    """Folder of the results."""


class Work(NamedTuple):
    """What every contender has to do."""

    stream: streams.Stream
    protocol: Protocol
    method: methods.Method
    seeds: Sequence[int]

    @property
    def evaluated(self) -> list[int]:
        """After which iterations of a task the accuracies are taken; 0: before the first."""
        every = self.protocol.eval_every
        return list(range(0, self.protocol.iterations + 1, every))


Runner = Callable[[], np.ndarray]  # -> accuracy, (seeds, tasks, evaluations, tasks), NaN: not seen


def synthetic_mnist() -> data.Dataset:
    """Return noisy images of ten random patterns, in MNIST's numbers and sizes."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(0, 255, (CLASSES, 28, 28, 1)) * (rng.random((CLASSES, 28, 28, 1)) < 0.2)

    def draw(n: int) -> data.Examples:
        labels = np.arange(n, dtype=np.int32) % CLASSES
        noise = rng.normal(0, 60, (n, 28, 28, 1)).astype(np.float32)
        return data.Examples(np.clip(patterns[labels] + noise, 0, 255).astype(np.uint8), labels)

    return data.Dataset("synthetic-mnist", CLASSES, draw(60_000), draw(10_000))


def trainer_runner(work: Work) -> Runner:
    """Return the compiled trainer."""
    baseline = "baseline" if "baseline" in work.method.constants else None
    model = MLP(CLASSES, HIDDEN)
    trainer = Trainer(model, work.stream, work.protocol, work.method, baseline)
    constants = [work.method.constants] * len(work.seeds)
    return lambda: trainer.run(constants, work.seeds).accuracy


def jax_loop_runner(work: Work) -> Runner:
    """Return Python loops around a jitted step and a jitted evaluation."""
    stream, batch_size = work.stream, work.protocol.batch_size
    model = MLP(CLASSES, HIDDEN)
    tx = optax.with_extra_args_support(work.method(work.method.constants))

    def loss_fn(params: PyTree, images: Array, labels: Array) -> tuple[Array, Array]:
        logits: Any = model.apply(params, images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, uncertainty.batch_mean(uncertainty.entropy(logits))

    def train_step(
        state: tuple[PyTree, Any], images: Array, labels: Array, index: Array
    ) -> tuple[tuple[PyTree, Any], tuple[Array, ...]]:
        params, opt_state = state
        batch = images[index].astype(jnp.float32) / 255
        (loss, drive), grads = jax.value_and_grad(loss_fn, has_aux=True)(
            params, batch, labels[index]
        )
        updates, opt_state = tx.update(grads, opt_state, params, uncertainty=drive)
        gains = jax.tree.leaves(optim.find_gains(opt_state))
        gain = gains[0] + 0 if gains else jnp.ones(())  # a copy: the state is donated
        return (optax.apply_updates(params, updates), opt_state), (loss, drive, gain)

    def accuracies(params: PyTree, images: Array, labels: Array) -> Array:
        logits: Any = model.apply(params, images.reshape(-1, *images.shape[2:]))
        right = jnp.argmax(logits, axis=-1).reshape(labels.shape) == labels
        return jnp.sum(right, axis=1) / jnp.sum(labels >= 0, axis=1)

    def slow_accuracies(state: tuple[PyTree, Any], images: Array, labels: Array) -> Array:
        baseline = work.method.constants.get("baseline", 1.0)
        slow = optim.get_fast_slow(state[1], state[0], baseline=baseline).slow
        return accuracies(slow, images, labels)

    start = jax.jit(lambda key, image: (p := model.init(key, image), tx.init(p)))
    train, evaluate = jax.jit(train_step, donate_argnums=0), jax.jit(accuracies)
    evaluate_slow = jax.jit(slow_accuracies)

    def run() -> np.ndarray:
        images, labels = jnp.asarray(stream.images), jnp.asarray(stream.labels)
        test_images = jnp.asarray(stream.test_images).astype(jnp.float32) / 255
        test_labels = jnp.asarray(stream.test_labels)
        result = not_seen(work)
        for run, seed in enumerate(work.seeds):
            rng = np.random.default_rng(seed)
            state = start(jax.random.key(seed), test_images[0, :1])
            for task in range(stream.tasks):
                seen = test_images[: task + 1], test_labels[: task + 1]
                high = int(stream.starts[task + 1])
                records, taken = [], [evaluate(state[0], *seen)]
                for i in range(1, work.protocol.iterations + 1):
                    index = rng.integers(0, high, batch_size, np.int32)
                    state, record = train(state, images, labels, index)
                    records.append(record)
                    if i % work.protocol.eval_every == 0:
                        taken.append(evaluate(state[0], *seen))
                records.append(evaluate_slow(state, *seen))
                result[run, task, :, : task + 1] = np.stack(jax.device_get(taken))
                jax.device_get(records)
        return result

    return run


def pytorch_runner(work: Work, threads: int) -> Runner:
    """Return the same loops in PyTorch, with the update of `modulate_by_gain` by hand."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, log_softmax

    stream, constants = work.stream, work.method.constants
    rate = constants["learning_rate"]
    pixels = int(np.prod(stream.images.shape[1:]))
    widths = (pixels, *HIDDEN, CLASSES)

    def make_model() -> nn.Module:
        layers: list[nn.Module] = []  # nn.Linear also starts uniform in ±1/sqrt(fan_in)
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Linear(inputs, outputs, bias=False), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def next_gain(gain: float, drive: float) -> float:
        baseline = constants["baseline"]
        relaxed = baseline + constants["decay"] * (gain - baseline)
        return relaxed + constants["sensitivity"] * drive

    @torch.no_grad()
    def modulated_sgd(params: list[Any], gain: float, drive: float) -> float:
        new = next_gain(gain, drive)
        torch._foreach_mul_(params, new / gain)
        torch._foreach_add_(params, [p.grad for p in params], alpha=-rate * gain * new)
        return new

    @torch.inference_mode()
    def evaluate(model: nn.Module, images: Any, labels: Any, scale: float | None = None) -> Any:
        flat = images.flatten(0, 1)
        if scale is None:
            logits = model(flat)
        else:
            scaled = {name: scale * weight for name, weight in model.named_parameters()}
            logits = torch.func.functional_call(model, scaled, (flat,))
        right = logits.argmax(-1).view(labels.shape) == labels
        return right.sum(1) / (labels >= 0).sum(1)

    def run() -> np.ndarray:
        torch.set_num_threads(threads)
        images = torch.from_numpy(stream.images).flatten(1)
        labels = torch.from_numpy(stream.labels).long()
        test_images = torch.from_numpy(stream.test_images).flatten(2).float() / 255
        test_labels = torch.from_numpy(stream.test_labels).long()
        result = not_seen(work)
        for run, seed in enumerate(work.seeds):
            torch.manual_seed(seed)
            model, gain = make_model(), 1.0
            params = list(model.parameters())
            sgd = torch.optim.SGD(params, rate)
            for task in range(stream.tasks):
                seen = test_images[: task + 1], test_labels[: task + 1]
                high = int(stream.starts[task + 1])
                records, taken = [], [evaluate(model, *seen)]
                for i in range(1, work.protocol.iterations + 1):
                    index = torch.randint(high, (work.protocol.batch_size,))
                    logits = model(images[index].float() / 255)
                    loss = cross_entropy(logits, labels[index])
                    with torch.no_grad():
                        logs = log_softmax(logits, -1)
                        drive = -(logs.exp() * logs).sum(-1).mean()
                    sgd.zero_grad()
                    loss.backward()
                    if work.method.name == "ngm":
                        gain = modulated_sgd(params, gain, drive.item())
                    else:
                        sgd.step()
                    records.append((loss.detach(), drive, gain))
                    if i % work.protocol.eval_every == 0:
                        taken.append(evaluate(model, *seen))
                records.append(evaluate(model, *seen, constants.get("baseline", 1.0) / gain))
                result[run, task, :, : task + 1] = torch.stack(taken).numpy()
        return result

    return run


def not_seen(work: Work) -> np.ndarray:
    """Return the accuracies to fill in."""
    tasks = work.stream.tasks
    shape = (len(work.seeds), tasks, len(work.evaluated), tasks)
    return np.full(shape, np.nan, np.float32)


RUNNERS: dict[str, Callable[[Work], Runner]] = {
    "trainer": trainer_runner,
    "jax loop": jax_loop_runner,
    "pytorch": functools.partial(pytorch_runner, threads=os.cpu_count() or 1),
    "pytorch, 1 thread": functools.partial(pytorch_runner, threads=1),
}


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
    batch_size = 128 if problem == "mnist" else 64
    runners: dict[tuple[str, str, str], Runner] = {}
    for method in args.methods:
        for evaluation, every in (("every update", 1), ("end of task", args.iterations)):
            protocol = Protocol(args.iterations, batch_size, eval_every=every)
            work = Work(stream, protocol, methods.parse(method), range(args.seeds))
            for contender in contenders:
                runners[method, contender, evaluation] = RUNNERS[contender](work)
    first, accuracy = {}, {}
    for key, runner in runners.items():
        first[key], curves = timed(runner)
        accuracy[key] = float(curves[:, -1, -1].mean())
    rng = np.random.default_rng(0)
    seconds: dict[tuple[str, str, str], list[float]] = {key: [] for key in runners}
    for _ in range(args.rounds):
        for i in rng.permutation(len(runners)):
            key = list(runners)[i]
            seconds[key].append(timed(runners[key])[0])
    updates = args.iterations * stream.tasks * args.seeds
    result: dict[str, Any] = {}
    for method in args.methods:
        result[method] = {}
        for contender in contenders:
            key, sparse = (
                (method, contender, evaluation) for evaluation in ("every update", "end of task")
            )
            wall, wall_sparse = np.median(seconds[key]), np.median(seconds[sparse])
            ratios = [
                np.array(seconds[k]) / seconds[method, contenders[0], k[2]] for k in (key, sparse)
            ]
            result[method][contender] = {
                "wall_s": float(wall),
                "wall_s_per_round": seconds[key],
                "wall_s_evaluation_at_end_of_task": float(wall_sparse),
                "compile_s": None
                if contender.startswith("pytorch")
                else max(first[key] - wall, 0.0),
                "updates_per_s": float(updates / wall),
                "ratio": float(np.median(ratios[0])),
                "ratio_evaluation_at_end_of_task": float(np.median(ratios[1])),
                "evaluation_share": float(1 - wall_sparse / wall),
                "final_accuracy": accuracy[key],
            }
    return result


def timed(runner: Runner) -> tuple[float, np.ndarray]:
    """Return the seconds of one run, and its accuracies."""
    start = time.perf_counter()
    accuracy = runner()
    return time.perf_counter() - start, accuracy


def table(problems: dict[str, Any]) -> str:
    """Return the table of all problems."""
    lines = [
        f"{'problem':<22}{'method':<8}{'contender':<19}{'wall s':>8}{'compile s':>11}"
        f"{'updates/s':>11}{'ratio':>7}{'evaluation':>12}{'ratio without':>15}{'accuracy':>10}"
    ]
    for problem in problems.values():
        for method, by_contender in problem["methods"].items():
            for contender, r in by_contender.items():
                compiled = "-" if r["compile_s"] is None else f"{r['compile_s']:.1f}"
                lines.append(
                    f"{problem['stream']:<22}{method:<8}{contender:<19}{r['wall_s']:>8.2f}"
                    f"{compiled:>11}{r['updates_per_s']:>11.0f}{r['ratio']:>7.2f}"
                    f"{r['evaluation_share']:>12.0%}"
                    f"{r['ratio_evaluation_at_end_of_task']:>15.2f}{r['final_accuracy']:>10.3f}"
                )
    return "\n".join(lines)


def torch_version() -> str | None:
    """Return the version of PyTorch, None if it isn't installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch.__version__


def main() -> None:
    """Time all, print one table, write one JSON file."""
    args = tyro.cli(Arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    version = torch_version()
    contenders = [c for c in args.contenders if version or not c.startswith("pytorch")]
    problems = {}
    for name in args.problems:
        stream = make_stream(args, name)
        measured = run_problem(args, name, stream, contenders)
        problems[name] = {"stream": stream.name, "methods": measured}
    note = (
        f"{args.seeds} seeds, 5 tasks of {args.iterations} updates; ratio: wall time over that "
        f"of the {contenders[0]}, above 1 is slower; evaluation: its share of the wall time; ratio "
        f"without: with evaluation only at the end of a task. {os.cpu_count()} CPUs, "
        f"{jax.devices()[0].device_kind}."
    )
    content = {
        "schema_version": 1,
        "title": "Speed of the continual trainer",
        "command": command(),
        "table": table(problems),
        "notes": [note],
        "seeds": args.seeds,
        "iterations_per_task": args.iterations,
        "rounds": args.rounds,
        "ratio_to": contenders[0],
        "pytorch": version or "not installed",
        "versions": output.versions() | {"cpus": str(os.cpu_count())},
        "wall_time_s": time.perf_counter() - start,
        "problems": problems,
    }
    path = args.out / "continual_throughput.json"
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    print(table(problems))
    print(f"\n{note}")
    if version is None:
        print("PyTorch is not installed and was left out: pip install torch")
    print(f"Written: {path}")


if __name__ == "__main__":
    main()
