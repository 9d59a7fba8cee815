"""A cell of one's own in one file: everything down to the line is what a user writes."""

import dataclasses
import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.typing import ArrayLike, DTypeLike

from neurogain.spiking import Drive, Rule
from neurogain.spiking.cell import check_constants, check_drive, check_dt, check_kind, like
from neurogain.spiking.surrogate import SPIKE, Surrogate

AXIAL = Rule("a finite conductance of at least 0 nS", lambda g: (g >= 0) & (g < np.inf), "20.0")


class BranchedDrive(NamedTuple):
    """One `Drive` under the name of each compartment, and one field of the cell's own."""

    soma: Drive = Drive()
    basal: Drive = Drive()
    apical: Drive = Drive()
    axial: Any = 20.0  # nS, between the soma and each dendrite

    @staticmethod
    def rules() -> dict[str, Rule]:
        """Return the rule of each field that is not a current."""
        return {"axial": AXIAL}


class BranchedParams(NamedTuple):
    """Constants; each is a scalar or one value per cell, shape (n,)."""

    C: ArrayLike = 100.0  # pF, of each compartment
    g_leak: ArrayLike = 10.0  # nS, of each compartment
    E_leak: ArrayLike = -70.0  # mV
    v_t: ArrayLike = -50.0  # mV, threshold of the soma
    v_reset: ArrayLike = -65.0  # mV


class BranchedState(NamedTuple):
    """Membrane potential of each compartment, mV, shape (n,)."""

    soma: jax.Array
    basal: jax.Array
    apical: jax.Array


class BranchedInfo(NamedTuple):
    """What happened in a step."""

    spike: jax.Array  # 1 where the cell spiked, else 0


