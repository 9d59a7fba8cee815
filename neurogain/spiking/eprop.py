"""e-prop: gradients of a layer computed forward in time, from what each synapse can know.

Source: Bellec et al., Nat Commun 11:3625 (2020), eqs. 1 to 4.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from neurogain import _checks
from neurogain.spiking import layer_checks
from neurogain.spiking.layers import Layer, LayerParams


def gradients(
    layer: Layer,
    params: LayerParams,
    inputs: Shaped[Array | np.ndarray, "steps batch inputs"],
    signals: Float[Array, "steps batch n"],
) -> LayerParams:
    """Return the gradient of a loss by e-prop: learning signals times eligibility traces.

        dL/dW_ij = sum over t, batch of  L_j(t) e_ij(t),   e_ij = dz_j/dh_j eps_ij
        eps_ij(t) = dh_j(t)/dh_j(t-1) eps_ij(t-1) + dh_j/dW_ij

    h_j is the state of cell j, with its current. Each trace follows the dynamics of its own cell,
    and leaves out how its spikes come back through other cells. So this is the exact gradient of a
    layer without recurrence, and an approximation otherwise. Nothing of the past is kept: memory is
    batch inputs n (variables of a cell) floats, whatever the number of steps; `segment` of the
    layer has no part in it.

    Args:
      layer: of any kind of cell that draws nothing, without learned constants.
      params: its weights.
      inputs: as `Layer.apply` takes them.
      signals: L, the derivative of the loss with respect to each spike, all else held. It is exact
        if it comes from the gradient of a readout, local if it is a feedback of errors.

    Returns:
      The gradient, in the form of `params`.

    Raises:
      ValueError: if the layer learns constants, is truncated or draws, tau differs between cells,
        or the signals don't fit the spikes.

    Example:
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> layer = Layer(LIFCell(), LIFParams(), inputs=3, n=2)
      >>> params = layer.init(jax.random.key(0))
      >>> grads = gradients(layer, params, jnp.ones((10, 4, 3)), jnp.ones((10, 4, 2)))
      >>> grads["in"].shape
      (3, 2)
    """
    if layer.learn:
        raise ValueError(
            f"`layer` must have no learned constants under e-prop; got learn={layer.learn!r}. Pass "
            "learn=()."
        )
    if layer.truncated:
        raise ValueError(
            "`layer` must not be truncated under e-prop, whose traces end nowhere; got "
            "truncated=True. Pass a layer without it."
        )
    if np.ndim(layer.tau):
        raise ValueError(
            "`tau` of the layer must be one number under e-prop, whose traces all cells share; got "
            f"shape {np.shape(layer.tau)}. Pass tau=5.0."
        )
    layer_checks.check_params(params, layer.shapes, "layer")
    layer_checks.check_given(layer, inputs)
    _check_draws_nothing(layer)
    expected = (*np.shape(inputs)[:2], layer.n)
    if np.shape(signals) != expected:
        raise ValueError(
            f"`signals` must have shape {expected}, one for each spike; got {np.shape(signals)}. "
            "Pass the gradient of a loss with respect to the layer's spikes."
        )
    layer_checks.check_inputs(signals, layer.n, "signals")
    inputs, signals = (jnp.asarray(x, params["in"].dtype) for x in (inputs, signals))
    names = [name for name in ("in", "recurrent") if name in params]
    dt = layer.dt / layer.substeps
    mean, left = layer.filter(params, dt)

    def advance(carry: Any, given: Any) -> tuple[Any, None]:
        state, traces, total = carry
        x, signal = given
        arriving = {"in": x} | ({"recurrent": state.spikes[0]} if layer.recurrent else {})
        jump = sum(arriving[name] @ params[name] for name in names)
        current, cells = state.current + layer.scale * jump, state.cells
        came = {name: traces[name].came + layer.scale * arriving[name] for name in names}
        spikes = jnp.zeros_like(current)
        for _ in range(layer.substeps):
            cells, spike, slopes = _derivatives(layer, cells, current * mean, dt)
            for name in names:
                eps, e = _follow(slopes, traces[name].eps, mean * came[name])
                total = total | {name: total[name] + jnp.einsum("bij,bj->ij", e, signal)}
                came[name] = came[name] * left
                traces = traces | {name: _Traces(came[name], eps)}
            spikes, current = spikes + spike, current * left
        return (layer.behind(state, cells, current, spikes), traces, total), None

    start = layer.start(params, inputs.shape[1])
    moving = _floating(start.cells)
    traces = {
        name: _Traces(
            jnp.zeros((inputs.shape[1], len(params[name])), params[name].dtype),
            [jnp.zeros((len(x), len(params[name]), layer.n), x.dtype) for x in moving],
        )
        for name in names
    }
    total: LayerParams = {name: jnp.zeros_like(params[name]) for name in names}
    (_, _, total), _ = jax.lax.scan(advance, (start, traces, total), (inputs, signals))
    return total


def _check_draws_nothing(layer: Layer) -> None:
    """Raise a ValueError for cells that need a key, as those with stochastic coupling do."""
    given = layer.constants, layer.background
    try:
        layer.cell.check(*given, dt=layer.dt / layer.substeps, n=layer.n, key=None)
    except ValueError as error:
        raise ValueError(
            "`layer` must have cells that draw nothing under e-prop, which has no key; its cells "
            f"raised {_checks.said(error)}. Take cells with a coupling that is not stochastic."
        ) from error


class _Traces(NamedTuple):
    """Of the synapses from one source."""

    came: Array  # (batch, inputs), pA for a weight of 1: the current's derivative
    eps: list[Array]  # (batch, inputs, n) for each variable of the cells


class _Slopes(NamedTuple):
    """Derivatives of a step of the cells, each (batch, n)."""

    state: list[list[Array]]  # of variable k behind the step, by variable l before it: [l][k]
    state_by_current: list[Array]
    spike: list[Array]
    spike_by_current: Array


def _moves(x: Array) -> bool:
    """Return whether a variable has derivatives: counts of steps have none."""
    return bool(jnp.issubdtype(x.dtype, jnp.floating))


def _floating(cells: Any) -> list[Array]:
    return [x for x in jax.tree.leaves(cells) if _moves(x)]


def _derivatives(layer: Layer, cells: Any, current: Array, dt: float) -> tuple[Any, Array, _Slopes]:
    """Advance the cells, each of which depends on its own state and current alone."""

    def advance(moving: list[Array], current: Array) -> tuple[tuple[list[Array], Array], Any]:
        given = iter(moving)
        before = jax.tree.map(lambda x: next(given) if _moves(x) else x, cells)
        after, spike = layer.step_cells(layer.constants, before, current, dt)
        return (_floating(after), spike), after

    moving = _floating(cells)
    (_, spike), push, after = jax.linearize(advance, moving, current, has_aux=True)
    zeros = [jnp.zeros_like(x) for x in moving]
    columns = [
        push([*zeros[:k], jnp.ones_like(x), *zeros[k + 1 :]], jnp.zeros_like(current))
        for k, x in enumerate(zeros)
    ]
    state_by_current, spike_by_current = push(zeros, jnp.ones_like(current))
    slopes = _Slopes(
        [moved for moved, _ in columns], state_by_current, [s for _, s in columns], spike_by_current
    )
    return after, spike, slopes


def _follow(slopes: _Slopes, eps: list[Array], through: Array) -> tuple[list[Array], Array]:
    """Return the traces behind a step, and the eligibility of a spike in it."""

    def total(by_state: list[Array], by_current: Array) -> Array:
        own = sum(d[:, None] * x for d, x in zip(by_state, eps, strict=True))
        return own + by_current[:, None] * through[:, :, None]

    variables = range(len(eps))
    new = [total([row[k] for row in slopes.state], slopes.state_by_current[k]) for k in variables]
    return new, total(slopes.spike, slopes.spike_by_current)
