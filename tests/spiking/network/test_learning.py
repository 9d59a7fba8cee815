"""A recurrent network of two-compartment cells learns to tell jittered patterns of spikes apart."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.spiking import (
    Drive,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    SpikeListSource,
    build,
    cells,
    rollout,
    spike_list,
)
from neurogain.spiking.connectivity import AllToAll
from neurogain.spiking.models.sources import SpikeList
from neurogain.spiking.recorders import Traces

pytestmark = pytest.mark.slow  # a gradient through 200 steps, compiled and taken 60 times

DT, STEPS = 0.25, 200  # ms
INPUTS, CELLS, CLASSES, WINDOWS = 20, 24, 4, 5
JITTER = 1.5  # ms
NEVER = np.iinfo(np.int32).max
DRIVE = {"l5": PyramidalDrive(Drive(300.0), Drive(200.0), 0.5)}
START = {"excite": 4.0, "inhibit": 2.0, "apical": 4.0, "recurrent": 0.5}  # nS, mean


def network():
    silent = spike_list([], [], n=INPUTS, dt=DT)
    populations = {
        "in": Population(SpikeListSource(), silent, INPUTS),
        "l5": Population(PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, CELLS),
    }
    kinds = {
        "excite": ("in", {}),
        "inhibit": ("in", {"receptor": "gaba_a"}),
        "apical": ("in", {"compartment": "dendrite"}),
        "recurrent": ("l5", {"delay": 1.0}),
    }
    projections = {
        name: Projection(source, "l5", AllToAll(), 1.0, path="dense", **options)
        for name, (source, options) in kinds.items()
    }
    return build(populations, projections, dt=DT, key=jax.random.key(0))


def patterns(rng, templates, n):
    """Return steps of spikes, (n, inputs, 2), padded, and classes."""
    label = rng.integers(CLASSES, size=n)
    time = templates[label] + rng.normal(0, JITTER, (n, INPUTS))
    step = np.clip(np.rint(time / DT), 0, STEPS - 1).astype(np.int32)
    return np.stack([step, np.full_like(step, NEVER)], axis=-1), label


def first_weights(net, params, key):
    """Return what `softplus` makes weights of, and the readout's."""
    weights = {}
    for i, (name, mean) in enumerate(START.items()):
        count = len(net.synapses(params, name).weight)
        share = jax.random.uniform(jax.random.fold_in(key, i), (count,), minval=0.2, maxval=1.8)
        weights[name] = jnp.log(jnp.expm1(mean * share))
    readout = 0.3 * jax.random.normal(jax.random.fold_in(key, 9), (WINDOWS * CELLS, CLASSES))
    return weights | {"readout": readout, "bias": jnp.zeros(CLASSES)}


@pytest.mark.parametrize("seed", [20, 21, 22])
def test_it_learns_within_60_steps(seed):
    net, built = network()

    def logits(weights, steps):
        params = built._replace(cells=built.cells | {"in": SpikeList(steps, DT)})
        for name in START:
            params = net.with_weights(params, name, jax.nn.softplus(weights[name]))
        record = {"spikes": Traces(lambda state, info: info.spike, every=1)}
        run = rollout(net, params, DRIVE, duration=STEPS * DT, dt=DT, record=record)
        spikes = run.recorded["spikes"][:, INPUTS:].reshape(WINDOWS, -1, CELLS).sum(axis=1)
        return spikes.reshape(-1) @ weights["readout"] + weights["bias"]

    def loss(weights, steps, label):
        out = jax.vmap(lambda one: logits(weights, one))(steps)
        wrong = optax.softmax_cross_entropy_with_integer_labels(out, label).mean()
        return wrong, (out.argmax(axis=-1) == label).mean()

    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.02))

    @jax.jit
    def update(weights, state, steps, label):
        gradient, _ = jax.grad(loss, has_aux=True)(weights, steps, label)
        change, state = optimizer.update(gradient, state)
        return optax.apply_updates(weights, change), state

    rng = np.random.default_rng(seed)
    templates = rng.uniform(5.0, 40.0, (CLASSES, INPUTS))  # ms
    weights = first_weights(net, built, jax.random.key(seed))
    state = optimizer.init(weights)
    for _ in range(60):
        weights, state = update(weights, state, *patterns(rng, templates, 64))
    _, accuracy = jax.jit(loss)(weights, *patterns(rng, templates, 512))
    assert accuracy >= 0.93