@dataclasses.dataclass(frozen=True)
class BranchedCell:
    """An integrate-and-fire soma with a basal and an apical dendrite.

    C dv/dt = g_leak (E_leak - v) + axial (v_neighbour - v) + I + sum g (E - v), for each neighbour
    """

    surrogate: Surrogate = SPIKE

    compartments = ("soma", "basal", "apical")
    empty_drive = BranchedDrive()

    def init(self, params: BranchedParams, n: int, dtype: DTypeLike = jnp.float32) -> BranchedState:
        """Return `n` cells at rest; every array is a buffer of its own."""
        return BranchedState(*(jnp.full((n,), params.E_leak, dtype) for _ in range(3)))

    def step(
        self,
        params: BranchedParams,
        state: BranchedState,
        drive: BranchedDrive,
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[BranchedState, BranchedInfo]:
        """Advance by one Euler step, linearly implicit in the synaptic conductances."""
        del key  # nothing here is random
        p, drive = like(params, state.soma), like(drive, state.soma)
        soma, basal, apical = state
        from_dendrites = drive.axial * ((basal - soma) + (apical - soma))
        v = _advance(p, soma, drive.soma, from_dendrites, dt)
        basal = _advance(p, basal, drive.basal, drive.axial * (soma - basal), dt)
        apical = _advance(p, apical, drive.apical, drive.axial * (soma - apical), dt)
        spike = self.surrogate(v - p.v_t)
        v = jnp.where(jax.lax.stop_gradient(spike) > 0, p.v_reset, v)
        return BranchedState(v, basal, apical), BranchedInfo(spike)

    def potential(self, state: BranchedState, compartment: str) -> jax.Array:
        """Return the membrane potential of a compartment, mV."""
        return getattr(state, compartment)

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Raise an error for constants, a drive or a step that can't be run."""
        del key
        check_kind("params", params, BranchedParams)
        check_drive(self, drive)
        units = {"E_leak": "mV", "v_t": "mV", "v_reset": "mV"}
        check_constants(params, {"C": "pF", "g_leak": "nS"}, units, n)
        check_dt(dt, float(np.min(np.asarray(params.C) / np.asarray(params.g_leak))))


def _advance(
    p: BranchedParams, v: jax.Array, drive: Drive, axial: jax.Array, dt: float
) -> jax.Array:
    inflow = p.g_leak * (p.E_leak - v) + axial + drive.current + drive.reversal_current
    return (v + dt / p.C * inflow) / (1 + dt / p.C * drive.conductance)


# ------------------------------------------------------------------------------------------------

from neurogain.spiking import (  # noqa: E402
    Noise,
    PoissonInput,
    Population,
    Projection,
    PyramidalDrive,
    SpikeListSource,
    TimeSeries,
    build,
    rollout,
    simulate,
    spike_list,
)
from neurogain.spiking.connectivity import Listed  # noqa: E402
from neurogain.spiking.recorders import Intervals, Spikes, Total, Traces  # noqa: E402

CELL = BranchedCell()


def test_currents_into_each_compartment_settle_where_the_circuit_says():
    currents = np.array([50.0, -30.0, 120.0])  # pA: soma, basal, apical
    drive = BranchedDrive(*(Drive(c) for c in currents), axial=TimeSeries(np.full(3000, 8.0)))
    run = simulate(
        CELL,
        BranchedParams(),
        drive,
        n=2,
        duration=300.0,
        record={
            "v": Traces(lambda state, info: state, every=3000),
            "spikes": Total(),
        },
    )
    axial = 8.0 * np.array([[-2, 1, 1], [1, -1, 0], [1, 0, -1]])
    expected = np.linalg.solve(10.0 * np.eye(3) - axial, 10.0 * -70.0 + currents)
    np.testing.assert_allclose(np.array(run.recorded["v"].values)[:, 0, 1], expected, rtol=1e-5)
    assert not run.recorded["spikes"].any()


def test_recorders_see_its_spikes_and_its_state():
    drive = BranchedDrive(apical=Drive(np.array([0.0, 1500.0])))
    record = {"events": Spikes(), "count": Total(), "intervals": Intervals()}
    run = simulate(CELL, BranchedParams(), drive, n=2, duration=200.0, record=record)
    silent, firing = run.recorded["count"]
    assert silent == 0
    assert firing > 5
    assert (run.recorded["events"].cell == 1).all()
    assert len(run.recorded["events"].cell) == run.recorded["intervals"].spikes[1] == firing


def test_synapses_reach_each_compartment():
    # one spike reaches another compartment of each of three cells; without axial conductance it
    # moves that one alone, up or down with the receptor
    receptors = {"soma": "ampa", "basal": "gaba_a", "apical": "nmda"}
    populations = {
        "input": Population(SpikeListSource(), spike_list([0.1], [0], n=1, dt=0.1), 1),
        "branched": Population(CELL, BranchedParams(), 3, inputs=("apical.gaba_a",)),
    }
    projections = {
        f"to_{compartment}": Projection(
            "input",
            "branched",
            Listed([0], [cell]),
            weight=5.0,
            compartment=compartment,
            receptor=receptor,
        )
        for cell, (compartment, receptor) in enumerate(receptors.items())
    }
    network, params = build(populations, projections, dt=0.1, key=jax.random.key(0))
    v = {"v": Traces(lambda state, info: state.cells["branched"], every=50)}
    apart = {"branched": BranchedDrive(axial=0.0)}
    run = simulate(network, params, apart, duration=5.0, record=v)
    moved = np.array(run.recorded["v"].values)[:, 0] + 70.0
    np.testing.assert_array_equal(moved[~np.eye(3, dtype=bool)], 0.0)
    np.testing.assert_array_equal(np.sign(np.diag(moved)), [1, -1, 1])

    # with it, all compartments of a cell move
    together = {"branched": BranchedDrive(axial=20.0)}
    run = simulate(network, params, together, duration=5.0, record=v)
    assert (np.sign(run.recorded["v"].values)[:, 0] == np.sign(run.recorded["v"].values)).all()
    assert (np.array(run.recorded["v"].values)[:, 0] != -70.0).all()


def test_the_gradient_reaches_the_drive_of_each_compartment():
    def final_potential(currents: jax.Array, axial: jax.Array) -> jax.Array:
        drive = BranchedDrive(*(Drive(c) for c in currents), axial=axial)
        return rollout(CELL, BranchedParams(), drive, n=1, duration=5.0).state.soma[0]

    value = jax.jit(final_potential)
    slope, axial_slope = jax.jit(jax.grad(final_potential, argnums=(0, 1)))(
        jnp.array([50.0, 60.0, 70.0]), 20.0
    )
    moved = [value(jnp.array([50.0, 60.0, 70.0]) + 5.0 * d, 20.0) for d in np.eye(3)]
    np.testing.assert_allclose(
        slope, (np.array(moved) - value([50.0, 60.0, 70.0], 20.0)) / 5.0, rtol=1e-3
    )
    assert axial_slope > 0


def test_spikes_have_the_gradient_of_the_surrogate():
    def count(current: jax.Array) -> jax.Array:
        drive = BranchedDrive(apical=Drive(current))
        return rollout(CELL, BranchedParams(), drive, n=1, duration=20.0).recorded["spikes"].sum()

    assert jax.jit(jax.grad(count))(1500.0) > 0


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"params": BranchedParams(C=-1.0)}, ValueError, "`C` must be positive, in pF; got -1.0"),
        ({"params": BranchedParams(v_t=np.ones(4))}, ValueError, "`v_t` must be one value, or one"),
        ({"params": (1.0,)}, TypeError, "`params` must be a BranchedParams for this cell"),
        ({"dt": 6.0}, ValueError, "`dt` must be in (0, 5] ms, half the shortest time constant"),
        ({"drive": Drive(1.0)}, TypeError, "`drive` must be a BranchedDrive for this cell"),
        (
            {"drive": BranchedDrive(basal=1.0)},
            TypeError,
            "`drive.basal` must be a Drive for this cell; got float",
        ),
        (
            {"drive": BranchedDrive(apical=Drive(conductance=-1.0))},
            ValueError,
            "`drive.apical.conductance` must be a finite conductance of at least 0 nS; got -1.0",
        ),
        (
            {"drive": BranchedDrive(axial=-1.0)},
            ValueError,
            "`drive.axial` must be a finite conductance of at least 0 nS; got -1.0",
        ),
        (
            {"drive": BranchedDrive(axial=Noise(20.0, 1.0))},
            ValueError,
            "`drive.axial` must be a finite conductance of at least 0 nS, so it can't be drawn as",
        ),
        (
            {"drive": BranchedDrive(basal=Drive(conductance=PoissonInput(100.0, -2.0)))},
            ValueError,
            "`drive.basal.conductance, weight,` must be a finite conductance of at least 0 nS",
        ),
        (
            {"drive": BranchedDrive(apical=Drive(TimeSeries(np.ones((60, 3)))))},
            ValueError,
            "`drive.apical.current` must be one value, or one per cell, shape (2,)",
        ),
    ],
)
def test_bad_constants_and_drives_are_refused(changed, error, message):
    arguments = {"params": BranchedParams(), "drive": BranchedDrive(), "dt": 0.1} | changed
    with pytest.raises(error, match=re.escape(message)):
        simulate(CELL, n=2, duration=6.0, key=jax.random.key(0), **arguments)


