"""Neuromodulators that a network in training releases itself, by its uncertainty or its reward.

Source: arXiv 2407.04525, section 3, and arXiv 2501.06762: modulators answer the network's own
uncertainty and reward, and act back on its cells. Which quantity stands for either is a modelling
choice of each signal.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Shaped

from neurogain import _checks, uncertainty
from neurogain.neuromod import systems
from neurogain.neuromod.cell_types import CellTypes
from neurogain.neuromod.drives import RULES, Drives
from neurogain.neuromod.systems import NeuromodParams, NeuromodState
from neurogain.spiking import layer_checks
from neurogain.spiking.layers import Layer, LayerState
from neurogain.spiking.readouts import Readout

Signal = Callable[[Any, Any], Drives]
"""From the logits of one example in one step, and what is given then, to what drives release."""


def by_uncertainty(logits: Float[Array, " classes"], given: Any = None) -> Drives:
    """Return drives in which the entropy of the decision, over ln C, is expected uncertainty.

    It releases acetylcholine. The uncertainty is that of arXiv 2507.14056, eq. 4, of one example
    and over ln C; that it stands for expected uncertainty (Yu & Dayan, Neuron 46:681, 2005) is a
    modelling choice. `given` is not used.

    Example:
      >>> float(by_uncertainty(jnp.zeros(2)).expected_uncertainty)
      1.0
    """
    del given
    return Drives(expected_uncertainty=uncertainty.normalized_entropy(logits))


def by_reward(logits: Float[Array, " classes"], given: Shaped[Array, "..."] | None) -> Drives:
    """Return drives in which the error of the expected reward is [right] - p(decision).

    The decision is the largest logit and pays 1 where it is right; its probability is the reward
    that the network expects. The error releases dopamine, as in Rescorla & Wagner's rule: nothing
    is predicted over time. It is held over each step in which a class is told, so tell it for as
    many ms as the reward lasts.

    Args:
      logits: of the decision.
      given: the right class; -1 in steps without a reward.

    Raises:
      TypeError: if nothing is given.

    Example:
      >>> unsure = jnp.zeros(2)  # decides for class 0
      >>> [float(by_reward(unsure, jnp.int32(right)).prediction_error) for right in (0, 1, -1)]
      [0.5, -0.5, 0.0]
    """
    if given is None:
        raise TypeError(
            "`given` must be the right class in each step and example, -1 where none is told; got "
            "None. Pass apply(..., given=jnp.where(told, labels, -1))."
        )
    decision = jnp.argmax(logits)
    expected = jax.nn.softmax(logits)[decision]
    error = (decision == given).astype(logits.dtype) - expected
    return Drives(prediction_error=jnp.where(given >= 0, error, 0))


class ReleasedState(NamedTuple):
    """What is carried from one step to the next."""

    layer: LayerState
    potentials: Float[Array, "batch classes"]  # of the read-out, without the bias
    systems: NeuromodState  # each leaf (batch,)


class ReleasedCourse(NamedTuple):
    """What happened in each step."""

    spikes: Float[Array, "steps batch n"]  # of the layer
    logits: Float[Array, "steps batch classes"]
    activation: Float[Array, "steps batch receptors"]  # under which the step was made


@dataclasses.dataclass(frozen=True, eq=False)
class Released:
    """A layer and a read-out whose decision releases what modulates the layer.

    In each step the layer's cells feel the activation of receptors that the steps before have left,
    the read-out integrates their spikes, `signal` turns its logits into drives, and the systems
    advance, in float32 at least. Without effects, or with strengths of 0, the layer is the plain
    one bit for bit. Concentrations and receptors of `tables.standard` take hundreds of ms, so go on
    from trial to trial with the state, or pass faster ones. Gradients pass through release and
    receptors, too.

    Attributes:
      layer: any.
      readout: of the layer, of the default kind; v_t, with the bias, are the logits of a step.
      types: how types of the layer's cells answer the receptors.
      system: the modulators, by volume: one concentration for all cells of an example.
      signal: `by_uncertainty`, `by_reward`, or a function of one's own. The ranges of its drives
        are those of `Drives`; they are not checked, as its values are traced.

    Raises:
      ValueError, TypeError: if the parts don't fit each other, or the modulators' constants are
        refused by `systems.check`.

    Example:
      >>> from neurogain.neuromod import Effect, tables
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> layer = Layer(LIFCell(), LIFParams(), inputs=5, n=3)
      >>> effect = Effect("m1", "soma.gain", 1.0)
      >>> types = CellTypes(LIFCell(), LIFParams(), np.zeros(3, int), ((effect,),))
      >>> network = Released(layer, Readout(3, 2), types, tables.standard(), by_uncertainty)
      >>> course, _ = network.apply(network.init(jax.random.key(0)), jnp.ones((50, 4, 5)))
      >>> course.activation.shape, bool(course.activation[-1, 0, 0] > 0)
      ((50, 4, 1), True)
    """

    layer: Layer
    readout: Readout
    types: CellTypes
    system: NeuromodParams
    signal: Signal

    def __post_init__(self) -> None:
        """Check all that is known before a run."""
        for name, kind in (("layer", Layer), ("readout", Readout), ("types", CellTypes)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"`{name}` must be a {kind.__name__}; got {value!r:.200}.")
        if not callable(self.signal):
            raise TypeError(
                "`signal` must be a function of logits and what is given to neuromod.Drives, such "
                f"as by_uncertainty; got {self.signal!r:.200}."
            )
        self._check_parts()
        self._check_system()

    def _check_parts(self) -> None:
        """Raise an error unless layer, read-out and types fit each other."""
        if self.readout.kind != Readout.kind:
            raise ValueError(
                f"`readout` must have the default kind, {Readout.kind!r}, since each step has "
                f"logits; got {self.readout.kind!r}."
            )
        n, found = self.layer.n, (self.readout.inputs, len(np.asarray(self.types.index)))
        if found != (n, n):
            raise ValueError(
                f"`readout` and `types` must have as many inputs and cells as the layer, {n}; got "
                f"{found[0]} and {found[1]}."
            )
        if self.readout.dt != self.layer.dt:
            raise ValueError(
                f"`readout` must have the step of the layer, {self.layer.dt:g} ms; got "
                f"{self.readout.dt:g}. Pass Readout(..., dt={self.layer.dt:g})."
            )
        kinds = [type(x).__name__ for x in (self.layer.cell, self.types.cell)]
        if kinds[0] != kinds[1]:
            raise TypeError(
                f"`types` must be of the layer's kind of cell, {kinds[0]}; got {kinds[1]}. Pass "
                "CellTypes(layer.cell, layer.constants, ...)."
            )

    def _check_system(self) -> None:
        """Raise an error unless the modulators are sound and the types' receptors are theirs."""
        if not isinstance(self.system, NeuromodParams):
            raise TypeError(
                f"`system` must be NeuromodParams, such as tables.standard(); got "
                f"{self.system!r:.200}."
            )
        systems.check(self.system)
        known = systems.owners(self.system)
        for name in self.types.receptors:
            if name not in known:
                raise ValueError(
                    f"`types` must name receptors of the system, each one of {', '.join(known)}; "
                    f"got {name!r}."
                )
        for name, one in self.system.kinetics.items():
            if np.shape(one.tonic):
                raise ValueError(
                    f"`system` must have one concentration for all cells; got tonic of {name} of "
                    f"shape {np.shape(one.tonic)}. Give each type of cells its own effects."
                )

    def init(self, key: Key[Array, ""]) -> dict[str, Any]:
        """Return "hidden", "output" and "effects", all of which may be learned."""
        _checks.key("key", key)
        of_layer, of_readout = jax.random.split(key)
        return {
            "hidden": self.layer.init(of_layer),
            "output": self.readout.init(of_readout),
            "effects": self.types.init(),
        }

    @property
    def shapes(self) -> dict[str, Any]:
        """Return the shapes of what `init` returns, by name."""
        of_layer, of_readout = self.layer.shapes, self.readout.shapes
        return {"hidden": of_layer, "output": of_readout, "effects": self.types.shapes}

    def start(self, params: dict[str, Any], batch: int) -> ReleasedState:
        """Return cells at rest and all modulators at their tonic level."""
        layer = self.layer.start(params["hidden"], batch)
        dtype = jnp.result_type(params["hidden"]["in"], params["output"]["kernel"])
        own = systems.init(self.system, jnp.promote_types(dtype, jnp.float32))
        return ReleasedState(
            layer,
            jnp.zeros((batch, self.readout.classes), dtype),
            jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *x.shape)), own),
        )

    def apply(
        self,
        params: dict[str, Any],
        inputs: Shaped[Array | np.ndarray, "steps batch inputs"],
        state: ReleasedState | None = None,
        *,
        given: Any = None,
        key: Key[Array, ""] | None = None,
    ) -> tuple[ReleasedCourse, ReleasedState]:
        """Return what happened in each step, and the state behind the last.

        Args:
          params: as `init` returns them.
          inputs: spikes of the channels.
          state: of an earlier call, to go on; by default at rest, at tonic levels.
          given: what `signal` gets, a tree of arrays whose first axes are step and batch, such as
            right classes, whole numbers, for `by_reward`.
          key: for cells that draw; another one in each call that goes on.

        Raises:
          ValueError: if parameters, inputs, state or what is given don't fit, or if the cells need
            a key.
          TypeError: if parameters or state are another network's, or the key is none, or if
            `signal` does not return Drives.
        """
        given = jax.tree.map(jnp.asarray, given)
        self._check(params, inputs, given, key)
        rest = functools.partial(self.start, params, np.shape(inputs)[1])
        state = layer_checks.state_or_rest(state, rest)
        hidden, output = params["hidden"], params["output"]
        modulate = self.types.modulate(params["effects"])
        step = self.layer.stepper(hidden, modulate)

        def advance(state: ReleasedState, now: Any) -> tuple[ReleasedState, ReleasedCourse]:
            jump, own, told = now
            active = [state.systems.activation[name] for name in self.types.receptors]
            level = jnp.stack(active, axis=-1) if active else jnp.zeros((len(jump), 0))
            layer, spikes = step(state.layer, (jump, own, level))
            v = self.readout.step(output, state.potentials, spikes)
            logits = v + output["bias"]
            released = jax.vmap(self._release)(state.systems, logits, told)
            return ReleasedState(layer, v, released), ReleasedCourse(spikes, logits, level)

        jumps, keys = self.layer.jumps_and_keys(hidden, inputs, key)
        state, course = self.layer.scan(advance, state, (jumps, keys, given))
        return course, state

    def _release(self, state: NeuromodState, logits: Array, given: Any) -> NeuromodState:
        return systems.step(self.system, state, self.signal(logits, given), dt=self.layer.dt)

    def _check(self, params: dict[str, Any], inputs: Any, given: Any, key: Any) -> None:
        """Raise an error unless inputs, what is given and the signal fit."""
        layer_checks.check_params(params, self.shapes, "network")
        layer_checks.check_given(self.layer, inputs, key)
        wanted = tuple(np.shape(inputs)[:2])
        for leaf in jax.tree.leaves(given):
            if np.shape(leaf)[:2] != wanted:
                raise ValueError(
                    f"`given` must have the steps and examples of the inputs, {wanted}, as first "
                    f"axes; got shape {np.shape(leaf)}."
                )
        if self.signal is by_reward and isinstance(given, jax.Array):
            self._check_classes(given)
        logits = jax.ShapeDtypeStruct((self.readout.classes,), params["output"]["kernel"].dtype)
        one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[2:], x.dtype), given)
        try:
            found = jax.eval_shape(self.signal, logits, one)
        except Exception as error:
            raise _checks.kind_of(error)(
                f"`signal` failed on logits of shape {logits.shape} and `given` {one}: "
                f"{_checks.said(error)}"
            ) from error
        if not isinstance(found, Drives):
            raise TypeError(f"`signal` must return neuromod.Drives; got {type(found).__name__}.")
        for name in (*RULES, *found.other):
            value = found.of(name)
            if getattr(value, "shape", None) != () or value.dtype.kind not in "fiu":
                raise ValueError(
                    f"`{name}` of the drives that `signal` returns must be one real number; got "
                    f"{value}. `signal` sees one example in one step."
                )

    def _check_classes(self, given: Any) -> None:
        """Raise a ValueError unless what is given are right classes, or -1."""
        classes = self.readout.classes
        whole = given.dtype.kind in "iu" and given.ndim == 2
        known = np.asarray(given) if whole and _checks.is_concrete(given) else np.zeros(1)
        if not whole or known.min() < -1 or known.max() >= classes:
            raise ValueError(
                f"`given` must be right classes, whole numbers from 0 to {classes - 1}, or -1 in "
                f"steps without a reward; got {given.dtype} of shape {given.shape}, from "
                f"{given.min()} to {given.max()}."
            )
