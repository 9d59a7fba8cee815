"""Projections laid out: each as matrices, as a table of its own, or among the fixed rows."""

import dataclasses
from collections.abc import Mapping
from typing import Literal, NamedTuple

import jax
import numpy as np

from neurogain.spiking import plasticity
from neurogain.spiking.network import synapse_tables
from neurogain.spiking.network.arrays import DenseParams, PlasticParams, Rows
from neurogain.spiking.network.draw import Drawn, draw
from neurogain.spiking.network.spec import Path, Population, Projection
from neurogain.spiking.network.structure import Inbox, ProjectionLayout
from neurogain.spiking.network.synapse_tables import Links, has_multapses
from neurogain.spiking.plasticity import Plasticity

DENSE_PAIRS = 1 << 12  # of cells, in all projections; up to so many, matrices cost no more


class FixedRows(NamedTuple):
    """All sparse projections with fixed weights as one table."""

    ring: int  # steps that arrivals are kept for
    width: int  # synapses of a row that are read at once
    rows: Rows | None


class LaidOut(NamedTuple):
    """All projections."""

    layouts: tuple[ProjectionLayout, ...]
    inboxes: tuple[Inbox, ...]
    tables: dict[str, PlasticParams | DenseParams]  # of dense and of plastic ones
    fixed: FixedRows


def lay_out(
    populations: Mapping[str, Population],
    projections: Mapping[str, Projection],
    key: jax.Array,
    *,
    dt: float,
    path: Path,
    shards: int,
    max_delay: float,
) -> LaidOut:
    """Draw projections one after the other and lay each out; errors as in `build`."""
    inbox_numbers: dict[tuple, int] = {}
    layouts: list[ProjectionLayout] = []
    fixed: list[tuple[ProjectionLayout, list[Links]]] = []
    tables: dict[str, PlasticParams | DenseParams] = {}
    pairs = (populations[p.source].size * populations[p.target].size for p in projections.values())
    small = shards == 1 and sum(pairs) <= DENSE_PAIRS
    for name, projection in projections.items():
        drawn = draw(name, projection, populations, key, dt=dt, max_delay=max_delay)
        chosen = _choose(name, projection, drawn, path, small, shards)
        sharing = [layout for layout, _ in fixed] if chosen == "sparse" else []
        layout = ProjectionLayout(
            name=name,
            source=projection.source,
            target=projection.target,
            inbox=_inbox(projection, inbox_numbers, sharing),
            path=chosen,
            n_pre=populations[projection.source].size,
            n_post=populations[projection.target].size // shards,
            delays=tuple(int(d) for d in np.unique(drawn.delay)) or (1,),
            plastic=projection.plasticity is not None,
            synapses=(len(drawn.weight),),
        )
        if chosen == "dense":
            shape = (layout.n_pre, layout.n_post)
            table = synapse_tables.matrices(name, *drawn, shape, projection.plasticity)
            layout = dataclasses.replace(layout, synapses=(len(table.place),))
            tables[name] = table
        else:
            parts = synapse_tables.links(*drawn, layout.n_pre, layout.n_post * shards, shards)
            layout = dataclasses.replace(layout, synapses=tuple(len(p.target) for p in parts))
            if projection.plasticity is not None:
                layout, tables[name] = _plastic(layout, parts, projection.plasticity)
            else:
                fixed.append((layout, parts))
        layouts.append(layout)
    inboxes = tuple(Inbox(*inbox[:3]) for inbox in inbox_numbers)
    sizes = {name: population.size for name, population in populations.items()}
    return LaidOut(tuple(layouts), inboxes, tables, _fixed(fixed, inboxes, sizes, shards))


def _choose(
    name: str,
    projection: Projection,
    drawn: Drawn,
    path: Path,
    small: bool,
    shards: int,
) -> Literal["dense", "sparse"]:
    """Return the path; raises ValueError if the projection can't take the one it is given."""
    rule, delays = projection.plasticity, np.unique(drawn.delay)
    if rule is not None:
        plasticity.check(rule, name)
        if len(delays) > 1:
            raise ValueError(
                f"`delay` of {name} must be one for all its synapses, which are plastic; got "
                f"{len(delays)} different ones. Make a projection for each."
            )
        if drawn.weight.size and drawn.weight.max() > np.min(rule.Wmax) * (1 + 1e-6):
            raise ValueError(
                f"`weight` of {name} must be at most its rule's Wmax = {np.min(rule.Wmax):g} nS; "
                f"got {drawn.weight.max():g}."
            )
    chosen = path if projection.path == "auto" else projection.path
    if chosen == "auto":
        fits = small and len(delays) <= 1 and (rule is None or not has_multapses(drawn.pairs))
        chosen = "dense" if fits else "sparse"
    if chosen == "dense" and shards > 1:
        raise ValueError(
            f"`path` of {name} must be sparse on a mesh, where synapses lie with their "
            'postsynaptic cells; got dense. Pass path="sparse".'
        )
    return chosen


def _inbox(
    projection: Projection, inbox_numbers: dict[tuple, int], fixed: list[ProjectionLayout]
) -> int:
    """Return the number of the inbox, a new one where the source has fixed synapses onto it."""
    taken = {w.inbox for w in fixed if w.source == projection.source}
    for copy in range(len(fixed) + 1):
        inbox = (projection.target, projection.compartment, projection.shares, copy)
        number = inbox_numbers.setdefault(inbox, len(inbox_numbers))
        if number not in taken:
            break
    return number


def _plastic(
    layout: ProjectionLayout, parts: list[Links], rule: Plasticity
) -> tuple[ProjectionLayout, PlasticParams]:
    width = synapse_tables.best_width(np.concatenate([np.diff(p.start) for p in parts]))
    column_width = synapse_tables.best_width(np.concatenate([np.diff(p.column) for p in parts]))
    rows = synapse_tables.rows(parts, width, with_delays=False)
    table = PlasticParams(rows, synapse_tables.columns(parts, column_width), rule)
    return dataclasses.replace(layout, width=width, column_width=column_width), table


def _fixed(
    fixed: list[tuple[ProjectionLayout, list[Links]]],
    inboxes: tuple[Inbox, ...],
    sizes: Mapping[str, int],
    shards: int,
) -> FixedRows:
    """Return length of the ring, width and rows of all sparse projections with fixed weights."""
    if not fixed:
        return FixedRows(0, 1, None)
    first = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    slots = np.cumsum([0, *(sizes[inbox.target] // shards for inbox in inboxes)])
    parts = [
        synapse_tables.merge(
            [(int(first[w.source]), int(slots[w.inbox]), links[shard]) for w, links in fixed],
            sum(sizes.values()),
        )
        for shard in range(shards)
    ]
    longest = max(max(layout.delays) for layout, _ in fixed)
    width = synapse_tables.best_width(np.concatenate([np.diff(p.start) for p in parts]))
    rows = synapse_tables.rows(parts, width, with_delays=longest > 1)
    return FixedRows(longest + 1, width, rows)
