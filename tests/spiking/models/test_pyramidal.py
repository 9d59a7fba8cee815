import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import t as student

from neurogain.spiking import Drive, PyramidalDrive, cells, combine, synapse
from neurogain.spiking.models import dendrite, izhikevich, pyramidal
from neurogain.spiking.models.pyramidal import PyramidalState

P = cells.L5_PYRAMIDAL
STEPS = 20_000  # 2 s
KEY = jax.random.key(11)

# soma (pA), dendrite (pA), coupling; without and with inhibition of both compartments
GRID = list(itertools.product((700.0, 1000.0, 1500.0), (0.0, 600.0, 800.0), (0.0, 0.3, 0.5, 1.0)))
SOMA, DENDRITE, COUPLING = np.tile(np.transpose(GRID), 2)
N = SOMA.size
INHIBITION = np.repeat([[0.0, 0.0], [5.0, 8.0]], N // 2, axis=0).T  # nS onto soma and dendrite


def drive_of():
    soma, dendritic = map(jnp.asarray, INHIBITION)
    return PyramidalDrive(
        combine(Drive(jnp.asarray(SOMA)), synapse(soma, -75.0)),
        combine(Drive(jnp.asarray(DENDRITE)), synapse(dendritic, -75.0)),
        jnp.asarray(COUPLING),
    )


@pytest.fixture(scope="module")
def run(trajectory):
    def run(drive, n, *, coupling="stochastic", dtype=jnp.float64, steps=STEPS, key=KEY):
        def step(state, i):
            now = jax.random.fold_in(key, i)
            return pyramidal.step(P, state, drive, dt=0.1, key=now, coupling=coupling)

        return trajectory(step, pyramidal.init(P, n, dtype), steps)

    return run


@pytest.fixture(scope="module")
def numpy_grid(reference):
    return reference.pyramidal(
        P, SOMA, DENDRITE, COUPLING, n=N, steps=STEPS,
        soma_g=(INHIBITION[0], -75.0), dendrite_g=(INHIBITION[1], -75.0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def mean_field_grid(run):
    with jax.enable_x64():
        return run(drive_of(), N, coupling="mean-field")


def test_two_seconds_of_the_mean_field_agree_with_numpy_spike_for_spike(
    numpy_grid, mean_field_grid
):
    state, info = mean_field_grid
    assert numpy_grid.spike.sum() > 2000
    assert np.unique(numpy_grid.burst.sum(0)).size > 15
    np.testing.assert_array_equal(info.spike, numpy_grid.spike)
    np.testing.assert_allclose(info.burst, numpy_grid.burst, rtol=1e-12)
    traces = (state.soma.v, state.soma.u, state.dendrite.v, state.dendrite.w)
    for ours, name in zip(traces, ("v", "u", "v_d", "w"), strict=True):
        np.testing.assert_allclose(ours, getattr(numpy_grid, name), rtol=0, atol=1e-4)


def test_coupling_of_zero_or_one_is_the_mean_field(run, mean_field_grid):
    with jax.enable_x64():
        stochastic = run(drive_of(), N)
    certain = np.isin(COUPLING, (0.0, 1.0))
    ours, expected = (x[1].spike for x in (stochastic, mean_field_grid))
    np.testing.assert_array_equal(ours[:, certain], expected[:, certain])
    assert np.any(ours[:, ~certain] != expected[:, ~certain])


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_step_at_coupling_zero_or_one_is_the_mean_fields_bit_for_bit(p):
    # outside jit, where nothing is fused and rounded otherwise
    drive = PyramidalDrive(Drive(900.0), Drive(500.0, 3.0, -225.0), p)
    for key in jax.random.split(KEY, 5):
        stochastic = pyramidal.step(P, spread_state(), drive, dt=0.1, key=key)
        mean_field = pyramidal.step(P, spread_state(), drive, dt=0.1, coupling="mean-field")
        chex.assert_trees_all_equal(stochastic, mean_field)


def test_without_coupling_the_dendritic_current_does_not_reach_the_soma(mean_field_grid):
    state, info = mean_field_grid
    for soma in np.unique(SOMA):
        quiet, *driven = np.flatnonzero((COUPLING == 0) & (soma == SOMA) & (INHIBITION[0] == 0))
        assert np.ptp(state.dendrite.v[-1, [quiet, *driven]]) > 20
        for trace in (state.soma.v, state.soma.u, info.spike):
            np.testing.assert_array_equal(trace[:, driven], trace[:, [quiet] * len(driven)])


def test_the_soma_alone_is_an_izhikevich_cell(trajectory, mean_field_grid):
    with jax.enable_x64():
        drive, start = drive_of().soma, izhikevich.init(P.soma, N, jnp.float64)
        _, info = trajectory(
            lambda s, _: izhikevich.step(P.soma, s, drive, dt=0.1), start, steps=STEPS
        )
    uncoupled = COUPLING == 0
    np.testing.assert_array_equal(info.spike[:, uncoupled], mean_field_grid[1].spike[:, uncoupled])


def test_single_precision_fires_at_the_same_rates(run, mean_field_grid):
    single = run(jax.tree.map(jnp.float32, drive_of()), N, coupling="mean-field", dtype="float32")
    ours, theirs = (x[1].spike.reshape(STEPS, -1, 4).sum((0, 1)) for x in (single, mean_field_grid))
    np.testing.assert_allclose(ours, theirs, rtol=0.01)  # summed over currents, for each coupling


def test_random_coupling_gives_the_rates_of_numpys_random_coupling(run, reference):
    repeats, soma = 48, np.asarray([700.0, 1000.0, 1250.0, 1500.0])
    currents, n = np.repeat(soma, repeats), repeats * soma.size
    rng = np.random.default_rng(5)
    theirs = reference.pyramidal(P, currents, 800.0, 0.5, n=n, steps=STEPS // 2, rng=rng)
    with jax.enable_x64():
        drive = PyramidalDrive(Drive(jnp.asarray(currents)), Drive(800.0), 0.5)
        _, ours = run(drive, n, steps=STEPS // 2)
    for measure in ("spike", "burst"):
        counts = [getattr(x, measure).sum(0).reshape(soma.size, repeats) for x in (ours, theirs)]
        difference = counts[0].mean(1) - counts[1].mean(1)
        error = np.sqrt(sum(x.var(1, ddof=1) for x in counts) / repeats)
        assert np.all(error < 1.5)  # spikes in 1 s, of 6 to 40
        bound = student.ppf(1 - 0.01 / (2 * 2 * soma.size), 2 * repeats - 2) * error
        np.testing.assert_array_less(np.abs(difference), bound)


def spread_state(n=40):
    """Return somata of which some spike, dendrites of which some have a calcium event."""
    soma = izhikevich.IzhikevichState(jnp.linspace(-80.0, 70.0, n), jnp.linspace(-99.0, 300.0, n))
    apical = dendrite.DendriteState(
        jnp.roll(jnp.linspace(-75.0, 0.0, n), 6), jnp.linspace(0.0, -500.0, n)
    )
    return PyramidalState(soma, apical, jnp.arange(n, dtype=jnp.int32))


@pytest.mark.parametrize("coupling", ["stochastic", "mean-field"])
def test_jit_is_eager_and_vmap_is_a_loop(coupling):
    def step(p, key):
        drive = PyramidalDrive(Drive(900.0), Drive(500.0, 3.0, -225.0), 0.6)
        return pyramidal.step(p, spread_state(), drive, dt=0.1, key=key, coupling=coupling)

    regular = P._replace(soma=cells.RS, bap_end=1.0)
    sets, keys = [P, P._replace(c_burst=-40.0, v_calcium=-50.0), regular], jax.random.split(KEY, 3)
    compiled = [jax.jit(step)(p, key) for p, key in zip(sets, keys, strict=True)]
    eager = step(P, keys[0])
    assert 0 < eager[1].burst.sum() < eager[1].spike.sum() < 40
    chex.assert_trees_all_close(compiled[0], eager, rtol=1e-5, atol=1e-4)
    stacked = jax.tree.map(lambda *x: jnp.asarray(x), *sets)
    loop = jax.tree.map(lambda *x: np.stack(x), *compiled)
    chex.assert_trees_all_close(jax.jit(jax.vmap(step))(stacked, keys), loop, rtol=1e-5, atol=1e-4)


@functools.partial(jax.jit, static_argnames="dt")
def arriving(state, dt=0.1):
    """Return in pA what reaches the dendrites by back-propagation in the next step."""
    drive, silent = PyramidalDrive(coupling=1.0), P._replace(bap_current=0.0)
    step = functools.partial(pyramidal.step, dt=dt, coupling="mean-field")
    (with_it, _), (without, _) = step(P, state, drive), step(silent, state, drive)
    return (with_it.dendrite.v - without.dendrite.v) * P.dendrite.C / dt, with_it


@pytest.mark.parametrize(("dt", "first", "last"), [(0.1, 5, 25), (0.05, 10, 50), (0.25, 2, 10)])
def test_a_spike_arrives_from_half_a_millisecond_to_two_and_a_half_both_included(dt, first, last):
    rest = pyramidal.init(P, 60)
    current, _ = arriving(rest._replace(since_spike=jnp.arange(60, dtype=jnp.int32)), dt)
    expected = [2600.0 * (first <= age <= last) for age in range(60)]
    np.testing.assert_allclose(current, expected, rtol=1e-3)


@pytest.mark.parametrize("spikes", [(0,), (0, 10), (0, 3, 40)])
def test_the_window_counts_from_the_last_spike(spikes):
    state, seen = pyramidal.init(P, 1), []
    for step in range(80):
        if step in spikes:  # a soma put there passes its peak in this step
            state = state._replace(soma=state.soma._replace(v=jnp.asarray([60.0])))
        current, state = arriving(state)
        seen.append(current[0] > 1000)
    last = [max((s for s in spikes if s < step), default=-999) for step in range(80)]
    expected = [5 <= step - spike <= 25 for step, spike in enumerate(last)]
    np.testing.assert_array_equal(seen, expected)


def test_a_cell_that_never_spiked_stays_silent_for_ever():
    state = pyramidal.init(P, 1)
    for age in (state.since_spike[0], 2**31 - 1):  # steps, the last the largest of its dtype
        old = state._replace(since_spike=jnp.asarray([age], jnp.int32))
        for _ in range(3):
            current, old = arriving(old)
            np.testing.assert_array_equal(current, [0.0])
            assert old.since_spike[0] > 2**29
