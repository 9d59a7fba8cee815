"""From populations and projections to a network."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from neurogain import _checks, _seeds
from neurogain.spiking import plasticity
from neurogain.spiking.engine.checks import check_key
from neurogain.spiking.engine.times import as_float
from neurogain.spiking.network import spec_checks
from neurogain.spiking.network.arrays import NetworkParams, PlasticParams
from neurogain.spiking.network.lay_out import lay_out
from neurogain.spiking.network.model import Network
from neurogain.spiking.network.spec import Path, Population, Projection, receptors_of
from neurogain.spiking.network.structure import AXIS, Inbox


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
    at_once: int | None = None,
) -> Built:
    """Draw the connections and lay them out.

    Each projection draws from a generator of its own, seeded by the key and its name, so that
    adding another one changes none. A static synapse takes 8 bytes (target, weight), 1 to 4 more
    where delays differ from one step; a plastic one 24 while it runs, 32 under a three-factor rule.
    In a matrix every pair takes 4, a plastic one 13, or 21 under a three-factor rule, and each
    synapse 4 more; several synapses of one pair and delay act as one there, of their summed weight,
    and take 4 more each. Weights are float64, of twice the size, where JAX has 64-bit numbers
    (`jax.enable_x64`); a run has them in its own dtype.

    Args:
      populations: by name.
      projections: by name; names of populations and projections differ.
      dt: ms, of the simulations; delays are counted in it.
      key: jax.random.key.
      path: for projections that leave it to be chosen. Matrices (dense) are differentiable;
        sparse ones are event-driven and refuse gradients. auto takes matrices if all projections
        together join up to 2^12 pairs of populations' cells and there is no mesh, for each
        projection that has one delay and, if it is plastic, no pair of cells with several synapses.
        `network.paths` says which were taken.
      mesh: spreads cells over the devices of its only axis, synapses with their postsynaptic cell;
        results are those of the sparse path on one device, bit for bit. Sizes must be multiples of
        their number.
      max_delay: ms, longest delay that is allowed; arrivals are kept for as many steps as the
        longest that occurs.
      at_once: spikes that the sparse path delivers in one iteration of its loop; by default 1 on a
        CPU and 256 elsewhere, where each loop iteration is expensive, and never more than there
        are cells. It changes no result except for the order in which some devices add.

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
      >>> network.size, network.paths
      (10, {'pv_to_pv': 'dense'})
    """
    _check_names(populations, projections)
    for name, population in populations.items():
        spec_checks.check_population(name, population)
    for name, projection in projections.items():
        spec_checks.check_projection(name, projection, populations)
    _check_options(dt, key, path, max_delay)
    dt, max_delay = as_float(dt), as_float(max_delay)
    _check_mesh(mesh, populations)
    if at_once is None:
        at_once = 1 if jax.default_backend() == "cpu" else 256
    _checks.whole("at_once", at_once, 1)
    mesh = None if mesh is None else Mesh(mesh.devices, (AXIS,))  # its axis of the type Auto
    shards = 1 if mesh is None else mesh.size
    layouts, inboxes, tables, fixed = lay_out(
        populations, projections, key, dt=dt, path=path, shards=shards, max_delay=max_delay
    )
    rows: Any = fixed.rows
    if mesh is not None:
        rows, tables = _spread(rows, mesh), {k: _spread(v, mesh) for k, v in tables.items()}
    network = Network(
        populations=tuple((name, p.cell, p.size) for name, p in populations.items()),
        layouts=layouts,
        inboxes=inboxes,
        ring=fixed.ring,
        width=fixed.width,
        at_once=at_once,
        receptors=_receptors(populations, inboxes),
        inputs=tuple(f"{name}.{text}" for name, p in populations.items() for text in p.inputs),
        modulated=tuple(
            name for name, p in projections.items() if plasticity.is_modulated(p.plasticity)
        ),
        dt=dt,
        mesh=mesh,
    )
    params = NetworkParams(
        cells={name: p.params for name, p in populations.items()},
        synapses={
            name: {c: receptors_of(p, c) for c in p.cell.compartments}
            for name, p in populations.items()
        },
        fixed=rows,
        projections=tables,
    )
    return Built(network, params)


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
            params = receptors_of(population, compartment)
            jumps = {r: params[r].jump for r in params}
            names |= {r for r, j in jumps.items() if j is not None and np.any(np.asarray(j) != 0)}
            if names:
                used.append((compartment, tuple(r for r in params if r in names)))
        if used:
            result.append((name, tuple(used)))
    return tuple(result)


def _spread(table: Any, mesh: Mesh) -> Any:
    """Return a table with a shard of its arrays on each device; those of its rule are whole."""
    place = NamedSharding(mesh, PartitionSpec(AXIS))
    if not isinstance(table, PlasticParams):
        return jax.tree.map(lambda x: jax.device_put(x, place), table)
    rows, columns = (jax.device_put(part, place) for part in (table.rows, table.columns))
    return PlasticParams(rows, columns, table.rule)


def _check_options(dt: float, key: jax.Array, path: str, max_delay: float) -> None:
    _checks.one_number("dt", dt, "positive, in ms", lambda x: (x > 0) & (x < np.inf), "0.1")
    check_key("key", key)
    spec_checks.check_path("`path`", path)
    _checks.positive("max_delay", max_delay, "ms", "100.0")


def _check_names(populations: Mapping, projections: Mapping) -> None:
    for what, given in (("populations", populations), ("projections", projections)):
        if not isinstance(given, Mapping):
            raise TypeError(f"`{what}` must be a dictionary by name; got {type(given).__name__}.")
        for name in given:
            spec_checks.check_name(what[:-1], name)
    if not populations:
        raise ValueError("`populations` must hold at least one; got none.")
    twice = sorted(populations.keys() & projections.keys())
    if twice:
        raise ValueError(
            f"`projections` must have names that no population has; got {', '.join(twice)}."
        )
    for what, given in (("`populations`", populations), ("`projections`", projections)):
        _seeds.check_distinct(what, given)


def _check_mesh(mesh: Mesh | None, populations: Mapping[str, Population]) -> None:
    if mesh is None:
        return
    if not isinstance(mesh, Mesh):
        raise TypeError(
            f"`mesh` must be a jax.sharding.Mesh with an axis {AXIS!r}; got {mesh!r:.200}. Pass "
            f"jax.make_mesh((devices,), ({AXIS!r},)), or None for one device."
        )
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
