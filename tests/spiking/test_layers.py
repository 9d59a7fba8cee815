import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    LIFCell,
    LIFParams,
    PyramidalCell,
    PyramidalDrive,
    cells,
    surrogate,
)
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout, rate_band

STEPS, BATCH, INPUTS, N = 60, 3, 5, 4
RNG = np.random.default_rng(0)
SPIKES = (RNG.random((STEPS, BATCH, INPUTS)) < 0.1).astype(float)
LIF = Layer(LIFCell(surrogate.FastSigmoid(10.0)), LIFParams(), INPUTS, N, scale=3000.0)


def plain_lif(layer, params, spikes, start=None):
    """Run a LIF layer in NumPy, in float64; return the spikes and the largest distances."""
    p = LIFParams(*(np.asarray(x, float) for x in layer.constants))
    w = np.asarray(params["in"], float)
    v = np.asarray(params["recurrent"], float) if layer.recurrent else np.zeros((layer.n,) * 2)
    steps, batch = spikes.shape[:2]
    membrane, adaptation = np.full((batch, layer.n), p.E_leak), np.zeros((batch, layer.n))
    current = np.zeros((batch, layer.n))
    dt = layer.dt / layer.substeps
    out = np.zeros((steps, batch, layer.n))
    for t in range(steps):
        before = t - layer.delay
        own = out[before] if before >= 0 else np.zeros((batch, layer.n))
        current = current + layer.scale * (spikes[t] @ w + own @ v)
        for _ in range(layer.substeps):
            mean = current * (layer.tau / dt) * (1 - np.exp(-dt / layer.tau))
            w_mean = adaptation * (p.tau_w / dt) * (1 - np.exp(-dt / p.tau_w))
            leak = p.g_leak * (p.E_leak - membrane)
            membrane = membrane + dt / p.C * (leak - w_mean + mean)
            adaptation = adaptation * np.exp(-dt / p.tau_w)
            current = current * np.exp(-dt / layer.tau)
            fired = membrane >= p.v_t
            membrane = np.where(fired, p.v_reset, membrane)
            adaptation = adaptation + fired * p.d
            out[t] += fired
    return out


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"recurrent": True},
        {"recurrent": True, "delay": 3},
        {"substeps": 4, "tau": 2.0},
        {"constants": LIFParams(C=np.array([100.0, 150.0, 200.0, 300.0]), d=50.0)},
        {"tau": np.array([1.0, 4.0, 9.0, 30.0])},
    ],
)
def test_a_layer_is_a_plain_loop_spike_for_spike(change):
    layer = dataclasses.replace(LIF, **change)
    with jax.enable_x64():
        params = layer.init(jax.random.key(1))
        found, _ = jax.jit(layer.apply)(params, SPIKES)
    expected = plain_lif(layer, params, SPIKES)
    assert expected.sum() > 20
    np.testing.assert_array_equal(found, expected)


L5 = Layer(
    PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, INPUTS, N, substeps=5, scale=4000.0,
    compartment="dendrite", drive=PyramidalDrive(Drive(700.0), coupling=0.5),
)  # fmt: skip


def test_cells_of_several_compartments_get_the_current_where_it_is_said():
    params = {"in": jnp.ones((INPUTS, N))}
    for name in ("soma", "dendrite"):
        layer = dataclasses.replace(L5, compartment=name, drive=PyramidalDrive(coupling=0.5))
        state = layer.apply(params, jnp.ones((2, BATCH, INPUTS)))[1].cells
        moved = {
            "soma": float(state.soma.v.min()) - cells.L5_SOMA.v_r,
            "dendrite": float(state.dendrite.v.min()) - cells.L5_DENDRITE.E_leak,
        }
        other = {"soma": "dendrite", "dendrite": "soma"}[name]
        assert moved[name] > 5 > abs(moved[other])


def test_a_jump_delivers_its_charge_at_any_step():
    silent = LIFParams(g_leak=1e-9, v_t=1e9, d=0.0)
    spike = np.zeros((40, 1, 1))
    spike[0] = 1
    with jax.enable_x64():
        for substeps in (1, 2, 10):
            layer = Layer(LIFCell(), silent, 1, 1, substeps=substeps, tau=2.0, scale=100.0)
            state = layer.apply({"in": jnp.ones((1, 1))}, spike)[1]
            moved = float(state.cells.v[0, 0]) + 70  # mV: 100 pA x 2 ms / 200 pF
            np.testing.assert_allclose(moved, 1.0, rtol=1e-6)


