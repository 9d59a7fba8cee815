"""From populations and projections to a network: drawn and laid out on the host."""

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec

from neurogain import _checks
from neurogain.spiking import plasticity, synapses
from neurogain.spiking.connectivity import Pairs
from neurogain.spiking.network import spec
from neurogain.spiking.network.model import AXIS, Inbox, Network, NetworkParams
from neurogain.spiking.network.spec import Path, Population, Projection
from neurogain.spiking.network.wiring import Columns, DenseParams, SparseParams, Wire
from neurogain.spiking.synapses import SynapseParams

DENSE_PAIRS = 1 << 14  # up to so many pairs of cells a matrix is the faster way
MAX_DENSE_BYTES = 1 << 31
_ROUND = 16  # widths are multiples of it, so that another draw rarely compiles anew


class Built(NamedTuple):
    """A network and its numbers."""

    network: Network
    params: NetworkParams


def build(
    populations: Mapping[str, Population],
    projections: Mapping[str, Projection],
    *,
    dt: float,
    key: jax.Array,
    path: Path = "auto",
    mesh: Mesh | None = None,
    max_delay: float = 100.0,
) -> Built:
    """Draw the connections and lay them out.

    Each projection draws from a generator of its own, seeded by the key and its name, so that
    adding another one changes none. A static synapse takes 8 bytes (target, weight), 1 to 4 more
    with delays of its own; a plastic one 24 while it runs. In a matrix every pair takes 4, plastic
    ones 13.

    Args:
      populations: by name.
      projections: by name; names of populations and projections differ.
      dt: ms, of the simulations; delays are counted in it.
      key: jax.random.key.
      path: for projections that leave it to be chosen; auto takes a matrix for up to 2^14 pairs.
      mesh: spreads cells over the devices of its only axis, synapses with their postsynaptic cell;
        results are those of one device, bit for bit. Sizes must be multiples of their number.
      max_delay: ms, longest delay that is allowed; it sets the memory of rings of arrivals.

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
    _check_names(populations, projections)
    for name, population in populations.items():
        spec.check_population(name, population)
    for name, projection in projections.items():
        spec.check_projection(name, projection, populations)
    _check_mesh(mesh, populations)
    mesh = None if mesh is None else Mesh(mesh.devices, (AXIS,))  # its axis of the type Auto
    shards = 1 if mesh is None else mesh.size
    boxes: dict[tuple, int] = {}
    wires, tables = [], {}
    for name, projection in projections.items():
        inbox = (projection.target, projection.compartment, projection.shares)
        number = boxes.setdefault(inbox, len(boxes))
        seed = [*np.asarray(jax.random.key_data(key)).ravel().tolist(), zlib.crc32(name.encode())]
        wire, table = _lay_out(
            name, projection, populations, number, shards, path,
            dt=dt, max_delay=max_delay, rng=np.random.default_rng(seed),
        )  # fmt: skip
        wires.append(wire)
        tables[name] = table if mesh is None else _spread(table, mesh)
    inboxes = []
    for (target, compartment, shares), number in boxes.items():
        own = [w for w in wires if w.inbox == number and w.path == "sparse" and not w.plastic]
        steps = max((max(w.delays) for w in own), default=1)
        inboxes.append(Inbox(target, compartment, shares, steps))
    network = Network(
        populations=tuple((name, p.cell, p.size) for name, p in populations.items()),
        wires=tuple(wires),
        inboxes=tuple(inboxes),
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
            name: {c: p.synapses.get(c, SynapseParams()) for c in spec.compartments(p.cell)}
            for name, p in populations.items()
        },
        projections=tables,
    )
    return Built(network, params)


def _receptors(populations: Mapping[str, Population], inboxes: list[Inbox]) -> tuple:
    """Return the receptors in use, by population and compartment."""
    result = []
    for name, population in populations.items():
        used = []
        for compartment in spec.compartments(population.cell):
            names = {r for b in inboxes if (b.target, b.compartment) == (name, compartment)
                     for r, _ in b.shares}  # fmt: skip
            names |= {r for c, _, r in (t.partition(".") for t in population.inputs)
                      if c == compartment}  # fmt: skip
            params = population.synapses.get(compartment)
            if params is not None and np.any(np.asarray(params.adaptation_jump) != 0):
                names.add("adaptation")
            if names:
                used.append((compartment, tuple(r for r in synapses.RECEPTORS if r in names)))
        if used:
            result.append((name, tuple(used)))
    return tuple(result)


def _lay_out(
    name: str,
    projection: Projection,
    populations: Mapping[str, Population],
    inbox: int,
    shards: int,
    path: Path,
    *,
    dt: float,
    max_delay: float,
    rng: np.random.Generator,
) -> tuple[Wire, Any]:
    n_pre, n_post = populations[projection.source].size, populations[projection.target].size
    try:
        recurrent = projection.source == projection.target
        pairs = projection.connectivity.connect(rng, n_pre, n_post, recurrent)
    except (ValueError, AttributeError) as error:
        raise ValueError(f"`connectivity` of {name}: {error}") from error
    weight = _weights(name, projection, pairs, rng)
    delay = _delays(name, projection, len(pairs.pre), rng, dt, max_delay)
    rule = projection.plasticity
    if rule is not None:
        _check_plastic(name, rule, weight, delay)
    chosen = path if projection.path == "auto" else projection.path
    if chosen == "auto":
        small = n_pre * n_post <= DENSE_PAIRS and len(np.unique(delay)) == 1
        chosen = "dense" if small and shards == 1 else "sparse"
    common: dict[str, Any] = {
        "name": name,
        "source": projection.source,
        "target": projection.target,
        "inbox": inbox,
        "n_pre": n_pre,
        "plastic": rule is not None,
    }
    if chosen == "dense":
        if shards > 1:
            raise ValueError(
                f"`path` of {name} must be sparse on a mesh, where synapses lie with their "
                'postsynaptic cells; got dense. Pass path="sparse".'
            )
        return _dense(common, pairs, weight, delay, n_post, rule)
    return _sparse(common, pairs, weight, delay, n_post, rule, shards)


def _weights(name: str, projection: Projection, pairs: Pairs, rng: Any) -> np.ndarray:
    count = len(pairs.pre)
    drawn = projection.weight(rng, count) if callable(projection.weight) else projection.weight
    weight = spec.check_values(f"`weight` of {name}", drawn, "nS", count)
    return weight if pairs.scale is None else weight * pairs.scale


def _delays(
    name: str, projection: Projection, count: int, rng: Any, dt: float, max_delay: float
) -> np.ndarray:
    """Return the delays in steps."""
    drawn = projection.delay(rng, count) if callable(projection.delay) else projection.delay
    delay = spec.check_values(f"`delay` of {name}", drawn, "ms", count)
    if np.ndim(drawn) == 0:
        delay = delay[:1] if count else np.asarray([drawn], float)
    steps = np.rint(delay / dt).astype(np.int32)
    bad = (np.abs(steps * dt - delay) > 1e-6 * np.maximum(delay, 1)) | (steps < 1)
    if bad.any():
        raise ValueError(
            f"`delay` of {name} must be a multiple of dt = {dt:g} ms and at least one; got "
            f"{delay[bad].flat[0]:g}. Pass delay={dt:g} for the shortest."
        )
    if (delay > max_delay).any():
        raise ValueError(
            f"`delay` of {name} must be at most max_delay = {max_delay:g} ms; got "
            f"{delay.max():g}. Pass a larger max_delay to build."
        )
    return np.broadcast_to(steps, (count,)) if np.ndim(drawn) == 0 and count else steps


def _check_plastic(name: str, rule: Any, weight: np.ndarray, delay: np.ndarray) -> None:
    plasticity.check(rule, name)
    if len(np.unique(delay)) > 1:
        raise ValueError(
            f"`delay` of {name} must be one for all its synapses, which are plastic; got "
            f"{len(np.unique(delay))} different ones. Make a projection for each."
        )
    if weight.size and weight.max() > np.min(rule.Wmax) * (1 + 1e-6):
        raise ValueError(
            f"`weight` of {name} must be at most its rule's Wmax = {np.min(rule.Wmax):g} nS; got "
            f"{weight.max():g}."
        )


def _dense(common: dict, pairs: Pairs, weight, delay, n_post: int, rule) -> tuple[Wire, Any]:
    n_pre = common["n_pre"]
    delays = tuple(int(d) for d in np.unique(delay)) or (1,)
    size = len(delays) * n_pre * n_post * 4
    if size > MAX_DENSE_BYTES:
        raise ValueError(
            f"`path` of {common['name']} must not be dense: {len(delays)} matrices of {n_pre} x "
            f'{n_post} weights need {size / 2**30:.1f} GiB. Pass path="sparse".'
        )
    matrices = np.zeros((len(delays), n_pre, n_post), np.float32)
    which = np.searchsorted(delays, np.broadcast_to(delay, pairs.pre.shape))
    np.add.at(matrices, (which, pairs.pre, pairs.post), weight)
    place = np.unique(pairs.pre.astype(np.int64) * n_post + pairs.post).astype(np.int32)
    if rule is not None and len(place) < len(pairs.pre):
        raise ValueError(
            f"`connectivity` of {common['name']} must not connect a pair twice, since its synapses "
            'are plastic and dense. Pass multapses=False, or path="sparse".'
        )
    exists = np.zeros(n_pre * n_post, bool)
    exists[place] = True
    mask = None if rule is None else jnp.asarray(exists.reshape(n_pre, n_post))
    table = DenseParams(jnp.asarray(matrices), jnp.asarray(place), mask, rule)
    wire = Wire(**common, path="dense", n_post=n_post, delays=delays, synapses=(len(place),))
    return wire, table


def _sparse(common: dict, pairs: Pairs, weight, delay, n_post: int, rule, shards: int):
    """Lay out rows, and columns where synapses are plastic; `pairs` are in order of columns."""
    n_pre, local = common["n_pre"], n_post // shards
    own_delays = len(np.unique(delay)) > 1
    small = np.uint8 if delay.size and delay.max() < 256 else np.int32
    border = np.searchsorted(pairs.post, local * np.arange(shards + 1))
    counts = np.diff(border)
    parts: list[dict[str, np.ndarray]] = []
    for shard in range(shards):
        part = slice(border[shard], border[shard + 1])
        pre, post = pairs.pre[part], pairs.post[part] - shard * local
        ends = np.searchsorted(post, np.arange(local + 1)).astype(np.int64)
        number = np.arange(len(pre), dtype=np.int64)
        rows = scipy.sparse.csc_array((number, pre, ends), shape=(n_pre, local)).tocsr()
        order = rows.data
        one = {
            "start": np.append(rows.indptr, rows.indptr[-1]),
            "target": rows.indices,
            "weight": np.asarray(weight[part], np.float32)[order],
        }
        if own_delays:
            one["delay"] = delay[part].astype(small)[order]
        if rule is not None:
            place = np.empty(len(order), np.int32)
            place[order] = number
            one |= {"ends": np.append(ends, ends[-1]), "place": place, "source": pre}
        parts.append(one)
    width = _round(max(int(np.diff(p["start"]).max(initial=0)) for p in parts))
    width_in = _round(max(int(np.diff(p.get("ends", [0])).max(initial=0)) for p in parts))

    def stacked(name: str, dtype: Any, pad: int | None) -> jax.Array:
        """Return the shards' arrays as one, padded to the longest and by `pad`."""
        if pad is None:
            return jnp.asarray(np.stack([p[name] for p in parts]).astype(dtype))
        whole = np.zeros((shards, int(counts.max(initial=0)) + pad), dtype)
        for shard, p in enumerate(parts):
            whole[shard, : len(p[name])] = p[name]
        return jnp.asarray(whole)

    columns = None
    if rule is not None:
        columns = Columns(
            stacked("ends", np.int32, None),
            stacked("place", np.int32, width_in),
            stacked("source", np.int32, width_in),
        )
    table = SparseParams(
        start=stacked("start", np.int32, None),
        target=stacked("target", np.int32, width),
        weight=stacked("weight", np.float32, width),
        delay=stacked("delay", small, width) if own_delays else None,
        columns=columns,
        rule=rule,
    )
    wire = Wire(
        **common,
        path="sparse",
        n_post=local,
        delays=(int(delay.max(initial=1)),),
        synapses=tuple(int(c) for c in counts),
        width=width,
        width_in=width_in,
    )
    return wire, table


def _round(width: int) -> int:
    return max(_ROUND, -(-width // _ROUND) * _ROUND)


def _spread(table: Any, mesh: Mesh) -> Any:
    place = NamedSharding(mesh, Spec(AXIS))
    arrays = jax.tree.map(lambda x: jax.device_put(x, place), table._replace(rule=None))
    return arrays._replace(rule=table.rule)


def _check_names(populations: Mapping, projections: Mapping) -> None:
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
