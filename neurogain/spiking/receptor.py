"""One kind of synaptic conductance: what opens it, how it closes, and how it depends on voltage."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks
from neurogain.gain import relax


@runtime_checkable
class ReceptorModel(Protocol):
    """A conductance with kinetics of its own: a frozen dataclass, registered as a pytree.

    For exponential decay a value of `Receptor`, which is one, is enough;
    `scripts/tutorials/extending.py` says how to write another.

    Example:
      >>> isinstance(Receptor(tau=5.0, E=0.0), ReceptorModel)
      True
    """

    @property
    def E(self) -> ArrayLike:
        """Reversal potential, mV."""

    @property
    def gain(self) -> ArrayLike | None:
        """Factor of the conductance, dimensionless, >= 0; None: 1. Neuromodulators replace it."""

    @property
    def jump(self) -> ArrayLike | None:
        """Jump at a spike of the cell itself, nS; None: it opens by projections and inputs."""

    def init(self, n: int, dtype: DTypeLike) -> Any:
        """Return the state of `n` closed conductances, a pytree of arrays of shape (n,)."""

    def step(self, state: Any, jump: jax.Array | None, spike: jax.Array, *, dt: float) -> Any:
        """Return the state after `dt` ms, then the jump.

        Args:
          state: at t.
          jump: nS, weights of the spikes that arrive at t + dt; None: nothing can arrive.
          spike: 1 where the cell itself spiked.
          dt: step in ms.
        """

    def conductance(self, state: Any, v: jax.Array, *, dt: float) -> jax.Array:
        """Return the open conductance of a step, nS, its gain included.

        Args:
          state: at t.
          v: mV, at t.
          dt: step in ms, over which the conductance acts with its mean.
        """

    def check(self, name: str) -> None:
        """Raise ValueError if a constant is outside the range that its comment or unit states.

        `name` is the receptor's, for the error.
        """


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Receptor:
    """A conductance that jumps at a spike and decays exponentially; exact at any step.

        dg/dt = -g / tau,  mean of g over a step = g (tau / dt) (1 - exp(-dt / tau))

    Example:
      A receptor of your own is one value, known by the name that it gets:

      >>> from neurogain.spiking.synapses import SynapseParams
      >>> own = SynapseParams(gaba_b=Receptor(tau=150.0, E=-95.0))
      >>> own.gaba_b.tau
      150.0

      Pass it as Population(..., synapses={"soma": own}), then Projection(..., receptor="gaba_b").
    """

    tau: ArrayLike  # ms, decay
    E: ArrayLike  # mV, reversal
    gain: ArrayLike | None = None  # dimensionless factor of the conductance, >= 0; None: 1
    gate: Callable[[jax.Array], jax.Array] | None = dataclasses.field(
        default=None, metadata={"static": True}
    )  # share that is open at a potential in mV; None: 1
    ceiling: ArrayLike | None = None  # nS, most that the gated conductance can reach; None: no end
    jump: ArrayLike | None = None  # nS a spike of the cell itself; None: synapses open it

    def init(self, n: int, dtype: DTypeLike) -> jax.Array:
        """Return `n` closed conductances, nS."""
        return jnp.zeros((n,), dtype)

    def step(
        self, state: jax.Array, jump: jax.Array | None, spike: jax.Array, *, dt: float
    ) -> jax.Array:
        """Return the conductances before the gate: decay by exp(-dt / tau), then the jumps."""
        g = state
        tau = jnp.asarray(self.tau, g.dtype)
        new = relax(g, jnp.zeros_like(g), tau=tau, baseline=0, strength=0, dt=dt)
        new = new.astype(g.dtype) if jump is None else new.astype(g.dtype) + jump
        return new if self.jump is None else new + jnp.asarray(self.jump, g.dtype) * spike

    def conductance(self, state: jax.Array, v: jax.Array, *, dt: float) -> jax.Array:
        """Return what is open at `v`, the mean over a step: gain, then gate, then ceiling."""
        tau = jnp.asarray(self.tau, state.dtype)
        g = state * (tau / dt * -jnp.expm1(-dt / tau))
        g = g if self.gain is None else g * self.gain
        g = g if self.gate is None else g * self.gate(v)
        return g if self.ceiling is None else jnp.minimum(g, self.ceiling)

    def check(self, name: str) -> None:
        """Raise ValueError if a constant has the wrong sign or isn't finite."""
        positive, factor = "positive, in ms", "finite and at least 0, a factor"
        at_least_0 = lambda x: (x >= 0) & (x < np.inf)  # noqa: E731
        _checks.in_range(f"{name}.tau", self.tau, positive, lambda x: (x > 0) & (x < np.inf), "6.0")
        _checks.in_range(f"{name}.E", self.E, "finite, in mV", np.isfinite, "0.0")
        if self.gain is not None:
            _checks.in_range(f"{name}.gain", self.gain, factor, at_least_0, "1.0")
        if self.ceiling is not None:
            rule = "at least 0 nS"
            _checks.in_range(f"{name}.ceiling", self.ceiling, rule, lambda x: x >= 0, "85.0")
        if self.jump is not None:
            rule = "at least 0 and finite, in nS"
            _checks.in_range(f"{name}.jump", self.jump, rule, at_least_0, "0.065")


def nmda_gate(v: ArrayLike) -> jax.Array:
    """Return the share of NMDA channels that the magnesium block leaves open at `v` (mV).

        m / (1 + m),  m = ((v + 80) / 60)^2

    As published; below -80 mV it rises again.

    Source: Whyte et al. 2025, 10.1371/journal.pcbi.1012951.

    Example:
      >>> float(nmda_gate(-20.0))
      0.5
    """
    m = ((jnp.asarray(v) + 80) / 60) ** 2
    return m / (1 + m)


def check_receptor(what: str, receptor: Any) -> None:
    """Check that a value has all members of `ReceptorModel`, and its constants.

    Args:
      what: name of the receptor.
      receptor: any value.

    Raises:
      TypeError, ValueError: names the receptor and what it lacks, or its constant, the rule with
        its unit, the value and a way out.
    """
    members = [member for member in vars(ReceptorModel) if not member.startswith("_")]
    missing = [member for member in members if not hasattr(receptor, member)]
    if isinstance(receptor, type) or len(missing) == len(members):
        raise TypeError(f"`{what}` must be a Receptor(tau=..., E=...); got {receptor!r}.")
    if missing or not dataclasses.is_dataclass(receptor):
        lacks = f"has no {', '.join(missing)}" if missing else "is no dataclass"
        raise TypeError(
            f"`{what}` must be a registered dataclass with all members of ReceptorModel; "
            f"{receptor!r} {lacks}."
        )
    receptor.check(what)  # type: ignore[union-attr]
