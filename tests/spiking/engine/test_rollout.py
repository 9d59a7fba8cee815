"""`rollout`: the same run as `simulate`, inside jit, vmap and grad, in little memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    PyramidalCell,
    PyramidalDrive,
    cells,
    rollout,
    simulate,
)
from neurogain.spiking.recorders import Intervals, Peak, Spikes, Total, Traces

pytestmark = pytest.mark.optimized

N = 3
STEPS = 600
KEY = jax.random.key(7)
MEAN_FIELD = PyramidalCell(coupling="mean-field")


def noise(step, key):
    return 900 + 600 * jax.random.normal(key, (N,))


def dendritic(state, info):
    return state.dendrite.v


NOISY = PyramidalDrive(soma=Drive(current=noise), dendrite=Drive(current=500.0), coupling=0.5)
STEADY = NOISY._replace(soma=Drive(current=1800.0))
EVERYTHING = {
    "count": Total(),
    "peak": Peak(dendritic),
    "trace": Traces(dendritic, every=4, cells=(2, 0)),
    "raster": Spikes(),
    "intervals": Intervals(),
}


def run(runner, *, drive=NOISY, params=cells.L5_PYRAMIDAL, key=KEY, duration=60.0, **options):
    return runner(PyramidalCell(), params, drive, n=N, duration=duration, key=key, **options)


rolled = functools.partial(run, rollout)


def equal(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def close(actual, expected, **tolerance):
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def same_records(actual, expected):
    assert (expected["count"] >= 2).all()  # else the comparison says little
    step, cell = np.nonzero(np.asarray(actual["raster"]))
    np.testing.assert_array_equal((step + 1) * 0.1, expected["raster"].time_ms)
    np.testing.assert_array_equal(cell, expected["raster"].cell)
    equal(actual["count"], expected["count"])


@pytest.fixture(scope="module")
def simulated():
    return run(simulate, record=EVERYTHING)


@pytest.mark.parametrize("segment", [None, 70])  # the latter leaves a shorter one at the end
def test_rollout_with_numbers_as_arguments_is_simulate_bit_for_bit(segment, simulated):
    expected = simulated

    @jax.jit
    def jitted(params, drive, key):
        drive = PyramidalDrive(Drive(noise), Drive(drive[0]), drive[1])
        options = {"record": EVERYTHING, "segment": segment}
        run = rolled(params=params, drive=drive, key=key, **options)
        return run.state, run.recorded

    state, recorded = jitted(cells.L5_PYRAMIDAL, (500.0, 0.5), KEY)
    equal(state, expected.state)
    same_records(recorded, expected.recorded)
    assert len(recorded["raster"]) == expected.step == STEPS
    equal(recorded["peak"], expected.recorded["peak"])
    equal(recorded["trace"], expected.recorded["trace"].values)
    equal(recorded["intervals"], expected.recorded["intervals"])


def test_rollout_outside_jit_is_simulate_to_the_last_bits(simulated):
    # numbers known when it is compiled are folded, which rounds otherwise
    expected = simulated
    actual = rolled(record=EVERYTHING)
    assert actual.step == expected.step == STEPS
    same_records(actual.recorded, expected.recorded)
    close(actual.state, expected.state, rtol=1e-4)
    close(actual.recorded["trace"], expected.recorded["trace"].values, rtol=1e-4)
    close(actual.recorded["peak"], expected.recorded["peak"], rtol=1e-4)
    close(actual.recorded["intervals"], expected.recorded["intervals"], rtol=1e-4)


def test_a_rollout_goes_on_from_a_state_and_a_step():
    raster = functools.partial(rolled, drive=STEADY, record={"raster": Spikes()})
    whole, first = raster(), raster(duration=30.0)
    second = raster(duration=30.0, state=first.state, first_step=first.step)
    equal(second.state, whole.state)
    parts = np.concatenate([first.recorded["raster"], second.recorded["raster"]])
    equal(parts, whole.recorded["raster"])


def test_jit_is_eager_and_compiles_once_for_all_numbers():
    traces = []

    @jax.jit
    def counted(current, key):
        traces.append(current)
        return rolled(drive=PyramidalDrive(Drive(current), coupling=0.5), key=key)

    for current, key in ((1500.0, KEY), (1800.0, jax.random.key(3))):
        expected = rolled(drive=PyramidalDrive(Drive(current), coupling=0.5), key=key)
        actual = counted(current, key)
        assert (actual.recorded["spikes"] >= 2).all()
        equal(actual.recorded, expected.recorded)
        close(actual.state, expected.state, rtol=1e-4)
    assert len(traces) == 1


def sweep(numbers):
    p, C, current = numbers
    params = cells.L5_PYRAMIDAL._replace(soma=cells.L5_SOMA._replace(C=C))
    return rolled(params=params, drive=PyramidalDrive(Drive(current), Drive(500.0), p))


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (sweep, (np.array([0.3, 0.7]), np.array([100.0, 250.0]), 500 * np.arange(6).reshape(2, 3))),
        (lambda key: rolled(drive=STEADY, key=key), jax.random.split(KEY, 3)),
    ],
)
def test_vmap_over_parameters_and_keys_is_a_loop(function, values):
    values = jax.tree.map(jnp.asarray, values)
    many = jax.vmap(function)(values)
    one = jax.jit(function)
    loop = [one(jax.tree.map(lambda x, i=i: x[i], values)) for i in range(len(many.step))]
    for i, one in enumerate(loop):
        # fusion differs in the last bit, which the last step before a peak magnifies
        close(jax.tree.map(lambda x, i=i: x[i], many.recorded), one.recorded, rtol=0)
        close(jax.tree.map(lambda x, i=i: x[i], many.state), one.state, rtol=1e-3, atol=1e-3)
    differ = np.ptp(np.asarray(many.state.dendrite.v), axis=0)
    assert (differ > 0.01).all()


def loss(current, coupling, segment=None, model=MEAN_FIELD, key=None, traced=False):
    drive = PyramidalDrive(Drive(current), Drive(500.0), coupling)
    record = {"spikes": Total()} | ({"v": Traces(dendritic, every=5)} if traced else {})
    options = {"n": N, "duration": 30.0, "key": key, "segment": segment, "record": record}
    run = rollout(model, cells.L5_PYRAMIDAL, drive, **options)
    v = run.recorded["v"] if traced else run.state.dendrite.v
    return run.recorded["spikes"].sum() + 1e-3 * v.mean()


def test_gradients_are_finite_and_do_not_depend_on_the_segment():
    def gradient(segment):
        options = {"model": PyramidalCell(), "key": KEY, "traced": True, "segment": segment}
        return jax.jit(jax.value_and_grad(functools.partial(loss, **options), (0, 1)))(1200.0, 0.5)

    value, expected = gradient(None)
    assert value > N - 1
    assert np.isfinite(expected).all()
    assert expected[0] > 0
    assert expected[1] != 0
    close(gradient(100), (value, expected), rtol=1e-4)


def test_reverse_mode_is_forward_mode():
    backward = jax.jit(jax.grad(loss, (0, 1)))(1200.0, 0.5)
    forward = jax.jit(jax.jacfwd(loss, (0, 1)))(1200.0, 0.5)
    close(backward, forward, rtol=1e-3)


def test_memory_of_the_gradient_grows_as_the_root_of_the_steps():
    def bytes_for(steps, **options):
        def spikes(current):
            options["duration"] = 0.1 * steps
            run = rollout(IzhikevichCell(), cells.RS, Drive(current), n=16, **options)
            return run.recorded["spikes"].sum()

        compiled = jax.jit(jax.grad(spikes)).lower(900.0).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    used = [bytes_for(steps) for steps in (1600, 25600)]
    assert used[1] <= 4.6 * used[0]
    assert bytes_for(25600, segment=25600) > 10 * used[1]  # which keeps every step
