"""The dense path: a matrix of weights times the vector of all spikes; differentiable."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from neurogain.spiking.network.arrays import DenseParams
from neurogain.spiking.network.traces import Traced
from neurogain.spiking.plasticity import Traces, rule_state


def multiply(table: DenseParams, delayed: list, weight: Any) -> jax.Array:
    """Return what arrives at each postsynaptic cell, nS."""
    matrices = table.weight if weight is None else weight[None]
    products = [
        jnp.matmul(spike, matrix.astype(spike.dtype), precision=jax.lax.Precision.HIGHEST)
        for spike, matrix in zip(delayed, matrices, strict=True)
    ]
    return functools.reduce(jnp.add, products)


def pair_up(
    table: DenseParams,
    synapse_state: Any,
    signal: Any,
    traced: Traced,
    pre_spike: Any,
    post_spike: Any,
) -> Any:
    """Return what the matrix holds after the postsynaptic spikes of the moment, then arrivals."""
    rule: Any = table.rule
    pair = rule_state.inner(rule)
    exists: Any = table.exists

    def changed(synapse_state: Any, where: jax.Array, change: ArrayLike) -> Any:
        after = rule_state.add(rule, synapse_state, signal, change)
        return rule_state.choose(where, after, synapse_state)

    pre: Traces = tuple(x[:, None] for x in traced.pre)
    post: Traces = tuple(y[None, :] for y in traced.post)
    rise = pair.potentiation(rule_state.read(rule, synapse_state, signal), pre, post)
    synapse_state = changed(synapse_state, exists & (post_spike > 0)[None, :], rise)
    fall = pair.depression(rule_state.read(rule, synapse_state, signal), pre, post)
    return changed(synapse_state, exists & (pre_spike > 0)[:, None], -fall)
