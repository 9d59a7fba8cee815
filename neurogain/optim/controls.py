"""Controls that tell what of an effect is due to the gain.

The fifth control, a fixed gain, is `modulate_by_gain(inner, sensitivity=0, baseline=g)`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree

from neurogain import _checks
from neurogain import gain as dynamics
from neurogain._types import AnyArray
from neurogain.optim import _drive, _weights
from neurogain.optim._nodes import check_state
from neurogain.optim.source import check_constants, checked_gain, constants_at, value_at


class ScaleByGainState(NamedTuple):
    """State of `scale_by_gain`."""

    gain: Float[Array, ""]  # dimensionless


def _scale(updates: PyTree, factor: AnyArray) -> PyTree:
    """Return updates times a factor, in their own dtypes."""

    def one(d: AnyArray) -> jax.Array:
        wide = _checks.widest(_weights.at_least_float32(d.dtype), factor.dtype)
        return jnp.asarray(factor.astype(wide) * d.astype(wide), d.dtype)

    return jax.tree.map(one, _weights.arrays(updates, "gradients"))


def scale_by_gain(
    *,
    decay: ArrayLike = 0.9,
    baseline: ArrayLike = 1.0,
    sensitivity: ArrayLike = 0.4,
    axis_name: _drive.AxisName = None,
    on_missing: _drive.OnMissing = "raise",
) -> optax.GradientTransformationExtraArgs:
    """Scale updates by g g': the rate that the gain makes of SGD, with no gain on the weights.

    Behind SGD of rate alpha the step is -alpha g g' dL/dE, the gradient part of NGM-SGD's; what is
    missing is the rescaling (g'/g - 1) E of the weights. Arguments, drive, `gain=` and errors are
    as for `modulate_by_gain`.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = optax.chain(scale_by_gain(), optax.sgd(0.1))
      >>> params = {"w": jnp.ones(2)}
      >>> updates, _ = tx.update(params, tx.init(params), params, uncertainty=0.5)
      >>> updates["w"]  # -0.1 g g' with g = 1 and g' = 1.2
      Array([-0.12, -0.12], dtype=float32)

    Source: control to arXiv 2507.14056.
    """
    constants = {"decay": decay, "baseline": baseline, "sensitivity": sensitivity}
    for name, value in constants.items():
        _checks.no_schedule(name, value)
    check_constants(constants, None)
    _drive.check_on_missing(on_missing)
    arrivals = _drive.Arrivals("scale_by_gain", on_missing)

    def init_fn(params: PyTree) -> ScaleByGainState:
        del params
        return ScaleByGainState(gain=jnp.array(baseline, jnp.float32))

    def update_fn(
        updates: PyTree,
        state: ScaleByGainState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        gain: ArrayLike | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ScaleByGainState]:
        check_state(state, ScaleByGainState, "scale_by_gain")
        del params, extra_args
        new = state.gain
        if gain is not None:
            arrivals.prescribed(uncertainty)
            new = checked_gain("gain", gain, new)
        elif not arrivals.missing(uncertainty):
            drive = _drive.scalar(uncertainty, new.dtype, axis_name)
            new = dynamics.step(new, drive, **constants_at(constants, None, new.dtype))
        return _scale(updates, state.gain * new), ScaleByGainState(gain=new)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def scale_by_uncertainty(
    *,
    sensitivity: ArrayLike = 0.4,
    axis_name: _drive.AxisName = None,
    on_missing: _drive.OnMissing = "raise",
) -> optax.GradientTransformationExtraArgs:
    """Scale updates by 1 + sensitivity u: uncertainty applied to the learning rate alone.

    Of the controls it acquires a new task fastest and has the largest stability gap. Drive and
    errors are as for `modulate_by_gain`; with on_missing="hold" and no drive the updates pass
    unchanged.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = optax.chain(scale_by_uncertainty(sensitivity=0.4), optax.sgd(0.1))
      >>> params = {"w": jnp.ones(2)}
      >>> updates, _ = tx.update(params, tx.init(params), params, uncertainty=0.5)
      >>> updates["w"]
      Array([-0.12, -0.12], dtype=float32)

    Source: control to arXiv 2507.14056.
    """
    _checks.no_schedule("sensitivity", sensitivity)
    _checks.single("sensitivity", sensitivity)
    dynamics.check_sensitivity(sensitivity)
    _drive.check_on_missing(on_missing)
    arrivals = _drive.Arrivals("scale_by_uncertainty", on_missing)

    def update_fn(
        updates: PyTree,
        state: optax.EmptyState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        gain: ArrayLike | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, optax.EmptyState]:
        del params, extra_args
        if gain is not None:
            raise TypeError(
                "`gain` was given to `scale_by_uncertainty`, which has none. Leave it out."
            )
        if arrivals.missing(uncertainty):
            return updates, state
        drive = _drive.scalar(uncertainty, jnp.float32, axis_name)
        eta = jnp.asarray(value_at("sensitivity", sensitivity, None), jnp.float32)
        return _scale(updates, 1 + eta * drive), state

    return optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), update_fn)
