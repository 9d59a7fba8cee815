"""The network as a model: one pure `init` and `step` for all populations and projections."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.typing import DTypeLike

from neurogain import _checks
from neurogain.spiking import plasticity, synapses
from neurogain.spiking.cell import Cell, add_synaptic
from neurogain.spiking.engine import drives, random_bits
from neurogain.spiking.network import spec, synapse_access
from neurogain.spiking.network.delivery import Inputs, deliver
from neurogain.spiking.network.synapse_access import Synapses
from neurogain.spiking.network.wiring import (
    DenseParams,
    PlasticParams,
    ProjectionLayout,
    ProjectionState,
    Rows,
)
from neurogain.spiking.synapses import SynapseParams, SynapseState

AXIS = "cells"


class NetworkParams(NamedTuple):
    """All numbers of a network, by name; traced, so that changing one compiles nothing."""

    cells: dict[str, Any]  # constants of each population
    synapses: dict[str, dict[str, SynapseParams]]  # by population and compartment
    fixed: Rows | None  # all sparse projections with fixed weights; see `Network.synapses`
    projections: dict[str, PlasticParams | DenseParams]  # the others


class NetworkState(NamedTuple):
    """All that changes, by name."""

    cells: dict[str, Any]  # state of each population
    synapses: dict[str, dict[str, SynapseState]]  # by population and compartment
    projections: dict[str, ProjectionState]  # dense and plastic ones
    ring: jax.Array  # (steps, slots), nS, what acts later; no steps where all delays are one
    step: jax.Array  # number of the next step


class NetworkInfo(NamedTuple):
    """What happened in a step."""

    spike: jax.Array  # (n,), all populations one after the other
    cells: dict[str, Any]  # info of each population
    weights: dict[str, jax.Array]  # nS, of each plastic projection, as `Network.synapses` has them


@dataclasses.dataclass(frozen=True)
class Inbox:
    """Where spikes arrive: one compartment's receptors, in fixed shares."""

    target: str
    compartment: str
    shares: tuple[tuple[str, float], ...]


