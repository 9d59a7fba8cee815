"""The optimizers of the comparison, by name: how to build each, with its default constants.

A method is named on the command line by its name alone or with constants of its own,
"ngm:learning_rate=0.02,sensitivity=0.4".
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import optax

from neurogain import optim
from neurogain.gain import check_parameters

PUBLISHED_SENSITIVITY = {"split": 0.4, "rotated": 0.5}  # arXiv 2507.14056, on MNIST


@dataclasses.dataclass(frozen=True)
class Method:
    """One optimizer with its constants."""

    name: str
    summary: str
    build: Callable[..., optax.GradientTransformation]
    constants: Mapping[str, float]

    def __call__(self, constants: Mapping[str, Any]) -> optax.GradientTransformation:
        """Build the optimizer; the values may be traced, so a number never recompiles."""
        return self.build(**constants)


def _momentum_sgd(learning_rate: Any, momentum: Any) -> optax.GradientTransformation:
    return optax.sgd(learning_rate, momentum)


def _fixed_gain(learning_rate: Any, gain: Any) -> optax.GradientTransformation:
    inner = optax.sgd(learning_rate)
    return optim.modulate_by_gain(inner, baseline=gain, sensitivity=0.0, on_missing="hold")


def _rate_matched(learning_rate: Any, **gain: Any) -> optax.GradientTransformation:
    return optax.chain(optax.sgd(learning_rate), optim.scale_by_gain(**gain))


def _entropy_rate(learning_rate: Any, sensitivity: Any) -> optax.GradientTransformation:
    return optax.chain(
        optax.sgd(learning_rate), optim.scale_by_uncertainty(sensitivity=sensitivity)
    )


def _reset_momentum_sgd(learning_rate: Any, momentum: Any) -> optax.GradientTransformation:
    return optim.reset_on_switch(optax.sgd(learning_rate, momentum))


def _reset_adam(learning_rate: Any) -> optax.GradientTransformation:
    return optim.reset_on_switch(optax.adam(learning_rate))


_GAIN = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}

METHODS = {
    method.name: method
    for method in (
        Method("sgd", "SGD", optax.sgd, {"learning_rate": 0.1}),
        Method("msgd", "momentum-SGD", _momentum_sgd, {"learning_rate": 0.03, "momentum": 0.9}),
        Method("adam", "Adam", optax.adam, {"learning_rate": 1e-3}),
        Method("ngm", "NGM-SGD", optim.ngm_sgd, {"learning_rate": 0.01, **_GAIN}),
        Method("ngm-adam", "NGM-Adam", optim.ngm_adam, {"learning_rate": 3e-4, **_GAIN}),
        Method("fixed-gain", "fixed gain", _fixed_gain, {"learning_rate": 0.01, "gain": 3.0}),
        Method("rate-matched", "rate-matched SGD", _rate_matched, {"learning_rate": 0.01, **_GAIN}),
        Method(
            "entropy-rate",
            "entropy-scaled rate",
            _entropy_rate,
            {"learning_rate": 0.03, "sensitivity": 0.4},
        ),
        Method(
            "msgd-reset",
            "momentum-SGD, reset",
            _reset_momentum_sgd,
            {"learning_rate": 0.03, "momentum": 0.9},
        ),
        Method("adam-reset", "Adam, reset", _reset_adam, {"learning_rate": 1e-3}),
    )
}


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
        raise ValueError(f"`optimizers` must be among {', '.join(METHODS)}; got {name!r}.")
    method = METHODS[name]
    constants = dict(method.constants)
    if sensitivity is not None and "decay" in constants:
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


def check_constants(name: str, constants: Mapping[str, float]) -> None:
    """Refuse values out of range before anything is traced."""
    rate, gain = constants["learning_rate"], constants.get("gain", 1.0)
    if not 0 < rate < float("inf"):
        raise ValueError(f"`learning_rate` of {name!r} must be positive and finite; got {rate!r}.")
    if not 1 <= gain < float("inf"):
        raise ValueError(f"`gain` of {name!r} must be finite and at least 1; got {gain!r}.")
    if "momentum" in constants and not 0 <= constants["momentum"] < 1:
        raise ValueError(f"`momentum` of {name!r} must be in [0, 1); got {constants['momentum']}.")
    check_parameters(
        decay=constants.get("decay", 0.9),
        baseline=constants.get("baseline", 1.0),
        sensitivity=constants.get("sensitivity", 0.0),
    )
