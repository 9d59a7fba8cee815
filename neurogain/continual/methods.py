"""The optimizers of the comparison, by name: how to build each, with its default constants.

A method is named on the command line by its name alone or with constants of its own,
"ngm:learning_rate=0.02,sensitivity=0.4".
"""

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optax

from neurogain import optim
from neurogain.continual.builders import (
    adamw,
    averaged,
    clipped,
    entropy_rate,
    fixed_gain,
    momentum_sgd,
    output_ngm,
    output_ngm_adam,
    rate_matched,
    reset,
    schedule_free_adam,
    schedule_free_sgd,
    sharpness_aware,
    two_timescale,
    two_timescale_following,
)
from neurogain.gain import check_parameters

# By kind of stream, or by stream where that differs: arXiv 2507.14056, on MNIST, Rotated-MNIST,
# Split-CIFAR-10, Domain-CIFAR-100 and Split-mini-ImageNet.
PUBLISHED_SENSITIVITY = {
    "split": 0.4,
    "rotated": 0.5,
    "split-cifar10": 0.2,
    "domain": 0.1,
    "image": 0.1,
}

_RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("positive and finite", lambda x: 0 < x < math.inf),
    "gain": ("finite and at least 1", lambda x: 1 <= x < math.inf),
    "momentum": ("in [0, 1)", lambda x: 0 <= x < 1),
    "max_norm": ("positive and finite", lambda x: 0 < x < math.inf),
    "consolidation": ("in [0, 1)", lambda x: 0 <= x < 1),
    "rho": ("positive and finite", lambda x: 0 < x < math.inf),
    "weight_decay": ("finite and >= 0", lambda x: 0 <= x < math.inf),
    "b1": ("in (0, 1)", lambda x: 0 < x < 1),
}


@dataclasses.dataclass(frozen=True)
class Method:
    """One optimizer with its constants.

    Its updates take the keywords `uncertainty` (nats), `task_switch` and, where the name says SAM,
    `grad_fn`, a function from parameters to the gradients of the same batch; plain optax takes
    none, so wrap it in `optax.with_extra_args_support`.
    """

    name: str
    summary: str
    build: Callable[..., optax.GradientTransformation]
    constants: Mapping[str, float]
    frozen: bool = False  # the same constants on every stream

    def __call__(self, constants: Mapping[str, Any]) -> optax.GradientTransformation:
        """Build the optimizer; the values may be traced, so a number never recompiles."""
        return self.build(**constants)


_GAIN = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}
_SGD, _ADAM, _NGM = {"learning_rate": 0.1}, {"learning_rate": 1e-3}, {"learning_rate": 0.01} | _GAIN
_MSGD = {"learning_rate": 0.03, "momentum": 0.9}
_CLIP, _AVERAGE, _AHEAD = {"max_norm": 0.1}, {"consolidation": 0.97}, {"rho": 0.05}
_TWO_TIMESCALE = {"learning_rate": 2e-3, **_CLIP, "consolidation": 0.99, **_GAIN}

METHODS = {
    method.name: method
    for method in (
        Method("sgd", "SGD", optax.sgd, _SGD),
        Method("msgd", "momentum-SGD", momentum_sgd, _MSGD),
        Method("adam", "Adam", optax.adam, _ADAM),
        Method("ngm", "NGM-SGD", optim.ngm_sgd, _NGM),
        Method("ngm-adam", "NGM-Adam", optim.ngm_adam, {"learning_rate": 3e-4, **_GAIN}),
        # Controls of the gain.
        Method("fixed-gain", "fixed gain", fixed_gain, {"learning_rate": 0.01, "gain": 3.0}),
        Method("rate-matched", "rate-matched SGD", rate_matched, _NGM),
        Method(
            "entropy-rate",
            "entropy-scaled rate",
            entropy_rate,
            {"learning_rate": 0.03, "sensitivity": 0.4},
        ),
        Method("msgd-reset", "momentum-SGD, reset", reset(momentum_sgd), _MSGD),
        Method("adam-reset", "Adam, reset", reset(optax.adam), _ADAM),
        # Other ways to a smaller gap.
        Method("adamw", "AdamW", adamw, {**_ADAM, "weight_decay": 0.01}),
        Method("clip-sgd", "SGD, clipped", clipped(optax.sgd), _SGD | _CLIP),
        Method("clip-msgd", "momentum-SGD, clipped", clipped(momentum_sgd), _MSGD | _CLIP),
        Method("clip-adam", "Adam, clipped", clipped(optax.adam), _ADAM | _CLIP),
        Method("ema-sgd", "SGD, averaged", averaged(optax.sgd), _SGD | _AVERAGE),
        Method("ema-msgd", "momentum-SGD, averaged", averaged(momentum_sgd), _MSGD | _AVERAGE),
        Method("ema-adam", "Adam, averaged", averaged(optax.adam), _ADAM | _AVERAGE),
        Method(
            "ema-clip-adam",
            "Adam, clipped and averaged",
            averaged(clipped(optax.adam)),
            _ADAM | _CLIP | _AVERAGE,
        ),
        Method("ema-ngm", "NGM-SGD, averaged", averaged(optim.ngm_sgd), _NGM | _AVERAGE),
        Method("schedule-free-sgd", "schedule-free SGD", schedule_free_sgd, _SGD | {"b1": 0.9}),
        Method("schedule-free-adam", "schedule-free Adam", schedule_free_adam, _ADAM | {"b1": 0.9}),
        Method("sam-sgd", "SAM over SGD", sharpness_aware(optax.sgd), _SGD | _AHEAD),
        Method("sam-adam", "SAM over Adam", sharpness_aware(optax.adam), _ADAM | _AHEAD),
        # Fast weights under gain and slow weights that act, and what is left without a part of it.
        Method("two-timescale", "two timescales", two_timescale, _TWO_TIMESCALE, frozen=True),
        Method(
            "two-timescale-no-gain",
            "two timescales, no gain",
            averaged(clipped(optax.adam)),
            {name: _TWO_TIMESCALE[name] for name in ("learning_rate", "max_norm", "consolidation")},
            frozen=True,
        ),
        Method(
            "two-timescale-follow",
            "two timescales, rate by gain",
            two_timescale_following,
            _TWO_TIMESCALE | {"consolidation": 0.97},
        ),
        Method(
            "clip-ngm-adam",
            "NGM-Adam on the output, clipped",
            clipped(output_ngm_adam),
            {name: x for name, x in _TWO_TIMESCALE.items() if name != "consolidation"},
        ),
        Method("ngm-output", "NGM-SGD on the output", output_ngm, _NGM),
    )
}


