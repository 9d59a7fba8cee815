"""Those who do the same work in `continual_throughput.py`: the trainer and the two loops."""

import functools
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from neurogain import optim, uncertainty
from neurogain.continual import methods, streams
from neurogain.continual.models import MLP
from neurogain.continual.training import Protocol, Trainer

HIDDEN = (400, 400)
CLASSES = 10


class Work(NamedTuple):
    """What every contender has to do."""

    stream: streams.Stream
    protocol: Protocol
    method: methods.Method
    seeds: Sequence[int]

    def not_seen(self) -> np.ndarray:
        """Return the accuracies to fill in; in each task one is taken before its first update."""
        taken = self.protocol.iterations // self.protocol.eval_every + 1
        shape = (len(self.seeds), self.stream.tasks, taken, self.stream.tasks)
        return np.full(shape, np.nan, np.float32)


Runner = Callable[[], np.ndarray]  # -> accuracy, (seeds, tasks, evaluations, tasks), NaN: not seen


def trainer_runner(work: Work) -> Runner:
    """Return the compiled trainer."""
    baseline = "baseline" if "baseline" in work.method.constants else None
    model = MLP(CLASSES, HIDDEN)
    trainer = Trainer(model, work.stream, work.protocol, work.method, baseline)
    constants = [work.method.constants] * len(work.seeds)
    return lambda: trainer.run(constants, work.seeds).accuracy