def test_time_constants_of_synapses_are_learned_like_those_of_cells():
    plain = dataclasses.replace(LIF, tau=4.0)
    learned = dataclasses.replace(plain, learn=("synapses.tau", "C"))
    params = learned.init(jax.random.key(3))
    assert {k: x.shape for k, x in params["constants"].items()} == {"C": (N,), "synapses.tau": (N,)}
    weights = {"in": params["in"]}
    np.testing.assert_allclose(
        learned.apply(params, SPIKES)[1].current, plain.apply(weights, SPIKES)[1].current, rtol=1e-6
    )
    moved = params | {"constants": {"C": jnp.zeros(N), "synapses.tau": jnp.linspace(-1.0, 1.0, N)}}
    tau = np.asarray(learned.synapses(moved).tau)
    np.testing.assert_allclose(tau, 4 * np.exp(7 * np.tanh(np.linspace(-1, 1, N) / 7)), rtol=1e-4)
    given = dataclasses.replace(plain, tau=tau)
    np.testing.assert_allclose(
        learned.apply(moved, SPIKES)[1].current, given.apply(weights, SPIKES)[1].current, rtol=1e-4
    )

    def current(raw):
        own = moved | {"constants": moved["constants"] | {"synapses.tau": raw}}
        return learned.apply(own, SPIKES[:8])[1].current

    check_grads(current, (jnp.zeros(N),), 1, modes=["rev"], rtol=1e-2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("change", [{}, {"tau": np.full(N, 5.0)}, {"learn": ("synapses.tau",)}])
def test_the_state_has_the_dtype_of_the_weights(change, dtype):
    layer = dataclasses.replace(LIF, **change)
    with jax.enable_x64(dtype == "float64"):
        params = jax.tree.map(lambda x: x.astype(dtype), layer.init(jax.random.key(0)))
        spikes, state = jax.eval_shape(layer.apply, params, SPIKES[:5])
    assert {str(x.dtype) for x in jax.tree.leaves((spikes, state))} == {dtype}


def test_one_name_is_no_sequence_of_names():
    with pytest.raises(TypeError, match=r"`learn` must be several names; got 'C'\. Pass \['C'\]"):
        dataclasses.replace(LIF, learn="C")


@pytest.mark.parametrize("name", ["tau", "synapses.C", "leak"])
def test_constants_that_can_not_be_learned_are_named_with_all_that_can(name):
    with pytest.raises(
        ValueError, match=rf"`learn` must name constants, .*C, .*synapses.tau; got '{name}'"
    ):
        dataclasses.replace(LIF, learn=(name,))


@pytest.mark.parametrize(
    ("tau", "message"),
    [
        (np.ones(N + 1), rf"`tau` must be one number or have shape \({N},\); got"),
        (np.zeros(N), "`tau` must be positive and finite, in ms"),
        ("slow", "`tau` must be a real number or an array of them"),
    ],
)
def test_time_constants_of_synapses_that_are_none(tau, message):
    with pytest.raises((ValueError, TypeError), match=message):
        dataclasses.replace(LIF, tau=tau)


def test_a_run_goes_on_from_its_state():
    layer = dataclasses.replace(LIF, recurrent=True, delay=2)
    params = layer.init(jax.random.key(2))
    whole, end = layer.apply(params, SPIKES)
    first, state = layer.apply(params, SPIKES[:25])
    second, again = layer.apply(params, SPIKES[25:], state)
    np.testing.assert_array_equal(whole, jnp.concatenate([first, second]))
    jax.tree.map(np.testing.assert_array_equal, end, again)


def loss_of(layer):
    def loss(params):
        spikes, state = layer.apply(params, jnp.asarray(SPIKES))
        return jnp.sum(spikes * jnp.cos(jnp.arange(layer.n))) + 1e-3 * jnp.sum(
            jax.tree.leaves(state.cells)[0]
        )

    return loss


@pytest.mark.parametrize("segment", [7, 60])
def test_segments_change_memory_alone(segment):
    layer = dataclasses.replace(LIF, recurrent=True, learn=("C",))
    params = layer.init(jax.random.key(3))
    one = jax.jit(jax.value_and_grad(loss_of(layer)))(params)
    parted = dataclasses.replace(layer, segment=segment)
    other = jax.jit(jax.value_and_grad(loss_of(parted)))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-4), one, other)


def test_truncated_gradients_are_those_of_each_segment_from_the_state_before():
    layer = dataclasses.replace(LIF, segment=20, truncated=True)
    params = layer.init(jax.random.key(4))
    found = jax.grad(loss_of(layer))(params)["in"]

    def loss(params):
        total, state = 0.0, None
        for begin in range(0, STEPS, 20):
            state = jax.lax.stop_gradient(state)
            spikes, state = LIF.apply(params, jnp.asarray(SPIKES[begin : begin + 20]), state)
            total += jnp.sum(spikes * jnp.cos(jnp.arange(N)))
        return total + 1e-3 * jnp.sum(state.cells.v)

    np.testing.assert_allclose(found, jax.grad(loss)(params)["in"], rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, jax.grad(loss_of(LIF))(params)["in"], rtol=1e-2)


