"""One small run of everything in JAX's modes: no leaked tracer, no silent promotion, x64, no jit.

The network has fixed and plastic projections on both paths, a cell with two compartments, sources
and inputs that are drawn, and a recorder of each kind. Shapes are tiny, since nothing that was
compiled is used again where leaks are looked for.
"""

import contextlib
import functools
import gc

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import uncertainty
from neurogain.neuromod import Effect, Modulated, ModulatedParams, tables
from neurogain.optim import consolidate, modulate_by_gain, scale_by_uncertainty
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    LIFCell,
    LIFParams,
    Noise,
    PoissonInput,
    PoissonSource,
    Population,
    Projection,
    Pulse,
    PyramidalCell,
    PyramidalDrive,
    SpikeListSource,
    TimeSeries,
    build,
    cells,
    rollout,
    simulate,
    spike_list,
    synapses,
)
from neurogain.spiking.connectivity import AllToAll, Listed
from neurogain.spiking.network.recorders import WeightHistogram, Weights
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor, TripletSTDP
from neurogain.spiking.recorders import Intervals, Mean, Peak, Spikes, Total, Traces

DT, STEPS = 0.25, 16  # ms


@contextlib.contextmanager
def leaks():
    """Look for tracers that outlive their trace.

    Each trace ends with a search of the heap, from which what was there before is left out.
    """
    gc.freeze()
    try:
        with jax.checking_leaks():
            yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def strict():
    """Refuse what would silently get another dtype or another rank."""
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@contextlib.contextmanager
def searched():
    """Do both at once, since tracing is the work."""
    with leaks(), strict():
        yield


MODES = {"searched": searched, "x64": lambda: jax.enable_x64(True)}


@pytest.fixture(params=MODES)
def mode(request):
    with (MODES | {"strict": strict})[request.param]():
        yield request.param


@functools.cache
def sparse(at_once):
    """Build what the event-driven loop delivers to, and no more: fixed and plastic rows."""
    populations = {
        "in": Population(
            SpikeListSource(), spike_list([0.25, 0.5, 0.75], [0, 1, 0], n=2, dt=DT), 2
        ),
        "out": Population(LIFCell(), LIFParams(), 2),
    }  # fmt: skip
    projections = {
        "fixed": Projection("in", "out", AllToAll(), 5.0, delay=DT),
        "plastic": Projection("in", "out", AllToAll(), 0.5, plasticity=PairSTDP()),
    }
    key = jax.random.key(0)
    return build(populations, projections, dt=DT, key=key, at_once=at_once, path="sparse")


@functools.cache
def network():
    """Build populations that spike at once, with each kind of projection between them."""
    populations = {
        "pyr": Population(
            PyramidalCell(), cells.L5_PYRAMIDAL, 2,
            {"soma": synapses.SOMA, "dendrite": synapses.DENDRITE}, ("dendrite.ampa",),
        ),
        "pv": Population(IzhikevichCell(), cells.PV, 3),
        "lif": Population(LIFCell(), LIFParams(), 2),
        "poisson": Population(PoissonSource(), (), 2),
        "list": Population(
            SpikeListSource(), spike_list([0.5, 1.0, 1.5], [0, 1, 0], n=2, dt=DT), 2
        ),
    }  # fmt: skip
    every, some = AllToAll(), Listed(np.array([0, 1, 1]), np.array([0, 1, 1]))
    rule = PairSTDP(lambda_=0.1)
    projections = {
        "fixed": Projection("list", "pyr", every, 5.0, delay=DT, path="sparse"),
        "late": Projection(
            "pv", "pyr", some, np.array([1.0, 2.0, 0.5]), "dendrite", {"gaba_a": 1.0, "nmda": 0.5},
            DT * np.array([2, 3, 1]), path="sparse",
        ),
        "plastic": Projection("list", "pv", every, 0.5, plasticity=rule, path="sparse"),
        "third": Projection(
            "list", "lif", every, 0.5, plasticity=ThreeFactor(rule), path="sparse"
        ),
        "dense": Projection("poisson", "pv", some, 5.0, delay=2 * DT, path="dense"),
        "learned": Projection("list", "lif", every, 0.5, plasticity=TripletSTDP(), path="dense"),
        "rewarded": Projection(
            "list", "pv", every, 0.5, plasticity=ThreeFactor(rule), path="dense"
        ),
    }  # fmt: skip
    return build(populations, projections, dt=DT, key=jax.random.key(0))