@dataclasses.dataclass(frozen=True)
class Network:
    """Static structure of a network, made by `build`; `simulate` and `rollout` take it as a model.

    The drive of a simulation is a dictionary: under a population's name what its cells take
    (`PyramidalDrive`, `Drive`, a rate for Poisson sources), under a projection's name the modulator
    of its three-factor rule in 1/ms, under "population.compartment.receptor" jumps in nS per step.
    What is left out is 0.
    """

    populations: tuple[tuple[str, Cell, int], ...]  # name, kind of cell, number of cells
    layouts: tuple[ProjectionLayout, ...]
    inboxes: tuple[Inbox, ...]
    ring: int  # steps that arrivals are kept for
    width: int  # synapses of a row of fixed ones that are read at once
    at_once: int  # spikes that are delivered in one round of a loop
    receptors: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
    inputs: tuple[str, ...]
    modulated: tuple[str, ...]
    dt: float  # ms
    mesh: Mesh | None = None

    @property
    def size(self) -> int:
        """Number of cells of all populations."""
        return sum(size for _, _, size in self.populations)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of cells of each population."""
        return {name: size for name, _, size in self.populations}

    def cells_of(self, population: str) -> slice:
        """Return where a population is among all cells, as recorders of spikes number them.

        Raises:
          KeyError: there is no such population.
        """
        first = 0
        for name, _, size in self.populations:
            if name == population:
                return slice(first, first + size)
            first += size
        raise KeyError(f"`population` must be one of {', '.join(self.sizes)}; got {population!r}.")

    def synapses(
        self, params: NetworkParams, name: str, state: NetworkState | None = None
    ) -> Synapses:
        """Return who is connected to whom in a projection, with weights in nS, on the host.

        Args:
          params: of the network.
          name: of the projection.
          state: its plastic weights; without it those that the network was built with.
        """
        own = None if state is None else state.projections.get(name)
        return synapse_access.read(self, self.layout(name), params, own)

    def with_weights(self, params: NetworkParams, name: str, weights: Any) -> NetworkParams:
        """Return parameters with other weights (nS), one or one per synapse as `synapses` has them.

        For a plastic projection these are the weights that `init` starts from; those of a state
        are set by `put_weights`. Weights may be traced, by vmap and, on the dense path, by grad.
        """
        return synapse_access.write(self, self.layout(name), params, weights)

    def put_weights(
        self, params: NetworkParams, state: NetworkState, name: str, weights: Any
    ) -> NetworkState:
        """Return a state with other weights of a plastic projection, as `with_weights` takes them.

        Eligibility traces stay as they are.
        """
        own = synapse_access.write_state(
            self, self.layout(name), params, state.projections.get(name), weights
        )
        return state._replace(projections=state.projections | {name: own})

    def layout(self, name: str) -> ProjectionLayout:
        """Return the static part of a projection."""
        for layout in self.layouts:
            if layout.name == name:
                return layout
        names = ", ".join(w.name for w in self.layouts)
        raise KeyError(f"`name` must be a projection, one of {names}; got {name!r}.")

    def init(
        self, params: NetworkParams, n: int | None = None, dtype: DTypeLike = jnp.float32
    ) -> NetworkState:
        """Return all cells at rest, all receptors closed, plastic weights as they were built."""
        del n
        cells, opened = {}, {}
        for name, cell, size in self.populations:
            cells[name] = cell.init(params.cells[name], size, dtype)
        for name, compartments in self.receptors:
            opened[name] = {
                c: synapses.init(self.sizes[name], dtype, receptors=r) for c, r in compartments
            }
        layouts = {
            name: _start(self.layout(name), table, self.sizes, dtype)
            for name, table in params.projections.items()
        }
        slots = sum(self.sizes[inbox.target] for inbox in self.inboxes)
        ring = jnp.zeros((self.ring if self.ring > 1 else 0, slots), dtype)
        state = NetworkState(cells, opened, layouts, ring, jnp.zeros((), jnp.int32))
        return self._spread(state)

    def step(
        self,
        params: NetworkParams,
        state: NetworkState,
        drive: Mapping[str, Any],
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[NetworkState, NetworkInfo]:
        """Advance all cells, then the synapses by what arrives; see `deliver` for the order.

        A spike of this step acts, at the earliest, in the next one.
        """
        cells, infos = {}, {}
        for number, (name, cell, _) in enumerate(self.populations):
            own = state.cells[name]
            total = drive.get(name, cell.empty_drive)
            synaptic = {
                c: synapses.drive(params.synapses[name][c], g, cell.potential(own, c))
                for c, g in state.synapses.get(name, {}).items()
            }
            cells[name], infos[name] = cell.step(
                params.cells[name],
                own,
                add_synaptic(cell, total, synaptic),
                dt=dt,
                key=None if key is None else random_bits.fold_in(key, number),
            )
        spikes = {name: info.spike for name, info in infos.items()}
        modulators = {name: jnp.reshape(drive.get(name, 0.0), ()) for name in self.modulated}
        inputs = Inputs(
            params.fixed, params.projections, state.projections, state.ring, spikes, spikes,
            modulators, state.step,
        )  # fmt: skip
        arrived, layouts, ring = deliver(self, inputs, dt=dt)
        opened: dict[str, dict[str, SynapseState]] = {}
        for name, compartments in state.synapses.items():
            opened[name] = {}
            for compartment, g in compartments.items():
                jumps = self._jumps(name, compartment, g, arrived, drive)
                opened[name][compartment] = synapses.step(
                    params.synapses[name][compartment], g, jumps, spikes[name], dt=dt
                )
        after = self._spread(NetworkState(cells, opened, layouts, ring, state.step + 1))
        weights = {w.name: self._weights(w, params, after) for w in self.layouts if w.plastic}
        return after, NetworkInfo(jnp.concatenate(list(spikes.values())), infos, weights)

    def _jumps(self, name: str, compartment: str, g: Any, arrived: Any, drive: Any) -> SynapseState:
        """Return what each receptor's conductance jumps by."""
        jumps: dict[str, Any] = {}
        for inbox, amount in zip(self.inboxes, arrived, strict=True):
            if (inbox.target, inbox.compartment) == (name, compartment):
                for receptor, share in inbox.shares:
                    part = amount if share == 1 else amount * jnp.asarray(share, amount.dtype)
                    jumps[receptor] = jumps[receptor] + part if receptor in jumps else part
        for receptor in synapses.RECEPTORS:
            given = drive.get(spec.label(name, compartment, receptor))
            if given is not None:
                given = jnp.asarray(given, getattr(g, receptor).dtype)
                jumps[receptor] = jumps.get(receptor, 0) + given
        return SynapseState(**jumps)

    def _weights(
        self, layout: ProjectionLayout, params: NetworkParams, state: NetworkState
    ) -> jax.Array:
        """Return the weights of a plastic projection, nS, in the order of `synapses`."""
        table, own = params.projections[layout.name], state.projections[layout.name]
        weight = plasticity.read(table.rule, own.synapse_state, own.signal)  # type: ignore[arg-type]
        if isinstance(table, DenseParams):
            return weight.reshape(-1)[table.place]
        return jnp.concatenate([weight[s, :m] for s, m in enumerate(layout.synapses)])

    def _spread(self, state: NetworkState) -> NetworkState:
        """Return the state with cells and synapses spread over the devices of the mesh."""
        if self.mesh is None:
            return state
        place = functools.partial(NamedSharding, self.mesh)

        def put(tree: Any, along: PartitionSpec) -> Any:
            return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, place(along)), tree)

        layouts = {
            name: layout._replace(
                synapse_state=put(layout.synapse_state, PartitionSpec(AXIS)),
                post=put(layout.post, PartitionSpec(AXIS)),
            )
            for name, layout in state.projections.items()
        }
        return state._replace(
            cells=put(state.cells, PartitionSpec(AXIS)),
            synapses=put(state.synapses, PartitionSpec(AXIS)),
            projections=layouts,
            ring=put(state.ring, PartitionSpec(None, AXIS)),
        )

    def parts(self, drive: Mapping[str, Any]) -> list[tuple[str, Any, int]]:
        """Return name, content and number of cells of the parts of a drive, in leaf order."""
        sizes = self.sizes | {text: self.sizes[text.split(".")[0]] for text in self.inputs}
        sizes |= dict.fromkeys(self.modulated, 1)
        return [(f"drive[{name!r}]", drive[name], sizes[name]) for name in sorted(drive)]

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: Any) -> None:
        """Refuse another dt, unknown parts of the drive, bad cells, weights that are negative.

        Raises:
          ValueError, TypeError: names the part, the rule with its unit, the value and a way out.
        """
        del n
        drives.check_kind("params", params, NetworkParams)
        if dt != self.dt:
            raise ValueError(
                f"`dt` must be the {self.dt:g} ms that the delays of the network were built for; "
                f"got {dt!r}. Build it again with dt={dt!r}."
            )
        if not isinstance(drive, dict):
            raise TypeError(
                "`drive` of a network must be a dictionary by population; got "
                f"{type(drive).__name__}. Pass {{{self.populations[0][0]!r}: ...}}."
            )
        known = (*self.sizes, *self.inputs, *self.modulated)
        for name in drive:
            if name not in known:
                raise ValueError(
                    f"`drive` must be for {', '.join(known)}; got {name!r}. {self._way_out(name)}"
                )
        for name, cell, size in self.populations:
            given = drive.get(name, cell.empty_drive)
            try:
                cell.check(params.cells[name], given, dt=dt, n=size, key=key)
            except (ValueError, TypeError) as error:
                raise type(error)(f"{name}: {error}") from error
        for name in (*self.inputs, *self.modulated):
            _check_part(name, drive.get(name, 0.0), self.modulated)
        self._check_synapses(params)
        synapse_access.check(self, params)

    def _check_synapses(self, params: NetworkParams) -> None:
        receptors = {name: dict(used) for name, used in self.receptors}
        for name, compartments in params.synapses.items():
            for compartment, own in compartments.items():
                synapses.check(own)
                jump = own.adaptation_jump
                absent = "adaptation" not in receptors.get(name, {}).get(compartment, ())
                if absent and _checks.is_concrete(jump) and np.any(np.asarray(jump) != 0):
                    raise ValueError(
                        f"`adaptation_jump` of {name}, {compartment}, must be 0 nS, since the "
                        f"network was built without it; got {jump!r}. Build it again with "
                        "synapses={...: SynapseParams(adaptation_jump=...)}."
                    )
        for name, table in params.projections.items():
            if table.rule is not None:
                plasticity.check(table.rule, name)

    def _way_out(self, name: str) -> str:
        """Return what makes a network take a drive of this name."""
        if name in (layout.name for layout in self.layouts):
            return "A modulator needs plasticity=ThreeFactor(...) in the projection."
        population, _, receptor = name.partition(".")
        if receptor and population in self.sizes:
            return f"Jumps of a conductance need Population(..., inputs=({receptor!r},))."
        return "Look for a misspelt name."


