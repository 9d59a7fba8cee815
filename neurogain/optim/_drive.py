"""The drive of a gain: `uncertainty=` checked, averaged over the batch and over devices."""

import functools
import logging
from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PyTree

from neurogain import _checks
from neurogain.optim import _scope

OnMissing = Literal["raise", "hold"]
AxisName: TypeAlias = Hashable | Sequence[Hashable] | None  # mapped axes, as for jax.lax.pmean

MISSING = """\
`{owner}` did not receive `uncertainty`. Pass it to the update of the whole chain:
    wrong:  updates, state = tx.update(grads, state, params)
    right:  updates, state = tx.update(grads, state, params, uncertainty=entropy(logits))
If it was passed, something between drops it or the keyword is misspelt: optax.MultiSteps inside a
chain does (use neurogain.optim.multi_steps), TrainState.apply_gradients does (use
neurogain.optim.train_state.TrainState), optax.contrib.sam around it does (put the gain outside:
modulate_by_gain(sam(...))), optax.lookahead does (use neurogain.optim.consolidate around it),
a line search or SAM beside it in a chain does (put it inside: modulate_by_gain(optax.lbfgs()));
neurogain.optim.audit(tx, params) tells which gain is cut off. To let the gain keep its value when
there is no drive, build it with on_missing="hold"."""

NEVER = """\
`{owner}` has received no `uncertainty` so far, and on_missing="hold" keeps its gain where it is. If
it is passed to the update of the whole chain, something between drops it: optax.MultiSteps,
optax.contrib.sam and optax.lookahead do. neurogain.optim.audit(tx, params) tells which gain is cut
off. If no drive is meant to come, give the inner optimizer alone, or `gain=`."""


def check_on_missing(value: str) -> None:
    """Raise a ValueError if the policy is unknown."""
    if value not in ("raise", "hold"):
        raise ValueError(
            f'`on_missing` must be "raise" or "hold" (the gain keeps its value); got {value!r}.'
        )


def is_missing(uncertainty: PyTree, on_missing: OnMissing, owner: str) -> bool:
    """Return whether there is no drive; raise, at trace time, where that is an error."""
    if uncertainty is None and on_missing == "raise":
        raise TypeError(MISSING.format(owner=owner))
    return uncertainty is None


class Arrivals:
    """Whether drives arrive at one gain: what is missing is an error, or told once."""

    def __init__(self, owner: str, on_missing: OnMissing):
        self.owner, self.on_missing, self.heard = owner, on_missing, False

    def missing(self, uncertainty: PyTree) -> bool:
        """Return whether there is no drive; raise, at trace time, or tell if none ever came."""
        missing = is_missing(uncertainty, self.on_missing, self.owner)
        if missing and not self.heard:
            logging.getLogger(__name__).warning(NEVER.format(owner=self.owner))
        self.heard = True
        return missing

    def prescribed(self, uncertainty: PyTree) -> None:
        """Note that a gain was given; raise a TypeError if a drive came with it."""
        self.heard = True
        if uncertainty is not None:
            raise TypeError(
                f"`{self.owner}` received `gain` and `uncertainty`: the gain is given or "
                "integrated. Pass one of them."
            )


def checked(value: ArrayLike, dtype: DTypeLike) -> Array:
    """Return the drive as an array in which each bad element is NaN; raise if it is concrete."""
    _checks.broadcast(uncertainty=value)  # a TypeError for texts, complex numbers, keys
    if _checks.is_bool(value):
        raise TypeError(
            f"`uncertainty` must be numbers; got {value!r:.200}, of bools. Pass x.astype(float) if "
            "the share of True is meant."
        )
    if _checks.is_concrete(value):
        known = np.asarray(value)
        if known.size == 0 or not np.all((known >= 0) & (known < np.inf)):
            shown = known if known.size < 10 else f"{known.size} values, lowest {known.min()}"
            raise ValueError(
                f"`uncertainty` must be finite, >= 0 and not empty; got {shown}. Pass for instance "
                "neurogain.uncertainty.entropy(logits), and look for NaN in the logits."
            )
    value = jnp.asarray(value, dtype)
    return jnp.where((value >= 0) & (value < jnp.inf), value, jnp.nan)


def scalar(uncertainty: PyTree, dtype: DTypeLike, axis_name: AxisName) -> Float[Array, ""]:
    """Return one drive: the mean of a scalar or array over its elements and over `axis_name`."""
    if not jax.tree_util.all_leaves([uncertainty]):
        raise TypeError(
            "`uncertainty` must be a scalar or a per-example array for a global gain; got the tree "
            f"{jax.tree.structure(uncertainty)}. Pass jnp.asarray(...) of it, or build the "
            'transformation with per="leaf" or per="unit".'
        )
    drive = jnp.mean(checked(uncertainty, dtype))
    return drive if axis_name is None else jax.lax.pmean(drive, axis_name)


def _group(value: ArrayLike, gain: Array, axis_name: AxisName) -> Array:
    """Return the drive of one leaf's gain: averaged over all axes but the one of the units."""
    if gain.size == 0:  # of an axis of no units
        return gain
    drive = checked(value, gain.dtype)
    if drive.shape != gain.shape:
        if gain.size == 1:
            drive = jnp.mean(drive)
        elif drive.ndim and drive.shape[-1] == gain.size:
            drive = jnp.mean(drive.reshape(-1, gain.size), axis=0).reshape(gain.shape)
        elif drive.ndim:
            raise ValueError(
                "each leaf of `uncertainty` must be a scalar or have the units on its last axis, "
                f"here {gain.size}; got shape {drive.shape}. Average the other axes first."
            )
    return drive if axis_name is None else jax.lax.pmean(drive, axis_name)


def _per_group(uncertainty: PyTree, gain: PyTree, scope: PyTree, axis_name: AxisName) -> PyTree:
    """Return one drive per leaf of a tree of gains: from a tree, or one value shared by all."""
    if jax.tree_util.all_leaves([uncertainty]):
        dtypes = [g.dtype for g in jax.tree.leaves(gain)]
        shared = scalar(uncertainty, _checks.widest(jnp.float32, *dtypes), axis_name)
        in_dtype = functools.cache(shared.astype)
        return jax.tree.map(lambda g: in_dtype(g.dtype), gain)
    try:
        return _scope.map_modulated(
            lambda g, u: _group(u, g, axis_name),
            scope,
            gain,
            uncertainty,
            otherwise=lambda g, _: g,
        )
    except (ValueError, TypeError) as error:
        if "`uncertainty`" in str(error):
            raise
        raise ValueError(
            "`uncertainty` must be a scalar, a per-example array, or a tree with the structure of "
            f"the parameters; got {jax.tree.structure(uncertainty)} for {_scope.kept(scope)}, of "
            "which those marked True are modulated."
        ) from error


def like(uncertainty: PyTree, gain: PyTree, scope: PyTree, axis_name: AxisName) -> PyTree:
    """Return the drive of every gain, in the structure of `gain`."""
    if jax.tree_util.all_leaves([gain]):
        return scalar(uncertainty, gain.dtype, axis_name)
    return _per_group(uncertainty, gain, scope, axis_name)
