"""A hidden layer of spiking cells and leaky read-outs learn a task: one part, kept seed by seed."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from neurogain import optim
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_task.config import SpikingTaskConfig
from neurogain.jobs import Part, seeded
from neurogain.tasks.spikes.task import Examples, Labelled, split


class Course(NamedTuple):
    """How learning went."""

    loss: Float[np.ndarray, "seed update"]  # nats
    gradient_norm: Float[np.ndarray, "seed update"]  # before clipping
    rate_hz: Float[np.ndarray, "seed update"]  # of the hidden cells, on the batch
    accuracy: Float[np.ndarray, "seed evaluation"]  # on the test examples, by weights that act
    test_rate_hz: Float[np.ndarray, "seed evaluation"]


def parts(config: SpikingTaskConfig) -> Iterator[Part]:
    """Yield the one part."""
    every = config.evaluate_every
    axes = {
        "update": np.arange(1, config.updates + 1),
        "evaluation": np.arange(0, config.updates + 1, every),
    }
    run = seeded(run_seeds, config)
    undefined = ("loss", "gradient_norm")  # of a run that diverged
    yield Part(
        "course", Course, run, axes, seeds=tuple(config.seed_range), at_once=1, undefined=undefined
    )


def seconds(config: SpikingTaskConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    task = config.spike_task
    kind, cell_steps = CELLS[config.cell], task.steps * config.batch_size * config.hidden
    inputs = task.steps * config.batch_size * (task.channels + config.hidden * config.recurrent)
    one = cell_steps * kind.substeps * kind.seconds
    one += 6 * inputs * config.hidden * 1e-10
    tested = config.test / config.batch_size / 3 / config.evaluate_every
    return 15 + config.seeds * config.updates * (one + 2e-4) * (1 + tested)


def run_seeds(
    config: SpikingTaskConfig,
    *,
    seeds: Sequence[int],
    show: Callable[..., None] = lambda done, total, note="": None,
) -> Course:
    """Train one network a seed; return the courses."""
    network = _Network(config)
    return Course(
        *(np.stack(x) for x in zip(*(network.run(seed, show) for seed in seeds), strict=True))
    )


class _Network:
    """The compiled functions of one configuration."""

    def __init__(self, config: SpikingTaskConfig) -> None:
        self.config, self.layer, self.readout = config, config.layer(), config.readout()
        method = config.method
        chain = optax.chain(
            optax.clip_by_global_norm(config.max_norm), method(dict(method.constants))
        )
        self.tx = optax.with_extra_args_support(chain)

    def logits(self, params: Any, spikes: Array) -> tuple[Array, Array]:
        """Return logits of each example, or of each of its steps, and the mean rate."""
        hidden, _ = self.layer.apply(params["hidden"], jnp.swapaxes(spikes, 0, 1))
        rate = hidden.mean() * (1000 / self.layer.dt)
        if not self.config.spike_task.timed:
            return self.readout.apply(params["output"], hidden), rate
        course = self.readout.course(params["output"], hidden) + params["output"]["bias"]
        return jnp.swapaxes(course, 0, 1), rate

    def loss(self, params: Any, batch: Examples) -> tuple[Array, tuple[Array, Array]]:
        """Return the mean loss, the logits that count for the gain, and the rate."""
        logits, rate = self.logits(params, batch.spikes)
        if isinstance(batch, Labelled):
            each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
            return each.mean(), (logits, rate)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets)
        counted = batch.counted
        late = jnp.mean(logits, axis=1, where=counted[..., None])
        return jnp.mean(each, where=counted), (late, rate)

    @functools.partial(jax.jit, static_argnums=0)
    def update(self, carry: Any, train: Examples, key: Array, i: Array) -> tuple[Any, Any]:
        """Return parameters and state behind an update, and what is recorded of it."""
        params, state = carry
        own = jax.random.fold_in(key, i)
        index = jax.random.randint(own, (self.config.batch_size,), 0, len(train.spikes))
        batch = jax.tree.map(lambda x: x[index], train)
        learn = optim.value_grad_and_uncertainty(self.loss, has_aux=True)
        (loss, rate), grads, drive = learn(params, batch)
        updates, state = self.tx.update(grads, state, params, uncertainty=drive)
        recorded = loss, optax.tree.norm(grads), rate
        return (optax.apply_updates(params, updates), state), recorded

    @functools.partial(jax.jit, static_argnums=0)
    def evaluate(self, carry: Any, test: Examples) -> tuple[Array, Array]:
        """Return accuracy and rate on test examples, at the weights that act."""
        params, state = carry
        acting = optim.get_acting(state, params)
        logits, rate = self.logits(acting, test.spikes)
        chosen = logits.argmax(-1)
        if isinstance(test, Labelled):
            return jnp.mean(chosen == test.labels), rate
        return jnp.mean(chosen == test.targets, where=test.counted), rate

    def run(self, seed: int, show: Callable[..., None]) -> tuple[np.ndarray, ...]:
        """Train on one seed."""
        config, key = self.config, jax.random.key(seed)
        of_data, of_hidden, of_output, of_batches = jax.random.split(key, 4)
        train, test = split(config.spike_task, of_data, config.train, config.test)
        params = {"hidden": self.layer.init(of_hidden), "output": self.readout.init(of_output)}
        carry = params, self.tx.init(params)
        recorded, evaluated = [], [self.evaluate(carry, test)]
        for i in range(config.updates):
            carry, now = self.update(carry, train, of_batches, np.int32(i))
            recorded.append(now)
            if (i + 1) % config.evaluate_every == 0:
                evaluated.append(self.evaluate(carry, test))
                show(i + 1, config.updates, f"accuracy {float(evaluated[-1][0]):.3f}")
        found = [*zip(*recorded, strict=True), *zip(*evaluated, strict=True)]
        return tuple(np.asarray(jax.device_get(x), np.float32) for x in found)
