import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from neurogain import gain

unit = st.floats(0.01, 0.99)
gains = st.floats(0.1, 10)
drives = st.floats(0, 5)
baselines = st.floats(1, 5)
sensitivities = st.floats(0, 2)
times = st.floats(0.1, 100)


@given(g=gains, u=drives, tau=times, g0=baselines, k=drives, dt=times, n=st.integers(1, 6))
def test_small_steps_of_relax_are_one_large_step(g, u, tau, g0, k, dt, n):
    constants = {"tau": tau, "baseline": g0, "strength": k}
    small = g
    for _ in range(n):
        small = gain.relax(small, u, dt=dt / n, **constants)
    large = gain.relax(g, u, dt=dt, **constants)
    target = g0 + k * u
    exact = target + (g - target) * np.exp(-dt / tau)
    tolerance = 2e-5 * max(g, target)
    np.testing.assert_allclose(small, exact, rtol=0, atol=tolerance)
    np.testing.assert_allclose(large, exact, rtol=0, atol=tolerance)


@given(decay=st.floats(0.05, 0.95), sensitivity=sensitivities, dt=times)
def test_per_update_and_continuous_are_inverse(decay, sensitivity, dt):
    constants = gain.continuous(decay=decay, sensitivity=sensitivity, dt=dt)
    np.testing.assert_allclose(constants.tau, -dt / np.log(decay), rtol=1e-4)
    np.testing.assert_allclose(constants.strength, sensitivity / (1 - decay), rtol=1e-4, atol=1e-30)
    back = gain.per_update(tau=constants.tau, strength=constants.strength, dt=dt)
    np.testing.assert_allclose(back, (decay, sensitivity), rtol=1e-4, atol=1e-30)


@jax.jit
def _advanced(n, g, u, constants):
    return jax.lax.fori_loop(0, n, lambda _, x: gain.step(x, u, **constants), g)


@given(u=drives, decay=unit, g0=baselines, eta=sensitivities, g=gains)
def test_the_fixed_point_stays_and_is_reached(u, decay, g0, eta, g):
    constants = {"decay": decay, "baseline": g0, "sensitivity": eta}
    fixed = gain.fixed_point(u, **constants)
    np.testing.assert_allclose(fixed, g0 + eta * u / (1 - decay), rtol=1e-4)
    np.testing.assert_allclose(gain.step(fixed, u, **constants), fixed, rtol=1e-5)
    n = int(np.ceil(np.log(1e-6) / np.log(decay)))
    reached = _advanced(n, g, u, constants)
    np.testing.assert_allclose(reached, fixed, rtol=1e-4)


@given(us=st.lists(st.floats(0, 1), min_size=1, max_size=20), decay=unit, g0=baselines)
def test_bounds_hold_from_the_baseline_on(us, decay, g0):
    constants = {"decay": decay, "baseline": g0, "sensitivity": 0.4}
    low, high = gain.bounds(1.0, **constants)
    g = g0
    for u in us:
        g = gain.step(g, u, **constants)
        assert low * (1 - 1e-6) <= g <= high * (1 + 1e-6)


def test_bounds_for_the_entropy_of_ten_classes():
    low, high = gain.bounds(np.log(10), decay=0.9, baseline=1.0, sensitivity=0.4)
    np.testing.assert_allclose((low, high), (1.0, 1 + 0.4 * np.log(10) / 0.1), rtol=1e-6)


def test_closed_form_after_n_updates():
    n, g, u, decay, g0, eta = 25, 3.0, 0.7, 0.9, 1.2, 0.4
    x = g
    for _ in range(n):
        x = gain.step(x, u, decay=decay, baseline=g0, sensitivity=eta)
    fixed = g0 + eta * u / (1 - decay)
    np.testing.assert_allclose(x, fixed + (g - fixed) * decay**n, rtol=1e-6)


@pytest.mark.optimized
@given(decay=unit, g0=baselines)
def test_the_baseline_without_drive_is_kept_bit_for_bit(decay, g0):
    g0 = np.float32(g0)
    assert gain.step(g0, 0.0, decay=decay, baseline=g0, sensitivity=0.4) == g0


