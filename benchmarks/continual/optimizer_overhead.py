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
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from benchmarks.continual._contenders import entropy_loss
from benchmarks.measure import compared, timed
from benchmarks.record import Record, table
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


SETTINGS = {"mlp": ((400, 400), 128), "mlp-10m": ((2048, 2048, 2048), 64)}
"""Hidden layers, of 0.5 and 10 M parameters in all, and batch size."""
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


class Contender:
    """A compiled step with parameters and optimizer state of its own."""

    def __init__(self, args: Arguments, model: MLP, inner: str, name: str, batch: Any):
        """Compile it; a gain's step also returns the entropy, as the second baseline does."""
        plain, loss_fn = name in BASELINES, entropy_loss(model)
        tx = INNER[inner]() if plain else modulate_by_gain(INNER[inner](), per=name)

        def step(state: Any, images: Array, labels: Array) -> tuple[Any, Any]:
            params, opt_state = state
            (loss, entropy), grads = jax.value_and_grad(loss_fn, has_aux=True)(
                params, images, labels
            )
            extra = {} if plain else {"uncertainty": entropy}
            updates, opt_state = tx.update(grads, opt_state, params, **extra)
            told = (loss,) if name == "without" else (loss, entropy)
            return (optax.apply_updates(params, updates), opt_state), told

        def scanned(state: Any, images: Array, labels: Array) -> tuple[Any, Any]:
            return jax.lax.scan(lambda s, _: step(s, images, labels), state, length=args.scanned)

        params = model.init(jax.random.key(0), batch[0])
        self.state, self.batch = (params, tx.init(params)), batch
        whole = step if args.scanned == 1 else scanned
        self.step = jax.jit(whole, donate_argnums=0).lower(self.state, *batch).compile()

    def run(self, steps: int) -> float:
        """Return the seconds of each of some steps."""

        def go() -> Any:
            for _ in range(steps):
                self.state, _ = self.step(self.state, *self.batch)
            return self.state

        return timed(go)[0] / steps

    def counted(self) -> dict[str, int | None]:
        """Return what XLA counts for the compiled step; None where this backend does not say."""
        cost, memory = self.step.cost_analysis() or {}, self.step.memory_analysis()
        counts = {"flops": cost.get("flops"), "bytes_accessed": cost.get("bytes accessed")}
        counts["temporary_bytes"] = getattr(memory, "temp_size_in_bytes", None)
        return {name: None if value is None else int(value) for name, value in counts.items()}


def median_ratio(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Return the median of the ratios a/b within rounds and its bootstrap 95 % interval."""
    ratios = a / b
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratios, (10_000, len(ratios))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return {"median": float(np.median(ratios)), "ci": [float(low), float(high)]}


def elements(tree: PyTree) -> int:
    """Return the number of array elements in a tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def run_inner(args: Arguments, setting: str, inner: str) -> dict[str, Any]:
    """Measure all variants of one inner optimizer."""
    (hidden, size), rng = SETTINGS[setting], np.random.default_rng(0)
    images = jnp.asarray(rng.uniform(0, 1, (size, PIXELS)), jnp.float32)
    batch = images, jnp.asarray(rng.integers(0, CLASSES, size), jnp.int32)
    model = MLP(CLASSES, hidden)
    contenders = {n: Contender(args, model, inner, n, batch) for n in (*BASELINES, *args.per)}
    first = contenders[BASELINES[0]]
    first.run(5)
    steps = max(2, round(args.seconds / first.run(5)))

    def once(contender: Contender, _: int) -> tuple[float, None]:
        contender.run(2)  # its state comes into the caches
        return contender.run(steps), None

    runs = {name: functools.partial(once, one) for name, one in contenders.items()}
    times = {n: np.array(found.walls) for n, found in compared(runs, args.rounds).items()}
    params, state = map(elements, first.state)
    return {
        "parameters": params,
        "steps": {
            name: {
                "ms_per_step": 1e3 * float(np.median(times[name])) / args.scanned,
                "ratio": median_ratio(times[name], times[BASELINES[0]]),
                "ratio_to_entropy_returned": median_ratio(times[name], times[BASELINES[1]]),
                "state_elements_added": elements(contender.state[1]) - state,
                **contender.counted(),
            }
            for name, contender in contenders.items()
        },
    }


def flat(results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the row of each gain, with what it is told of the step without."""
    for setting, by_inner in results.items():
        for inner, result in by_inner.items():
            plain = result["steps"][BASELINES[0]]
            for gain, step in result["steps"].items():
                low, high = step["ratio"]["ci"]
                row = {"model": setting, "inner": inner, "gain": gain}
                row |= {"without": plain["ms_per_step"], "interval": f"[{low:.3f}, {high:.3f}]"}
                for field in ("flops", "bytes_accessed"):
                    known = step[field] is not None and plain[field]
                    row[f"more_{field}"] = step[field] / plain[field] - 1 if known else None
                if gain not in BASELINES:
                    yield step | row


COLUMNS = (
    ("model", "model", "<9"), ("inner", "inner", "<14"), ("gain", "gain", "<8"),
    ("ms", "ms_per_step", "8.2f"), ("ms without", "without", "12.2f"),
    ("ratio", ("ratio", "median"), "8.3f"), ("95 %", "interval", "16"),
    ("to entropy", ("ratio_to_entropy_returned", "median"), "12.3f"),
    ("flops", "more_flops", "9+.1%"), ("bytes", "more_bytes_accessed", "9+.1%"),
    ("state", "state_elements_added", "7+d"),
)  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the cost of a global gain around each inner optimizer of the smaller model."""
    shown = (
        f"{row['inner']} {row['ratio']['median']:.3f} {row['interval']}"
        for row in flat(content["results"])
        if (row["model"], row["gain"]) == ("mlp", "global")
    )
    yield "Time of a training step under a global gain over that without", "; ".join(shown)


def run(args: Arguments, record: Record) -> None:
    """Time all."""
    results = {
        name: {inner: run_inner(args, name, inner) for inner in args.inner}
        for name in args.settings
    }
    rows = list(flat(results))
    exceeded = [
        f"{row['model']} {row['inner']}"
        for row in rows
        if row["gain"] == "global" and row["ratio"]["median"] > BOUND
    ]
    verdict = f"not {', '.join(exceeded)}" if exceeded else "yes"
    record.table = table(COLUMNS, rows)
    record.notes.append(f"Global gain, median ratio at most {BOUND}: {verdict}.")
    record.data = {
        "rounds": args.rounds,
        "seconds_per_timing": args.seconds,
        "steps_per_call": args.scanned,
        "bound": {"per": "global", "median_ratio": BOUND, "exceeded_by": exceeded},
        "results": results,
    }
