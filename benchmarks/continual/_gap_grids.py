"""The configurations that each optimizer is tuned over: as many for one as for another.

Eight for perceptrons, five (of learning rates alone) for the residual network. What has no entry is
frozen: it runs with the constants that it has in `neurogain.continual.methods`, as do those of the
averages over the residual network (0.97).
"""

import itertools
from collections.abc import Mapping

from neurogain.continual import methods

Grid = Mapping[str, tuple[float, ...]]

RELATIVE = ("sensitivity",)  # values are factors of the published one, or of the method's own 0.4
FROZEN = tuple(name for name, m in methods.METHODS.items() if m.frozen)  # by preset_search.py
FRONTS = ("sgd", "msgd", "adam", "ngm", "ema-adam", "ema-clip-adam")
"""Whose configurations all run on the fresh seeds, for fronts."""

_SGD = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_MOMENTUM = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
_ADAM = (5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3)
_FEW_SGD, _FEW_MOMENTUM = (0.03, 0.1, 0.3, 1.0), (0.005, 0.02, 0.05, 0.1)
_FEW_ADAM, _FEW_NGM = (3e-4, 1e-3, 2e-3, 5e-3), (0.003, 0.01, 0.02, 0.04)
_CLIP = {"max_norm": (0.1, 1.0)}
_AVERAGE = {"consolidation": (0.99, 0.97)}
_AHEAD = {"rho": (0.02, 0.1)}
_GAIN = {"sensitivity": (1.0, 0.5)}

PERCEPTRON: Mapping[str, Grid] = {
    "sgd": {"learning_rate": _SGD},
    "msgd": {"learning_rate": _MOMENTUM},
    "adam": {"learning_rate": _ADAM},
    "ngm": _GAIN | {"learning_rate": _FEW_NGM},
    "ngm-adam": _GAIN | {"learning_rate": (3e-5, 1e-4, 3e-4, 1e-3)},
    "fixed-gain": {"gain": (2.0, 3.0), "learning_rate": (0.003, 0.01, 0.03, 0.1)},
    "rate-matched": _GAIN | {"learning_rate": (0.003, 0.01, 0.03, 0.1)},
    "entropy-rate": _GAIN | {"learning_rate": (0.02, 0.05, 0.1, 0.3)},
    "msgd-reset": {"learning_rate": _MOMENTUM},
    "adam-reset": {"learning_rate": _ADAM},
    "adamw": {"learning_rate": _ADAM},
    "clip-sgd": _CLIP | {"learning_rate": (0.1, 0.3, 1.0, 3.0)},
    "clip-msgd": _CLIP | {"learning_rate": (0.01, 0.03, 0.1, 0.3)},
    "clip-adam": _CLIP | {"learning_rate": (1e-4, 3e-4, 1e-3, 2e-3)},
    "ema-sgd": _AVERAGE | {"learning_rate": _FEW_SGD},
    "ema-msgd": _AVERAGE | {"learning_rate": _FEW_MOMENTUM},
    "ema-adam": _AVERAGE | {"learning_rate": _FEW_ADAM},
    "ema-clip-adam": _AVERAGE | {"learning_rate": _FEW_ADAM},
    "ema-ngm": _AVERAGE | {"learning_rate": _FEW_NGM},
    "schedule-free-sgd": {"learning_rate": (0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)},
    "schedule-free-adam": {"learning_rate": (3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2)},
    "sam-sgd": _AHEAD | {"learning_rate": (0.05, 0.1, 0.3, 1.0)},
    "sam-adam": _AHEAD | {"learning_rate": (1e-4, 3e-4, 1e-3, 2e-3)},
    "two-timescale-follow": _AVERAGE | {"learning_rate": _FEW_ADAM},
    "clip-ngm-adam": _GAIN | {"learning_rate": (1e-4, 3e-4, 1e-3, 2e-3)},
    "ngm-output": _GAIN | {"learning_rate": _FEW_NGM},
}

_RESNET_SGD = (0.01, 0.03, 0.1, 0.3, 1.0)
_RESNET_MOMENTUM = (0.001, 0.003, 0.01, 0.03, 0.1)
_RESNET_ADAM = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)

RESIDUAL: Mapping[str, Grid] = {
    name: {"learning_rate": rates}
    for rates, names in (
        (
            _RESNET_SGD,
            ("sgd", "ema-sgd", "sam-sgd", "entropy-rate", "ngm", "ema-ngm", "clip-msgd"),
        ),
        ((0.1, 0.3, 1.0, 3.0, 10.0), ("clip-sgd", "schedule-free-sgd")),
        (_RESNET_MOMENTUM, ("msgd", "msgd-reset", "ema-msgd")),
        (
            _RESNET_ADAM,
            (
                "adam", "adamw", "adam-reset", "clip-adam", "ema-adam", "ema-clip-adam",
                "schedule-free-adam", "sam-adam", "clip-ngm-adam", "two-timescale-follow",
            ),
        ),
    )
    for name in names
}  # fmt: skip


def names(convolutional: bool) -> tuple[str, ...]:
    """Return the methods of a comparison, the frozen ones last."""
    return (*(RESIDUAL if convolutional else PERCEPTRON), *FROZEN)


def configurations(name: str, benchmark: str, *, convolutional: bool) -> list[dict[str, float]]:
    """Return the configurations of a method on a stream; one where it is frozen."""
    constants = dict(methods.METHODS[name].constants)
    if name not in FROZEN and "decay" in constants:
        constants["sensitivity"] = methods.published_sensitivity(benchmark)
    grid = (RESIDUAL if convolutional else PERCEPTRON).get(name, {})
    found = []
    for values in itertools.product(*grid.values()):
        own = dict(zip(grid, values, strict=True))
        scaled = {k: v * constants[k] if k in RELATIVE else v for k, v in own.items()}
        found.append(constants | scaled)
    return found
