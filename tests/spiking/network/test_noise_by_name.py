"""What is drawn depends on the key and on names: neither on order nor on what else there is."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from neurogain import neuromod
from neurogain.neuromod import Modulated, ModulatedParams
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    PoissonInput,
    PoissonSource,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    connectivity,
    rollout,
    simulate,
)
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.receptor import Receptor
from neurogain.spiking.recorders import Traces
from neurogain.spiking.synapses import SynapseParams

KEY = jax.random.key(5)
N, STEPS = 8, 12


class State(NamedTuple):
    v: jax.Array


class Info(NamedTuple):
    spike: jax.Array
    seen: dict


class Show:
    """Cells that show their drive, and numbers of their own key."""

    compartments = ("soma",)
    empty_drive = Drive()

    def init(self, params, n, dtype=jnp.float32):
        return State(jnp.zeros((n,), dtype))

    def step(self, params, state, drive, *, dt, key):
        own = jax.random.uniform(key, state.v.shape)
        current, other = (jnp.broadcast_to(x, state.v.shape) for x in drive[::2])
        return state, Info(
            jnp.zeros_like(state.v), {"current": current, "other": other, "own": own}
        )

    def potential(self, state, compartment):
        return state.v

    def check(self, params, drive, *, dt, n, key):
        """Refuse nothing."""


SHOW = Show()
CELL = Population(IzhikevichCell(), cells.PV, N)
POPULATIONS = {
    "e": Population(SHOW, (), N, inputs=("soma.ampa",)),
    "src": Population(PoissonSource(), (), N),
}
DRIVE = {
    "e": Drive(Noise(0.0, 1.0), reversal_current=lambda step, key: jax.random.normal(key, (N,))),
    "e.soma.ampa": PoissonInput(5000.0, 1.0),
    "src": 5000.0,
}
ON = Projection(
    "src", "e", connectivity.OneToOne(), 1.0, plasticity=ThreeFactor(PairSTDP(), tau_c=20.0)
)


def seen(state, info):
    """Return what e and the sources drew."""
    arrived = state.synapses["e"]["soma"]["ampa"]
    return info.cells["e"].seen | {
        "spikes": info.cells["src"].spike,
        "ampa": jax.tree.leaves(arrived)[0],
    }


def run(populations=POPULATIONS, projections=None, drive=None, key=KEY, runner=simulate, **options):
    network, params = build(
        populations, projections or {}, dt=0.1, key=jax.random.key(0), **options
    )
    drive = DRIVE | (drive or {})
    result = runner(
        network, params, drive, duration=0.1 * STEPS, key=key, record={"seen": Traces(seen)}
    )
    return result.recorded["seen"] if runner is rollout else result.recorded["seen"].values


def equal(actual, expected):
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.fixture(scope="module")
def alone():
    return run()


def differently():
    """Return the same cells and drives among others, with what is different."""
    turned = dict(reversed(POPULATIONS.items()))
    others = {"a": CELL, "b": Population(PoissonSource(), (), N), **turned, "z": CELL}
    return {
        "an empty drive": ({"a": CELL, **POPULATIONS}, {}, {"a": Drive()}),
        "a projection": (POPULATIONS, {"on": ON}, {"on": 0.0}),
        "others, in another order": (others, {}, {"a": Drive(Noise(0.0, 9.0)), "b": 900.0}),
    }


@pytest.mark.parametrize("what", differently())
def test_what_else_there_is_changes_no_noise(alone, what):
    different = run(*differently()[what])
    names = different.keys() - {"ampa"} if what == "a projection" else different.keys()
    for name in names:
        np.testing.assert_array_equal(different[name], alone[name], err_msg=name)


def test_all_that_is_drawn_is_drawn(alone):
    """Else the comparisons say nothing."""
    for name, values in alone.items():
        assert values.shape == (STEPS, N)
        assert values.std() > 0.1, name
    drawn = [values.ravel() for values in alone.values()]
    shared = np.abs(np.corrcoef(drawn))[np.triu_indices(len(drawn), 1)]
    assert shared.max() < 5 / np.sqrt(STEPS * N)  # "ampa" adds up, the others are fresh


def test_other_names_draw_other_noise(alone):
    renamed = {"f": POPULATIONS["e"], "src": POPULATIONS["src"]}
    drive = {"f": DRIVE["e"], "f.soma.ampa": DRIVE["e.soma.ampa"], "src": 5000.0}
    network, params = build(renamed, {}, dt=0.1, key=jax.random.key(0))
    record = {"seen": Traces(lambda state, info: info.cells["f"].seen)}
    found = simulate(network, params, drive, duration=0.1 * STEPS, key=KEY, record=record)
    for name, values in found.recorded["seen"].values.items():
        assert (values != alone[name]).mean() > 0.99


def test_rollout_and_vmap_over_keys_draw_the_same_among_others(alone):
    different = differently()["others, in another order"]
    both = jax.jit(jax.vmap(lambda key: run(*different, key=key, runner=rollout)))
    found = both(jnp.stack([KEY, jax.random.key(6)]))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x[0], y, rtol=1e-6), found, alone)
    assert (found["current"][0] != found["current"][1]).mean() > 0.99


def test_on_a_mesh_of_devices_among_others_too(alone):
    mesh = Mesh(np.array(jax.devices()[:4]), ("cells",))
    assert mesh.size == 4
    equal(run(*differently()["others, in another order"], mesh=mesh), alone)


def test_under_neuromodulators_the_noise_is_that_of_the_network(alone):
    network, params = build(POPULATIONS, {}, dt=0.1, key=jax.random.key(0))
    params = ModulatedParams(params, neuromod.tables.standard(), ())
    drive = DRIVE | {
        "neuromod.expected_uncertainty": 0.5,
        "neuromod.surprise": lambda step, key: jax.random.uniform(key),
    }
    record = {"seen": Traces(lambda state, info: seen(state.network, info.network))}
    found = simulate(
        Modulated(network), params, drive, duration=0.1 * STEPS, key=KEY, record=record
    )
    equal(found.recorded["seen"].values, alone)


def test_names_of_one_checksum_are_refused():
    names = ("plumless", "buckeroo")
    with pytest.raises(ValueError, match="`populations` must have names of different CRC-32 num"):
        build(dict.fromkeys(names, CELL), {}, dt=0.1, key=KEY)
    on = Projection("e", "e", connectivity.AllToAll(), 1.0)
    with pytest.raises(ValueError, match="`projections` must have names of different CRC-32 num"):
        build({"e": CELL}, dict.fromkeys(names, on), dt=0.1, key=KEY)


def test_two_leaves_of_one_name_are_refused():
    receptor = {"soma": SynapseParams(current=Receptor(tau=5.0, E=0.0))}
    pyr = Population(PyramidalCell(), cells.L5_PYRAMIDAL, 2, receptor, inputs=("soma.current",))
    network, params = build({"pyr": pyr}, {}, dt=0.1, key=KEY)
    drive = {"pyr": PyramidalDrive(Drive(Noise(0.0, 1.0))), "pyr.soma.current": 0.5}

    def traced(drive):
        jax.eval_shape(lambda: rollout(network, params, drive, duration=1.0, key=KEY).state)

    traced(drive)  # one of them draws
    with pytest.raises(ValueError, match=r"`drive` must have names .* 'pyr.soma.current' and 'pyr"):
        traced(drive | {"pyr.soma.current": PoissonInput(10.0, 1.0)})
