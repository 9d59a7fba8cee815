"""Optimizers with uncertainty-modulated gain, ready to use."""

from typing import Any

import optax

from neurogain.optim.modulate import Hyperparameter, modulate_by_gain


def ngm_sgd(
    learning_rate: optax.ScalarOrSchedule,
    *,
    momentum: float | None = None,
    nesterov: bool = False,
    decay: Hyperparameter = 0.9,
    baseline: Hyperparameter = 1.0,
    sensitivity: Hyperparameter = 0.4,
    **options: Any,
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
      **options: further arguments of `modulate_by_gain`.

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
        **options,
    )


def ngm_adam(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    **options: Any,
) -> optax.GradientTransformationExtraArgs:
    """Gain-modulated Adam; `options` are those of `modulate_by_gain`.

    Adam divides the gradient's scale away, so the effective weights move at g times the rate.
    """
    return modulate_by_gain(optax.adam(learning_rate, b1, b2, eps), **options)


def ngm_adamw(
    learning_rate: optax.ScalarOrSchedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-4,
    **options: Any,
) -> optax.GradientTransformationExtraArgs:
    """Gain-modulated AdamW, with the decay on the underlying weights W.

    `options` are those of `modulate_by_gain`.
    """
    inner = optax.adamw(learning_rate, b1, b2, eps, weight_decay=weight_decay)
    return modulate_by_gain(inner, **options)