def entropy_loss(model: MLP) -> Callable[[PyTree, Array, Array], tuple[Array, Array]]:
    """Return a function that gives loss and mean entropy of a batch."""

    def loss_fn(params: PyTree, images: Array, labels: Array) -> tuple[Array, Array]:
        logits: Any = model.apply(params, images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, uncertainty.batch_mean(uncertainty.entropy(logits))

    return loss_fn


def jax_loop_runner(work: Work) -> Runner:
    """Return Python loops around a jitted step and a jitted evaluation."""
    stream, batch_size = work.stream, work.protocol.batch_size
    model, baseline = MLP(CLASSES, HIDDEN), work.method.constants.get("baseline", 1.0)
    loss_fn = entropy_loss(model)
    tx = optax.with_extra_args_support(work.method(work.method.constants))

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

    def accuracies(state: tuple[PyTree, Any], slow: bool, images: Array, labels: Array) -> Array:
        params, opt_state = state
        if slow:
            params = optim.get_fast_slow(opt_state, params, baseline=baseline).slow
        logits: Any = model.apply(params, images.reshape(-1, *images.shape[2:]))
        right = jnp.argmax(logits, axis=-1).reshape(labels.shape) == labels
        return jnp.sum(right, axis=1) / jnp.sum(labels >= 0, axis=1)

    start = jax.jit(lambda key, image: (p := model.init(key, image), tx.init(p)))
    train, evaluate = jax.jit(train_step, donate_argnums=0), jax.jit(accuracies, static_argnums=1)

    def run() -> np.ndarray:
        images, labels = jnp.asarray(stream.images), jnp.asarray(stream.labels)
        test_images = jnp.asarray(stream.test_images).astype(jnp.float32) / 255
        test_labels = jnp.asarray(stream.test_labels)
        result = work.not_seen()
        for run, seed in enumerate(work.seeds):
            rng = np.random.default_rng(seed)
            state = start(jax.random.key(seed), test_images[0, :1])
            for task in range(stream.tasks):
                seen = test_images[: task + 1], test_labels[: task + 1]
                high = int(stream.starts[task + 1])
                records, taken = [], [evaluate(state, False, *seen)]
                for i in range(1, work.protocol.iterations + 1):
                    index = rng.integers(0, high, batch_size, np.int32)
                    state, record = train(state, images, labels, index)
                    records.append(record)
                    if i % work.protocol.eval_every == 0:
                        taken.append(evaluate(state, False, *seen))
                records.append(evaluate(state, True, *seen))
                result[run, task, :, : task + 1] = np.stack(jax.device_get(taken))
                jax.device_get(records)
        return result

    return run


def torch_perceptron(pixels: int) -> Any:
    """Return the model in PyTorch; nn.Linear also starts uniform in +-1/sqrt(fan_in)."""
    from torch import nn

    pairs = itertools.pairwise((pixels, *HIDDEN, CLASSES))
    layers = [part for a, b in pairs for part in (nn.Linear(a, b, bias=False), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def torch_loop_runner(work: Work, threads: int) -> Runner:
    """Return the same loops in PyTorch, with the update of `modulate_by_gain` by hand."""
    import torch

    stream, constants, F = work.stream, work.method.constants, torch.nn.functional

    @torch.no_grad()
    def modulate(params: list[Any], gain: float, drive: float) -> float:
        # advance the gain and update the effective weights by SGD
        relaxed = constants["baseline"] + constants["decay"] * (gain - constants["baseline"])
        new = relaxed + constants["sensitivity"] * drive
        torch._foreach_mul_(params, new / gain)
        rate = -constants["learning_rate"] * gain * new
        torch._foreach_add_(params, [p.grad for p in params], alpha=rate)
        return new

    @torch.inference_mode()
    def evaluate(model: Any, images: Any, labels: Any) -> Any:
        right = model(images.flatten(0, 1)).argmax(-1).view(labels.shape) == labels
        return right.sum(1) / (labels >= 0).sum(1)

    def train(
        model: Any, sgd: Any, gain: float, images: Any, labels: Any
    ) -> tuple[float, tuple[Any, ...]]:
        logits = model(images.float() / 255)
        loss = F.cross_entropy(logits, labels)
        with torch.no_grad():
            logs = F.log_softmax(logits, -1)
            drive = -(logs.exp() * logs).sum(-1).mean()
        sgd.zero_grad()
        loss.backward()
        if work.method.name == "ngm":
            gain = modulate(list(model.parameters()), gain, drive.item())
        else:
            sgd.step()
        return gain, (loss.detach(), drive, gain)

    def run() -> np.ndarray:
        torch.set_num_threads(threads)
        images = torch.from_numpy(stream.images).flatten(1)
        labels = torch.from_numpy(stream.labels).long()
        test_images = torch.from_numpy(stream.test_images).flatten(2).float() / 255
        test_labels = torch.from_numpy(stream.test_labels).long()
        result = work.not_seen()
        for run, seed in enumerate(work.seeds):
            torch.manual_seed(seed)
            model, gain = torch_perceptron(images.shape[1]), 1.0
            sgd = torch.optim.SGD(model.parameters(), constants["learning_rate"])
            for task in range(stream.tasks):
                seen = test_images[: task + 1], test_labels[: task + 1]
                high = int(stream.starts[task + 1])
                records, taken = [], [evaluate(model, *seen)]
                for i in range(1, work.protocol.iterations + 1):
                    index = torch.randint(high, (work.protocol.batch_size,))
                    gain, record = train(model, sgd, gain, images[index], labels[index])
                    records.append(record)
                    if i % work.protocol.eval_every == 0:
                        taken.append(evaluate(model, *seen))
                scale = constants.get("baseline", 1.0) / gain
                slow = {name: scale * w.detach() for name, w in model.named_parameters()}
                at_slow = functools.partial(torch.func.functional_call, model, slow)
                records.append(evaluate(at_slow, *seen))
                result[run, task, :, : task + 1] = torch.stack(taken).numpy()
        return result

    return run


RUNNERS: dict[str, Callable[[Work], Runner]] = {
    "trainer": trainer_runner,
    "jax loop": jax_loop_runner,
    "pytorch": functools.partial(torch_loop_runner, threads=os.cpu_count() or 1),
    "pytorch, 1 thread": functools.partial(torch_loop_runner, threads=1),
}
