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
from neurogain.optim import _drive


class ScaleByGainState(NamedTuple):
    """State of `scale_by_gain`."""

    gain: Float[Array, ""]  # dimensionless


class ResetOnSwitchState(NamedTuple):
    """State of `reset_on_switch`."""

    inner_state: optax.OptState


def _scale(updates: PyTree, factor: AnyArray) -> PyTree:
    return jax.tree.map(lambda d: (factor * d).astype(d.dtype), updates)


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
    missing is the rescaling (g'/g - 1) E of the weights. Arguments, drive and errors are as for
    `modulate_by_gain`.

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
    dynamics.check_parameters(**constants)
    _drive.check_on_missing(on_missing)

    def init_fn(params: PyTree) -> ScaleByGainState:
        del params
        return ScaleByGainState(gain=jnp.array(baseline, jnp.float32))

    def update_fn(
        updates: PyTree,
        state: ScaleByGainState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ScaleByGainState]:
        del params, extra_args
        gain = state.gain
        if not _drive.is_missing(uncertainty, on_missing, "scale_by_gain"):
            drive = _drive.scalar(uncertainty, gain.dtype, axis_name)
            gain = dynamics.step(
                gain, drive, decay=decay, baseline=baseline, sensitivity=sensitivity
            ).astype(gain.dtype)
        return _scale(updates, state.gain * gain), ScaleByGainState(gain=gain)

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
    dynamics.check_sensitivity(sensitivity)
    _drive.check_on_missing(on_missing)

    def update_fn(
        updates: PyTree,
        state: optax.EmptyState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, optax.EmptyState]:
        del params, extra_args
        if _drive.is_missing(uncertainty, on_missing, "scale_by_uncertainty"):
            return updates, state
        drive = _drive.scalar(uncertainty, jnp.float32, axis_name)
        return _scale(updates, 1 + sensitivity * drive), state

    return optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), update_fn)


def reset_on_switch(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Start the state of `inner` anew at each update that is called with `task_switch=True`.

    Args:
      inner: any optax optimizer; extra arguments reach it.

    Returns:
      A transformation that needs the keyword `task_switch`, a Python or traced bool.

    Raises:
      TypeError: if `update` is called without `task_switch`, at trace time.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = reset_on_switch(optax.sgd(0.1, momentum=0.9))
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> for switch in (False, False, True):  # the third update has no momentum left
      ...     updates, state = tx.update(params, state, params, task_switch=switch)
      ...     print(updates["w"])
      [-0.1 -0.1]
      [-0.19 -0.19]
      [-0.1 -0.1]
    """
    inner = optax.with_extra_args_support(inner)

    def init_fn(params: PyTree) -> ResetOnSwitchState:
        return ResetOnSwitchState(inner.init(params))

    def update_fn(
        updates: PyTree,
        state: ResetOnSwitchState,
        params: PyTree | None = None,
        *,
        task_switch: ArrayLike | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ResetOnSwitchState]:
        if task_switch is None or params is None:
            raise TypeError(
                "`reset_on_switch` needs params and `task_switch`; write "
                "tx.update(grads, state, params, task_switch=first_update_of_a_task)."
            )

        def fresh() -> optax.OptState:  # in the old state's structure, which audit marks
            structure = jax.tree.structure(state.inner_state)
            return jax.tree.unflatten(structure, jax.tree.leaves(inner.init(params)))

        inner_state = jax.lax.cond(task_switch, fresh, lambda: state.inner_state)
        updates, inner_state = inner.update(updates, inner_state, params, **extra_args)
        return updates, ResetOnSwitchState(inner_state)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
