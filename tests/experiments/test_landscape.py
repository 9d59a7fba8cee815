import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from neurogain.experiments import (
    landscape,
    landscape_complexity,
    landscape_summary,
    landscape_switch,
    landscape_training,
)
from neurogain.experiments.landscape import LandscapeConfig

SMALL = LandscapeConfig(
    optimizers=("msgd", "ngm"), seeds=2, iterations=12, batch_size=16, hidden=(6,), top=2, every=6,
    products=60, images=40, window=6, points=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def stream():
    return landscape.load_stream(SMALL)


@pytest.fixture(scope="module")
def small(stream):
    return {
        label: landscape_switch.run_method(SMALL, stream, method)
        for label, method in SMALL.parse_methods().items()
    }


@pytest.fixture(scope="module")
def complexities():
    return {
        kind: landscape_complexity.run_complexity(SMALL, kind) for kind in ("classes", "domains")
    }


def train(stream, method, kept):
    plan = landscape_training.plan(np.repeat(stream.starts[1:3], 12), kept)
    return landscape_training.train(
        [plan], SMALL.seed_range, stream, SMALL.model, method.build, method.constants,
        kept=len(kept), batch_size=16,
    )  # fmt: skip


def test_shapes(small):
    for found in small.values():
        assert found.eigenvalues.shape == found.residuals.shape == (2, 2, 2, 3, 2)
        assert found.modulation.shape == (2, 2, 3)
        assert found.gain.shape == found.entropy.shape == found.train_loss.shape == (2, 2, 12)
        assert found.path_loss.shape == found.path_accuracy.shape == (2, 13, 2)
        assert found.line_loss.shape == found.line_accuracy.shape == (2, 5, 2)
        assert found.plane_loss.shape == found.plane_accuracy.shape == (5, 5, 2)
        assert found.trajectory.shape == (13, 2)
        assert all(np.isfinite(x).all() for x in found)


def test_in_a_trained_network_eigenvalues_at_w_are_g_squared_times_those_at_e(small):
    at_e, at_w = np.moveaxis(small["ngm"].eigenvalues, 1, 0)
    g = small["ngm"].modulation
    assert g.min() == 1
    assert g.max() > 2
    np.testing.assert_allclose(
        at_w / at_e, np.broadcast_to(g[..., None] ** 2, at_e.shape), rtol=1e-3
    )
    np.testing.assert_array_equal(*np.moveaxis(small["msgd"].eigenvalues, 1, 0))


def test_eigenvalues_are_those_of_the_dense_hessian_of_the_training_loss(small, stream):
    method = SMALL.parse_methods()["msgd"]
    runs = train(stream, method, np.array([6, 18]))
    apply = landscape_switch.flat_apply(SMALL.model, stream.images.shape[1:])
    for task, (E, expected) in enumerate(zip(runs.effective[0, 1], (1, 1), strict=True)):
        images, labels = landscape_switch.training_images(stream, task + 1, 40)
        assert len(images) == 40 * (task + 1)
        assert set(labels) == set(range(2 * (task + 1)))
        x = landscape_training.as_inputs(images)

        def loss(flat, x=x, labels=labels):
            return optax.softmax_cross_entropy_with_integer_labels(apply(flat, x), labels).mean()

        dense = np.linalg.eigvalsh(jax.hessian(loss)(jnp.asarray(E)))[::-1]
        found = small["msgd"].eigenvalues[1, 0, task, expected]
        np.testing.assert_allclose(found, dense[:2], rtol=1e-3)


def test_recorded_weights_are_those_of_a_plain_loop(stream):
    """SGD from the same key, written out, keeps the same weights at the same updates."""
    method = dataclasses.replace(SMALL, optimizers=("sgd",)).parse_methods()["sgd"]
    runs = train(stream, method, np.array([0, 5, 13, 24]))
    key, kept = jax.random.key(1), []
    x, y = landscape_training.as_inputs(stream.images), stream.labels
    params = SMALL.model.init(jax.random.fold_in(key, 0), x[:1])

    def loss(params, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(
            SMALL.model.apply(params, x), y
        ).mean()

    gradient = jax.jit(jax.grad(loss))
    for i in range(25):
        if i in (0, 5, 13, 24):
            kept.append(ravel_pytree(params)[0])
        seen = stream.starts[1 if i < 12 else 2]
        batch_key = jax.random.fold_in(jax.random.fold_in(key, 1), i)
        drawn = jax.random.randint(batch_key, (16,), 0, seen)
        g = gradient(params, x[drawn], y[drawn])
        params = jax.tree.map(lambda p, d: p - 0.1 * d, params, g)
    np.testing.assert_allclose(runs.effective[0, 1], kept, atol=1e-5)
    np.testing.assert_array_equal(runs.effective, runs.underlying)


def test_effective_weights_are_the_gain_times_the_underlying(stream):
    runs = train(stream, SMALL.parse_methods()["ngm"], np.array([0, 12, 24]))
    np.testing.assert_allclose(
        runs.effective, runs.modulation[..., None] * runs.underlying, rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(runs.modulation[0, :, 1:], runs.gain[0][:, [11, 23]])
    assert (runs.modulation[0, :, 0] == 1).all()


def test_path_lines_and_plane_meet_in_the_weights_they_share(small):
    for found in small.values():
        for kind in ("loss", "accuracy"):
            path, line = getattr(found, f"path_{kind}"), getattr(found, f"line_{kind}")
            np.testing.assert_allclose(line[:, [0, 2, 4]], path[:, [0, 6, 12]], atol=1e-4)
        np.testing.assert_allclose(found.trajectory[6], 0, atol=1e-5)
        for side, along in zip((found.plane_x, found.plane_y), found.trajectory.T, strict=True):
            assert side[0] < along.min() < along.max() < side[-1]


def test_the_plane_is_measured_along_its_directions(stream):
    """The loss at the plane's point next to the switch is that of the weights there."""
    wide = dataclasses.replace(SMALL, points=41)
    method = SMALL.parse_methods()["msgd"]
    found = landscape_switch.run_method(wide, stream, method)
    ix = np.abs(found.plane_x).argmin()
    iy = np.abs(found.plane_y).argmin()
    at_switch = found.path_loss[0, 6]
    neighbours = found.plane_loss[ix - 1 : ix + 2, iy - 1 : iy + 2]
    assert (neighbours.min(axis=(0, 1)) <= at_switch + 1e-3).all()
    assert (neighbours.max(axis=(0, 1)) >= at_switch - 1e-3).all()


def test_progress_is_told(stream):
    told = []
    config = dataclasses.replace(SMALL, seeds=1)
    landscape_switch.run_method(
        config, stream, SMALL.parse_methods()["msgd"], lambda *now: told.append(now)
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_demonstration_coincides_to_1e_6():
    found = landscape.run_fast_slow()
    assert found.modulated_slow.dtype == np.float64
    for name in ("slow", "fast", "gain"):
        own, other = getattr(found, f"modulated_{name}"), getattr(found, f"explicit_{name}")
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-6)
    assert found.modulated_gain.max() > 1.5  # the gain has a part in it


def test_complexity_is_read_at_every_level_in_both_ways(complexities):
    for found in complexities.values():
        assert found.gain.shape == found.entropy.shape == (2, 2, 2, 5, 12)
        # the first level is the same stretch of training either way
        np.testing.assert_allclose(found.gain[:, 0, :, 0], found.gain[:, 1, :, 0], rtol=1e-4)
    # ten classes: from scratch, the fifth level of classes is the first of domains
    classes, domains = (complexities[k].gain[0, 1] for k in ("classes", "domains"))
    assert abs(classes[:, -1, :3].mean() - domains[:, 0, :3].mean()) < 0.3


def test_the_gain_follows_its_equation_from_the_drive(complexities):
    found = complexities["classes"]
    for drive, divisors in enumerate(([1.0] * 5, np.log([2, 4, 6, 8, 10]))):
        for level in range(5):
            g = 1.0
            for t in range(12):
                u = found.entropy[drive, 1, :, level, t] / divisors[level]
                g = 1 + 0.9 * (g - 1) + 0.4 * u
            np.testing.assert_allclose(found.gain[drive, 1, :, level, -1], g, rtol=1e-5)


def test_the_summary_holds_every_figure(small, stream, complexities):
    metrics = landscape_summary.summarize(
        SMALL, stream, small, landscape.run_fast_slow(), complexities
    )
    ngm, msgd = metrics["methods"]["ngm"], metrics["methods"]["msgd"]
    assert ngm["identity_largest_relative_error"] < 1e-3
    assert msgd["identity_largest_relative_error"] is None
    top = small["ngm"].eigenvalues[:, 0, 1, 1:, 0].max(axis=1)
    assert ngm["largest_eigenvalue"]["E"]["highest_thereafter"]["per_seed"] == pytest.approx(top)
    path = small["msgd"].path_accuracy[:, 6:, 0]
    assert msgd["old_task_accuracy"]["worst_on_path"]["per_seed"] == pytest.approx(path.min(axis=1))
    assert max(metrics["fast_slow"]["largest_difference"].values()) < 1e-6
    way = metrics["complexity"]["entropy"]["from scratch"]
    gain = complexities["classes"].gain[0, 1].mean(axis=-1)
    assert way["classes"]["rise"]["mean"] == pytest.approx((gain[:, -1] - gain[:, 0]).mean())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizers": ()}, "`optimizers` must name at least one"),
        ({"optimizers": ("sgd", "sgd")}, "`optimizers` must name.*none twice"),
        ({"optimizers": ("x",)}, "`optimizers` must be among"),
        ({"seeds": 0}, "`seeds` must be a whole number of at least 1; got 0"),
        ({"first_seed": -1}, "`first_seed` must be a whole number of at least 0"),
        ({"first_seed": 2**32}, "`first_seed` must be below"),
        ({"hidden": ()}, "`hidden` must be widths of at least 1 unit"),
        ({"every": 5}, "`every` must divide the 12 iterations.*got 5. Pass every=12"),
        ({"window": 13}, "`window` must be at most the 12 iterations.*got 13"),
        ({"window": 1}, "`window` must be a whole number of at least 2"),
        ({"points": 2}, "`points` must be a whole number of at least 3"),
        ({"points": 4}, "`points` must be odd"),
        ({"products": 1}, "`products` must be at least the 2 eigenvalues; got 1"),
        ({"products": 445}, "`products` must be at most the network's 444 weights; got 445"),
        ({"rotation": float("inf")}, "`rotation` must be finite, in degrees"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change).check()


def test_a_rotated_stream_has_all_classes_in_its_first_task():
    stream = landscape.load_stream(dataclasses.replace(SMALL, benchmark="rotated-digits"))
    assert stream.task_names[0] == "0°"
    _, labels = landscape_switch.training_images(stream, 1, 256)
    assert len(labels) == 256
    assert set(labels) == set(range(10))


def test_models_may_name_their_layers_otherwise(stream):
    class Other(nn.Module):
        @nn.compact
        def __call__(self, images):
            x = images.reshape(len(images), -1)
            return nn.Dense(10, name="output")(nn.tanh(nn.Dense(3, name="zz")(x)))

    apply = landscape_switch.flat_apply(Other(), stream.images.shape[1:])
    x = landscape_training.as_inputs(stream.images[:3])
    params = Other().init(jax.random.key(5), x)
    np.testing.assert_allclose(apply(ravel_pytree(params)[0], x), Other().apply(params, x))