class WithoutPotential:
    compartments = ("soma",)
    empty_drive = Drive()
    init = step = check = None


class WithoutApicalDrive(BranchedCell):
    empty_drive = PyramidalDrive()


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        (BranchedCell, TypeError, "`cell` of mine must be a kind of cell, for instance Izhikevich"),
        (WithoutPotential(), TypeError, "has no potential."),
        (WithoutApicalDrive(), ValueError, "has none for basal, apical."),
    ],
)
def test_what_is_not_a_cell_is_refused_by_a_network(cell, error, message):
    with pytest.raises(error, match=re.escape(message)):
        build({"mine": Population(cell, BranchedParams(), 2)}, {}, dt=0.1, key=jax.random.key(0))


class NoState(BranchedCell):
    """A cell without a state at rest."""

    init = property()


class Unhashable(BranchedCell):
    """What a dataclass is that is not frozen."""

    __hash__ = None


@pytest.mark.parametrize("run", [simulate, rollout])
def test_what_is_not_a_cell_is_refused_by_a_run(run):
    with pytest.raises(TypeError, match=r"`model` must have all members .* has no init"):
        run(NoState(), BranchedParams(), BranchedDrive(), n=1, duration=1.0)
    with pytest.raises(TypeError, match=r"must be hashable, .* Write .*dataclass\(frozen=True\)"):
        run(Unhashable(), BranchedParams(), BranchedDrive(), n=1, duration=1.0)
