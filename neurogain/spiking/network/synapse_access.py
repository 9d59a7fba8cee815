"""Synapses by name, read from and written to the arrays of a network, on the host."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks
from neurogain.spiking.network.arrays import DenseParams, NetworkParams, ProjectionState, Rows
from neurogain.spiking.network.spec_checks import check_values
from neurogain.spiking.network.structure import NetworkStructure, ProjectionLayout
from neurogain.spiking.plasticity import rule_state


class Synapses(NamedTuple):
    """The synapses of a projection, each of shape (synapses,).

    In order of the presynaptic cell, then of the postsynaptic one; on a mesh by device first. In
    this order recorders number them.
    """

    pre: np.ndarray  # number of the cell in its population
    post: np.ndarray
    weight: np.ndarray  # nS
    delay: np.ndarray  # ms


def read(
    structure: NetworkStructure,
    layout: ProjectionLayout,
    params: NetworkParams,
    state: ProjectionState | None,
) -> Synapses:
    """Return the synapses, with the weights of the state if there is one."""
    table = params.projections.get(layout.name)
    if isinstance(table, DenseParams):
        which, pre, post = _matrix_places(table)
        weight = _of_matrices(table)
        if state is not None and layout.plastic:
            own = rule_state.read(table.rule, state.synapse_state, state.signal)  # type: ignore[arg-type]
            weight = np.asarray(own)[pre, post]
        delay = np.asarray(layout.delays)[which] * structure.dt
        return Synapses(pre, post, weight, delay)
    rows = _rows(layout, params)
    weights = np.asarray(rows.weight)
    if state is not None and layout.plastic:
        weights = np.asarray(rule_state.read(table.rule, state.synapse_state, state.signal))  # type: ignore
    parts = []
    for shard in range(len(layout.synapses)):
        pre, place = _row_places(structure, layout, rows, shard)
        post = np.asarray(rows.target)[shard][place] - _slot(structure, layout)
        steps: Any = np.full(len(place), layout.delays[0])
        if rows.delay is not None:
            steps = np.asarray(rows.delay)[shard][place]
        post = post + shard * layout.n_post
        parts.append((pre, post, weights[shard, place], steps * structure.dt))
    return Synapses(*map(np.concatenate, zip(*parts, strict=True)))


def write(
    structure: NetworkStructure, layout: ProjectionLayout, params: NetworkParams, weight: Any
) -> NetworkParams:
    """Return parameters with other weights, one number or one per synapse in the order of `read`.

    Raises:
      ValueError: if weights differ in number from the synapses, are negative, not finite or above
        the rule's bound.
      TypeError: if `params` themselves are traced.
    """
    table = params.projections.get(layout.name)
    values = _checked(layout, table, weight)
    if isinstance(table, DenseParams):
        parts = None if table.parts is None else jnp.asarray(values, table.parts.dtype)
        weights = _put(structure, layout, params, table.weight, values)
        table = table._replace(weight=weights, parts=parts)
        return params._replace(projections=params.projections | {layout.name: table})
    rows = _rows(layout, params)
    weights = _put(structure, layout, params, rows.weight, values)
    if structure.mesh is not None:
        weights = jax.device_put(weights, rows.weight.sharding)
    rows = rows._replace(weight=weights)
    if table is None:
        return params._replace(fixed=rows)
    table = table._replace(rows=rows)
    return params._replace(projections=params.projections | {layout.name: table})


def write_state(
    structure: NetworkStructure,
    layout: ProjectionLayout,
    params: NetworkParams,
    state: ProjectionState | None,
    weight: Any,
) -> ProjectionState:
    """Return the state of a plastic projection with other weights; errors as in `write`."""
    table: Any = params.projections.get(layout.name)
    if not layout.plastic or state is None:
        raise ValueError(
            f"`name` must be a plastic projection; got {layout.name!r}, whose weights are in the "
            "parameters. Use with_weights."
        )
    values = _checked(layout, table, weight)
    before = rule_state.read(table.rule, state.synapse_state, state.signal)
    base = before[None] if layout.path == "dense" else before
    after = _put(structure, layout, params, base, values)
    after = after[0] if layout.path == "dense" else after
    return state._replace(
        synapse_state=rule_state.put(table.rule, state.synapse_state, state.signal, after)
    )


def _checked(layout: ProjectionLayout, table: Any, weight: Any) -> Any:
    """Return weights that may be traced, which then are checked for their shape alone."""
    total = sum(layout.synapses)
    if isinstance(weight, jax.core.Tracer):
        if weight.shape not in ((), (total,)):
            raise ValueError(
                f"`weights` of {layout.name} must be one number, or one per synapse, shape "
                f"({total},); got shape {weight.shape}."
            )
        return jnp.broadcast_to(weight, (total,))
    values = check_values(f"`weights` of {layout.name}", weight, "nS", total)
    if layout.plastic and total:
        _check_bound(f"`weights` of {layout.name}", float(values.max()), table.rule)
    return values


def _put(
    structure: NetworkStructure,
    layout: ProjectionLayout,
    params: NetworkParams,
    into: Any,
    values: Any,
) -> Any:
    """Return an array that holds weights, with other values where this projection's are."""
    table = params.projections.get(layout.name)
    places = table.place if isinstance(table, DenseParams) else _rows(layout, params).start
    if isinstance(places, jax.core.Tracer):
        raise TypeError(
            "`params` must not be traced where weights are written by name; close over them, and "
            "trace the weights: jax.grad(lambda w: f(network.with_weights(params, name, w)))."
        )
    values = jnp.asarray(values, into.dtype)
    if isinstance(table, DenseParams):
        whole, where = jnp.asarray(into), _matrix_places(table)
        if table.parts is not None:  # several in one place
            return whole.at[where].set(0).at[where].add(values)
        return whole.at[where].set(values)
    rows = _rows(layout, params)
    per_shard = [_row_places(structure, layout, rows, s)[1] for s in range(len(layout.synapses))]
    shard = np.repeat(np.arange(len(per_shard)), [len(p) for p in per_shard])
    return jnp.asarray(into).at[shard, np.concatenate(per_shard)].set(values)


