"""What `preset_search` tries: equally many configurations of Adam and of the two timescales."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from neurogain import optim
from neurogain.continual import builders
from neurogain.continual.method import Method

Constants = dict[str, float]
Candidate = tuple[str, Constants]  # how it is built, a name of BUILT, and its constants

ADAM = {
    "learning_rate": (2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 2e-3, 3e-3, 5e-3),
    "b1": (0.0, 0.5, 0.8, 0.9, 0.95),
    "b2": (0.9, 0.99, 0.999, 0.9999),
}
RATES, NORMS, MOMENTA = (1e-3, 2e-3, 5e-3), (0.1, 0.3), (0.5, 0.9)
CONSOLIDATIONS = (0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99)
VARIANTS: tuple[tuple[str, float], ...] = (  # how it is built, and the gain's sensitivity
    ("plain", 0.0), ("output", 0.4), ("output", 1.0), ("output", 2.0), ("all", 0.4), ("all", 1.0),
    ("follow", 0.4), ("twice", 0.0), ("twice output", 1.0),
)  # fmt: skip


def averaged_twice(build: builders.Build) -> builders.Build:
    """Act at the average of the average of the weights, both of one decay."""
    return lambda consolidation, **constants: _averaged_twice(build(**constants), consolidation)


def _averaged_twice(
    inner: optax.GradientTransformation, decay: Any
) -> optax.GradientTransformationExtraArgs:
    tx = optax.with_extra_args_support(inner)

    def init_fn(params: PyTree) -> optim.ConsolidateState:
        once, twice = (jax.tree.map(jnp.array, params) for _ in range(2))
        return optim.ConsolidateState(twice, jnp.zeros([]), None, (once, tx.init(params)))

    def update_fn(
        updates: PyTree, state: optim.ConsolidateState, params: PyTree = None, **extra_args: Any
    ) -> tuple[PyTree, optim.ConsolidateState]:
        once, inner_state = state.inner_state
        updates, inner_state = tx.update(updates, inner_state, params, **extra_args)
        share = 1 - decay
        weight = state.weight + share * (1 - state.weight)
        new = optax.apply_updates(params, updates)
        once = optax.incremental_update(new, once, share / weight)
        twice = optax.incremental_update(once, state.slow, share / weight)
        return updates, optim.ConsolidateState(twice, weight, None, (once, inner_state))

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def on_output(**constants: Any) -> optax.GradientTransformation:
    """The preset with the gain on the output layer."""
    return optim.two_timescale(mask=builders.OUTPUT, **constants)


BUILT: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adam": optax.adam,
    "plain": builders.averaged(builders.clipped(optax.adam)),
    "output": on_output,
    "all": optim.two_timescale,
    "follow": builders.two_timescale_following,
    "twice": averaged_twice(builders.clipped(optax.adam)),
    "twice output": averaged_twice(builders.clipped(builders.output_ngm_adam)),
}


def method(how: str) -> Method:
    """Return what trains the candidates that are built in one way."""
    return Method(how.replace(" ", "-"), how, BUILT[how], {}, held_weights_act=False)


def adams() -> list[Candidate]:
    """Return all configurations of Adam."""
    return [
        ("adam", dict(zip(ADAM, own, strict=True))) for own in itertools.product(*ADAM.values())
    ]


def presets(number: int, seed: int) -> list[Candidate]:
    """Return that many configurations of the two timescales, drawn from the whole space."""
    space = list(itertools.product(VARIANTS, CONSOLIDATIONS, NORMS, RATES, MOMENTA))
    chosen = np.random.default_rng(seed).choice(len(space), min(number, len(space)), replace=False)
    return [_preset(*space[i]) for i in sorted(chosen)]


def _preset(
    variant: tuple[str, float],
    consolidation: float,
    max_norm: float,
    learning_rate: float,
    b1: float,
) -> Candidate:
    how, sensitivity = variant
    constants = {
        "learning_rate": learning_rate, "b1": b1, "max_norm": max_norm,
        "consolidation": consolidation,
    }  # fmt: skip
    if sensitivity:
        constants |= {"decay": 0.9, "baseline": 1.0, "sensitivity": sensitivity}
    return how, constants


def limit(stream_name: str) -> float:
    """Return the largest avg-SG that the rule allows, in units of Adam's."""
    return 0.3 if stream_name.startswith("rotated") else 0.1


def around(candidate: Candidate) -> list[Candidate]:
    """Return twelve neighbours of two timescales: rates, and shares (1 - consolidation)."""
    how, own = candidate
    factors = itertools.product((0.7, 1.0, 1.4), (1.2, 0.9, 0.8, 0.7))
    return [
        (how, own | {"learning_rate": _short(own["learning_rate"] * rate),
                     "consolidation": _short(1 - share * (1 - own["consolidation"]))})
        for rate, share in factors
    ]  # fmt: skip


def around_adam(own: Constants) -> list[Candidate]:
    """Return six neighbours of Adam: rates and momenta."""
    momenta = [_short(float(np.clip(own["b1"] + step, 0, 0.95))) for step in (-0.2, 0.0, 0.2)]
    rates = [_short(own["learning_rate"] * factor) for factor in (0.7, 1.4)]
    values = itertools.product(rates, momenta)
    return [("adam", own | {"learning_rate": rate, "b1": b1}) for rate, b1 in values]


def _short(value: float) -> float:
    """Return a number of three digits."""
    return float(f"{value:.3g}")
