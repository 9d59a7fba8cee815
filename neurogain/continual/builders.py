"""How the optimizers of the comparison are built from their constants.

A builder takes its constants by name, as numbers or traced scalars, and returns an optimizer. What
goes around an optimizer takes its builder and returns another, with at most one constant more.
"""

from collections.abc import Callable
from typing import Any

import optax
from jaxtyping import PyTree

from neurogain import optim

Build = Callable[..., optax.GradientTransformation]
OUTPUT = optim.only("output")  # the models' last layer


def momentum_sgd(learning_rate: Any, momentum: Any) -> optax.GradientTransformation:
    """SGD with heavy-ball momentum."""
    return optax.sgd(learning_rate, momentum)


def adamw(learning_rate: Any, weight_decay: Any) -> optax.GradientTransformation:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""
    return optax.adamw(learning_rate, weight_decay=weight_decay)


def schedule_free_sgd(learning_rate: Any, b1: Any) -> optax.GradientTransformation:
    """Schedule-free SGD (Defazio et al. 2024), evaluated at its average."""
    return optax.contrib.schedule_free_sgd(learning_rate, b1=b1)


def schedule_free_adam(learning_rate: Any, b1: Any) -> optax.GradientTransformation:
    """Schedule-free Adam (Defazio et al. 2024), evaluated at its average."""
    return optax.contrib.schedule_free_adamw(learning_rate, b1=b1)


def fixed_gain(learning_rate: Any, gain: Any, mask: Any = None) -> optax.GradientTransformation:
    """SGD under a gain that stays."""
    inner = optax.sgd(learning_rate)
    return optim.modulate_by_gain(
        inner, baseline=gain, sensitivity=0.0, on_missing="hold", mask=mask
    )


def rate_matched(learning_rate: Any, **gain: Any) -> optax.GradientTransformation:
    """SGD at the rate that the gain makes of it, without a gain on the weights."""
    return optax.chain(optax.sgd(learning_rate), optim.scale_by_gain(**gain))


def entropy_rate(learning_rate: Any, sensitivity: Any) -> optax.GradientTransformation:
    """SGD whose rate grows with the entropy."""
    return optax.chain(
        optax.sgd(learning_rate), optim.scale_by_uncertainty(sensitivity=sensitivity)
    )


def output_ngm(learning_rate: Any, **gain: Any) -> optax.GradientTransformation:
    """NGM-SGD with the gain on the output layer alone."""
    return optim.ngm_sgd(learning_rate, mask=OUTPUT, **gain)


def output_ngm_adam(
    learning_rate: Any, mask: Any = OUTPUT, **gain: Any
) -> optax.GradientTransformation:
    """NGM-Adam with the gain on the output layer, unless another mask is given."""
    return optim.ngm_adam(learning_rate, mask=mask, **gain)


def two_timescale_following(mask: Any = OUTPUT, **constants: Any) -> optax.GradientTransformation:
    """The preset on the output layer, with a consolidation rate that follows the gain."""
    return optim.two_timescale(mask=mask, follow_gain=True, **constants)


def reset(build: Build) -> Build:
    """Start the optimizer's state anew at every task switch.

    Example:
      >>> tx = reset(optax.adam)(learning_rate=1e-3)
    """
    return lambda **constants: optim.reset_on_switch(build(**constants))


def clipped(build: Build) -> Build:
    """Clip the gradient by its global norm before the optimizer sees it (Pascanu et al. 2012).

    Example:
      >>> tx = clipped(optax.sgd)(learning_rate=0.1, max_norm=1.0)
    """
    return lambda max_norm, **constants: optax.chain(
        optax.clip_by_global_norm(max_norm), build(**constants)
    )


def averaged(build: Build) -> Build:
    """Act at the exponential average of the weights (Soutif-Cormerais et al. 2023).

    Example:
      >>> tx = averaged(clipped(optax.adam))(
      ...     learning_rate=1e-3, max_norm=0.1, consolidation=0.97
      ... )
    """
    return lambda consolidation, **constants: optim.consolidate(
        build(**constants), decay=consolidation
    )


def sharpness_aware(build: Build) -> Build:
    """Take the gradient at the worst point within `rho` (Foret et al. 2021).

    Example:
      >>> tx = sharpness_aware(optax.sgd)(learning_rate=0.1, rho=0.05)
    """
    return lambda rho, **constants: _sharpness_aware(build(**constants), rho)


def scaled_drive(build: Build) -> Build:
    """Drive the gain by `scale` times the uncertainty.

    Example:
      >>> tx = scaled_drive(optim.ngm_sgd)(
      ...     learning_rate=0.1, decay=0.9, baseline=1.0, sensitivity=0.4, scale=0.5
      ... )
    """
    return lambda scale, **constants: _scaled_drive(build(**constants), scale)


def _scaled_drive(
    inner: optax.GradientTransformation, scale: Any
) -> optax.GradientTransformationExtraArgs:
    tx = optax.with_extra_args_support(inner)

    def update_fn(
        updates: PyTree,
        state: PyTree,
        params: PyTree | None = None,
        *,
        uncertainty: Any,
        **extra_args: Any,
    ) -> tuple[PyTree, PyTree]:
        return tx.update(updates, state, params, uncertainty=scale * uncertainty, **extra_args)

    return optax.GradientTransformationExtraArgs(tx.init, update_fn)


def _sharpness_aware(
    inner: optax.GradientTransformation, rho: Any
) -> optax.GradientTransformationExtraArgs:
    """Wrap SAM so that it takes `grad_fn`, from parameters to gradients, and ignores the rest."""
    climb = optax.normalize_by_update_norm(-rho)  # SAM itself turns the sign
    tx = optax.contrib.sam(inner, climb, opaque_mode=True)

    def update_fn(
        updates: PyTree,
        state: PyTree,
        params: PyTree | None = None,
        *,
        grad_fn: Callable[[PyTree], PyTree] | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, PyTree]:
        del extra_args  # SAM refuses what it does not know
        if grad_fn is None or params is None:
            raise TypeError(
                "sharpness-aware minimization needs params and `grad_fn`; write "
                "tx.update(grads, state, params, grad_fn=lambda p: jax.grad(loss)(p, batch))."
            )
        return tx.update(updates, state, params, grad_fn=lambda p, _: grad_fn(p))

    return optax.GradientTransformationExtraArgs(tx.init, update_fn)
