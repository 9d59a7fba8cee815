"""What experiments share that train networks of spiking cells on a task."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, Num, PyTree

from neurogain import optim, results
from neurogain.continual import methods
from neurogain.continual.method import Method
from neurogain.neuromod.cell_types import CellTypes
from neurogain.options import Count, Options, Seed, Whole, by_default, positive
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout, rate_band
from neurogain.tasks.spikes.task import Examples, SpikeTask
from neurogain.tasks.spikes.xor import TimedTargets


@dataclasses.dataclass(frozen=True)
class LearningOptions(Options):
    """How networks learn a task in spikes, over seeds."""

    optimizer: str | Method = "adam:learning_rate=0.005"
    """A method of stability-gap, with constants of its own as ngm:learning_rate=0.02."""
    hidden: Count = 64
    """Number of cells."""
    recurrent: bool = False
    """Whether the cells' spikes reach the layer again, a step later."""
    updates: Count = 1000
    """Updates of the weights."""
    batch_size: Count = 64
    """Examples per update."""
    train: Annotated[int | None, Whole(10)] = by_default("8,000, or those of the set up to 10,000")
    """Training examples, drawn anew by each seed."""
    test: Annotated[int | None, Whole(10)] = by_default("1,000, or those of the set up to 1,000")
    """Test examples, drawn by the seed, too."""
    max_norm: Annotated[float, positive("dimensionless")] = 1.0
    """Norm to which larger gradients are clipped, since those of spiking cells can explode."""
    band: tuple[float, ...] = ()
    """Hz, two numbers: rates of cells outside of them cost; without them rates are free."""
    band_cost: Annotated[float, positive("nats")] = 10.0
    """Cost of cells that fire outside the band by its upper end."""
    seeds: Count = 5
    """Each draws the examples, the initial weights and the batches."""
    first_seed: Seed = 0
    """The seeds are first_seed, first_seed + 1, ..."""
    evaluate_every: Count = 100
    """Updates between evaluations on the test examples."""
    data_dir: Path | None = by_default("TFDS's own; required with shd and ssc")
    """Folder of sets prepared by TensorFlow Datasets (TFDS), for MNIST; of the HDF5 files, for shd
    and ssc."""

    @property
    def seed_range(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def method(self) -> Method:
        """The optimizer."""
        fit = [name for name, one in methods.METHODS.items() if _takes_one_gradient(one)]
        given = methods.parse_all((self.optimizer,), argument="optimizer", listed=fit)
        return next(iter(given.values()))

    @property
    def evaluated_at(self) -> range:
        """The numbers of updates before evaluations."""
        return range(0, self.updates + 1, self.evaluate_every)

    def sizes(self, task: SpikeTask) -> tuple[int, int]:
        """Return the numbers of training and test examples."""
        given = (self.train, self.test)
        own = (task.train, task.test)
        return own[0] if given[0] is None else given[0], own[1] if given[1] is None else given[1]

    @property
    def first_task(self) -> SpikeTask:
        """The task, or the first of several alike."""
        raise NotImplementedError

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, with the sizes that apply."""
        train, test = self.sizes(self.first_task)
        named: dict[str, Any] = {"optimizer": self.method.text, "train": train, "test": test}
        return results.plain(dataclasses.replace(self, **named))

    def _check_task(self, task: SpikeTask) -> None:
        """Raise ValueError for options that don't fit a task."""
        fits = self.data_dir is None or task.needs_data
        self._require("data_dir", fits, f"be left out with {task.name}", "It reads no files.")
        limits = task.available(self.data_dir)
        for name, number, most in zip(("train", "test"), self.sizes(task), limits, strict=True):
            if most is not None and number > most:
                raise ValueError(
                    f"`{name}` must be at most the {most} {name} examples of {task.name}; got "
                    f"{number}. Pass {name}={most}."
                )
        train, _ = self.sizes(task)
        rule = f"be at most the {train} training examples"
        self._require("batch_size", self.batch_size <= train, rule, train)

    def _distinct(self, name: str) -> None:
        """Raise ValueError unless a field names something, and nothing twice."""
        values = getattr(self, name)
        holds = len(values) > 0 and len(set(values)) == len(values)
        self._require(name, holds, "hold at least one value, and none twice", "Leave it out.")

    def _check_together(self) -> None:
        self._check_task(self.first_task)
        self._require("first_seed", self.seed_range.stop <= 2**32, "be below 2^32 - seeds", 0)
        fits, rule = self.updates % self.evaluate_every == 0, f"divide the {self.updates} updates"
        self._require("evaluate_every", fits, rule, self.updates)
        low, high = self.band if len(self.band) == 2 else (0.0, 1.0)
        numbers = all(isinstance(x, int | float) for x in self.band)
        holds = numbers and len(self.band) in (0, 2) and 0 <= low < high < np.inf
        self._require("band", holds, "be two rates in Hz, 0 <= low < high", "Pass band=(5, 20).")
        costs = len(self.band) == 2 or self.band_cost == type(self).band_cost
        self._require("band_cost", costs, "be given with a band", "Pass band=(5, 20), too.")
        method = self.method
        if not _takes_one_gradient(method):
            raise ValueError(
                "`optimizer` must need one gradient an update, of one batch; got "
                f"{method.name!r}. Pass for instance adam, ngm or two-timescale."
            )


def _takes_one_gradient(method: Method) -> bool:
    """Return whether a method needs one gradient an update, of one batch: no replay, no SAM."""
    return method.strategy is None and "rho" not in method.constants


class InContext(NamedTuple):
    """Examples whose labels depend on a context, which only a modulator tells."""

    spikes: Num[Array, "n steps channels"]
    labels: Int[Array, " n"]
    levels: Float[Array, "n receptors"]  # activation of receptors


class Course(NamedTuple):
    """How learning went."""

    loss: Float[np.ndarray, "seed update"]  # nats, without the cost of rates
    gradient_norm: Float[np.ndarray, "seed update"]  # before clipping
    rate_hz: Float[np.ndarray, "seed update"]  # of the hidden cells, on the batch
    accuracy: Float[np.ndarray, "seed evaluation"]  # on the test examples, by weights that act
    test_rate_hz: Float[np.ndarray, "seed evaluation"]

    @staticmethod
    def axes(config: LearningOptions) -> dict[str, np.ndarray]:
        """Return what the axes stand for."""
        at = np.array(config.evaluated_at)
        return {"update": np.arange(1, config.updates + 1), "evaluation": at}


READOUT = 30.0  # scale of the potentials that are read, of 64 cells, whose spikes are few
UNDEFINED = ("loss", "gradient_norm")  # fields that aren't finite where a run diverged


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A hidden layer and what reads it.

    Attributes:
      layer: the hidden layer.
      classes: number of them.
      cues: number of stretches of steps that have a target, which is decided at the end of each by
        the mean over its steps; 0: the largest potential over time decides once.
      types: how types of cells answer the levels of `InContext`; their strengths are learned.
      scales: by target, the strength that a learned number of 1 stands for; 1 where none is given.
    """

    layer: Layer
    classes: int
    cues: int = 0
    types: CellTypes | None = None
    scales: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def readout(self) -> Readout:
        """Return the read-outs."""
        return Readout(self.layer.n, self.classes, "max", scale=READOUT)

    def init(self, key: Key[Array, ""]) -> dict[str, PyTree]:
        """Return "hidden", "output", and "effects" where there are types."""
        of_hidden, of_output = jax.random.split(key)
        found = {"hidden": self.layer.init(of_hidden), "output": self.readout.init(of_output)}
        return found if self.types is None else found | {"effects": self.types.init()}

    def apply(
        self,
        params: dict[str, PyTree],
        spikes: Num[Array, "batch steps channels"],
        levels: Float[Array, "batch receptors"] | None = None,
    ) -> tuple[Array, Array]:
        """Return logits, (batch, [steps,] classes), and the cells' spikes, (steps, batch, n)."""
        options: dict[str, Any] = {}
        if self.types is not None and levels is not None:
            each = jnp.broadcast_to(levels, (spikes.shape[1], *levels.shape))
            found = {name: self.scales.get(name, 1.0) * x for name, x in params["effects"].items()}
            options = {"modulate": self.types.modulate(found), "levels": each}
        hidden, _ = self.layer.apply(params["hidden"], jnp.swapaxes(spikes, 0, 1), **options)
        if not self.cues:
            return self.readout.apply(params["output"], hidden), hidden
        course = self.readout.course(params["output"], hidden) + params["output"]["bias"]
        return jnp.swapaxes(course, 0, 1), hidden


def seconds(config: LearningOptions, task: SpikeTask, layer: Layer, each: float) -> float:
    """Return about how long a network learns, all seeds; `each`: of a cell in a step of its own."""
    cell_steps = task.steps * layer.substeps * config.batch_size * layer.n
    inputs = task.steps * config.batch_size * (layer.inputs + layer.n * layer.recurrent)
    one = cell_steps * each + 6 * inputs * layer.n * 1e-10
    tested = config.sizes(task)[1] / config.batch_size / 3 / config.evaluate_every
    return 15 + config.seeds * config.updates * (one + 2e-4) * (1 + tested)


class Keys(NamedTuple):
    """What a seed draws, each from a key of its own."""

    data: Key[Array, ""]
    weights: Key[Array, ""]
    batches: Key[Array, ""]
    noise: Key[Array, ""]
    constants: Key[Array, ""]

    @classmethod
    def of_seed(cls, seed: int) -> "Keys":
        """Return the keys of a seed."""
        return cls(*jax.random.split(jax.random.key(seed), len(cls._fields)))


class Learner:
    """The compiled functions by which one network learns; they are freed with it."""

    def __init__(self, config: LearningOptions, network: Network) -> None:
        """Build the optimizer."""
        self.config, self.network = config, network
        method = config.method
        clipped = optax.clip_by_global_norm(config.max_norm)
        chain = optax.chain(clipped, method(dict(method.constants)))
        self.tx = optax.with_extra_args_support(chain)
        self.update, self.evaluate = jax.jit(self._update), jax.jit(self._evaluate)

    def loss(self, params: Any, batch: Any) -> tuple[Array, tuple[Array, Any]]:
        """Return what is minimized, the logits of all decisions, which drive a gain, loss, rate."""
        levels = getattr(batch, "levels", None)
        logits, hidden = self.network.apply(params, batch.spikes, levels)
        wanted = targets(batch)
        if self.network.cues:
            logits, wanted = decisions_of_cues(logits, batch, self.network.cues)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, wanted).mean()
        decisions = logits.reshape(-1, self.network.classes)
        dt = self.network.layer.dt
        cost = rate_band(hidden, *self.config.band, dt=dt) if self.config.band else 0.0
        return loss + self.config.band_cost * cost, (decisions, (loss, hidden.mean() * (1000 / dt)))

    def _update(self, carry: Any, train: Any, key: Array, i: Array) -> tuple[Any, Any]:
        """Return parameters and state behind an update, and what is recorded of it."""
        params, state = carry
        own = jax.random.fold_in(key, i)
        index = jax.random.randint(own, (self.config.batch_size,), 0, len(train.spikes))
        batch = jax.tree.map(lambda x: x[index], train)
        learn = optim.value_grad_and_uncertainty(self.loss, has_aux=True)
        (_, (loss, rate)), grads, drive = learn(params, batch)
        updates, state = self.tx.update(grads, state, params, uncertainty=drive)
        return (optax.apply_updates(params, updates), state), (loss, optax.tree.norm(grads), rate)

    def _evaluate(self, carry: Any, test: Any) -> tuple[Array, Array]:
        """Return accuracy and rate (Hz) on test examples, at the weights that act."""
        params, state = carry
        acting = optim.get_acting(state, params)
        logits, hidden = self.network.apply(acting, test.spikes, getattr(test, "levels", None))
        wanted = targets(test)
        if self.network.cues:
            logits, wanted = decisions_of_cues(logits, test, self.network.cues)
        rate = hidden.mean() * (1000 / self.network.layer.dt)
        return jnp.mean(logits.argmax(-1) == wanted), rate

    def run(
        self, seed: int, draw: Callable[[Array], tuple[Any, Any]], show: Callable[..., None]
    ) -> tuple[tuple[np.ndarray, ...], Any, Any]:
        """Train on one seed; return the course, parameters and state, and the test examples.

        `draw` gives training and test examples from a key.
        """
        config = self.config
        keys = Keys.of_seed(seed)
        train, test = draw(keys.data)
        params = self.network.init(keys.weights)
        carry = params, self.tx.init(params)
        recorded, evaluated = [], [self.evaluate(carry, test)]
        for i in range(config.updates):
            carry, now = self.update(carry, train, keys.batches, np.int32(i))
            recorded.append(now)
            if (i + 1) % config.evaluate_every == 0:
                evaluated.append(self.evaluate(carry, test))
                show(i + 1, config.updates, f"accuracy {float(evaluated[-1][0]):.3f}")
        found = [*zip(*recorded, strict=True), *zip(*evaluated, strict=True)]
        return tuple(np.asarray(jax.device_get(x), np.float32) for x in found), carry, test

    def courses(
        self,
        seeds: Sequence[int],
        draw: Callable[[Array], tuple[Any, Any]],
        show: Callable[..., None] = lambda done, total, note="": None,
    ) -> Course:
        """Train one network a seed; return the courses."""
        rows = (self.run(seed, draw, show)[0] for seed in seeds)
        return Course(*(np.stack(x) for x in zip(*rows, strict=True)))


