"""From populations and projections to a network: drawn and laid out on the host."""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from neurogain import _checks
from neurogain.spiking import plasticity, synapses
from neurogain.spiking.connectivity import Pairs
from neurogain.spiking.engine.checks import check_key
from neurogain.spiking.network import spec, synapse_tables
from neurogain.spiking.network.model import AXIS, Inbox, Network, NetworkParams
from neurogain.spiking.network.spec import Path, Population, Projection
from neurogain.spiking.network.synapse_tables import Links
from neurogain.spiking.network.wiring import PlasticParams, ProjectionLayout, Rows
from neurogain.spiking.synapses import SynapseParams

DENSE_PAIRS = 1 << 12  # of cells, in all projections; up to so many, matrices cost no more


class Built(NamedTuple):
    """A network and its numbers."""

    network: Network
    params: NetworkParams


class _Drawn(NamedTuple):
    """A projection as it was drawn."""

    pairs: Pairs
    weight: np.ndarray  # nS
    delay: np.ndarray  # steps


def build(
    populations: Mapping[str, Population],
    projections: Mapping[str, Projection],
    *,
    dt: float,
    key: jax.Array,
    path: Path = "auto",
    mesh: Mesh | None = None,
    max_delay: float = 100.0,
    at_once: int | None = None,
) -> Built:
    """Draw the connections and lay them out.

    Each projection draws from a generator of its own, seeded by the key and its name, so that
    adding another one changes none. A static synapse takes 8 bytes (target, weight), 1 to 4 more
    where delays differ from one step; a plastic one 24 while it runs, 32 under a three-factor rule.
    In a matrix every pair takes 4, a plastic one 13, or 21 under a three-factor rule, and each
    synapse 4 more; several synapses of one pair and delay are one there, of their summed weight.

    Args:
      populations: by name.
      projections: by name; names of populations and projections differ.
      dt: ms, of the simulations; delays are counted in it.
      key: jax.random.key.
      path: for projections that leave it to be chosen; auto takes matrices if all projections
        together join up to 2^12 pairs of populations' cells, with one delay each.
      mesh: spreads cells over the devices of its only axis, synapses with their postsynaptic cell;
        results are those of one device, bit for bit. Sizes must be multiples of their number.
      max_delay: ms, longest delay that is allowed; arrivals are kept for as many steps as the
        longest that occurs.
      at_once: spikes that the sparse way delivers in one round of its loop; by default 1 on a CPU
        and 256 elsewhere, where rounds are dear. It changes no result but for the order in which
        some devices add.

    Returns:
      The network, which `simulate` takes as a model, and its parameters.

    Raises:
      ValueError, TypeError: names the projection, the rule with its unit, the value, a way out.

    Example:
      >>> import jax
      >>> from neurogain.spiking import IzhikevichCell, cells, connectivity
      >>> pv = Population(IzhikevichCell(), cells.PV, 10)
      >>> mutual = Projection("pv", "pv", connectivity.AllToAll(), 1.0, receptor="gaba_a")
      >>> network, params = build({"pv": pv}, {"pv_to_pv": mutual}, dt=0.1, key=jax.random.key(0))
      >>> network.size
      10
    """
    _checks.in_range("dt", dt, "positive, in ms", lambda x: (x > 0) & (x < np.inf), "0.1")
    check_key("key", key)
    _check_names(populations, projections)
    for name, population in populations.items():
        spec.check_population(name, population)
    for name, projection in projections.items():
        spec.check_projection(name, projection, populations)
    _check_mesh(mesh, populations)
    if at_once is None:
        at_once = 1 if jax.default_backend() == "cpu" else 256
    _checks.whole("at_once", at_once, 1)
    spec.check_path("`path`", path)
    rule = "positive and finite, in ms"
    _checks.in_range("max_delay", max_delay, rule, lambda x: (x > 0) & (x < np.inf), "100.0")
    mesh = None if mesh is None else Mesh(mesh.devices, (AXIS,))  # its axis of the type Auto
    shards = 1 if mesh is None else mesh.size
    inbox_numbers: dict[tuple, int] = {}
    layouts: list[ProjectionLayout] = []
    fixed: list[tuple[ProjectionLayout, list[Links]]] = []
    tables: dict[str, Any] = {}
    pairs = (populations[p.source].size * populations[p.target].size for p in projections.values())
    small = shards == 1 and sum(pairs) <= DENSE_PAIRS
    for name, projection in projections.items():
        drawn = _draw(name, projection, populations, key, dt=dt, max_delay=max_delay)
        chosen = _choose(name, projection, drawn, path, small, shards)
        layout = ProjectionLayout(
            name=name,
            source=projection.source,
            target=projection.target,
            inbox=_inbox(
                projection, inbox_numbers, [w for w, _ in fixed] if chosen == "sparse" else []
            ),
            path=chosen,
            n_pre=populations[projection.source].size,
            n_post=populations[projection.target].size // shards,
            delays=tuple(int(d) for d in np.unique(drawn.delay)) or (1,),
            plastic=projection.plasticity is not None,
            synapses=(len(drawn.weight),),
        )
        if chosen == "dense":
            shape = (layout.n_pre, layout.n_post)
            tables[name] = synapse_tables.matrices(name, *drawn, shape, projection.plasticity)
            layout = dataclasses.replace(layout, synapses=(len(tables[name].place),))
        else:
            parts = synapse_tables.links(*drawn, layout.n_pre, layout.n_post * shards, shards)
            layout = dataclasses.replace(layout, synapses=tuple(len(p.target) for p in parts))
            if layout.plastic:
                layout, tables[name] = _plastic(layout, parts, projection.plasticity)
            else:
                fixed.append((layout, parts))
        layouts.append(layout)
    inboxes = tuple(Inbox(*inbox[:3]) for inbox in inbox_numbers)
    sizes = {name: population.size for name, population in populations.items()}
    ring, width, rows = _fixed(fixed, inboxes, sizes, shards)
    if mesh is not None:
        rows, tables = _spread(rows, mesh), {k: _spread(v, mesh) for k, v in tables.items()}
    network = Network(
        populations=tuple((name, p.cell, p.size) for name, p in populations.items()),
        layouts=tuple(layouts),
        inboxes=inboxes,
        ring=ring,
        width=width,
        at_once=at_once,
        receptors=_receptors(populations, inboxes),
        inputs=tuple(f"{name}.{text}" for name, p in populations.items() for text in p.inputs),
        modulated=tuple(
            name
            for name, p in projections.items()
            if isinstance(p.plasticity, plasticity.ThreeFactor)
        ),
        dt=dt,
        mesh=mesh,
    )
    params = NetworkParams(
        cells={name: p.params for name, p in populations.items()},
        synapses={
            name: {c: p.synapses.get(c, SynapseParams()) for c in p.cell.compartments}
            for name, p in populations.items()
        },
        fixed=rows,
        projections=tables,
    )
    return Built(network, params)


