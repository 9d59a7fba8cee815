import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain import analysis

PARAMS = {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.ones(3)}
X = np.linspace(-1, 2, 7)


def figures(params):
    return {"sum": jnp.sum(params["w"] ** 3), "pair": params["b"][:2] * jnp.max(params["w"])}


def at(x, direction, y=0.0, other=None):
    other = direction if other is None else other
    return jax.tree.map(lambda p, d, e: p + x * d + y * e, PARAMS, direction, other)


def directions():
    rng = np.random.default_rng(0)
    return [
        jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), PARAMS)
        for _ in range(2)
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_a_line_is_what_is_measured_point_by_point(batch_size):
    d, _ = directions()
    found = analysis.slice_1d(figures, PARAMS, d, X, batch_size=batch_size)
    assert found["sum"].shape == (7,)
    assert found["pair"].shape == (7, 2)
    for i, x in enumerate(X):
        for name, value in figures(at(x, d)).items():
            np.testing.assert_allclose(found[name][i], value, rtol=1e-5)


def test_a_plane_is_what_is_measured_point_by_point():
    d, e = directions()
    y = [0.0, 0.5]
    found = analysis.slice_2d(figures, PARAMS, (d, e), X, y)
    assert found["pair"].shape == (7, 2, 2)
    for i, j in np.ndindex(7, 2):
        for name, value in figures(at(X[i], d, y[j], e)).items():
            np.testing.assert_allclose(found[name][i, j], value, rtol=1e-4, atol=1e-5)


def test_under_jit_slices_are_the_same_and_traced_once():
    d, e = directions()
    traces = []

    def measure(params):
        return figures(params)["sum"]

    @jax.jit
    def compiled(origin, x):
        traces.append(None)
        return analysis.slice_2d(measure, origin, (d, e), x, x)

    eager = analysis.slice_2d(measure, PARAMS, (d, e), X, X)
    np.testing.assert_allclose(compiled(PARAMS, X), eager, rtol=1e-5, atol=1e-5)
    compiled(d, X + 1)
    assert len(traces) == 1


def test_between_two_weights_reaches_both():
    end = directions()[0]
    found = analysis.slice_1d(lambda p: p, PARAMS, analysis.between(PARAMS, end), [0, 1])
    for name in PARAMS:
        np.testing.assert_allclose(found[name][0], PARAMS[name], rtol=1e-6)
        np.testing.assert_allclose(found[name][1], end[name], rtol=1e-5, atol=1e-6)


def test_filters_are_as_long_as_those_of_the_parameters_and_biases_stay():
    drawn = analysis.filter_normalized(PARAMS, key=jax.random.key(0))
    np.testing.assert_allclose(
        np.linalg.norm(drawn["w"], axis=0), np.linalg.norm(PARAMS["w"], axis=0), rtol=1e-6
    )
    assert not drawn["b"].any()
    other = analysis.filter_normalized(PARAMS, key=jax.random.key(1))
    assert not np.allclose(drawn["w"], other["w"])
    kernel = {"conv": jnp.ones((3, 3, 2, 4))}
    norms = jnp.sqrt(
        jnp.sum(analysis.filter_normalized(kernel, key=jax.random.key(0))["conv"] ** 2, (0, 1, 2))
    )
    np.testing.assert_allclose(norms, np.full(4, 18**0.5), rtol=1e-5)


def test_a_direction_depends_on_the_names_of_leaves_alone():
    key = jax.random.key(0)
    alone = analysis.filter_normalized({"w": PARAMS["w"]}, key=key)["w"]
    more = {"a": PARAMS["w"], "b": PARAMS["b"], "w": PARAMS["w"]}
    drawn = analysis.filter_normalized(more, key=key)
    np.testing.assert_array_equal(drawn["w"], alone)
    assert not np.allclose(drawn["a"], drawn["w"])


def test_a_flat_trajectory_lies_in_its_plane():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(9, 2)))[0].T
    inside = rng.normal(size=(20, 2)) * (3, 1)
    origin = rng.normal(size=9)
    trajectory = origin + inside @ basis
    plane = analysis.principal_plane(trajectory, origin)
    np.testing.assert_allclose(plane.captured, 1, rtol=1e-6)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-5)
    np.testing.assert_allclose(origin + plane.coordinates @ plane.directions, trajectory, atol=1e-5)
    assert (plane.coordinates[-1] >= 0).all()


def test_a_third_direction_is_missing_from_the_plane():
    trajectory = np.diag([3.0, 2.0, 1.0])
    plane = analysis.principal_plane(trajectory, np.zeros(3))
    np.testing.assert_allclose(plane.captured, 13 / 14, rtol=1e-5)


def test_classification_gives_loss_and_accuracy():
    logits = jnp.log(jnp.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]))
    measure = analysis.classification(lambda p, x: p * x, logits, np.array([0, 1, 1]))
    found = measure(jnp.ones(()))
    np.testing.assert_allclose(found["loss"], -np.log([0.5, 0.1, 0.8]).mean(), rtol=1e-5)
    np.testing.assert_allclose(found["accuracy"], 2 / 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: analysis.slice_1d(figures, PARAMS, d, []), "`distances` must be a list"),
        (lambda d: analysis.slice_1d(figures, PARAMS, d, 1.0), "`distances` must be a list"),
        (lambda d: analysis.slice_1d(figures, PARAMS, d, [np.nan]), "`distances` must be finite"),
        (
            lambda d: analysis.slice_1d(figures, PARAMS, {"w": d["w"]}, [0.0]),
            "`direction` must be a tree like the weights",
        ),
        (
            lambda d: analysis.slice_1d(figures, PARAMS, d | {"b": jnp.ones(2)}, [0.0]),
            r"`direction` must be a tree like the weights.*\(2,\)",
        ),
        (
            lambda d: analysis.slice_1d(figures, PARAMS, d, [0.0], batch_size=0),
            "`batch_size` must be a whole number of at least 1; got 0",
        ),
        (lambda d: analysis.slice_2d(figures, PARAMS, (d,), X, X), "`directions` must be two"),
        (lambda d: analysis.slice_2d(figures, PARAMS, (d, d), X, [[0.0]]), "`y` must be a list"),
        (lambda d: analysis.between(PARAMS, {"w": 0.0}), "`end` must be a tree like"),
        (lambda d: analysis.principal_plane(X, X), "`trajectory` must be of shape"),
        (lambda d: analysis.principal_plane(np.ones((3, 2)), X), "`origin` must be of shape"),
        (
            lambda d: analysis.classification(lambda p, x: x, np.ones((3, 2)), np.zeros(2)),
            "`labels` must be one per image",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(directions()[0])
