"""The network as a model: one pure `init` and `step` for all populations and projections."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import DTypeLike

from neurogain import _seeds
from neurogain.spiking import synapses
from neurogain.spiking.cell import Cell, add_synaptic, check_kind
from neurogain.spiking.engine import random_bits, step_checks
from neurogain.spiking.network import run_checks, spec, synapse_access
from neurogain.spiking.network.arrays import (
    DenseParams,
    NetworkInfo,
    NetworkParams,
    NetworkState,
    ProjectionState,
)
from neurogain.spiking.network.delivery import Inputs, deliver
from neurogain.spiking.network.structure import AXIS, NetworkStructure, ProjectionLayout
from neurogain.spiking.network.synapse_access import Synapses
from neurogain.spiking.plasticity import rule_state
from neurogain.spiking.synapses import SynapseState


@dataclasses.dataclass(frozen=True)
class Network(NetworkStructure):
    """Static structure of a network, made by `build`; `simulate` and `rollout` take it as a model.

    The drive of a simulation is a dictionary: under a population's name what its cells take
    (`PyramidalDrive`, `Drive`, a rate for Poisson sources), under a projection's name the modulator
    of its three-factor rule in 1/ms, under "population.compartment.receptor" jumps in nS per step.
    What is left out is 0. What a population's cells and each field of its drive draw depends on the
    key and on their own names alone, neither on the order nor on what else is in the network.

    Example:
      >>> from neurogain.spiking import IzhikevichCell, Population, Projection, build, cells
      >>> from neurogain.spiking import connectivity
      >>> pv = {"pv": Population(IzhikevichCell(), cells.PV, 3)}
      >>> on = {"on": Projection("pv", "pv", connectivity.AllToAll(), 0.5, receptor="gaba_a")}
      >>> network, params = build(pv, on, dt=0.1, key=jax.random.key(0))
      >>> half = network.with_weights(params, "on", 0.25)
      >>> network.synapses(half, "on").weight.tolist()
      [0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    """

    def synapses(
        self, params: NetworkParams, name: str, state: NetworkState | None = None
    ) -> Synapses:
        """Return who is connected to whom in a projection, with weights in nS, on the host.

        Args:
          params: of the network.
          name: of the projection.
          state: its plastic weights; without it those that the network was built with.
        """
        run_checks.check_arrays(self, params, state)
        own = None if state is None else state.projections.get(name)
        return synapse_access.read(self, self.layout(name), params, own)

    def with_weights(self, params: NetworkParams, name: str, weights: Any) -> NetworkParams:
        """Return parameters with other weights (nS), one or one per synapse as `synapses` has them.

        For a plastic projection these are the weights that `init` starts from; those of a state
        are set by `put_weights`. Weights may be traced, by vmap and, on the dense path, by grad.
        """
        run_checks.check_arrays(self, params)
        return synapse_access.write(self, self.layout(name), params, weights)

    def put_weights(
        self, params: NetworkParams, state: NetworkState, name: str, weights: Any
    ) -> NetworkState:
        """Return a state with other weights of a plastic projection, as `with_weights` takes them.

        Eligibility traces stay as they are.
        """
        check_kind("state", state, NetworkState, of=" of this network")
        run_checks.check_arrays(self, params, state)
        own = synapse_access.write_state(
            self, self.layout(name), params, state.projections.get(name), weights
        )
        return state._replace(projections=state.projections | {name: own})

    def init(
        self, params: NetworkParams, n: int | None = None, dtype: DTypeLike = jnp.float32
    ) -> NetworkState:
        """Return all cells at rest, all receptors closed, plastic weights as they were built."""
        del n
        cells, opened = {}, {}
        for name, cell, size in self.populations:
            cells[name] = step_checks.initial(cell, params.cells[name], size, dtype)
        for name, compartments in self.receptors:
            opened[name] = {
                c: synapses.init(params.synapses[name][c], self.sizes[name], dtype, receptors=r)
                for c, r in compartments
            }
        projections = {
            name: _start(self.layout(name), table, self.sizes, dtype)
            for name, table in params.projections.items()
        }
        slots = sum(self.sizes[inbox.target] for inbox in self.inboxes)
        ring = jnp.zeros((self.ring, slots), dtype)
        state = NetworkState(cells, opened, projections, ring, jnp.zeros((), jnp.int32))
        return self._spread(state)

    def begin(self, params: NetworkParams, state: NetworkState, step: int) -> NetworkState:
        """Return the state of a run that begins with this step, as lists of spikes need it."""
        cells = {
            name: cell.begin(params.cells[name], state.cells[name], step)
            for name, cell, _ in self.populations
            if hasattr(cell, "begin")
        }
        return self._spread(
            state._replace(cells=state.cells | cells, step=jnp.full_like(state.step, step))
        )

    def step(
        self,
        params: NetworkParams,
        state: NetworkState,
        drive: Mapping[str, Any],
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[NetworkState, NetworkInfo]:
        """Advance all cells, then the synapses by what arrives at the end of the step.

        `network.delivery` says when that is, and in which order.
        """
        cells, infos = self._step_cells(params, state, drive, dt=dt, key=key)
        spikes = {name: info.spike for name, info in infos.items()}
        modulators = {name: jnp.reshape(drive.get(name, 0.0), ()) for name in self.modulated}
        inputs = Inputs(
            params.fixed, params.projections, state.projections, state.ring, spikes, spikes,
            modulators, state.step,
        )  # fmt: skip
        arrived, projections, ring = deliver(self, inputs, dt=dt)
        opened: dict[str, dict[str, SynapseState]] = {}
        for name, compartments in state.synapses.items():
            opened[name] = {}
            for compartment, g in compartments.items():
                jumps = self._jumps(name, compartment, g, arrived, drive)
                opened[name][compartment] = synapses.step(
                    params.synapses[name][compartment], g, jumps, spikes[name], dt=dt
                )
        after = self._spread(NetworkState(cells, opened, projections, ring, state.step + 1))
        weights = {x.name: self._weights(x, params, after) for x in self.layouts if x.plastic}
        return after, NetworkInfo(jnp.concatenate(list(spikes.values())), infos, weights)

    def _step_cells(
        self,
        params: NetworkParams,
        state: NetworkState,
        drive: Mapping[str, Any],
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return state and info of each population under its drive and its open synapses."""
        cells, infos = {}, {}
        for name, cell, n in self.populations:
            own = state.cells[name]
            total = drive.get(name, cell.empty_drive)
            synaptic = {
                c: synapses.drive(params.synapses[name][c], g, _potential(cell, own, c, n), dt=dt)
                for c, g in state.synapses.get(name, {}).items()
            }
            result = cell.step(
                params.cells[name],
                own,
                add_synaptic(cell, total, synaptic),
                dt=dt,
                key=None if key is None else random_bits.fold_in(key, _seeds.of_name(name)),
            )
            cells[name], infos[name] = step_checks.pair(cell, result)
            step_checks.check(cell, own, cells[name], infos[name], n)
        return cells, infos

    def _jumps(
        self,
        name: str,
        compartment: str,
        g: SynapseState,
        arrived: tuple[jax.Array, ...],
        drive: Mapping[str, Any],
    ) -> dict[str, jax.Array]:
        """Return what each receptor's conductance jumps by."""
        jumps: dict[str, Any] = {}
        for inbox, amount in zip(self.inboxes, arrived, strict=True):
            if (inbox.target, inbox.compartment) == (name, compartment):
                for receptor, share in inbox.shares:
                    part = amount if share == 1 else amount * jnp.asarray(share, amount.dtype)
                    jumps[receptor] = jumps[receptor] + part if receptor in jumps else part
        for receptor in g:
            given = drive.get(spec.label(name, compartment, receptor))
            if given is not None:
                given = jnp.asarray(given, jax.tree.leaves(g[receptor])[0].dtype)
                jumps[receptor] = jumps.get(receptor, 0) + given
        return jumps

    def _weights(
        self, layout: ProjectionLayout, params: NetworkParams, state: NetworkState
    ) -> jax.Array:
        """Return the weights of a plastic projection, nS, in the order of `synapses`."""
        table, own = params.projections[layout.name], state.projections[layout.name]
        weight = rule_state.read(table.rule, own.synapse_state, own.signal)  # type: ignore[arg-type]
        if isinstance(table, DenseParams):
            return weight.reshape(-1)[table.place]
        return jnp.concatenate([weight[s, :m] for s, m in enumerate(layout.synapses)])

    def _spread(self, state: NetworkState) -> NetworkState:
        """Return the state with cells and synapses spread over the devices of the mesh."""
        if self.mesh is None:
            return state
        place = functools.partial(NamedSharding, self.mesh)

        def put(tree: Any, along: PartitionSpec) -> Any:
            constrain = functools.partial(jax.lax.with_sharding_constraint, shardings=place(along))
            # JAX 0.8.0 can't place what is empty
            return jax.tree.map(lambda x: constrain(x) if x.size else x, tree)

        along, whole = PartitionSpec(AXIS), PartitionSpec()
        # what each device has in full is placed, too: a run ends so, and whatever begins elsewhere
        # is another program
        projections = {
            name: ProjectionState(
                synapse_state=put(own.synapse_state, along),
                signal=put(own.signal, whole),
                pre=put(own.pre, whole),
                post=put(own.post, along),
                past=put(own.past, whole),
            )
            for name, own in state.projections.items()
        }
        return NetworkState(
            cells=put(state.cells, along),
            synapses=put(state.synapses, along),
            projections=projections,
            ring=put(state.ring, PartitionSpec(None, AXIS)),
            step=put(state.step, whole),
        )

    def parts(self, drive: Mapping[str, Any]) -> list[tuple[str, Any, int]]:
        """Return name, content and number of cells of the parts of a drive, in leaf order."""
        sizes = self.sizes | {text: self.sizes[text.split(".")[0]] for text in self.inputs}
        sizes |= dict.fromkeys(self.modulated, 1)
        return [(f"drive[{name!r}]", drive[name], sizes[name]) for name in sorted(drive)]

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Raises ValueError or TypeError if the network can't be run with these arguments."""
        del n
        run_checks.check(self, params, drive, dt=dt, key=key)


def _potential(cell: Cell, state: Any, compartment: str, n: int) -> jax.Array:
    v = cell.potential(state, compartment)
    step_checks.check_potential(cell, compartment, v, n)
    return v


def _start(
    layout: ProjectionLayout, table: Any, sizes: Mapping[str, int], dtype: DTypeLike
) -> ProjectionState:
    """Return the state of a projection before any spike."""
    state = ProjectionState(
        past=jnp.zeros((layout.past, layout.n_pre), dtype) if layout.past else None
    )
    if not layout.plastic:
        return state
    first = table.weight[0] if layout.path == "dense" else table.rows.weight
    synapse_state, signal = rule_state.start(table.rule, jnp.array(first, dtype))
    pair = rule_state.inner(table.rule)
    return state._replace(
        synapse_state=synapse_state,
        signal=signal,
        pre=tuple(jnp.zeros((layout.n_pre,), dtype) for _ in pair.tau_pre),
        post=tuple(jnp.zeros((sizes[layout.target],), dtype) for _ in pair.tau_post),
    )
