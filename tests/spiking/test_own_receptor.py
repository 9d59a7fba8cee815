"""A receptor of one's own: one value of `Receptor`, or one class where its kinetics are others.

Copy `GABA_B` for a conductance that decays exponentially, or `TwoExponentials` for anything else.
The name under which `SynapseParams` gets it is the name that projections, inputs, recorders and the
targets of neuromodulators use.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.typing import ArrayLike, DTypeLike

from neurogain import neuromod
from neurogain.spiking import (
    IzhikevichCell,
    Population,
    Projection,
    SpikeListSource,
    build,
    cells,
    connectivity,
    simulate,
    spike_list,
)
from neurogain.spiking.recorders import Traces
from neurogain.spiking.synapses import Receptor, SynapseParams

GABA_B = Receptor(tau=150.0, E=-95.0)  # one line; gate=, ceiling= and jump= are there as well


class TwoExponentialsState(NamedTuple):
    """Two decaying parts; the conductance is their difference."""

    fall: jax.Array  # nS
    rise: jax.Array  # nS


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TwoExponentials:
    """A conductance that rises before it decays: the members of `ReceptorModel`."""

    tau_fall: ArrayLike  # ms
    tau_rise: ArrayLike  # ms
    E: ArrayLike  # mV
    gain: ArrayLike | None = None
    jump: ArrayLike | None = None  # None: synapses open it, not spikes of the cell itself

    def init(self, n: int, dtype: DTypeLike) -> TwoExponentialsState:
        """Return closed conductances."""
        return TwoExponentialsState(jnp.zeros((n,), dtype), jnp.zeros((n,), dtype))

    def step(
        self,
        state: TwoExponentialsState,
        jump: jax.Array | None,
        spike: jax.Array,
        *,
        dt: float,
    ) -> TwoExponentialsState:
        """Let both parts decay, then jump."""
        dtype = state.fall.dtype
        amount = jnp.zeros((), dtype) if jump is None else jump
        parts = zip(state, (self.tau_fall, self.tau_rise), strict=True)
        decayed = (g * jnp.exp(-dt / jnp.asarray(tau, dtype)) + amount for g, tau in parts)
        return TwoExponentialsState(*decayed)

    def conductance(self, state: TwoExponentialsState, v: jax.Array, *, dt: float) -> jax.Array:
        """Return what is open, nS, the mean over a step."""
        dtype = state.fall.dtype
        taus = (jnp.asarray(tau, dtype) for tau in (self.tau_fall, self.tau_rise))
        fall, rise = (
            g * tau / dt * -jnp.expm1(-dt / tau) for g, tau in zip(state, taus, strict=True)
        )
        return fall - rise if self.gain is None else (fall - rise) * self.gain

    def check(self, name: str) -> None:
        """Raise ValueError if a constant can't be."""
        for field in ("tau_fall", "tau_rise"):
            if not np.all(np.asarray(getattr(self, field)) > 0):
                raise ValueError(f"`{name}.{field}` must be positive, in ms.")


OWN = SynapseParams(gaba_b=GABA_B, slow=TwoExponentials(80.0, 20.0, E=-70.0))
PULSE, DT = 5.0, 0.5  # ms
ARRIVAL = PULSE + DT
RECEPTORS = {"gaba_b": 2.0, "slow": 3.0}  # nS


def network_of(path, own=OWN, **options):
    sources = spike_list(np.full(3, PULSE), np.arange(3), n=3, dt=DT)
    populations = {
        "pre": Population(SpikeListSource(), sources, 3),
        "post": Population(
            IzhikevichCell(), cells.PV, 3, {"soma": own}, inputs=("soma.gaba_b",), **options
        ),
    }
    projections = {
        name: Projection("pre", "post", connectivity.OneToOne(), weight, receptor=name, delay=DT)
        for name, weight in RECEPTORS.items()
    }
    return build(populations, projections, dt=DT, key=jax.random.key(0), path=path)


def potential(state, info):
    return state.cells["post"].v


def opened(state, info):
    return state.synapses["post"]["soma"].gaba_b


