"""`rollout`: the same run as `simulate`, inside jit, vmap and grad, in little memory."""

import functools

import jax
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

N = 3
STEPS = 600
KEY = jax.random.key(7)


def noise(step, key):
    return 900 + 600 * jax.random.normal(key, (N,))


def dendritic(state, info):
    return state.dendrite.v


NOISY = PyramidalDrive(soma=Drive(current=noise), dendrite=Drive(current=500.0), coupling=0.5)
EVERYTHING = {
    "count": Total(),
    "peak": Peak(dendritic),
    "trace": Traces(dendritic, cells=(2, 0)),  # test_recorders_strides.py has the others
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


def jitted(**options):
    """Return NOISY's rollout as a function of constants, numbers of the drive, key and state."""

    @jax.jit
    def rolled_from(params, numbers, key, state=None):
        drive = PyramidalDrive(Drive(noise), Drive(numbers[0]), numbers[1])
        run = rolled(params=params, drive=drive, key=key, state=state, **options)
        return run.state, run.recorded

    return functools.partial(rolled_from, cells.L5_PYRAMIDAL, (500.0, 0.5), KEY)


def test_rollout_with_numbers_as_arguments_is_simulate_bit_for_bit(simulated):
    expected = simulated
    state, recorded = jitted(record=EVERYTHING, segment=100)()
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


def test_a_rollout_goes_on_from_a_state_and_a_step(simulated):
    record = {"raster": Spikes(), "count": Total()}
    state, first = jitted(duration=24.0, record=record)()  # lengths of whole segments
    state, second = jitted(duration=36.0, record=record, first_step=240)(state)
    equal(state, simulated.state)
    parts = {
        "raster": np.concatenate([first["raster"], second["raster"]]),
        "count": first["count"] + second["count"],
    }
    same_records(parts, simulated.recorded)


def test_jit_is_eager_and_compiles_once_for_all_numbers():
    traces = []

    @jax.jit
    def counted(current, key):
        traces.append(current)
        return rolled(drive=PyramidalDrive(Drive(current), coupling=0.5), key=key)

    counted(1500.0, KEY)
    actual = counted(1800.0, jax.random.key(3))
    assert len(traces) == 1
    drive = PyramidalDrive(Drive(1800.0), coupling=0.5)
    expected = rolled(drive=drive, key=jax.random.key(3))
    assert (actual.recorded["spikes"] >= 2).all()
    equal(actual.recorded, expected.recorded)
    close(actual.state, expected.state, rtol=1e-4)


def test_vmap_over_parameters_and_keys_is_a_loop():
    def run(numbers, key):
        p, C, current = numbers
        params = cells.L5_PYRAMIDAL._replace(soma=cells.L5_SOMA._replace(C=C))
        return rolled(params=params, drive=PyramidalDrive(Drive(current), Drive(500.0), p), key=key)

    def row(tree, i):
        return jax.tree.map(lambda x: np.asarray(x)[i], tree)

    current = np.array([[0.0, 500.0, 1000.0], *(2 * [[1500.0, 2000.0, 2500.0]])])
    numbers = (np.array([0.3, 0.7, 0.7]), np.array([100.0, 250.0, 250.0]), current)
    keys = jax.random.split(KEY, 3)  # the last two differ in nothing else
    many = jax.jit(jax.vmap(run))(numbers, keys)
    one = jax.jit(run)
    for i in range(3):
        alone = one(row(numbers, i), keys[i])
        # fusion differs in the last bit, which the last step before a peak magnifies
        close(row(many.recorded, i), alone.recorded, rtol=0)
        close(row(many.state, i), alone.state, rtol=1e-3, atol=1e-3)
    differ = np.abs(np.diff(many.state.dendrite.v, axis=0))
    assert (differ > 0.01).all()


def test_reverse_mode_is_forward_mode():
    def loss(current, coupling):
        run = rolled(
            drive=PyramidalDrive(Drive(current), Drive(500.0), coupling),
            duration=28.9,  # whole segments
            record={"spikes": Total(), "v": Traces(dendritic)},
        )
        return run.recorded["spikes"].sum() + 1e-3 * run.recorded["v"].mean()

    value, gradient = jax.jit(jax.value_and_grad(loss, (0, 1)))(1200.0, 0.5)
    assert value > N - 1
    assert np.isfinite(gradient).all()
    assert gradient[0] > 0
    assert gradient[1] != 0
    close(jax.jit(jax.jacfwd(loss, (0, 1)))(1200.0, 0.5), gradient, rtol=1e-3)


def test_memory_of_the_gradient_grows_as_the_root_of_the_steps_and_changes_no_number():
    def compiled(steps, **options):
        def spikes(current):
            options["duration"] = 0.1 * steps
            run = rollout(IzhikevichCell(), cells.RS, Drive(current), n=16, **options)
            return run.recorded["spikes"].sum()

        return jax.jit(jax.value_and_grad(spikes)).lower(900.0).compile()

    def used(program):
        return program.memory_analysis().temp_size_in_bytes

    short, long = compiled(1600), compiled(25600)
    all_kept = compiled(25600, segment=25600)
    assert used(long) <= 4.6 * used(short)
    assert used(all_kept) > 10 * used(long)
    (count, slope), expected = long(900.0), all_kept(900.0)
    assert count > 1000
    assert slope > 0
    close((count, slope), expected, rtol=1e-4)
