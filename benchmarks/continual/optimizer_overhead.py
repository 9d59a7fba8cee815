"""Measure what `modulate_by_gain` adds to the time of one jitted training step.

Compared: one compiled training step (forward, backward, optimizer, new parameters) with the
transformation around SGD, momentum-SGD and Adam, for a global gain, one per leaf and one per unit,
over the same step with the inner optimizer alone. The drive is the entropy of the logits of the
same forward pass, and is part of the variant's cost. A second baseline returns that entropy too,
as a loop that logs it does, so the ratio to it is the cost of the transformation alone.

Measured side by side: all steps of one inner optimizer are compiled with donated state; then each
round runs all of them in a new random order, each for a few untimed and a few timed steps on state
of its own. The figure is the median over rounds of the ratio within a round, with a bootstrap
95 % interval. The sizes of compiled programs are what XLA counts, not what the memory moves. With
--scanned, a call is that many steps in one compiled scan, as in the continual trainer, so that a
GPU's steps don't wait for Python.

Expected before measuring: a global gain adds one number of state and, an element, about two
multiplications and an addition to an update that XLA makes in one loop bound by memory: at most
5 % of a step (ratio 1.05). A step of either model is dominated by its matrix products, the more so
the larger the batch; gains per unit cost a little more than a global one, since each element then
reads a gain that depends on its place.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from benchmarks.measure import in_turns, timed
from benchmarks.record import Record, table
from neurogain import uncertainty
from neurogain.continual.models import MLP
from neurogain.optim import modulate_by_gain

ABOUT = {
    "title": "Cost of the transformation in a training step",
    "minutes": 5,
    "needs": "an idle machine",
}
TINY = {
    "settings": ("mlp",), "inner": ("adam",), "per": ("global",), "rounds": 2, "seconds": 0.01,
    "scanned": 2,
}  # fmt: skip
BOUND = 1.05  # of the median ratio, for a global gain
PIXELS, CLASSES = 784, 10


class Setting(NamedTuple):
    """A model and the batch it is trained on."""

    hidden: tuple[int, ...]
    batch_size: int


SETTINGS = {
    "mlp": Setting((400, 400), 128),  # 0.5 M parameters
    "mlp-10m": Setting((2048, 2048, 2048), 64),
}
INNER: dict[str, Callable[[], optax.GradientTransformation]] = {
    "sgd": lambda: optax.sgd(1e-3),
    "momentum-sgd": lambda: optax.sgd(1e-3, momentum=0.9),
    "adam": lambda: optax.adam(1e-4),
}
BASELINES = ("without", "without, entropy returned")


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Measure what `modulate_by_gain` adds to the time of one jitted training step."""

    settings: tuple[Literal["mlp", "mlp-10m"], ...] = ("mlp", "mlp-10m")
    """Models: 784-400-400-10 at batch 128, 784-2048-2048-2048-10 at batch 64."""
    inner: tuple[Literal["sgd", "momentum-sgd", "adam"], ...] = ("sgd", "momentum-sgd", "adam")
    """Inner optimizers."""
    per: tuple[Literal["global", "leaf", "unit"], ...] = ("global", "leaf", "unit")
    """Gain groups."""
    rounds: int = 60
    """Rounds; each times every step once, in random order."""
    seconds: float = 0.1
    """Length of one timing; the number of steps in it is chosen from this, at least 2."""
    scanned: int = 1
    """Steps of one call, as a scan; 1: a call each."""
    seed: int = 0
    """Of the data, the weights, the order and the bootstrap."""


class State(NamedTuple):
    """What a step carries."""

    params: PyTree
    opt_state: optax.OptState


@dataclasses.dataclass
class Contender:
    """A compiled step with state of its own."""

    step: Any
    state: State

    def run(self, images: Array, labels: Array, steps: int) -> float:
        """Return the seconds that `steps` steps take."""

        def go() -> State:
            for _ in range(steps):
                self.state, _ = self.step(self.state, images, labels)
            return self.state

        return timed(go)[0]