def potential(state, info):
    return state.cells["pv"].v


RECORD = {
    "total": Total(),
    "above": Total(lambda state, info: potential(state, info) > -50.0),
    "mean": Mean(potential),
    "peak": Peak(potential),
    "traces": Traces(potential, cells=(0, 2)),
    "spikes": Spikes(),
    "intervals": Intervals(),
    "weights": Weights("plastic", every=1),
    "spread": WeightHistogram("rewarded", every=1, edges=(0.0, 0.5, 1.0)),
}


def drive():
    return {
        "pyr": PyramidalDrive(Drive(Noise(900.0, 50.0)), Drive(Pulse(800.0, 0.5, 2.0)), 0.5),
        "pv": Drive(TimeSeries(np.linspace(500.0, 900.0, STEPS)), 1.0, -75.0),
        "lif": Drive(lambda step, key: jnp.full((2,), 900.0)),
        "poisson": 900.0,
        "pyr.dendrite.ampa": PoissonInput(900.0, 0.5),
        "third": 0.01,
    }


def run(model, params, drive, *, record=RECORD, dtype=jnp.float32, seed=0):
    key = jax.random.key(seed)
    times = {"duration": STEPS * DT, "dt": DT}
    return rollout(model, params, drive, key=key, record=record, dtype=dtype, **times)


def dtypes(state):
    return {x.dtype.name for x in jax.tree.leaves(state)} - {"int32"}


def test_network(mode):
    model, params = network()
    dtype = jnp.zeros(()).dtype
    shapes = jax.eval_shape(lambda: run(model, params, drive(), dtype=dtype))
    assert dtypes(shapes.state) == {dtype.name}


@pytest.mark.parametrize("at_once", [1, 4])
def test_batch_of_networks(mode, at_once):
    """Batches have a rule of their own in the event-driven loop."""
    model, params = sparse(at_once)
    one = lambda seed: run(model, params, {}, record={}, seed=seed).state  # noqa: E731
    shapes = jax.eval_shape(jax.vmap(one), jnp.arange(2))
    assert {x.shape[0] for x in jax.tree.leaves(shapes)} == {2}
    assert dtypes(shapes) == {"float32"}


def test_modulated_network(mode):
    model, params = network()
    acting = (
        Effect("alpha1", "pyr.coupling", 4.0),
        Effect("d1", "pv.adaptation", -1.0),
        Effect("m1", "pyr.dendrite.current", 200.0),
        Effect("d2", "pv.soma.gain", 0.1),
        Effect("5ht2a", "pyr.dendrite.gaba_a", 2.0),
        Effect("beta", "plastic.learning_rate", 2.0),
        Effect("d1", "third.modulator", 0.02),
    )
    given = ModulatedParams(params, tables.standard(), acting)
    moved = drive() | {"neuromod.surprise": 0.5, "neuromod.prediction_error": Noise(0.0, 1.0)}
    shapes = jax.eval_shape(lambda: run(Modulated(model), given, moved, record={}))
    assert dtypes(shapes.state) == {"float32"}


def test_gradient(mode):
    population = {"lif": Population(LIFCell(), LIFParams(), 2)}
    mutual = Projection("lif", "lif", AllToAll(), 5.0, plasticity=PairSTDP(Wmax=9.0))
    model, params = build(population, {"mutual": mutual}, dt=DT, key=jax.random.key(0))

    def loss(weight, current):
        changed = model.with_weights(params, "mutual", weight)
        end = rollout(model, changed, {"lif": Drive(current)}, duration=STEPS * DT, dt=DT)
        return end.recorded["spikes"].sum() + end.state.cells["lif"].v.sum()

    weight, current = jnp.full((2,), 5.0, jnp.float32), jnp.full((2,), 900.0, jnp.float32)
    shapes = jax.eval_shape(jax.grad(loss, (0, 1)), weight, current)
    assert [(x.shape, x.dtype.name) for x in shapes] == [((2,), "float32"), ((2,), "float32")]


def of_cell(state, info):
    return state.v


