import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.analysis import Problem, explicit_fast_slow, gain_modulated, least_squares


def problem(**changes):
    rng = np.random.default_rng(0)
    inputs, solutions = rng.normal(size=(30, 4)), rng.normal(size=(2, 4))
    made = Problem(
        inputs=jnp.asarray(inputs),
        targets=jnp.asarray(np.repeat(solutions @ inputs.T, 60, axis=0)),
        start=jnp.asarray(rng.normal(size=4)),
        learning_rate=0.03,
        decay=0.9,
        baseline=1.2,
        sensitivity=0.1,
    )
    return made._replace(**changes)


def literal(p):
    """Return E and g of gain-modulated descent written out in NumPy, W beside g."""
    X, Y = np.asarray(p.inputs), np.asarray(p.targets)
    g, W = p.baseline, np.asarray(p.start) / p.baseline
    E, gains = [g * W], [g]
    for y in Y:
        error = X @ (g * W) - y
        gradient = X.T @ error / len(y)
        W = W - p.learning_rate * g * gradient
        g = p.decay * g + (1 - p.decay) * p.baseline + p.sensitivity * np.sqrt(np.mean(error**2))
        E.append(g * W)
        gains.append(g)
    return np.array(E), np.array(gains)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"baseline": 1.0, "sensitivity": 0.3, "learning_rate": 0.01},
        {"sensitivity": 0.0},
        {"decay": 0.5},
    ],
)
def test_gain_modulation_is_learning_with_explicit_fast_and_slow_weights(changes):
    with jax.enable_x64():
        p = problem(**changes)
        modulated, explicit = gain_modulated(p), explicit_fast_slow(p)
        for own, other in zip(modulated, explicit, strict=True):
            np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)
            np.testing.assert_allclose(own, other, rtol=0, atol=1e-12)  # they even do better
        E, gains = literal(p)
        np.testing.assert_allclose(modulated.slow + modulated.fast, E, atol=1e-12)
        np.testing.assert_allclose(explicit.gain, gains, atol=1e-12)


def test_the_gain_rises_at_the_change_and_the_fast_part_fades_with_it():
    course = gain_modulated(problem())
    fast = np.linalg.norm(course.fast, axis=1)
    assert fast[0] == 0
    assert course.gain[70] > course.gain[60] + 0.05
    assert fast[-1] < fast.max() / 2


def test_without_sensitivity_there_is_no_fast_part():
    course = explicit_fast_slow(problem(sensitivity=0.0))
    assert not course.fast.any()


def test_float32_stays_close():
    p = problem()
    p = p._replace(**{k: getattr(p, k).astype(jnp.float32) for k in ("inputs", "targets", "start")})
    modulated, explicit = gain_modulated(p), explicit_fast_slow(p)
    for own, other in zip(modulated, explicit, strict=True):
        assert own.dtype == other.dtype == jnp.float32
        np.testing.assert_allclose(own, other, atol=2e-5)


def test_under_jit_and_over_a_batch_of_rates_it_is_the_same():
    rates = jnp.array([0.01, 0.03])
    for run in (gain_modulated, explicit_fast_slow):
        batched = jax.jit(jax.vmap(lambda r, run=run: run(problem(learning_rate=r))))(rates)
        for i, rate in enumerate((0.01, 0.03)):
            alone = run(problem(learning_rate=rate))
            np.testing.assert_allclose(batched.slow[i], alone.slow, atol=1e-5)


def test_the_loss_and_its_drive():
    loss, drive = least_squares(jnp.ones(2), jnp.eye(2), jnp.array([1.0, 3.0]))
    np.testing.assert_allclose([loss, drive], [1.0, 2**0.5], rtol=1e-6)


@pytest.mark.parametrize("run", [gain_modulated, explicit_fast_slow])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.0}, "`learning_rate` must be positive and finite; got 0.0"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be positive and finite; got nan"),
        ({"decay": 1.0}, r"`decay` must be in \(0, 1\)"),
        ({"baseline": 0.5}, "`baseline` must be a finite gain of at least 1"),
        ({"sensitivity": -1.0}, "`sensitivity` must be finite and >= 0"),
        ({"start": np.ones(3)}, r"`inputs`, `targets` and `start` must be of shapes.*\(3,\)"),
        ({"targets": np.ones(30)}, "`inputs`, `targets` and `start` must be of shapes"),
    ],
)
def test_bad_input_is_refused(run, changes, message):
    with pytest.raises(ValueError, match=message):
        run(problem(**changes))