def make_step(
    model: MLP, tx: optax.GradientTransformation, *, drives: bool, returns_entropy: bool
) -> Callable[[State, Array, Array], tuple[State, tuple[Array, ...]]]:
    """Return the training step; `drives`: the entropy reaches the optimizer."""

    def loss_fn(params: PyTree, images: Array, labels: Array) -> tuple[Array, Array]:
        logits: Any = model.apply(params, images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, uncertainty.batch_mean(uncertainty.entropy(logits))

    def step(state: State, images: Array, labels: Array) -> tuple[State, tuple[Array, ...]]:
        (loss, entropy), grads = jax.value_and_grad(loss_fn, has_aux=True)(
            state.params, images, labels
        )
        extra = {"uncertainty": entropy} if drives else {}
        updates, opt_state = tx.update(grads, state.opt_state, state.params, **extra)
        params = optax.apply_updates(state.params, updates)
        return State(params, opt_state), (loss, entropy) if returns_entropy else (loss,)

    return step


def scanned(step: Callable[..., Any], steps: int) -> Callable[..., Any]:
    """Return several steps on one batch as one."""

    def run(state: State, images: Array, labels: Array) -> Any:
        return jax.lax.scan(lambda s, _: step(s, images, labels), state, length=steps)

    return run


def make_contenders(
    args: Arguments, setting: Setting, inner: str, images: Array, labels: Array
) -> dict[str, Contender]:
    """Compile the baselines and the variants of one inner optimizer."""
    model = MLP(CLASSES, setting.hidden)
    contenders = {}
    for name in (*BASELINES, *args.per):
        plain = name in BASELINES
        tx = INNER[inner]() if plain else modulate_by_gain(INNER[inner](), per=name)
        params = model.init(jax.random.key(args.seed), images)
        state = State(params, tx.init(params))
        step = make_step(model, tx, drives=not plain, returns_entropy=name != "without")
        step = step if args.scanned == 1 else scanned(step, args.scanned)
        compiled = jax.jit(step, donate_argnums=0).lower(state, images, labels).compile()
        contenders[name] = Contender(compiled, state)
    return contenders


def measure(
    args: Arguments, contenders: dict[str, Contender], images: Array, labels: Array
) -> dict[str, np.ndarray]:
    """Return the seconds per step of each contender in each round."""
    first = contenders[BASELINES[0]]
    first.run(images, labels, 5)
    steps = max(2, round(args.seconds / (first.run(images, labels, 5) / 5)))

    def once(contender: Contender, _: int) -> float:
        contender.run(images, labels, 2)  # its state comes into the caches
        return contender.run(images, labels, steps) / steps

    runs = {name: functools.partial(once, one) for name, one in contenders.items()}
    return {name: np.array(walls) for name, walls in in_turns(runs, args.rounds).items()}


def median_ratio(a: np.ndarray, b: np.ndarray, seed: int) -> dict[str, Any]:
    """Return the median of the ratios a/b within rounds and its bootstrap 95 % interval."""
    ratios = a / b
    rng = np.random.default_rng(seed)
    medians = np.median(rng.choice(ratios, (10_000, len(ratios))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return {"median": float(np.median(ratios)), "ci": [float(low), float(high)]}


def compiled_cost(step: Any) -> dict[str, int | None]:
    """Return what XLA counts for the compiled step; None where this backend does not say."""
    cost, memory = step.cost_analysis() or {}, step.memory_analysis()
    counts = {"flops": cost.get("flops"), "bytes_accessed": cost.get("bytes accessed")}
    counts["temporary_bytes"] = getattr(memory, "temp_size_in_bytes", None)
    return {name: None if value is None else int(value) for name, value in counts.items()}


def elements(tree: PyTree) -> int:
    """Return the number of array elements in a tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def run_inner(args: Arguments, setting: Setting, inner: str) -> dict[str, Any]:
    """Measure all variants of one inner optimizer."""
    rng = np.random.default_rng(args.seed)
    images = jnp.asarray(rng.uniform(0, 1, (setting.batch_size, PIXELS)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, CLASSES, setting.batch_size), jnp.int32)
    contenders = make_contenders(args, setting, inner, images, labels)
    times = measure(args, contenders, images, labels)
    plain, entropy = (times[name] for name in BASELINES)
    state = elements(contenders[BASELINES[0]].state.opt_state)
    return {
        "parameters": elements(contenders[BASELINES[0]].state.params),
        "steps": {
            name: {
                "ms_per_step": 1e3 * float(np.median(times[name])) / args.scanned,
                "ratio": median_ratio(times[name], plain, args.seed),
                "ratio_to_entropy_returned": median_ratio(times[name], entropy, args.seed),
                "state_elements_added": elements(contender.state.opt_state) - state,
                **compiled_cost(contender.step),
            }
            for name, contender in contenders.items()
        },
    }


def shown(results: dict[str, Any]) -> str:
    """Return the table of all settings."""
    rows = []
    for (setting, inner, name), step, plain in flat(results):
        row = {"model": setting, "inner": inner, "gain": name, "without": plain["ms_per_step"]}
        for field in ("flops", "bytes_accessed"):
            known = step[field] is not None and plain[field]
            row[f"more_{field}"] = step[field] / plain[field] - 1 if known else None
        low, high = step["ratio"]["ci"]
        rows.append(step | row | {"interval": f"[{low:.3f}, {high:.3f}]"})
    columns = (
        ("model", "model", "<9"), ("inner", "inner", "<14"), ("gain", "gain", "<8"),
        ("ms", "ms_per_step", "8.2f"), ("ms without", "without", "12.2f"),
        ("ratio", ("ratio", "median"), "8.3f"), ("95 %", "interval", "16"),
        ("to entropy", ("ratio_to_entropy_returned", "median"), "12.3f"),
        ("flops", "more_flops", "+9.1%"), ("bytes", "more_bytes_accessed", "+9.1%"),
        ("state", "state_elements_added", "+7d"),
    )  # fmt: skip
    return table(columns, rows)


def flat(results: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Any, Any]]:
    """Yield setting, inner optimizer and gain, with their step and the step without a gain."""
    for setting, by_inner in results.items():
        for inner, result in by_inner.items():
            for name in [n for n in result["steps"] if n not in BASELINES]:
                yield (setting, inner, name), result["steps"][name], result["steps"][BASELINES[0]]


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the cost of a global gain around each inner optimizer of the smaller model."""
    for (setting, inner, gain), step, _ in flat(content["results"]):
        if setting == "mlp" and gain == "global":
            low, high = step["ratio"]["ci"]
            number = f"{step['ratio']['median']:.3f} [{low:.3f}, {high:.3f}] of the step without"
            yield f"Time of a training step under a global gain around {inner}", number


def over_bound(results: Mapping[str, Any]) -> Sequence[str]:
    """Return which settings with a global gain cost more than expected."""
    return [
        f"{setting} {inner}"
        for (setting, inner, gain), step, _ in flat(results)
        if gain == "global" and step["ratio"]["median"] > BOUND
    ]


def run(args: Arguments, record: Record) -> None:
    """Time all."""
    results = {
        name: {inner: run_inner(args, SETTINGS[name], inner) for inner in args.inner}
        for name in args.settings
    }
    exceeded = over_bound(results)
    verdict = f"not {', '.join(exceeded)}" if exceeded else "yes"
    record.table = shown(results)
    record.notes.append(f"Global gain, median ratio at most {BOUND}: {verdict}.")
    record.data = {
        "rounds": args.rounds,
        "seconds_per_timing": args.seconds,
        "steps_per_call": args.scanned,
        "bound": {"per": "global", "median_ratio": BOUND, "exceeded_by": exceeded},
        "results": results,
    }
