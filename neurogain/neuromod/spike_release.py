"""Neuromodulators that the spikes of a population release."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks
from neurogain.neuromod import kinetics


@dataclasses.dataclass(frozen=True)
class SpikeRelease:
    """A population whose spikes release a neuromodulator, in place of what drives its system.

    A spike of one of N cells releases tonic / (N tonic_hz tau) at once, so that the concentration
    is tonic, on average, where the cells fire at `tonic_hz`, and falls to 0 where they are silent.
    It acts from the next step on.

    Attributes:
      population: name.
      tonic_hz: Hz, of each of its cells.

    Example:
      >>> float(SpikeRelease("vta", tonic_hz=5.0).activity(jnp.array([1.0, 0.0]), dt=1.0))
      99.0
    """

    population: str
    tonic_hz: float = 5.0

    def __post_init__(self) -> None:
        """Raise an error unless it names a population and a rate."""
        if not isinstance(self.population, str):
            raise TypeError(
                f"`population` must be the name of one; got {self.population!r:.200}. Pass "
                'SpikeRelease("vta").'
            )
        _checks.positive("tonic_hz", self.tonic_hz, "Hz", "5.0")

    def activity(
        self, spikes: jax.Array, weights: ArrayLike | None = None, *, dt: float
    ) -> jax.Array:
        """Return firing over tonic firing less 1, of all cells or by target.

        Args:
          spikes: number of each cell's in a step, (N,).
          weights: share of each cell in each target, (targets, N), rows of sum 1; None: all cells
            release into one volume.
          dt: ms, the step.
        """
        relative = spikes * (1000 / (self.tonic_hz * dt)) - 1
        return jnp.mean(relative) if weights is None else kinetics.transmit(weights, relative)


def check_weights(system: str, weights: object, targets: tuple[int, ...], cells: int) -> None:
    """Raise an error unless weights are shares of cells in targets, with rows of sum 1."""
    name = f"wires[{system!r}]"
    array = _checks.as_numbers(name, weights)
    shape = (*targets, cells)
    if not targets or array.shape != shape:
        raise ValueError(
            f"`{name}` must have shape (targets, neurons) = {shape}, with one target for each "
            f"value of the system's tonic level; got shape {array.shape}."
        )
    if _checks.is_concrete(weights) and not np.allclose(array.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"`{name}` must have rows of sum 1, so that tonic firing gives the tonic level; got "
            f"sums from {array.sum(axis=1).min():g} to {array.sum(axis=1).max():g}. Divide each "
            "row by its sum."
        )
