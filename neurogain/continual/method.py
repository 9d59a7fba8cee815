"""What an optimizer of the comparison is: how to build it, its constants, how it is tuned."""

import dataclasses
import inspect
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optax

from neurogain.continual.strategy import Strategy
from neurogain.gain import check_parameters

Grid = Mapping[str, tuple[float, ...]]
RELATIVE = ("sensitivity",)  # a grid's values are factors of the stream's or the method's own

_RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("positive and finite", lambda x: 0 < x < math.inf),
    "gain": ("finite and at least 1", lambda x: 1 <= x < math.inf),
    "momentum": ("in [0, 1)", lambda x: 0 <= x < 1),
    "max_norm": ("positive and finite", lambda x: 0 < x < math.inf),
    "consolidation": ("in [0, 1)", lambda x: 0 <= x < 1),
    "rho": ("positive and finite", lambda x: 0 < x < math.inf),
    "weight_decay": ("finite and >= 0", lambda x: 0 <= x < math.inf),
    "b1": ("in (0, 1)", lambda x: 0 < x < 1),
    "alpha": ("finite and >= 0", lambda x: 0 <= x < math.inf),
    "beta": ("finite and >= 0", lambda x: 0 <= x < math.inf),
    "penalty": ("finite and >= 0", lambda x: 0 <= x < math.inf),
    "distillation": ("finite and >= 0", lambda x: 0 <= x < math.inf),
    "temperature": ("positive and finite", lambda x: 0 < x < math.inf),
}


@dataclasses.dataclass(frozen=True)
class Method:
    """One optimizer with its constants, and the strategy around it, if any.

    Constants and sizes with the names of the strategy's parameters are the strategy's, all other
    constants the optimizer's.

    Its updates get, of these keywords, those that they take: `uncertainty` (nats), `task_switch`,
    and of the batch `value`, `grad`, `value_fn` and `grad_fn`, functions from parameters to the
    loss and to its gradients. Plain optax optimizers ignore them.

    Example:
      >>> import optax
      >>> lion = Method("lion", "Lion", optax.lion, {"learning_rate": 1e-4})
      >>> lion.text
      'lion:learning_rate=0.0001'
      >>> tx = lion(lion.constants)
    """

    name: str
    summary: str
    build: Callable[..., optax.GradientTransformation]  # from the constants by name
    constants: Mapping[str, float]
    takes_mask: bool = False  # `build` takes `mask`, the layers that the gain modulates
    held_weights_act: bool = True  # the weights that learn act, under one gain on all of them or
    # none, with one gradient an update: what `neurogain landscape` can measure
    frozen: bool = False  # the same constants on every stream; never tuned
    grids: Mapping[str, Grid] = dataclasses.field(default_factory=dict)  # by model: what is tuned
    published: Mapping[str, float] = dataclasses.field(default_factory=dict)  # avg-SG by stream, in
    # arXiv 2507.14056
    fronts: bool = False  # all configurations are reported on fresh seeds, for fronts
    main: bool = False  # its course around the switches is drawn
    against: tuple[str, ...] = ()  # names of the simpler methods that it must beat
    strategy: Callable[..., Strategy] | None = None  # from its constants and sizes by name; it
    # learns from the new task alone, by `--regime finetune`
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)  # whole numbers that the
    # strategy is compiled with, such as `memory`

    def __call__(self, constants: Mapping[str, Any]) -> optax.GradientTransformation:
        """Build the optimizer; the values may be traced, so a number never recompiles."""
        theirs = self._of_strategy(constants)
        return self.build(**{name: x for name, x in constants.items() if name not in theirs})

    def make_strategy(self, constants: Mapping[str, Any]) -> Strategy:
        """Build the strategy of a method that has one; the constants may be traced."""
        assert self.strategy is not None
        return self.strategy(**self._of_strategy(constants), **self.sizes)

    def _of_strategy(self, constants: Mapping[str, Any]) -> dict[str, Any]:
        """Return the constants that are the strategy's."""
        names = () if self.strategy is None else inspect.signature(self.strategy).parameters
        return {name: x for name, x in constants.items() if name in names}

    @property
    def hyperparameters(self) -> dict[str, float]:
        """All constants and sizes."""
        return {**self.constants, **self.sizes}

    @property
    def text(self) -> str:
        """The method with all its constants and sizes, as `methods.parse` reads it."""
        numbers = self.hyperparameters.items()
        return f"{self.name}:" + ",".join(f"{k}={_short(v)}" for k, v in numbers)

    def with_mask(self, mask: Any) -> "Method":
        """Return the method with its gain on the layers of the mask.

        Raises ValueError if its builder takes none.
        """
        if not self.takes_mask:
            raise ValueError(f"`mask` must go to a method whose builder takes it; got {self.name}.")

        def build(**constants: Any) -> optax.GradientTransformation:
            return self.build(mask=mask, **constants)

        return dataclasses.replace(self, build=build)

    def configurations(
        self, model: str, sensitivity: float | None = None
    ) -> list[dict[str, float]]:
        """Return the configurations that the method is tuned over with a model; one if frozen.

        Args:
          model: "mlp" or "resnet".
          sensitivity: that of the stream, for methods with a gain of their own.
        """
        constants = self.with_sensitivity(sensitivity)
        grid = self.grids.get(model, {})
        found = []
        for values in itertools.product(*grid.values()):
            own = dict(zip(grid, values, strict=True))
            scaled = {k: v * constants[k] if k in RELATIVE else v for k, v in own.items()}
            found.append(constants | scaled)
        return found

    def with_sensitivity(self, sensitivity: float | None) -> dict[str, float]:
        """Return the constants, with a stream's sensitivity where the method starts from it."""
        constants = dict(self.constants)
        if sensitivity is not None and "decay" in constants and not self.frozen:
            constants["sensitivity"] = sensitivity
        return constants


def _short(value: float) -> str:
    """Return the number in as few digits as give it back."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def check_constants(
    name: str, constants: Mapping[str, float], sizes: Mapping[str, float] | None = None
) -> None:
    """Check the values of known constants, and sizes, before anything is traced.

    Raises ValueError if a constant is out of range, or if a size is not a whole number of at least
    1.
    """
    for key, size in (sizes or {}).items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(
                f"`{key}` of {name!r} must be a whole number of at least 1; got {size!r}."
            )
    for key, (rule, holds) in _RANGES.items():
        if key in constants and not holds(constants[key]):
            raise ValueError(f"`{key}` of {name!r} must be {rule}; got {constants[key]!r}.")
    check_parameters(
        decay=constants.get("decay", 0.9),
        baseline=constants.get("baseline", 1.0),
        sensitivity=constants.get("sensitivity", 0.0),
    )
