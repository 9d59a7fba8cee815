"""The loss around the first switch of a stream: curvature, lines, a plane; and what a gain does.

The units of work: one per optimizer (all its seeds), the demonstration of fast and slow weights,
and the gain as a read-out of complexity, for classes and for domains.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks, analysis, output
from neurogain.continual import methods, models, stream_specs, streams
from neurogain.continual.stream_specs import STREAMS, StreamSpec

CLASSES = 10  # of the digits, whose classes and rotations the read-out of complexity has
DEMONSTRATION = "fast-slow"
COMPLEXITIES = ("classes", "domains")


@dataclasses.dataclass(frozen=True)
class LandscapeConfig:
    """Curvature and loss slices around the first switch, fast and slow weights, gain read out."""

    benchmark: str | StreamSpec = "split-digits"
    """A stream of stability-gap that trains an MLP; joint training on its first two tasks."""
    optimizers: tuple[str | methods.Method, ...] = ("sgd", "msgd", "adam", "ngm")
    """Methods of stability-gap whose weights act as they learn, with one gain on all or none, one
    gradient an update; with constants of their own as ngm:learning_rate=0.02."""
    seeds: int = 5
    """Each sets the initial weights and the batches, the same for all methods."""
    first_seed: int = 0
    """The seeds are first_seed, first_seed + 1, ..."""
    iterations: int = 200
    """Updates per task."""
    batch_size: int = 64
    """Images per update."""
    hidden: tuple[int, ...] = (64, 64)
    """Widths of the hidden layers; the papers' 400 400 takes ten times as long."""
    top: int = 3
    """Eigenvalues of the Hessian, from the largest."""
    every: int = 10
    """Updates between measurements of curvature."""
    products: int = 50
    """Hessian-vector products of a measurement; metrics.json says how far they converged."""
    images: int = 256
    """Training images per task, fixed, for curvature; all of them where there are fewer."""
    window: int = 50
    """Updates before and after the switch whose weights span lines and plane."""
    points: int = 41
    """Points along a line, and along each side of the plane; odd."""
    rotation: float = 80.0
    """Degrees between the domains of the read-out of complexity."""

    def parse_methods(self) -> dict[str, methods.Method]:
        """Return the methods by label, as `methods.parse_all`."""
        return methods.parse_all(self.optimizers, sensitivity=self.spec.sensitivity)

    @property
    def spec(self) -> StreamSpec:
        """The stream that the benchmark names, or that it is."""
        return stream_specs.find(self.benchmark)

    def check(self) -> None:
        """Refuse bad input before anything is run.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        if self.spec.model != "mlp" or self.spec.required:
            fit = [s.name for s in STREAMS.values() if s.model == "mlp" and not s.required]
            raise ValueError(
                f"`benchmark` must be a stream that trains an MLP, {', '.join(fit)}; got "
                f"{self.spec.name}."
            )
        refused = [m.name for m in self.parse_methods().values() if not m.held_weights_act]
        if refused:
            measured = ", ".join(m.name for m in methods.METHODS.values() if m.held_weights_act)
            raise ValueError(
                f"`optimizers` must be among {measured} here; got {', '.join(refused)}, "
                "with slow weights, a gain on a part of the network or a second gradient."
            )
        counts = {name: 1 for name in ("seeds", "iterations", "batch_size", "top", "every")}
        counts |= {"products": 1, "images": 1, "window": 2, "points": 3, "first_seed": 0}
        for name, least in counts.items():
            _checks.whole(name, getattr(self, name), least)
        if self.first_seed + self.seeds > 2**32:
            raise ValueError(f"`first_seed` must be below 2^32 - seeds; got {self.first_seed}.")
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"`hidden` must be widths of at least 1 unit; got {self.hidden}.")
        if self.iterations % self.every:
            raise ValueError(
                f"`every` must divide the {self.iterations} iterations of a task; got "
                f"{self.every}. Pass every={self.iterations}."
            )
        if self.points % 2 == 0:
            raise ValueError(
                f"`points` must be odd, so that one lies on the switch; got {self.points}. "
                f"Pass points={self.points + 1}."
            )
        if self.window > self.iterations:
            raise ValueError(
                f"`window` must be at most the {self.iterations} iterations of a task; got "
                f"{self.window}. Pass window={self.iterations}."
            )
        if self.products < self.top:
            raise ValueError(
                f"`products` must be at least the {self.top} eigenvalues; got {self.products}. "
                "Pass products=50."
            )
        _checks.in_range("rotation", self.rotation, "finite, in degrees", np.isfinite, "80")

    def check_stream(self, stream: streams.Stream) -> None:
        """Raise ValueError if the network for the stream has fewer weights than products."""
        widths = (math.prod(stream.images.shape[1:]), *self.hidden, stream.classes)
        weights = sum(a * b for a, b in itertools.pairwise(widths))
        if self.products > weights:
            raise ValueError(
                f"`products` must be at most the network's {weights} weights; got {self.products}. "
                "Pass products=50."
            )

    def units(self) -> Iterator[str]:
        """Yield the names of the units of work."""
        yield from self.parse_methods()
        yield from (DEMONSTRATION, *COMPLEXITIES)

    @property
    def seed_range(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)

    def model(self, classes: int = CLASSES) -> models.MLP:
        """Return the network, with one output a class."""
        return models.MLP(classes, self.hidden)


class FastSlow(NamedTuple):
    """The demonstration of fast and slow weights, both ways."""

    modulated_slow: Any  # g0 W, (updates + 1, weights)
    modulated_fast: Any  # (g - g0) W
    modulated_gain: Any  # (updates + 1,)
    explicit_slow: Any
    explicit_fast: Any
    explicit_gain: Any


def load_stream(config: LandscapeConfig) -> streams.Stream:
    """Return the stream of whose tasks the first two are learned."""
    return config.spec.build()


def linear_problem() -> analysis.Problem:
    """Return a regression in five weights whose targets change halfway, in float64 or narrower."""
    rng = np.random.default_rng(0)
    inputs, solutions = rng.normal(size=(50, 5)), rng.normal(size=(2, 5))
    targets = np.repeat(solutions @ inputs.T, 100, axis=0)
    return analysis.Problem(
        inputs=jnp.asarray(inputs),
        targets=jnp.asarray(targets),
        start=jnp.asarray(rng.normal(size=5)),
        learning_rate=0.03,
        decay=0.9,
        baseline=1.2,
        sensitivity=0.1,
    )


def run_fast_slow() -> FastSlow:
    """Train a linear problem with a gain, and with explicit fast and slow weights, in float64."""
    with jax.enable_x64():
        problem = linear_problem()
        both = (analysis.gain_modulated(problem), analysis.explicit_fast_slow(problem))
        return FastSlow(*(np.asarray(x) for course in both for x in course))


def as_json(config: LandscapeConfig) -> dict[str, Any]:
    """Return the configuration as JSON values."""
    texts = tuple(m.text if isinstance(m, methods.Method) else m for m in config.optimizers)
    return output.plain(dataclasses.replace(config, benchmark=config.spec.name, optimizers=texts))
