"""Which path is taken, that it is said, and that a sparse one has no gradient."""

import time

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    PoissonInput,
    PoissonSource,
    Population,
    Projection,
    build,
    cells,
    rollout,
    simulate,
)
from neurogain.spiking.connectivity import AllToAll, FixedInDegree, Listed
from neurogain.spiking.network.synapse_tables import has_multapses
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor

MANY = FixedInDegree(12, multapses=True)  # of 8 cells
RNG = np.random.default_rng(0)
MIXED = 0.1 * np.repeat([1, 2], 32)


def network_of(*, size=8, path="auto", dt=0.1, source=None, **projections):
    pv = Population(IzhikevichCell(), cells.PV, size, inputs=("soma.ampa",))
    populations = {"a": pv if source is None else Population(source, (), size), "b": pv}
    given = {
        name: Projection("a", "b", **({"connectivity": AllToAll(), "weight": 0.5} | options))
        for name, options in projections.items()
    }
    return build(populations, given, dt=dt, key=jax.random.key(0), path=path)


def test_auto_takes_matrices_where_it_says_so():
    network, _ = network_of(
        plain={},
        plastic={"plasticity": PairSTDP()},
        several={"connectivity": MANY},
        plastic_several={"connectivity": MANY, "plasticity": PairSTDP()},
        mixed={"delay": MIXED},
        own={"path": "sparse"},
    )
    sparse = ("plastic_several", "mixed", "own")
    assert network.paths == {
        name: "sparse" if name in sparse else "dense"
        for name in ("plain", "plastic", "several", "plastic_several", "mixed", "own")
    }
    assert network_of(size=64, x={}).network.paths == {"x": "dense"}  # 4,096 pairs
    assert network_of(size=65, x={}).network.paths == {"x": "sparse"}
    assert network_of(path="dense", x={"delay": MIXED}).network.paths == {"x": "dense"}


@pytest.mark.parametrize("rule", [PairSTDP(lambda_=0.1), ThreeFactor(PairSTDP(lambda_=0.1))])
def test_what_auto_chose_for_plastic_multapses_runs(rule):
    network, params = network_of(x={"connectivity": MANY, "plasticity": rule})
    drive = {"a": Drive(300.0), "b": Drive(300.0)}
    run = simulate(network, params, drive, duration=30.0)
    before, after = (network.synapses(params, "x", s) for s in (None, run.state))
    assert len(before.weight) == 12 * 8
    assert len(set(zip(before.pre.tolist(), before.post.tolist(), strict=True))) < 64
    changed = not isinstance(rule, ThreeFactor)  # it has no modulator here
    assert np.any(after.weight != before.weight) == changed
    with pytest.raises(ValueError, match="must not connect a pair twice"):
        network_of(path="dense", x={"connectivity": MANY, "plasticity": rule})


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_multapses_are_found_in_any_order(order):
    pre, post = np.array([[0, 1, 0], [1, 0, 1]])[:, order]
    assert has_multapses(Listed(pre, post).connect(RNG, 2, 2, False))
    assert not has_multapses(Listed([0, 1, 0], [1, 0, 0]).connect(RNG, 2, 2, False))
    assert not has_multapses(Listed([], []).connect(RNG, 2, 2, False))


@pytest.mark.parametrize("dt", [0.5, 1.0])
@pytest.mark.parametrize("path", ["dense", "sparse"])
def test_a_delay_that_is_left_out_is_one_step(path, dt):
    network, params = network_of(path=path, dt=dt, x={})
    assert network.layout("x").delays == (1,)
    np.testing.assert_array_equal(network.synapses(params, "x").delay, dt)


@pytest.fixture(scope="module")
def large():
    """5,000 cells, which auto makes sparse."""
    return network_of(size=2500, x={"connectivity": FixedInDegree(100)})


def test_gradients_of_a_large_network_are_refused_at_once_and_name_the_way_out(large, compiled):
    network, params = large
    assert network.paths == {"x": "sparse"}
    state = network.init(params)
    drive = {"a": Drive(300.0), "b": Drive(300.0)}

    def spikes(drive=drive, cells=params.cells, state=state):
        changed = params._replace(cells=cells)
        run = rollout(network, changed, drive, duration=20.0, state=state)
        return run.recorded["spikes"].sum()

    cases = (
        (lambda x: spikes(drive | {"a": Drive(x)}), 300.0),
        (lambda x: spikes(cells=params.cells | {"a": cells.PV._replace(C=x)}), 20.0),
        (lambda x: spikes(state=state._replace(ring=state.ring + x)), 0.0),
    )
    for function, x in cases:
        for transformed in (jax.grad(function), lambda x, f=function: jax.jvp(f, (x,), (1.0,))):
            start = time.perf_counter()
            with pytest.raises(TypeError, match=r'`network.paths` has.*path="dense"') as caught:
                transformed(x)
            assert "auto" in str(caught.value)
            assert time.perf_counter() - start < 10  # compiling takes longer; about 0.3 here
    assert not [x for x in compiled if "scan" in str(x) or "while" in str(x)]


@pytest.mark.parametrize(
    ("kind", "rate"), [("source", 400.0), ("input", 400.0), ("input", 25_000.0)]
)
def test_the_rate_of_what_is_drawn_has_the_gradient_of_its_mean_or_none(kind, rate):
    """Charge through a cell that never spikes: its mean is proportional to the rate."""

    def charge(network, params):
        def of(rate):
            drive = {"a": rate} if kind == "source" else {"b.soma.ampa": PoissonInput(rate, 0.5)}
            run = rollout(network, params, drive, duration=5.0, key=jax.random.key(0))
            return run.state.synapses["b"]["soma"].ampa.sum()

        return of

    source = PoissonSource() if kind == "source" else None
    dense = charge(*network_of(path="dense", source=source, x={}))
    value, slope = jax.jit(jax.value_and_grad(dense))(rate)
    kept = np.exp(-0.1 / 6.0 * np.arange(50 - (kind == "source")))  # of each step's jump
    each = 0.5 * 8 * (8 if kind == "source" else 1)
    np.testing.assert_allclose(slope, each * 1e-4 * kept.sum(), rtol=1e-4)
    assert value > 0
    sparse = charge(*network_of(path="sparse", source=source, x={}))
    with pytest.raises(TypeError, match=r'Build the network with path="dense"'):
        jax.grad(sparse)(rate)
