"""What `neurogain landscape` can be told."""

import dataclasses
import itertools
import math
from typing import Annotated

from neurogain.continual import methods, models, streams
from neurogain.continual.stream_specs import STREAMS, StreamSpec
from neurogain.experiments.training import TrainingOptions, Widths
from neurogain.options import Count, Seed, Whole, finite

CLASSES = 10  # of the digits, whose classes and rotations the read-out of complexity has


@dataclasses.dataclass(frozen=True)
class LandscapeConfig(TrainingOptions):
    """Curvature and loss slices around the first switch, fast and slow weights, gain read out."""

    benchmark: str | StreamSpec = "split-digits"
    """A stream of stability-gap that trains an MLP; joint training on its first two tasks."""
    optimizers: tuple[str | methods.Method, ...] = ("sgd", "msgd", "adam", "ngm")
    """Methods of stability-gap whose weights act as they learn, with one gain on all or none, one
    gradient an update; with constants of their own as ngm:learning_rate=0.02."""
    seeds: Count = 5
    """Each sets the initial weights and the batches, the same for all methods."""
    first_seed: Seed = 0
    """The seeds are first_seed, first_seed + 1, ..."""
    iterations: Count = 200
    """Updates per task."""
    batch_size: Count = 64
    """Images per update."""
    hidden: Widths = (64, 64)
    """Widths of the hidden layers; the papers' 400 400 takes ten times as long."""
    top: Count = 3
    """Eigenvalues of the Hessian, from the largest."""
    every: Count = 10
    """Updates between measurements of curvature."""
    products: Count = 50
    """Hessian-vector products of a measurement; metrics.json says how far they converged."""
    images: Count = 256
    """Training images per task, fixed, for curvature; all of them where there are fewer."""
    window: Annotated[int, Whole(2)] = 50
    """Updates before and after the switch whose weights span lines and plane."""
    points: Annotated[int, Whole(3)] = 41
    """Points along a line, and along each side of the plane; odd."""
    rotation: Annotated[float, finite("degrees")] = 80.0
    """Degrees between the domains of the read-out of complexity."""

    def _check_together(self) -> None:
        super()._check_together()
        self._check_choices()
        total, odd = self.iterations, "be odd, so that one lies on the switch"
        for name, holds, rule, fits in (
            ("every", total % self.every == 0, f"divide the {total} iterations of a task", total),
            ("points", self.points % 2 == 1, odd, self.points + 1),
            ("window", self.window <= total, f"be at most the {total} iterations of a task", total),
            ("products", self.products >= self.top, f"be at least the {self.top} eigenvalues", 50),
        ):
            self._require(name, holds, rule, fits)

    def _check_choices(self) -> None:
        """Raise ValueError for a stream or a method that can't be measured."""
        if self.spec.model != "mlp" or self.spec.required:
            fit = [s.name for s in STREAMS.values() if s.model == "mlp" and not s.required]
            raise ValueError(
                f"`benchmark` must be a stream that trains an MLP, {', '.join(fit)}; got "
                f"{self.spec.name}."
            )
        refused = [m.name for m in self.parse_methods().values() if not _measured(m)]
        if refused:
            measured = ", ".join(m.name for m in methods.METHODS.values() if _measured(m))
            raise ValueError(
                f"`optimizers` must be among {measured} here; got {', '.join(refused)}, "
                "with slow weights, a gain on a part of the network, a second gradient, or a "
                "strategy."
            )

    def check_stream(self, stream: streams.Stream) -> None:
        """Raise ValueError if the network for the stream has fewer weights than products."""
        widths = (math.prod(stream.images.shape[1:]), *self.hidden, stream.classes)
        weights = sum(a * b for a, b in itertools.pairwise(widths))
        rule = f"be at most the network's {weights} weights"
        self._require("products", self.products <= weights, rule, 50)

    def model(self, classes: int = CLASSES) -> models.MLP:
        """Return the network, with one output a class."""
        return models.MLP(classes, self.hidden)


def _measured(method: methods.Method) -> bool:
    """Return whether a method's loss is that of its weights as they learn, in joint training."""
    return method.held_weights_act and method.strategy is None