def published_sensitivity(benchmark: str) -> float:
    """Return the sensitivity that the source states for the stream, or for its kind.

    Args:
      benchmark: "split-mnist", "rotated-digits", "domain-cifar100", "image-folder", ...

    Raises:
      ValueError: a benchmark of another kind.
    """
    kind = benchmark.partition("-")[0]
    try:
        return PUBLISHED_SENSITIVITY.get(benchmark, PUBLISHED_SENSITIVITY[kind])
    except KeyError:
        raise ValueError(
            f"`benchmark` must be of the kinds {', '.join(PUBLISHED_SENSITIVITY)}; got "
            f"{benchmark!r}."
        ) from None


def parse(text: str, *, sensitivity: float | None = None) -> Method:
    """Return the method that `text` names, "name" or "name:constant=value,...".

    Args:
      text: what the user wrote.
      sensitivity: default for methods with a gain that starts from the published settings.

    Raises:
      ValueError: an unknown method or constant, or a value out of range.
    """
    name, _, assignments = text.partition(":")
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"`optimizers` must be among {', '.join(METHODS)}; got {name!r}.{hint}")
    method = METHODS[name]
    constants = dict(method.constants)
    if sensitivity is not None and "decay" in constants and not method.frozen:
        constants["sensitivity"] = sensitivity
    given = [part.partition("=") for part in assignments.split(",") if part]
    for key, _, value in given:
        if key not in constants or [k for k, _, _ in given].count(key) > 1:
            raise ValueError(
                f"`optimizers` may set each of {', '.join(constants)} of {name!r} once; got "
                f"{key!r} in {text!r}."
            )
        try:
            constants[key] = float(value)
        except ValueError:
            raise ValueError(
                f"`{key}` of {name!r} must be a number; got {value!r}. Write "
                f"{name}:{key}={method.constants[key]:g}"
            ) from None
    check_constants(name, constants)
    return dataclasses.replace(method, constants=constants)


def parse_all(texts: Sequence[str], benchmark: str) -> dict[str, Method]:
    """Return the methods of a benchmark by label: the name, or the whole text of one named twice.

    Raises:
      ValueError: none, one given twice with the same constants, or what `parse` refuses.
    """
    names = [text.partition(":")[0] for text in texts]
    labels = [
        name if names.count(name) == 1 else text for name, text in zip(names, texts, strict=True)
    ]
    if len(set(labels)) < len(labels) or not labels:
        raise ValueError(
            "`optimizers` must name at least one method, and none twice with the same constants; "
            f"got {' '.join(texts) or 'none'}."
        )
    sensitivity = published_sensitivity(benchmark)
    return {
        label: parse(text, sensitivity=sensitivity)
        for label, text in zip(labels, texts, strict=True)
    }


def check_constants(name: str, constants: Mapping[str, float]) -> None:
    """Refuse values out of range before anything is traced."""
    for key, (rule, holds) in _RANGES.items():
        if key in constants and not holds(constants[key]):
            raise ValueError(f"`{key}` of {name!r} must be {rule}; got {constants[key]!r}.")
    check_parameters(
        decay=constants.get("decay", 0.9),
        baseline=constants.get("baseline", 1.0),
        sensitivity=constants.get("sensitivity", 0.0),
    )
