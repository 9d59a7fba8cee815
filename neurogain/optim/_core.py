"""What all transformations with a gain share: their state, their options, and an update."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import DTypeLike
from jaxtyping import Array, PyTree

from neurogain import _checks
from neurogain.optim import _drive, _inner, _scope, _weights
from neurogain.optim._nodes import check_state, own_state
from neurogain.optim.keywords import update_with
from neurogain.optim.source import Stepper, prescribed

Per = Literal["global", "leaf", "unit"]
First: TypeAlias = Callable[[tuple[int, ...], DTypeLike], PyTree]  # a gain by its shape and dtype
FIXED = """\
`gain` was given, but sensitivity 0 and baseline 1 fix the gain to 1. Build the optimizer with a
sensitivity above 0, which is not used in updates that are given a gain."""


class ModulateByGainState(NamedTuple):
    """State of `modulate_by_gain` and `with_gain_source`; all of its leaves are arrays."""

    gain: PyTree  # scalar; or per leaf, in a shape that multiplies it; MaskedNode where left out
    # W, at least float32, or Modulated, which holds nothing; MaskedNode for leaves left out
    weights: PyTree
    source: PyTree  # what steps the gain: updates so far where a constant is a schedule, else None
    inner_state: optax.OptState


def check_inner(inner: object, name: str = "inner") -> None:
    """Raise a TypeError if an argument is no optimizer."""
    if not (hasattr(inner, "init") and hasattr(inner, "update")):
        raise TypeError(
            f"`{name}` must be an optax optimizer; got {inner!r:.200}. "
            "Pass optax.adam(1e-3), not optax.adam."
        )


def _check_leaf(leaf: _weights.Leaf) -> None:
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        raise TypeError(
            f"a modulated leaf must be of a floating dtype; got {leaf.dtype}, shape {leaf.shape}. "
            "Leave it out with `mask`."
        )


def _unit_shape(leaf: _weights.Leaf, unit_axis: int | Array) -> tuple[int, ...]:
    """Return the shape of one gain per unit, which multiplies the leaf."""
    if leaf.ndim == 0:
        return ()
    if not -leaf.ndim <= unit_axis < leaf.ndim:
        raise ValueError(
            f"`unit_axis` must be an axis of every modulated leaf; got {unit_axis} for one of "
            f"shape {leaf.shape}. Leave it out with `mask`."
        )
    units = unit_axis % leaf.ndim
    return tuple(n if axis == units else 1 for axis, n in enumerate(leaf.shape))


class Options(NamedTuple):
    """What all transformations with a gain share."""

    per: Per
    unit_axis: int | Array
    mask: _scope.Mask
    axis_name: _drive.AxisName
    on_missing: _drive.OnMissing
    keep_weights: bool | None

    def check(self) -> None:
        """Raise a ValueError if a choice is unknown."""
        _drive.check_on_missing(self.on_missing)
        if self.keep_weights is not None:
            _checks.flag("keep_weights", self.keep_weights)
        if self.per not in ("global", "leaf", "unit"):
            raise ValueError(f'`per` must be "global", "leaf" or "unit"; got {self.per!r}.')
        axis = self.unit_axis
        whole = jnp.issubdtype(getattr(axis, "dtype", type(axis)), jnp.integer)
        if not whole or np.ndim(axis):
            raise TypeError(f"`unit_axis` must be one whole number; got {axis!r:.200}. Pass -1.")

    def new_gain(self, params: PyTree, scope: PyTree, first: First) -> PyTree:
        """Return the gain of these parameters, each in its shape and dtype as `first` makes it.

        One gain for all has the widest dtype of the leaves, at least float32.
        """
        if self.per == "global":
            dtypes = _scope.map_modulated(
                _weights.gain_dtype, scope, params, otherwise=_weights.left_out
            )
            widest = _checks.widest(jnp.float32, *jax.tree.leaves(dtypes))
            return _weights.copied(first((), widest))
        first_of = functools.cache(first)  # many leaves share a shape; each gain may be donated
        return _scope.map_modulated(
            lambda p: _weights.copied(
                first_of(
                    _unit_shape(p, self.unit_axis) if self.per == "unit" else (),
                    _weights.gain_dtype(p),
                )
            ),
            scope,
            params,
            otherwise=_weights.left_out,
        )

    def check_state(self, state: ModulateByGainState, scope: PyTree, params: PyTree) -> None:
        """Raise a ValueError if a state was made with another mask or another `per`."""
        expected = self.new_gain(params, scope, jax.ShapeDtypeStruct)
        found = jax.tree.map(jnp.shape, state.gain), jax.tree.map(jnp.shape, expected)
        if not (found[0] == found[1] and _weights.fit(state.weights, scope)):
            raise ValueError(
                f"`state` must be of this optimizer, with per={self.per!r} and its mask; got a "
                f"gain of the structure {jax.tree.structure(state.gain)} for the modulated leaves "
                f"of {jax.tree.structure(scope)}. Call init, or build the optimizer that the state "
                "is of."
            )


class Places:
    """Where a state has the parameters' places, for `optax.tree_map_params`.

    That function asks for the state of a placeholder that stands for all parameters. The answer
    must have the structure of the state that was made for real ones, so the last one is kept.
    Before there is any, one leaf says that no parameters are in that place.
    """

    def __init__(self, keep_weights: bool | None):
        self.gain: PyTree = 0.0
        self.weights: PyTree = 0.0
        self.held = bool(keep_weights)

    def remember(self, gain: PyTree, weights: PyTree) -> None:
        """Keep the structure of a state."""
        self.gain = jax.tree.map(lambda _: 0.0, gain)
        self.held = bool(jax.tree.leaves(weights))
        self.weights = None if self.held else weights

    def state(self, placeholder: PyTree, source: PyTree, inner: PyTree) -> ModulateByGainState:
        """Return the state of a placeholder."""
        weights = placeholder if self.held else self.weights
        return ModulateByGainState(self.gain, weights, source, inner)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Modulator:
    """A transformation whose gain `stepper` steps."""

    inner: optax.GradientTransformationExtraArgs
    stepper: Stepper
    options: Options
    first: First
    unity: bool  # the gain is 1 for good
    arrivals: _drive.Arrivals
    places: Places

    def init(self, params: PyTree) -> ModulateByGainState:
        """Return the state before the first update."""
        source = self.stepper.init()
        if _scope.is_placeholder(params):
            return self.places.state(params, source, self.inner.init(params))
        params = _weights.arrays(params)
        scope = _scope.build(params, self.options.mask)
        _scope.map_modulated(_check_leaf, scope, params, otherwise=_weights.left_out)
        gain = self.options.new_gain(params, scope, self.first)
        gains = _weights.per_leaf(gain, scope, params)
        keep = self.options.keep_weights
        if keep is None and self.unity:  # nothing is lost then, and `inner` sees what it sees alone
            keep = False
        weights = _weights.hold(params, gains, scope, keep)
        self.places.remember(gain, weights)
        acts = _weights.acting(scope, weights) if self.unity else scope
        latent = _weights.underlying(params, gains, acts, weights)
        # Some optimizers keep the parameters they are given, and a donated buffer needs one owner.
        inner_state = self.inner.init(_weights.copy_shared(latent, params, weights))
        return ModulateByGainState(gain, weights, source, inner_state)

    def next_gain(
        self, state: ModulateByGainState, scope: PyTree, drive: PyTree, given: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Return the gain behind the update, and the state of its source."""
        skipped = self.stepper.skip(state.source)
        if given is not None:
            if self.unity:
                raise TypeError(FIXED)
            self.arrivals.prescribed(drive)
            return prescribed(given, state.gain), skipped
        if self.arrivals.missing(drive):
            return state.gain, skipped
        drive = _drive.like(drive, state.gain, scope, self.options.axis_name)
        if self.unity:
            return state.gain, skipped
        return self.stepper.step(state.gain, state.source, drive)

    def update(
        self,
        updates: PyTree,
        state: ModulateByGainState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        gain: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ModulateByGainState]:
        """Return E' - E and the state behind the update."""
        if params is None:
            raise ValueError(
                "`params` must be passed to update: the gain acts on the weights. "
                "Write tx.update(grads, state, params, uncertainty=...)."
            )
        check_state(state, ModulateByGainState, self.arrivals.owner)
        params, updates = _weights.arrays(params), _weights.arrays(updates, "gradients")
        scope = _scope.build(params, self.options.mask)
        _weights.check_gradients(updates, params, scope, many=self.options.per != "unit")
        watched = state.gain
        if isinstance(watched, _scope.Watched):  # `audit` asks what arrives, and needs no drive
            watched.log(uncertainty is not None or gain is not None, _scope.count(scope))
            state = state._replace(gain=watched.gain)
            new_gain, source = state.gain, state.source
        else:
            self.options.check_state(state, scope, params)
            _scope.check_positive(state.gain)
            new_gain, source = self.next_gain(state, scope, uncertainty, gain)

        if self.unity:  # multiplying by 1 would let the compiler round otherwise
            scope = _weights.acting(scope, state.weights)
        old, new = (_weights.per_leaf(g, scope, params) for g in (state.gain, new_gain))
        if _scope.count(scope):
            extra_args = _inner.extra_args(extra_args, params, old, scope, state.weights)
        grads = _weights.latent_gradients(updates, old, scope, state.weights)
        latent = _weights.underlying(params, old, scope, state.weights)
        with own_state(self.inner, state.inner_state, latent, self.arrivals.owner):
            delta, inner_state = update_with(
                self.inner,
                grads,
                state.inner_state,
                latent,
                extra_args | {"uncertainty": uncertainty},
            )
        weights = _weights.advance(state.weights, delta, scope)
        new_updates = _weights.effective_update(delta, params, old, new, scope, weights)
        if isinstance(watched, _scope.Watched):
            new_gain = watched.around(new_gain)
        return new_updates, ModulateByGainState(new_gain, weights, source, inner_state)


def modulated(
    inner: optax.GradientTransformation,
    stepper: Stepper,
    options: Options,
    first: First,
    *,
    owner: str,
    unity: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Return the transformation with the gain that `stepper` steps; checks are those of both."""
    options.check()
    check_inner(inner)
    modulator = Modulator(
        optax.with_extra_args_support(inner),
        stepper,
        options,
        first,
        unity,
        _drive.Arrivals(owner, options.on_missing),
        Places(options.keep_weights),
    )
    return optax.GradientTransformationExtraArgs(modulator.init, modulator.update)
