import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurogain.spiking import Drive, PyramidalDrive, cells, combine, synapse
from neurogain.spiking.models import izhikevich
from neurogain.spiking.models.izhikevich import IzhikevichCell, IzhikevichParams, IzhikevichState

SYNAPSES = {"none": (0.0, 0.0), "inhibitory": (4.0, -75.0), "excitatory": (2.0, 0.0)}  # nS, mV
# pA: near the onset of firing, well above it, far above it. Near the onset the Euler map of these
# cells is chaotic (noise of 1e-12 mV moves spikes within a second), so it is compared for 0.25 s.
CURRENTS = {
    ("rs", "none"): (80, 300, 600),
    ("rs", "inhibitory"): (250, 400, 800),
    ("rs", "excitatory"): (40, 250, 500),
    ("ib", "none"): (450, 900, 1000),
    ("ib", "inhibitory"): (650, 900, 1000),
    ("ib", "excitatory"): (350, 800, 900),
    ("ch", "none"): (200, 300, 500),
    ("ch", "inhibitory"): (300, 400, 900),
    ("ch", "excitatory"): (80, 250, 450),
    ("pv", "none"): (150, 400, 800),
    ("pv", "inhibitory"): (300, 500, 800),
    ("pv", "excitatory"): (60, 350, 600),
    ("som", "none"): (150, 400, 800),
    ("som", "inhibitory"): (250, 550, 900),
    ("som", "excitatory"): (40, 350, 600),
}
STEPS, STEPS_NEAR_ONSET = 20_000, 2_500


@pytest.fixture(scope="module")
def references(reference):
    columns = zip(*(cells.POINT_CELLS[cell] for cell, _ in CURRENTS), strict=True)
    p = IzhikevichParams(*(np.repeat(column, 3) for column in columns))
    g, E = np.repeat([SYNAPSES[kind] for _, kind in CURRENTS], 3, axis=0).T
    current = np.ravel(list(CURRENTS.values()))
    out = reference.izhikevich(p, current, n=current.size, steps=STEPS, g=g, E=E)
    columns = {name: slice(3 * i, 3 * i + 3) for i, name in enumerate(CURRENTS)}
    return {name: (out.spike[:, i], out.v[:, i], out.u[:, i]) for name, i in columns.items()}


def spread_state(n=60, dtype=jnp.float32):
    """Return states around and above threshold; with 1000 pA about half of them spike."""
    v, u = jnp.linspace(-80.0, 70.0, n, dtype=dtype), jnp.linspace(-200.0, 300.0, n, dtype=dtype)
    return IzhikevichState(v, jnp.roll(u, 7))


@pytest.mark.parametrize(("cell", "kind"), CURRENTS)
def test_two_seconds_agree_with_numpy_spike_for_spike(cell, kind, references, trajectory):
    p = cells.POINT_CELLS[cell]
    with jax.enable_x64():
        drive = combine(Drive(jnp.asarray(CURRENTS[cell, kind], float)), synapse(*SYNAPSES[kind]))
        start = izhikevich.init(p, 3, jnp.float64)
        state, info = trajectory(
            lambda s, _: izhikevich.step(p, s, drive, dt=0.1), start, steps=STEPS
        )
    for i, steps in enumerate((STEPS_NEAR_ONSET, STEPS, STEPS)):
        ours = [x[:steps, i] for x in (info.spike, state.v, state.u)]
        spike, v, u = (x[:steps, i] for x in references[cell, kind])
        assert spike.sum() >= (2 if i == 0 else 60)
        np.testing.assert_array_equal(ours[0], spike)
        np.testing.assert_allclose(ours[1], v, rtol=0, atol=1e-6)
        np.testing.assert_allclose(ours[2], u, rtol=0, atol=1e-6)