def _check_part(name: str, value: Any, modulated: tuple[str, ...]) -> None:
    drives.check_number(f"drive[{name!r}]", value, "a number, or one that changes in time")
    if name in modulated:
        for amount in drives.numbers(value):
            _checks.in_range(f"drive[{name!r}]", amount, "finite, in 1/ms", np.isfinite, "0.001")
        return
    rule = "a jump of at least 0 nS, without Gaussian noise"
    if isinstance(value, drives.Noise):
        raise ValueError(
            f"`drive[{name!r}]` must be {rule}; got {value!r}. Pass PoissonInput(10.0, 0.3)."
        )
    amounts = (value.weight,) if isinstance(value, drives.PoissonInput) else drives.numbers(value)
    for amount in amounts:
        holds = lambda x: (x >= 0) & (x < np.inf)  # noqa: E731
        _checks.in_range(f"drive[{name!r}]", amount, rule, holds, "Pass PoissonInput(10.0, 0.3).")


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
    synapse_state, signal = plasticity.start(table.rule, jnp.array(first, dtype))
    pair = plasticity.inner(table.rule)
    return state._replace(
        synapse_state=synapse_state,
        signal=signal,
        pre=tuple(jnp.zeros((layout.n_pre,), dtype) for _ in pair.tau_pre),
        post=tuple(jnp.zeros((sizes[layout.target],), dtype) for _ in pair.tau_post),
        acting=jnp.zeros((layout.n_pre,), dtype),
    )
