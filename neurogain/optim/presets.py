"""Optimizers with uncertainty-modulated gain, ready to use.

Every argument is named, since `optax.inject_hyperparams` cannot wrap a function of `**options`;
with it, pass static_args=("mask", "unit_axis"), which are no hyperparameters.
"""

from collections.abc import Callable
from typing import Any

import optax
from jaxtyping import PyTree

from neurogain.optim._drive import OnMissing
from neurogain.optim.modulate import Hyperparameter, Per, modulate_by_gain


def ngm_sgd(
    learning_rate: optax.ScalarOrSchedule,
    *,
    momentum: float | None = None,
    nesterov: bool = False,
    decay: Hyperparameter = 0.9,
    baseline: Hyperparameter = 1.0,
    sensitivity: Hyperparameter = 0.4,
    initial_gain: float | None = None,
    per: Per = "global",
    unit_axis: int = -1,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    axis_name: Any = None,
    on_missing: OnMissing = "raise",
    keep_weights: bool | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Gain-modulated SGD (NGM-SGD), the optimizer of the source; without momentum by default.

    Args:
      learning_rate: rate on the underlying weights; at gain g the effective weights move at
        about g^2 times it.
      momentum: of the inner SGD.
      nesterov: of the inner SGD.
      decay: of the gain, in (0, 1), per update.
      baseline: tonic gain, >= 1.
      sensitivity: gain per nat of entropy.
      initial_gain, per, unit_axis, mask, axis_name, on_missing, keep_weights: as for
        `modulate_by_gain`.

    Example:
      >>> import jax.numpy as jnp
      >>> tx = ngm_sgd(0.01)
      >>> params = {"w": jnp.ones(2)}
      >>> updates, _ = tx.update(params, tx.init(params), params, uncertainty=0.0)
      >>> updates["w"]
      Array([-0.01, -0.01], dtype=float32)

    Source: arXiv 2507.14056, algorithm 1.
    """
    return modulate_by_gain(
        optax.sgd(learning_rate, momentum, nesterov),
        decay=decay,
        baseline=baseline,
        sensitivity=sensitivity,
        initial_gain=initial_gain,
        per=per,
        unit_axis=unit_axis,
        mask=mask,
        axis_name=axis_name,
        on_missing=on_missing,
        keep_weights=keep_weights,
    )


def ngm_adam(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    decay: Hyperparameter = 0.9,
    baseline: Hyperparameter = 1.0,
    sensitivity: Hyperparameter = 0.4,
    initial_gain: float | None = None,
    per: Per = "global",
    unit_axis: int = -1,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    axis_name: Any = None,
    on_missing: OnMissing = "raise",
    keep_weights: bool | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Gain-modulated Adam; the arguments from `decay` on are those of `modulate_by_gain`.

    Adam divides the gradient's scale away, so the effective weights move at g times the rate.
    """
    inner = optax.adam(learning_rate, b1, b2, eps)
    return modulate_by_gain(
        inner,
        decay=decay,
        baseline=baseline,
        sensitivity=sensitivity,
        initial_gain=initial_gain,
        per=per,
        unit_axis=unit_axis,
        mask=mask,
        axis_name=axis_name,
        on_missing=on_missing,
        keep_weights=keep_weights,
    )


def ngm_adamw(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-4,
    decay: Hyperparameter = 0.9,
    baseline: Hyperparameter = 1.0,
    sensitivity: Hyperparameter = 0.4,
    initial_gain: float | None = None,
    per: Per = "global",
    unit_axis: int = -1,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    axis_name: Any = None,
    on_missing: OnMissing = "raise",
    keep_weights: bool | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Gain-modulated AdamW, with the decay on the underlying weights W.

    The arguments from `decay` on are those of `modulate_by_gain`.
    """
    inner = optax.adamw(learning_rate, b1, b2, eps, weight_decay=weight_decay)
    return modulate_by_gain(
        inner,
        decay=decay,
        baseline=baseline,
        sensitivity=sensitivity,
        initial_gain=initial_gain,
        per=per,
        unit_axis=unit_axis,
        mask=mask,
        axis_name=axis_name,
        on_missing=on_missing,
        keep_weights=keep_weights,
    )