def test_jit_is_eager():
    def step(state):
        return izhikevich.step(cells.RS, state, Drive(1000.0, 3.0, -200.0), dt=0.1)

    (eager, info), (compiled, compiled_info) = step(spread_state()), jax.jit(step)(spread_state())
    assert 5 < info.spike.sum() < 55
    np.testing.assert_array_equal(info.spike, compiled_info.spike)
    np.testing.assert_allclose(eager.v, compiled.v, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(eager.u, compiled.u, rtol=1e-5, atol=1e-4)


def test_vmap_over_parameter_sets_is_a_loop():
    def step(p):
        return izhikevich.step(p, spread_state(), Drive(300.0), dt=0.1)

    sets = list(cells.POINT_CELLS.values())
    stacked = jax.tree.map(lambda *x: jnp.asarray(x), *sets)
    loop = jax.tree.map(lambda *x: np.stack(x), *map(jax.jit(step), sets))
    chex.assert_trees_all_close(jax.jit(jax.vmap(step))(stacked), loop, rtol=1e-5, atol=1e-4)


def test_one_value_per_cell_is_a_loop_over_cells():
    sets = list(cells.POINT_CELLS.values())
    p = jax.tree.map(lambda *x: jnp.asarray(x), *sets)
    state = izhikevich.init(p, len(sets))
    np.testing.assert_array_equal(state.v, [s.v_r for s in sets])
    step = jax.jit(lambda p, state: izhikevich.step(p, state, Drive(100.0), dt=0.1)[0])
    alone = [step(s, izhikevich.init(s, 1)).v for s in sets]
    np.testing.assert_allclose(step(p, state).v, np.concatenate(alone), rtol=1e-6)


@pytest.mark.parametrize("conductance", [0.0, 3.0])
def test_subthreshold_convergence_order(conductance):
    drive = combine(Drive(200.0), synapse(conductance, 0.0))

    def state_at_4_ms(dt):
        def body(s, _):
            s, info = izhikevich.step(cells.L5_SOMA, s, drive, dt=dt)
            return s, info.spike

        start = izhikevich.init(cells.L5_SOMA, 1, jnp.float64)
        state, spike = jax.lax.scan(body, start, length=round(4 / dt))
        assert not spike.any()
        return state.v[0], state.u[0]

    with jax.enable_x64():
        change = np.diff([state_at_4_ms(0.1 / 2**i) for i in range(4)], axis=0)
    np.testing.assert_allclose(np.log2(change[:-1] / change[1:]), 1, atol=0.1)


@settings(max_examples=8)
@given(s=st.floats(0.2, 5.0))
@example(s=4.0)
def test_a_cell_that_is_larger_and_slower_by_the_same_factor_spikes_alike(s, trajectory):
    p, drive = cells.L5_SOMA, combine(Drive(jnp.asarray([700.0, 1500.0])), synapse(2.0, 0.0))

    def spikes(p, dt):
        start = izhikevich.init(p, 2, jnp.float64)
        _, info = trajectory(lambda x, _: izhikevich.step(p, x, drive, dt=dt), start, steps=2500)
        return info.spike

    with jax.enable_x64():
        plain, scaled = spikes(p, 0.1), spikes(p._replace(C=p.C * s, a=p.a / s), 0.1 * s)
    assert plain.sum() > 10
    np.testing.assert_array_equal(scaled, plain)


def test_new_values_of_parameters_and_drive_do_not_compile_again():
    step = jax.jit(chex.assert_max_traces(lambda *args: izhikevich.step(*args, dt=0.1), n=1))
    for p, current in ((cells.RS, 10.0), (cells.IB, 20.0), (cells.RS._replace(b=3.0), 30.0)):
        step(p, izhikevich.init(p, 4), Drive(current=current))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"C": -100.0}, "`C` must be positive, in pF; got -100.0"),
        ({"k": 0.0}, "`k` must be positive, in nS/mV; got 0.0"),
        ({"a": np.asarray([0.1, 0.0, 0.1])}, "`a` must be other than 0, in 1/ms; got array([0.1"),
        ({"a": float("inf")}, "`a` must be finite, in 1/ms; got inf"),
        ({"d": float("nan")}, "`d` must be finite, in pA; got nan"),
        ({"C": float("nan")}, "`C` must be positive, in pF; got nan"),
        ({"b": float("inf")}, "`b` must be finite, in nS; got inf"),
        ({"v_t": -65.0}, "`v_r` must be below `v_t` (mV); got -60.0 and -65.0"),
        ({"v_peak": -45.0}, "`v_t` must be below `v_peak` (mV); got -40.0 and -45.0"),
        ({"c": 40.0}, "`c` must be below `v_peak` (mV); got 40.0 and 35.0"),
        ({"C": np.ones(2)}, "`C` must be one value, or one per cell, shape (3,); got shape (2,)"),
        ({"v_r": np.full((3, 1), -60.0)}, "`v_r` must be one value, or one per cell"),
    ],
)
def test_constants_that_make_no_cell_are_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        izhikevich.check(cells.RS._replace(**change), dt=0.1, n=3)


def test_constants_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match=re.escape("`b` must be a number or an array of numbers")):
        izhikevich.check(cells.RS._replace(b="high"), dt=0.1, n=3)


@pytest.mark.parametrize("dt", [0.0, -0.1, 3.6, 100.0, float("nan")])
def test_steps_that_are_too_long_are_refused_with_the_rule_and_its_unit(dt):
    # C / (k (v_t - v_r)) = 100 / (0.7 * 20) = 7.14 ms is shorter than 1 / a = 33 ms
    rule = (
        "`dt` must be in (0, 3.57143] ms, half the shortest time constant of these cells "
        f"(C / (k (v_t - v_r)), in pF / nS); got {dt!r}. Pass dt=0.1, or constants in these units."
    )
    with pytest.raises(ValueError, match=re.escape(rule)):
        izhikevich.check(cells.RS, dt=dt, n=3)
    with pytest.raises(ValueError, match=re.escape("(0, 0.25] ms")):  # 1 / a is the shorter
        izhikevich.check(cells.RS._replace(a=np.asarray([0.1, 2.0, 0.1])), dt=0.3, n=3)


def test_good_constants_pass_and_traced_ones_are_not_looked_at():
    for p in cells.POINT_CELLS.values():
        IzhikevichCell().check(p, Drive(), dt=0.1, n=3, key=None)
    bad = cells.RS._replace(C=-1.0)
    jax.eval_shape(lambda p: izhikevich.check(p, dt=0.1, n=3), bad)


def test_the_cell_refuses_a_drive_with_two_compartments_and_bad_constants():
    with pytest.raises(TypeError, match="must be a Drive for this cell; got PyramidalDrive"):
        IzhikevichCell().check(cells.RS, PyramidalDrive(), dt=0.1, n=3, key=None)
    with pytest.raises(ValueError, match="`dt` must be in"):
        IzhikevichCell().check(cells.RS, Drive(), dt=9.0, n=3, key=None)