@given(e=st.floats(-100, 100), g=gains, g0=baselines)
def test_fast_and_slow_add_up_to_the_effective_weight(e, g, g0):
    split = gain.fast_slow(e, g, baseline=g0)
    scale = max(abs(e), abs(e) * g0 / g)
    np.testing.assert_allclose(split.slow + split.fast, e, rtol=0, atol=1e-6 * scale + 1e-30)
    np.testing.assert_allclose(split.slow, g0 * e / g, rtol=0, atol=1e-6 * scale + 1e-30)
    np.testing.assert_allclose(split.fast, (g - g0) * e / g, rtol=0, atol=1e-6 * scale + 1e-30)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_results_have_the_dtype_of_the_state(dtype):
    with jax.enable_x64():
        g, u = jnp.ones(3, dtype), jnp.full(3, 0.5, dtype)
        constants = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}
        results = [
            gain.step(g, u, **constants),
            gain.relax(g, u, tau=10.0, baseline=1.0, strength=4.0, dt=1.0),
            gain.fixed_point(u, **constants),
            *gain.bounds(u, **constants),
            *gain.fast_slow(u, g, baseline=1.0),
        ]
        assert {x.dtype.name for x in results} == {dtype}
        tolerance = {"float32": 1e-6, "float64": 1e-15, "bfloat16": 1e-2}[dtype]
        np.testing.assert_allclose(results[0].astype("float64"), np.full(3, 1.2), rtol=tolerance)


def test_arrays_broadcast_against_each_other():
    rng = np.random.default_rng(0)
    g, u = rng.uniform(1, 3, (4, 1)), rng.uniform(0, 1, (1, 5))
    decay, g0, eta = rng.uniform(0.1, 0.9, 5), rng.uniform(1, 2, (3, 1, 1)), 0.4
    out = gain.step(g, u, decay=decay, baseline=g0, sensitivity=eta)
    assert out.shape == (3, 4, 5)
    np.testing.assert_allclose(out, decay * g + (1 - decay) * g0 + eta * u, rtol=1e-5)
    low, high = gain.bounds(u, decay=decay, baseline=g0, sensitivity=eta)
    assert low.shape == high.shape == (3, 1, 5)


def test_vmap_is_a_loop_and_jit_is_eager():
    g, u = jnp.linspace(1, 3, 4), jnp.linspace(0, 1, 4)

    def step(g, u):
        return gain.step(g, u, decay=0.9, baseline=1.0, sensitivity=0.4)

    loop = np.stack([step(a, b) for a, b in zip(g, u, strict=True)])
    np.testing.assert_allclose(jax.vmap(step)(g, u), loop, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(step)(g, u), step(g, u), rtol=1e-6)


def test_gradients_in_every_argument():
    def step(g, u, decay, g0, eta):
        return gain.step(g, u, decay=decay, baseline=g0, sensitivity=eta)

    def relax(g, u, tau, g0, k, dt):
        return gain.relax(g, u, tau=tau, baseline=g0, strength=k, dt=dt)

    def round_trip(decay, eta, dt):
        return gain.continuous(decay=decay, sensitivity=eta, dt=dt)

    with jax.enable_x64():
        check_grads(step, (2.0, 0.5, 0.9, 1.1, 0.4), order=2)
        check_grads(relax, (2.0, 0.5, 7.0, 1.1, 3.0, 0.5), order=2)
        check_grads(round_trip, (0.5, 0.4, 0.5), order=2)


GOOD = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("decay", 1.0, r"`decay` must be in \(0, 1\), per update; got 1\.0\. Pass decay=0\.9"),
        ("decay", 0.0, r"got 0\.0"),
        ("decay", float("nan"), "got nan"),
        ("decay", np.array([0.5, 1.5]), r"got array\(\[0\.5, 1\.5\]\)"),
        ("baseline", 0.5, r"`baseline` must be a finite gain of at least 1; got 0\.5"),
        ("baseline", float("inf"), "got inf"),
        ("sensitivity", -0.1, r"`sensitivity` must be finite and >= 0; got -0\.1"),
        ("sensitivity", float("nan"), "got nan"),
    ],
)
def test_check_parameters_names_rule_and_value(name, value, message):
    with pytest.raises(ValueError, match=message):
        gain.check_parameters(**{**GOOD, name: value})


def test_check_parameters_refuses_what_is_no_number():
    with pytest.raises(
        TypeError, match=r"`decay` must be a number or an array of numbers; got '0\.9'"
    ):
        gain.check_parameters(**{**GOOD, "decay": "0.9"})


def test_check_parameters_lets_good_unknown_and_low_precision_values_pass():
    gain.check_parameters(**GOOD)
    gain.check_parameters(**{**GOOD, "decay": lambda count: 5.0})
    gain.check_parameters(**{**GOOD, "decay": jnp.asarray(0.5, jnp.bfloat16)})
    jax.eval_shape(lambda d: gain.check_parameters(**{**GOOD, "decay": d}), 5.0)
    with pytest.raises(ValueError, match="`decay` must be in"):
        gain.check_parameters(**{**GOOD, "decay": jnp.asarray(1.5, jnp.bfloat16)})


