"""What `modulate_by_gain` adds to beginning with a model of many arrays: init, trace and lowering.

Compiled, an update costs the same however many arrays there are (`optimizer-overhead`); before that
Python handles each of them. Times are of `init`, and of tracing and lowering one jitted step of
optimizer and `apply_updates`, in turn with those of the inner optimizer alone, each time with a
function that JAX has not seen; medians. SGD has no state, so its `init` takes no time. "bare" is
the arithmetic of one gain for all, array by array, and nothing else: no choice, no check, no mask.
It is what JAX itself takes for five more operations an array.
"""

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from benchmarks.measure import compared
from benchmarks.record import Record
from neurogain.optim import modulate_by_gain

ABOUT = {"title": "Many arrays under a gain", "minutes": 15, "needs": "an idle machine"}
TINY: dict[str, Any] = {"leaves": 20, "rounds": 1}
PHASES = ("init", "trace", "lower")
INNER = {"sgd": lambda: optax.sgd(1e-3), "adam": lambda: optax.adam(1e-3)}
GAINS = ("without", "bare", "global", "leaf")


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What `modulate_by_gain` adds to beginning with a model of many arrays."""

    leaves: int = 10_000
    """Arrays of the model, each of 4 x 4."""
    inner: tuple[Literal["sgd", "adam"], ...] = ("sgd", "adam")
    """Inner optimizers."""
    rounds: int = 3
    """Timed rounds."""


def bare(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Return the arithmetic of a global gain around an optimizer, leaf by leaf."""

    def init(params: Any) -> Any:
        gain = jnp.ones(())
        return gain, inner.init(jax.tree.map(lambda p: lax.div(p, gain), params))

    def update(grads: Any, state: Any, params: Any, *, uncertainty: jax.Array) -> Any:
        gain, inner_state = state
        new = 1 + 0.9 * (gain - 1) + 0.4 * uncertainty
        latent = jax.tree.map(lambda p: lax.div(p, gain), params)
        grads = jax.tree.map(lambda d: lax.mul(gain, d), grads)
        delta, inner_state = inner.update(grads, inner_state, latent)
        gained = new / gain - 1
        updates = jax.tree.map(
            lambda d, p: lax.add(lax.mul(new, d), lax.mul(gained, p)), delta, params
        )
        return updates, (new, inner_state)

    return optax.GradientTransformationExtraArgs(init, update)


def seconds(args: Arguments, inner: str, gain: str, _: int) -> tuple[float, list[float]]:
    """Return the seconds of all phases together, and of each."""
    if gain == "without":
        tx = optax.with_extra_args_support(INNER[inner]())
    else:
        tx = bare(INNER[inner]()) if gain == "bare" else modulate_by_gain(INNER[inner](), per=gain)
    params = {f"w{i}": jnp.ones((4, 4)) for i in range(args.leaves)}

    def step(params: Any, state: Any, grads: Any, drive: Any) -> Any:
        updates, state = tx.update(grads, state, params, uncertainty=drive)
        return optax.apply_updates(params, updates), state

    marks = [time.perf_counter()]
    state = jax.block_until_ready(tx.init(params))
    marks.append(time.perf_counter())
    traced = jax.jit(step).trace(params, state, params, jnp.float32(0.5))
    marks.append(time.perf_counter())
    traced.lower()
    marks.append(time.perf_counter())
    return marks[-1] - marks[0], np.diff(marks).tolist()


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield how much longer tracing and lowering take under a global gain."""
    ratios = {(row["inner"], row["gain"]): row["ratio"] for row in content["rows"]}
    shown = (
        f"{inner} {ratio:.2f}, {ratios[inner, 'bare']:.2f} by the gain's arithmetic alone"
        for (inner, gain), ratio in ratios.items()
        if gain == "global"
    )
    head = f"Tracing and lowering {content['leaves']:,} arrays under a gain over that without"
    yield head, "; ".join(shown)


def run(args: Arguments, record: Record) -> None:
    """Time all."""
    rows = []
    for inner in args.inner:
        runs = {gain: functools.partial(seconds, args, inner, gain) for gain in GAINS}
        found = compared(runs, args.rounds, show=True)
        median = {gain: np.median(one.values, axis=0) for gain, one in found.items()}
        for gain, (init, trace, lower) in median.items():
            plain = median["without"]
            ratio = float((trace + lower) / (plain[1] + plain[2]))
            more = init / plain[0] if inner == "adam" else None
            rows.append({"inner": inner, "gain": gain, "init": init, "trace": trace,
                         "lower": lower, "ratio": ratio, "init_ratio": more})  # fmt: skip
    columns = [
        ("inner", "inner", "<6"), ("gain", "gain", "<8"), ("init s", "init", "9.2f"),
        ("trace s", "trace", "9.2f"), ("lower s", "lower", "9.2f"),
        ("init ratio", "init_ratio", "12.2f"), ("trace + lower ratio", "ratio", "21.2f"),
    ]  # fmt: skip
    record.fill(columns, rows, "Ratios are to the inner optimizer alone.", leaves=args.leaves)