@pytest.mark.parametrize("mode", ["strict", "x64"], indirect=True)
def test_simulate(mode):
    """The part on the host; what it traces is that of `rollout`, and searched for leaks there."""
    dtype = "float64" if mode == "x64" else "float32"
    record = {
        "total": Total(), "mean": Mean(of_cell), "peak": Peak(of_cell), "spikes": Spikes(),
        "traces": Traces(of_cell, every=4), "intervals": Intervals(),
    }  # fmt: skip
    settings = {"n": 2, "dt": DT, "record": record, "dtype": dtype, "chunk": 16}
    pulse = Drive(Pulse(np.array([900.0, 1200.0]), 0.0, 20.0))
    first = simulate(LIFCell(), LIFParams(), pulse, duration=30.0, **settings)
    total, events, intervals = (first.recorded[x] for x in ("total", "spikes", "intervals"))
    assert dtypes(first.state) == {dtype}
    assert total.min() >= 3
    assert total.tolist() == np.bincount(events.cell).tolist() == intervals.spikes.tolist()
    np.testing.assert_allclose(
        intervals.mean_ms, [np.diff(events.time_ms[events.cell == i]).mean() for i in range(2)],
        rtol=1e-6,
    )  # fmt: skip
    bad = Drive(lambda step, key: jnp.where(step == 5, jnp.float32(jnp.nan), 0))
    with pytest.raises(FloatingPointError, match="after step 5"):
        simulate(LIFCell(), LIFParams(), bad, duration=4.0, **settings)


def test_network_without_jit():
    """Each kernel, and the delivery of spikes, one operation after the other."""
    model, params = sparse(1)
    state = model.init(params, None)
    compiled = jax.jit(functools.partial(model.step, params, drive={}, dt=DT, key=None))
    after = compiled(compiled(state)[0])
    assert after[0].synapses["out"]["soma"]["ampa"].tolist() == [5.5, 5.5]
    with jax.disable_jit():
        for _ in range(2):
            state, _ = model.step(params, state, {}, dt=DT, key=None)
    for ours, theirs in zip(*map(jax.tree.leaves, (state, after[0])), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    ("cell", "params", "drive"),
    [
        (LIFCell(), LIFParams(), Drive(900.0, 1.0, -75.0)),
        (IzhikevichCell(), cells.PV, Drive(900.0, 1.0, -75.0)),
        (PyramidalCell(), cells.L5_PYRAMIDAL, PyramidalDrive(Drive(900.0), Drive(800.0), 0.5)),
        (PoissonSource(), (), 900.0),
        (SpikeListSource(), spike_list([0.25], [1], n=2, dt=DT), 0.0),
    ],
)
def test_cell_without_jit(cell, params, drive):
    key = jax.random.key(1)
    one = functools.partial(cell.step, params, drive=drive, dt=DT, key=key)
    start = cell.init(params, 2, jnp.float32)
    with jax.disable_jit():
        loose = one(start)
    for ours, theirs in zip(*map(jax.tree.leaves, (loose, jax.jit(one)(start))), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


OPTIMIZERS = {
    "consolidated": consolidate(modulate_by_gain(optax.sgd(0.1), per="unit"), follow_gain=True),
    "scheduled": modulate_by_gain(
        optax.sgd(0.1), sensitivity=optax.linear_schedule(0.1, 0.2, 10), keep_weights=True
    ),
    "scaled": optax.chain(scale_by_uncertainty(), optax.sgd(0.1)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_step(mode, name):
    tx = OPTIMIZERS[name]
    params = {"w": jnp.ones((3, 2), jnp.float32), "b": jnp.zeros((2,), jnp.float32)}

    @jax.jit
    def step(params, state, x, labels):
        def loss(params):
            logits = jnp.matmul(x, params["w"]) + params["b"][None, :]
            return uncertainty.surprise(logits, labels).mean(), logits

        (_, logits), grads = jax.value_and_grad(loss, has_aux=True)(params)
        amount = uncertainty.batch_mean(uncertainty.entropy(logits))
        updates, state = tx.update(grads, state, params, uncertainty=amount)
        return optax.apply_updates(params, updates), state

    x, labels = jnp.ones((4, 3), jnp.float32), jnp.array([0, 1, 0, 0], jnp.int32)
    after, _ = jax.eval_shape(step, params, tx.init(params), x, labels)
    assert dtypes(after) == {"float32"}