def _draw(
    name: str,
    projection: Projection,
    populations: Mapping[str, Population],
    key: jax.Array,
    *,
    dt: float,
    max_delay: float,
) -> _Drawn:
    seed = [*np.asarray(jax.random.key_data(key)).ravel().tolist(), zlib.crc32(name.encode())]
    rng = np.random.default_rng(seed)
    n_pre, n_post = populations[projection.source].size, populations[projection.target].size
    try:
        recurrent = projection.source == projection.target
        pairs = projection.connectivity.connect(rng, n_pre, n_post, recurrent)
    except (ValueError, TypeError) as error:
        raise type(error)(f"`connectivity` of {name}: {error}") from error
    weight = _per_synapse(f"`weight` of {name}", projection.weight, "nS", rng, pairs)
    weight = weight if pairs.scale is None else weight * pairs.scale
    delay = _per_synapse(f"`delay` of {name}", projection.delay, "ms", rng, pairs)
    steps = np.rint(delay / dt).astype(np.int32)
    bad = (np.abs(steps * dt - delay) > 1e-6 * np.maximum(delay, 1)) | (steps < 1)
    if bad.any():
        raise ValueError(
            f"`delay` of {name} must be a multiple of dt = {dt:g} ms and at least one; got "
            f"{delay[bad][0]:g}. Pass delay={dt:g} for the shortest."
        )
    if (delay > max_delay).any():
        raise ValueError(
            f"`delay` of {name} must be at most max_delay = {max_delay:g} ms, the buffer; got "
            f"{delay.max():g}. Pass a larger max_delay to build."
        )
    return _Drawn(pairs, weight, steps)