PER_UPDATE = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}
CONTINUOUS = {"tau": 10.0, "baseline": 1.0, "strength": 2.0, "dt": 0.1}


@pytest.mark.parametrize(
    ("function", "arguments", "kind", "message"),
    [
        (gain.relax, {"dt": -0.1}, ValueError, "`dt` must be >= 0, in the unit of tau; got -0.1"),
        (gain.relax, {"dt": np.nan}, ValueError, "`dt` must be >= 0, .* Pass dt=0.1"),
        (gain.relax, {"tau": 0.0}, ValueError, "`tau` must be > 0, in the unit of dt; got 0.0"),
        (gain.relax, {"tau": np.array([5.0, -1.0])}, ValueError, "`tau` must be > 0"),
        (
            gain.relax,
            {"tau": np.ones(3), "drive": np.ones(2)},
            ValueError,
            r"`gain`, `drive`.*must have shapes that broadcast; got drive \(2,\), tau \(3,\)",
        ),
        (gain.relax, {"gain": 1j}, TypeError, "`gain` must be a real number or an array of them"),
        (gain.step, {"decay": 1.5}, ValueError, r"`decay` must be in \[0, 1\]; got 1.5"),
        (gain.step, {"drive": "0.5"}, TypeError, "`drive` must be a real number .*got '0.5'"),
        (gain.step, {"drive": lambda: 0.5}, TypeError, "`drive` must be a real number"),
        (gain.step, {"gain": np.ones(3), "drive": np.ones(2)}, ValueError, "must have shapes that"),
        (gain.fixed_point, {"decay": 1.0}, ValueError, r"`decay` must be in \(0, 1\), per update"),
        (gain.fixed_point, {"drive": np.ones(2), "decay": np.full(3, 0.5)}, ValueError, "broadcas"),
        (gain.bounds, {"max_drive": -1.0}, ValueError, "`max_drive` must be >= 0; got -1.0"),
        (gain.per_update, {"tau": -5.0}, ValueError, "`tau` must be > 0"),
        (gain.per_update, {"tau": np.ones(2), "dt": np.ones(3)}, ValueError, r"dt \(3,\)"),
        (gain.continuous, {"decay": 0.0}, ValueError, r"`decay` must be in \(0, 1\)"),
        (gain.continuous, {"dt": 0.0}, ValueError, "`dt` must be > 0, in the unit of tau; got 0.0"),
        (gain.fast_slow, {"gain": 0.0}, ValueError, "`gain` must be > 0; got 0.0"),
        (
            gain.fast_slow,
            {"gain": np.ones((2, 3))},
            ValueError,
            r"must broadcast to `effective`, of shape \(3,\); got shapes \(2, 3\) and \(\)",
        ),
    ],
)
def test_arguments_of_the_kernels(function, arguments, kind, message):
    good = {
        gain.relax: {"gain": 1.0, "drive": 0.5, **CONTINUOUS},
        gain.step: {"gain": 1.0, "drive": 0.5, **PER_UPDATE},
        gain.fixed_point: {"drive": 0.5, **PER_UPDATE},
        gain.bounds: {"max_drive": 0.5, **PER_UPDATE},
        gain.per_update: {"tau": 10.0, "strength": 2.0, "dt": 0.1},
        gain.continuous: {"decay": 0.9, "sensitivity": 0.4, "dt": 1.0},
        gain.fast_slow: {"effective": np.ones(3), "gain": 2.0, "baseline": 1.0},
    }[function]
    jax.eval_shape(lambda: function(**good))
    with pytest.raises(kind, match=message):
        function(**{**good, **arguments})


def test_shapes_and_dtypes_of_traced_arguments_are_checked_and_values_pass():
    def relax(tau, drive):
        return gain.relax(1.0, drive, **{**CONTINUOUS, "tau": tau})

    assert jax.eval_shape(relax, -1.0, np.ones(2)).shape == (2,)
    with pytest.raises(ValueError, match="must have shapes that broadcast"):
        jax.eval_shape(relax, np.ones(3), np.ones(2))
    with pytest.raises(TypeError, match="`drive` must be a real number"):
        jax.eval_shape(relax, 1.0, np.ones(2, complex))


def test_spikes_and_whole_numbers_are_drives():
    spikes = np.array([True, False])
    np.testing.assert_allclose(gain.step(1, spikes, **PER_UPDATE), [1.4, 1.0], rtol=1e-6)
    np.testing.assert_allclose(gain.step(1, 1, **PER_UPDATE), 1.4, rtol=1e-6)