def targets(examples: Any) -> Int[Array, "n ..."]:
    """Return labels, or targets of all steps."""
    found: Array = examples.targets if hasattr(examples, "targets") else examples.labels
    return found


def decisions_of_cues(
    logits: Float[Array, "n steps classes"], examples: TimedTargets, cues: int
) -> tuple[Float[Array, "n cues classes"], Int[Array, "n cues"]]:
    """Return the logits of each cue, means over its steps, and its target.

    A cue is a stretch of steps that count; there are `cues` of them in every example.
    """
    counted = examples.counted
    begins = counted & ~jnp.pad(counted, ((0, 0), (1, 0)))[:, :-1]
    number = jnp.cumsum(begins, axis=1) - 1
    of_cue = counted[:, None] & (number[:, None] == jnp.arange(cues)[:, None])  # (n, cues, steps)
    wanted = jnp.max(jnp.where(of_cue, examples.targets[:, None], 0), axis=2)
    share = of_cue / jnp.maximum(of_cue.sum(2, keepdims=True), 1)
    return jnp.einsum("nqs,nsc->nqc", share.astype(logits.dtype), logits), wanted


def drawing(
    config: LearningOptions, task: SpikeTask
) -> Callable[[Array], tuple[Examples, Examples]]:
    """Return the function from a key to training and test examples."""
    train, test = config.sizes(task)
    return lambda key: task.draw(key, train, test, config.data_dir)


def parameters(network: Network) -> int:
    """Return the number of what is learned."""
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(shapes))