def test_without_spikes_the_gradient_is_that_of_the_leaky_integrator():
    silent = LIFParams(v_t=1e6, d=0.0)
    with jax.enable_x64():
        layer = Layer(LIFCell(), silent, 1, 1, tau=4.0, scale=50.0)
        inputs = np.zeros((30, 1, 1))
        inputs[3] = 1

        def end(w):
            return layer.apply({"in": w}, inputs)[1].cells.v[0, 0]

        found = float(jax.grad(end)(jnp.ones((1, 1)))[0, 0])
        # v_(t+1) = (1 - dt / tau_m) v_t + dt / C mean(I_t), I_t = 50 exp(-(t - 3) / 4)
        expected = sum(
            50 * np.exp(-(t - 3) / 4) * 4 * (1 - np.exp(-0.25)) / 200 * (1 - 10 / 200) ** (29 - t)
            for t in range(3, 30)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        difference = float(end(jnp.full((1, 1), 1.001)) - end(jnp.full((1, 1), 0.999))) / 0.002
        np.testing.assert_allclose(found, difference, rtol=1e-8)


def test_constant_learned_values_equal_scalars_bit_for_bit():
    params = LIF.init(jax.random.key(5))
    learned = dataclasses.replace(LIF, learn=("C", "g_leak", "v_t", "tau_w"))
    more = learned.init(jax.random.key(5))
    assert {name: x.shape for name, x in more["constants"].items()} == dict.fromkeys(
        ("C", "g_leak", "v_t", "tau_w"), (N,)
    )
    found, expected = learned.apply(more, SPIKES), LIF.apply(params, SPIKES)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    grads = jax.grad(loss_of(learned))(more)["constants"]
    assert all(np.abs(x).max() > 0 for x in grads.values())


@pytest.mark.parametrize(
    "layer",
    [
        Layer(IzhikevichCell(), cells.RS, INPUTS, N, substeps=2, scale=9000.0, learn=("c", "d")),
        dataclasses.replace(L5, compartment="soma", learn=("soma.d", "dendrite.tau_w")),
    ],
)
def test_other_cells_learn_too(layer):
    params = layer.init(jax.random.key(6))
    value, grads = jax.jit(jax.value_and_grad(loss_of(layer)))(params)
    assert np.isfinite(value)
    for x in jax.tree.leaves(grads):
        assert np.all(np.isfinite(x))
        assert np.abs(x).max() > 0


def test_cells_that_draw_need_a_key_and_draw_for_each_of_a_batch():
    layer = dataclasses.replace(L5, cell=PyramidalCell())
    params = layer.init(jax.random.key(0))
    same = np.broadcast_to(SPIKES[:, :1], SPIKES.shape)
    with pytest.raises(ValueError, match=r"`key` must be a jax\.random\.key for stochastic coup"):
        layer.apply(params, same)
    one, state = layer.apply(params, same, key=jax.random.key(1))
    again, _ = layer.apply(params, same, key=jax.random.key(1))
    np.testing.assert_array_equal(one, again)
    assert len(np.unique(state.cells.dendrite.v[:, 0])) == BATCH


def test_constants_and_drive_may_be_modulated_step_by_step():
    params = LIF.init(jax.random.key(7))

    def modulate(constants, drive, level):
        return constants._replace(v_t=constants.v_t + level), drive

    plain, _ = LIF.apply(params, SPIKES)
    tonic, _ = LIF.apply(params, SPIKES, modulate=modulate, levels=jnp.zeros((STEPS, BATCH)))
    np.testing.assert_array_equal(plain, tonic)
    late = jnp.where(jnp.arange(STEPS) < 30, 0.0, 1e6)[:, None] * jnp.array([1.0, 0.0, 1.0])
    silenced, _ = LIF.apply(params, SPIKES, modulate=modulate, levels=late)
    np.testing.assert_array_equal(silenced[:30], plain[:30])
    np.testing.assert_array_equal(silenced[:, 1], plain[:, 1])  # of a level of its own
    assert silenced[30:, ::2].sum() == 0 < plain[30:, ::2].sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dt": 25.0}, r"`dt` must be in \(0, 10\] ms"),
        ({"delay": 0}, "`delay` must be a whole number of at least 1; got 0"),
        ({"substeps": 0}, "`substeps` must be a whole number of at least 1"),
        ({"tau": -1.0}, "`tau` must be positive and finite, in ms; got -1.0"),
        ({"compartment": "dendrite"}, "`compartment` must be one of soma; got 'dendrite'"),
        ({"learn": ("tau",)}, "`learn` must name constants, each one of C, g_leak, .*; got 'tau'"),
        ({"truncated": True}, "`truncated` needs `segment`, .*; got None"),
        ({"constants": LIFParams(C=np.ones(3))}, "`C`"),
        ({"constants": cells.RS}, "`params` must be"),
        ({"cell": LIFCell}, "`cell` must be a kind of cell"),
        ({"drive": PyramidalDrive()}, "drive"),
    ],
)
def test_what_the_cell_cannot_take_is_refused(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        dataclasses.replace(LIF, **change)


@pytest.mark.parametrize("shape", [(STEPS, INPUTS), (STEPS, BATCH, 3), (0, BATCH, INPUTS)])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(steps, batch, 5\)"):
        LIF.apply(LIF.init(jax.random.key(0)), np.zeros(shape))


# readouts

SOME = RNG.integers(0, 2, (40, BATCH, N)).astype(float)


@pytest.mark.parametrize(
    ("kind", "take"),
    [
        ("leaky", lambda v: v[-1]),
        ("max", lambda v: v.max(0)),
        ("mean", lambda v: v.mean(0)),
        ("window", lambda v: v[10:20].mean(0)),
    ],
)
def test_a_readout_is_a_leaky_integrator(kind, take):
    window = (20.0, 40.0) if kind == "window" else None
    readout = Readout(N, 3, kind, dt=2.0, tau=7.0, window=window)
    params = readout.init(jax.random.key(0))
    params["bias"] = jnp.arange(3.0)
    v, course, r = np.zeros((BATCH, 3)), [], np.exp(-2 / 7)
    for z in SOME:
        v = r * v + (1 - r) * z @ np.asarray(params["kernel"], float)
        course.append(v)
    expected = take(np.array(course)) + np.arange(3.0)
    found = jax.jit(readout.apply)(params, jnp.asarray(SOME, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "first"}, "`kind` must be one of leaky, max, mean, window; got 'first'"),
        ({"kind": "window"}, '`window` must be given with the kind "window"'),
        ({"window": (0.0, 1.0)}, '`window` must be given with the kind "window"'),
        ({"kind": "window", "window": (5.0, 5.0)}, "0 <= from < to"),
        ({"kind": "window", "window": (1.0, 5.0, 7.0)}, "two finite times in ms"),
        ({"kind": "window", "window": 5.0}, "two finite times in ms, 0 <= from < to; got 5.0"),
        ({"kind": "window", "window": (0.0, np.inf)}, "two finite times in ms"),
        ({"kind": "window", "window": "ab"}, "two finite times in ms"),
        ({"tau": 0.0}, "`tau` must be positive and finite, in ms; got 0.0"),
        ({"classes": 0}, "`classes` must be a whole number of at least 1"),
    ],
)
def test_readouts_check_themselves(options, message):
    with pytest.raises(ValueError, match=message):
        Readout(**{"inputs": N, "classes": 3, **options})