def _per_synapse(
    what: str, given: Any, unit: str, rng: np.random.Generator, pairs: Pairs
) -> np.ndarray:
    """Return weights or delays in the order of the pairs."""
    count = len(pairs.pre)
    if callable(given):
        try:
            drawn = given(rng, count)
        except TypeError as error:
            raise TypeError(
                f"{what}, a function, must take (rng, synapses) and return one value for each; it "
                f"raised: {error}"
            ) from error
        if np.shape(drawn) != (count,):
            raise ValueError(
                f"{what}, a function of (rng, synapses), must return shape ({count},); got shape "
                f"{np.shape(drawn)}."
            )
        return spec.check_values(what, drawn, unit, count)
    values = spec.check_values(what, given, unit, count)
    if np.ndim(given) == 0:
        return values
    if pairs.given is not None:
        return values[pairs.given]
    ordered = np.empty_like(values)
    ordered[np.lexsort((pairs.post, pairs.pre))] = values  # as `Network.synapses` numbers them
    return ordered


def _choose(
    name: str,
    projection: Projection,
    drawn: _Drawn,
    path: Path,
    small: bool,
    shards: int,
) -> Any:
    """Return the path, refusing those that can't be."""
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
        chosen = "dense" if small and len(delays) <= 1 else "sparse"
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
    layout: ProjectionLayout, parts: list[Links], rule: Any
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
) -> tuple[int, int, Rows | None]:
    """Return length of the ring, width and rows of all sparse projections with fixed weights."""
    if not fixed:
        return 1, 1, None
    first = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    slots = np.cumsum([0, *(sizes[inbox.target] // shards for inbox in inboxes)])
    parts = [
        synapse_tables.merge(
            [(int(first[w.source]), int(slots[w.inbox]), links[shard]) for w, links in fixed],
            sum(sizes.values()),
        )
        for shard in range(shards)
    ]
    ring = max(max(layout.delays) for layout, _ in fixed)
    width = synapse_tables.best_width(np.concatenate([np.diff(p.start) for p in parts]))
    return ring, width, synapse_tables.rows(parts, width, with_delays=ring > 1)


def _receptors(populations: Mapping[str, Population], inboxes: tuple[Inbox, ...]) -> tuple:
    """Return the receptors in use, by population and compartment."""
    result = []
    for name, population in populations.items():
        used = []
        for compartment in population.cell.compartments:
            names = {
                receptor
                for inbox in inboxes
                if (inbox.target, inbox.compartment) == (name, compartment)
                for receptor, _ in inbox.shares
            }
            given = (text.partition(".") for text in population.inputs)
            names |= {receptor for c, _, receptor in given if c == compartment}
            params = population.synapses.get(compartment)
            if params is not None and np.any(np.asarray(params.adaptation_jump) != 0):
                names.add("adaptation")
            if names:
                used.append((compartment, tuple(r for r in synapses.RECEPTORS if r in names)))
        if used:
            result.append((name, tuple(used)))
    return tuple(result)


def _spread(table: Any, mesh: Mesh) -> Any:
    """Return the arrays of a table, but for those of its rule, with a shard on each device."""
    place = NamedSharding(mesh, PartitionSpec(AXIS))
    if not isinstance(table, PlasticParams):
        return jax.tree.map(lambda x: jax.device_put(x, place), table)
    rows, columns = (jax.device_put(part, place) for part in (table.rows, table.columns))
    return PlasticParams(rows, columns, table.rule)


def _check_names(populations: Mapping, projections: Mapping) -> None:
    for what, given in (("populations", populations), ("projections", projections)):
        if not isinstance(given, Mapping):
            raise TypeError(f"`{what}` must be a dictionary by name; got {type(given).__name__}.")
    if not populations:
        raise ValueError("`populations` must hold at least one; got none.")
    twice = sorted(populations.keys() & projections.keys())
    if twice:
        raise ValueError(
            f"`projections` must have names that no population has; got {', '.join(twice)}."
        )


def _check_mesh(mesh: Mesh | None, populations: Mapping[str, Population]) -> None:
    if mesh is None:
        return
    if mesh.axis_names != (AXIS,):
        raise ValueError(
            f"`mesh` must have one axis, {AXIS!r}; got {mesh.axis_names}. Pass "
            f"jax.make_mesh((devices,), ({AXIS!r},))."
        )
    for name, population in populations.items():
        if population.size % mesh.size:
            more = -(-population.size // mesh.size) * mesh.size
            raise ValueError(
                f"`size` of {name} must be a multiple of the {mesh.size} devices of the mesh; got "
                f"{population.size}. Choose {more}."
            )
