"""What a circuit did between some updates, spike by spike, from the course of the uncertainty."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from neurogain import _checks
from neurogain.bridge.circuit import Circuit
from neurogain.bridge.sources import OnlineState, between
from neurogain.neuromod.amounts import unexpected
from neurogain.optim import GainSource
from neurogain.spiking.recorders import Traces


def spikes_of(
    circuit: Circuit,
    source: GainSource,
    uncertainty: Float[np.ndarray, " updates"],
    at: range,
    *,
    full: float = 1.0,
    average: float = 0.99,
    ms_per_update: float = 50.0,
) -> Int[np.ndarray, "cells ms"]:
    """Return the spikes of all cells between some updates, counted by the millisecond.

    The source is run again over the uncertainties, with the noise that it had: so these are the
    spikes that made its gains.

    Args:
      circuit: of the source.
      source: `online`.
      uncertainty: that the source was given, from its first update on.
      at: the updates, from 0.
      full, average, ms_per_update: of the source; the last a whole number.

    Raises:
      ValueError: if `at` is empty or not within the uncertainties, or a number is out of range.

    Example:
      >>> from neurogain.bridge import measure, online, pyramidal_cells
      >>> circuit = pyramidal_cells(20, strength=8.0)
      >>> curve = measure(circuit, [500.0], seeds=range(2), duration=200.0, warm_up=100.0)
      >>> source = online(circuit, curve, key=jax.random.key(0), warm_up=50.0, calibrate=500.0)
      >>> spikes_of(circuit, source, np.array([0.1, 0.1, 1.5, 0.1]), range(2, 4)).shape
      (20, 100)
    """
    given = _checks.as_numbers("uncertainty", uncertainty)
    if not at or at.step != 1 or at.start < 0 or at.stop > len(given):
        raise ValueError(
            f"`at` must be some of the {len(given)} updates, one after the other; got {at!r}."
        )
    if ms_per_update % 1:
        raise ValueError(f"`ms_per_update` must be a whole number of ms here; got {ms_per_update}.")
    of_locus = unexpected(full, average, ms_per_update)
    record = {"spikes": Traces(_all_spikes)}

    def skip(state: OnlineState, u: Array) -> tuple[OnlineState, None]:
        return source.update(state, u)[1], None

    def watch(state: OnlineState, u: Array) -> tuple[OnlineState, Array]:
        drives, _ = of_locus(state.mean, u)
        found = between(circuit, state, drives.surprise, ms_per_update, record)
        return source.update(state, u)[1], found.recorded["spikes"]

    @jax.jit
    def run(state: OnlineState, before: Array, own: Array) -> Array:
        state, _ = jax.lax.scan(skip, state, before)
        return jax.lax.scan(watch, state, own)[1]

    values = jnp.asarray(given, jnp.float32)
    found = np.asarray(run(source.init(), values[: at.start], values[at.start : at.stop]))
    cells = found.shape[-1]
    per_ms = found.reshape(round(len(at) * ms_per_update), -1, cells).sum(axis=1)
    return per_ms.T.astype(np.int64)


def _all_spikes(state: Any, info: Any) -> Array:
    del state
    return jnp.concatenate([one.spike for one in info.network.cells.values()])