RECORD = {"v": Traces(potential, every=1), "g": Traces(opened, every=1)}


@pytest.mark.parametrize("path", ["dense", "sparse"])
def test_conductances_and_potentials_are_those_of_the_equations(path):
    network, params = network_of(path)
    run = simulate(network, params, {}, duration=100.0, dt=DT, record=RECORD)
    since = np.maximum(run.recorded["g"].time_ms - ARRIVAL, 0)
    arrived = run.recorded["g"].time_ms >= ARRIVAL
    gaba_b = np.where(arrived, 2 * np.exp(-since / 150), 0)
    np.testing.assert_allclose(run.recorded["g"].values[:, 0], gaba_b, rtol=1e-4)
    means = (
        w * np.where(arrived, np.exp(-since / tau), 0) * tau / DT * (1 - np.exp(-DT / tau))
        for w, tau in ((2, 150), (3, 80), (3, 20))
    )
    gaba_b, fall, rise = (np.append(0, x[:-1]) for x in means)
    p, v, u = cells.PV, cells.PV.v_r, 0.0
    before = zip(gaba_b, fall - rise, strict=True)
    for (g_b, g_s), actual in zip(before, run.recorded["v"].values[:, 0], strict=True):
        inflow = p.k * (v - p.v_r) * (v - p.v_t) - u + g_b * -95 + g_s * -70
        u += DT * p.a * (p.b * (v - p.v_r) - u)
        v = (v + DT / p.C * inflow) / (1 + DT / p.C * (g_b + g_s))
        np.testing.assert_allclose(actual, v, rtol=1e-5)
    assert v < p.v_r - 1


def test_a_neuromodulator_scales_it():
    network, params = network_of("dense")
    names = {f"post.soma.{name}" for name in RECEPTORS}
    assert names <= set(neuromod.targets(network))
    effects = tuple(neuromod.Effect("m1", name, 1.0) for name in sorted(names))
    modulated = neuromod.ModulatedParams(params, neuromod.tables.standard(), effects)
    model = neuromod.Modulated(network)
    state = model.init(modulated)
    held = state.neuromod.activation | {"m1": jnp.log(jnp.float32(3.0))}  # decays within 500 ms
    state = state._replace(neuromod=state.neuromod._replace(activation=held))
    run = simulate(model, modulated, {}, duration=20.0, dt=DT, state=state)
    own = {name: dataclasses.replace(OWN[name], gain=3.0) for name in RECEPTORS}
    thrice, plain = (
        simulate(*network_of("dense", x), {}, duration=20.0, dt=DT).state.cells["post"].v
        for x in (OWN._replace(**own), OWN)
    )
    change = (run.state.network.cells["post"].v - plain) / (thrice - plain)
    assert np.all((change > 0.9) & (change < 1.0))


def test_an_input_opens_it():
    network, params = network_of("dense")
    run = simulate(network, params, {"post.soma.gaba_b": 0.25}, duration=DT, dt=DT)
    np.testing.assert_array_equal(run.state.synapses["post"]["soma"].gaba_b, [0.25] * 3)


@pytest.mark.parametrize(
    ("receptors", "error", "message"),
    [
        ({}, ValueError, "one of ampa, nmda, gaba_a; got 'gaba_b'. One of your own is added by "),
        ({"gaba_b": Receptor(-1.0, -95.0)}, ValueError, "`gaba_b.tau` must be positive, in ms"),
        ({"gaba_b": 150.0}, TypeError, "`gaba_b` must be a Receptor"),
        ({"gaba_b": GABA_B}, ValueError, "one of ampa, nmda, gaba_a, gaba_b; got 'slow'"),
        ({"gaba_b": TwoExponentials(-1.0, 1.0, 0.0)}, ValueError, "`gaba_b.tau_fall` must be"),
        ({"gaba_b": Receptor(9.0, -95.0, jump=1.0)}, ValueError, "ampa, nmda, gaba_a; got 'gaba_b"),
    ],
)
def test_what_cant_be_is_told(receptors, error, message):
    with pytest.raises(error, match=message):
        network_of("dense", SynapseParams()._replace(**receptors))