def test_a_readout_refuses_spikes_that_do_not_fit():
    readout = Readout(N, 3, "window", window=(30.0, 50.0))
    params = readout.init(jax.random.key(0))
    with pytest.raises(ValueError, match=r"end by 40 ms, where the spikes do; got \(30"):
        readout.apply(params, jnp.asarray(SOME))
    with pytest.raises(ValueError, match=r"`spikes` must have shape \(steps, batch, 4\)"):
        readout.apply(params, jnp.zeros((40, N)))


def test_rates_within_the_band_cost_nothing():
    spikes = np.zeros((100, 2, 3))  # 0.1 s: a spike in each of the batch is 10 Hz
    spikes[50, :, 1] = 1
    spikes[::20, :, 2] = 1  # 50 Hz
    cost = float(rate_band(jnp.asarray(spikes), 5.0, 20.0, dt=1.0))
    np.testing.assert_allclose(cost, ((5 / 20) ** 2 + 0 + (30 / 20) ** 2) / 3, rtol=1e-6)
    with pytest.raises(ValueError, match=r"must be 0 <= low < high, in Hz; got 20\.0 and 5\.0"):
        rate_band(jnp.asarray(spikes), 20.0, 5.0, dt=1.0)
    with pytest.raises(ValueError, match="`dt` must be positive"):
        rate_band(jnp.asarray(spikes), 5.0, 20.0, dt=0.0)
