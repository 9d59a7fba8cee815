"""No silent promotion: dtype in = dtype out, under JAX's strict modes, gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    Pulse,
    PyramidalDrive,
    TimeSeries,
    cells,
    combine,
    synapse,
    synapses,
)
from neurogain.spiking.engine import drives
from neurogain.spiking.models import dendrite, izhikevich, pyramidal
from neurogain.spiking.surrogate import (
    Arctan,
    FastSigmoid,
    Sigmoid,
    Triangular,
    straight_through,
)

N = 4


@pytest.fixture(autouse=True, params=["float32", "float64", "float32 beside float64"])
def dtype(request):
    """Run everything in strict mode, in single precision with and without x64, and in double."""
    with (
        jax.enable_x64(request.param != "float32"),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        yield request.param.split()[0]


def per_cell(tree, dtype):
    return jax.tree.map(lambda x: jnp.full((N,), x, dtype), tree)


def holds(tree, dtype):
    """Check every leaf but the integer ages."""
    assert {x.shape for x in jax.tree.leaves(tree)} == {(N,)}
    assert {x.dtype.name for x in jax.tree.leaves(tree)} - {"int32"} == {dtype}


@pytest.fixture(params=["constants", "one value per cell"])
def spread(request, dtype):
    """Return a function that leaves numbers as they are, or makes arrays of shape (n,) of them."""
    if request.param == "constants":
        return lambda tree: tree
    return lambda tree: per_cell(tree, dtype)


def above_peak(soma, dtype):
    return soma._replace(v=jnp.linspace(-70, 60, N, dtype=dtype))


def test_izhikevich(dtype, spread):
    p, drive = spread((cells.RS, Drive(100.0, 5.0, -375.0)))

    @jax.jit
    def run():
        start = izhikevich.init(p, N, dtype)
        return start, *izhikevich.step(p, above_peak(start, dtype), drive, dt=0.1)

    holds(run(), dtype)
    assert 0 < run()[2].spike.sum() < N


@pytest.mark.parametrize("coupling", ["stochastic", "mean-field"])
def test_pyramidal(coupling, dtype, spread):
    drive = PyramidalDrive(Drive(900.0, 2.0), Drive(800.0, 1.0, -75.0), 0.5)
    p, drive = spread((cells.L5_PYRAMIDAL, drive))

    def run(key):
        start = pyramidal.init(p, N, dtype)
        state = start._replace(soma=above_peak(start.soma, dtype))
        return start, *pyramidal.step(p, state, drive, dt=0.1, key=key, coupling=coupling)

    start, state, info = jax.eval_shape(run, jax.random.key(0))
    holds((start, state, info), dtype)
    assert start.since_spike.dtype == state.since_spike.dtype == jnp.int32


def test_dendrite(dtype, spread):
    p, drive = spread((cells.L5_DENDRITE, Drive(600.0, 5.0, -375.0)))
    start, v = dendrite.init(p, N, dtype), jnp.zeros(N, dtype)
    holds(start, dtype)
    holds(jax.eval_shape(lambda: dendrite.step(p, start, drive, dt=0.1)), dtype)
    holds(jax.eval_shape(lambda: dendrite.steady_current(p, v)), dtype)
    assert jax.eval_shape(lambda: dendrite.is_stable(p, v)).shape == (N,)


def test_synapses(dtype, spread):
    p, v = spread(synapses.SOMA), jnp.linspace(-80, 20, N, dtype=dtype)
    jumps = per_cell(synapses.SynapseState(ampa=1.0, nmda=2.0, gaba_a=3.0, adaptation=0.0), dtype)

    def run():
        start = synapses.init(p, N, dtype)
        state = synapses.step(p, start, jumps, jnp.ones(N, dtype), dt=0.1)
        drive = synapses.drive(p, state, v, dt=0.1)
        soma = izhikevich.init(cells.RS, N, dtype)
        after, _ = izhikevich.step(cells.RS, soma, drive, dt=0.1)
        return start, state, synapses.nmda_gate(v), drive[1:], after

    holds(jax.eval_shape(run), dtype)


def test_dynamic_coupling(dtype, spread):
    p = jnp.linspace(0, 1, N, dtype=dtype)
    tau = spread(800.0)
    for arrivals in (jnp.ones(N, dtype), 0.0):
        ours = jax.eval_shape(lambda a: pyramidal.recruit_coupling(p, a, dt=0.1, tau=tau), arrivals)
        holds(ours, dtype)


@pytest.mark.parametrize("kind", [Sigmoid, FastSigmoid, Arctan, Triangular])
def test_surrogates(kind, dtype):
    x = jnp.linspace(-30, 30, N, dtype=dtype)
    holds(jax.eval_shape(lambda x: jax.jvp(kind(20.0), (x,), (x,)), x), dtype)
    holds(jax.eval_shape(straight_through, x, x), dtype)


def test_drives(dtype):
    g, key = jnp.linspace(0, 9, N, dtype=dtype), jax.random.key(0)
    series = TimeSeries(jnp.zeros((5, N), dtype))
    pulse, noise = Pulse(g, 1.0, 2.0), lambda step, key: jax.random.normal(key, (N,), dtype)

    def run(step):
        static = combine(Drive(g, 0.0, 0.0), synapse(g, -75.0), synapse(2.0, 0.0))
        return static, drives.at_step(Drive(series, pulse, noise), step, key, dt=0.1)

    holds(jax.eval_shape(run, jnp.int32(3)), dtype)


@pytest.mark.parametrize("coupling", ["stochastic", "mean-field"])
def test_gradients_have_the_dtype_of_their_argument_and_are_finite(coupling, dtype):
    def loss(p, drive):
        state = pyramidal.init(p, N, dtype)
        state = state._replace(soma=above_peak(state.soma, dtype))
        for seed in range(2):
            key = jax.random.key(seed)
            state, info = pyramidal.step(p, state, drive, dt=0.1, key=key, coupling=coupling)
        return state.dendrite.v.sum() + state.soma.u.sum() + info.burst.sum()

    drive = PyramidalDrive(Drive(900.0, 2.0), Drive(800.0, 1.0, -75.0), 0.5)
    args = per_cell((cells.L5_PYRAMIDAL, drive), dtype)
    holds(jax.eval_shape(jax.grad(loss, (0, 1)), *args), dtype)
    if jax.config.jax_enable_x64 or coupling == "mean-field":
        return  # the values are looked at in the precision that is used
    gradient = jax.jit(jax.grad(loss, (0, 1)))(*args)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
    assert np.all(np.asarray(gradient[1].soma.current) != 0)