def check(structure: NetworkStructure, params: NetworkParams) -> None:
    """Check the weights of all projections.

    Raises:
      ValueError: names the projection, the rule with its unit, a way out, if weights have another
        shape, are negative, not finite or above their rule's Wmax.
    """
    tables: dict[str, Any] = dict(params.projections)
    if params.fixed is not None:
        tables["fixed projections"] = params.fixed
    for name, table in tables.items():
        rows = getattr(table, "rows", table)
        weight = rows.weight
        if isinstance(weight, jax.core.Tracer):
            continue
        shape = np.shape(weight)
        if isinstance(table, DenseParams):
            layout = structure.layout(name)
            wanted: tuple[int, ...] = (len(layout.delays), layout.n_pre, layout.n_post)
        else:
            wanted = np.shape(rows.target)
        if shape != wanted:
            raise ValueError(
                f"`weight` of {name} must have shape {wanted}; got {shape}. Use "
                "network.with_weights(params, name, weights)."
            )
        with jax.ensure_compile_time_eval():
            fine = bool(_are_conductances(weight))
        if not fine:
            raise ValueError(
                f"`weight` of {name} must be at least 0 nS and finite. Inhibition is a receptor "
                "(gaba_a), not a sign."
            )
        rule = getattr(table, "rule", None)
        if rule is not None and _checks.is_concrete(rule.Wmax):
            _check_bound(f"`weight` of {name}", float(np.max(np.asarray(weight), initial=0)), rule)


@jax.jit  # one program; operations one by one are four
def _are_conductances(weight: jax.Array) -> jax.Array:
    return jnp.all((weight >= 0) & (weight < jnp.inf))


def _check_bound(what: str, most: float, rule: Any) -> None:
    bound = float(np.min(rule.Wmax))
    if most > bound * (1 + 1e-6):
        raise ValueError(
            f"{what} must be at most its rule's Wmax = {bound:g} nS; got {most:g}. Raise Wmax."
        )


def _rows(layout: ProjectionLayout, params: NetworkParams) -> Rows:
    table = params.projections.get(layout.name)
    return params.fixed if table is None else table.rows  # type: ignore[return-value, union-attr]


def _slot(structure: NetworkStructure, layout: ProjectionLayout) -> int:
    """Return the first slot of a projection's inbox, in a shard."""
    if layout.plastic:
        return 0
    shards = len(layout.synapses)
    return sum(
        structure.sizes[inbox.target] // shards for inbox in structure.inboxes[: layout.inbox]
    )


def _row_places(
    structure: NetworkStructure, layout: ProjectionLayout, rows: Rows, shard: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return presynaptic cells, and places in the rows, of a projection's synapses in a shard."""
    first = 0 if layout.plastic else structure.cells_of(layout.source).start
    start = np.asarray(rows.start)[shard][first : first + layout.n_pre + 1]
    pre = np.repeat(np.arange(layout.n_pre), np.diff(start))
    target = np.asarray(rows.target)[shard][start[0] : start[-1]] - _slot(structure, layout)
    own = np.flatnonzero((target >= 0) & (target < layout.n_post))
    return pre[own], start[0] + own


def _matrix_places(table: DenseParams) -> tuple[np.ndarray, ...]:
    """Return number of the matrix, row and column of each synapse."""
    return np.unravel_index(np.asarray(table.place), np.shape(table.weight))


def _of_matrices(table: DenseParams) -> np.ndarray:
    """Return the weight of each synapse, nS.

    Synapses that share a place have the parts that they were given; where the matrix was changed
    since, as by training, they are scaled to its sum.
    """
    weight = np.asarray(table.weight).reshape(-1)[np.asarray(table.place)]
    if table.parts is None:
        return weight
    _, place, count = np.unique(table.place, return_inverse=True, return_counts=True)
    parts = np.asarray(table.parts)
    total = np.bincount(place, parts)[place]
    equal = np.where(total == 0, weight / count[place], 0)
    scaled = parts * (weight / np.where(total == 0, 1, total)) + equal
    kept = np.abs(weight - total) <= 64 * np.finfo(parts.dtype).eps * total
    return np.where(kept, parts, scaled.astype(parts.dtype))
