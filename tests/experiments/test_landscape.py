import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from neurogain import analysis, optim
from neurogain.continual import methods, models, streams
from neurogain.experiments import landscape
from neurogain.experiments.landscape import LandscapeConfig, switch
from neurogain.jobs import Found

SMALL = LandscapeConfig(
    optimizers=("ngm",), seeds=2, iterations=12, batch_size=16, hidden=(6,), top=2, every=6,
    products=60, images=40, window=6, points=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def stream():
    return landscape.load_stream(SMALL)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def trained(stream):
    """Return the weights that two runs kept, at updates 0, 6 to 18 and 24, and their curves."""
    return switch._train(SMALL, stream, SMALL.parse_methods()["ngm"], SMALL.seed_range)


@pytest.fixture(scope="module")
def small(stream, told, trained):
    method = SMALL.parse_methods()["ngm"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switch, "_train", lambda *arguments: trained)
        return landscape.run_method(SMALL, stream, method, show=lambda *now: told.append(now))


@pytest.fixture(scope="module")
def runs(trained):
    assert trained.updates.tolist() == [0, *range(6, 19), 24]
    return trained.weights


@pytest.fixture(scope="module")
def complexities():
    return {kind: landscape.run_complexity(SMALL, kind) for kind in ("classes", "domains")}


def test_shapes(small):
    assert small.eigenvalues.shape == small.residuals.shape == (2, 2, 2, 3, 2)
    assert small.modulation.shape == (2, 2, 3)
    assert small.gain.shape == small.entropy.shape == small.train_loss.shape == (2, 2, 12)
    assert small.path_loss.shape == small.path_accuracy.shape == (2, 13, 2)
    assert small.line_loss.shape == small.line_accuracy.shape == (2, 5, 2)
    assert small.plane_loss.shape == small.plane_accuracy.shape == (5, 5, 2)
    assert small.trajectory.shape == (13, 2)
    assert all(np.isfinite(x).all() for x in small)


def test_in_a_trained_network_eigenvalues_at_w_are_g_squared_times_those_at_e(small):
    at_e, at_w = np.moveaxis(small.eigenvalues, 1, 0)
    g = small.modulation[..., None]
    assert g.min() == 1
    assert g.max() > 2
    np.testing.assert_allclose(at_w / at_e, np.broadcast_to(g**2, at_e.shape), rtol=1e-3)


def test_eigenvalues_are_those_of_the_dense_hessian_of_the_training_loss(small, runs, stream):
    images, labels = streams.training_sample(stream, 2, 40)
    assert len(images) == 80
    assert set(labels) == {0, 1, 2, 3}
    apply = models.flat_apply(SMALL.model(), stream.images.shape[1:])
    x = switch.as_inputs(images)

    @jax.jit
    @jax.hessian
    def dense(flat):
        return optax.softmax_cross_entropy_with_integer_labels(apply(flat, x), labels).mean()

    for time, place in enumerate((7, 13, 14)):  # updates 12, 18 and 24
        for seed in range(2):
            values = np.linalg.eigvalsh(dense(runs.effective[seed, place]))[::-1]
            found = small.eigenvalues[seed, 0, 1, time]
            np.testing.assert_allclose(found, values[:2], rtol=1e-3)


def test_recorded_weights_are_those_of_the_algorithm_written_out(runs, stream):
    """From the same key, W and g beside each other as in the paper, kept at the same updates."""
    key, kept, g = jax.random.key(1), [], 1.0
    images, y = switch.as_inputs(stream.images), stream.labels
    W = SMALL.model().init(jax.random.fold_in(key, 0), images[:1])

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def gradient(params, x, y):
        logits = SMALL.model().apply(params, x)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        p = jax.nn.softmax(logits)
        return loss, -jnp.mean(jnp.sum(p * jnp.log(p), axis=-1))

    for i in range(25):
        E = jax.tree.map(lambda w, g=g: g * w, W)
        if i == 0 or 6 <= i <= 18 or i == 24:
            kept.append(ravel_pytree(E)[0])
        seen = stream.starts[1 if i < 12 else 2]
        batch_key = jax.random.fold_in(jax.random.fold_in(key, 1), i)
        drawn = jax.random.randint(batch_key, (16,), 0, seen)
        slope, entropy = gradient(E, images[drawn], y[drawn])
        W = jax.tree.map(lambda w, d, g=g: w - 0.01 * g * d, W, slope)
        g = 0.9 * g + 0.1 + 0.4 * float(entropy)
    np.testing.assert_allclose(runs.effective[1], kept, atol=1e-4)
    assert kept[-1].max() > 1  # compared on a scale of their own


def test_effective_weights_are_the_gain_times_the_underlying(runs, trained):
    np.testing.assert_allclose(
        runs.effective, runs.modulation[..., None] * runs.underlying, rtol=1e-5, atol=1e-7
    )
    gain = trained.curves["gain"]
    np.testing.assert_allclose(runs.modulation[:, 1], gain[:, 0, 5])
    np.testing.assert_allclose(runs.modulation[:, 14], gain[:, 1, 11])
    assert (runs.modulation[:, 0] == 1).all()


def test_path_lines_and_plane_meet_in_the_weights_they_share(small):
    for kind in ("loss", "accuracy"):
        path, line = getattr(small, f"path_{kind}"), getattr(small, f"line_{kind}")
        np.testing.assert_allclose(line[:, [0, 2, 4]], path[:, [0, 6, 12]], atol=1e-4)
    np.testing.assert_allclose(small.trajectory[6], 0, atol=1e-5)
    for side, along in zip((small.plane_x, small.plane_y), small.trajectory.T, strict=True):
        assert side[0] < along.min() < along.max() < side[-1]


def test_the_plane_is_measured_where_it_says(small, runs, stream):
    weights = runs.effective[0, 1:14]  # around the switch
    plane = analysis.principal_plane(weights, weights[6])
    apply = models.flat_apply(SMALL.model(), stream.images.shape[1:])
    for ix, iy, task in ((0, 0, 0), (4, 1, 0), (2, 3, 1)):
        place = np.array([small.plane_x[ix], small.plane_y[iy]])
        count = stream.test_counts[task]
        x = switch.as_inputs(stream.test_images[task, :count])
        logits = np.asarray(apply(weights[6] + place @ plane.directions, x), float)
        labels = stream.test_labels[task, :count]
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(count), labels]).mean()
        np.testing.assert_allclose(small.plane_loss[ix, iy, task], loss, rtol=1e-3)
        accuracy = (logits.argmax(axis=1) == labels).mean()
        np.testing.assert_allclose(small.plane_accuracy[ix, iy, task], accuracy, atol=0.011)


def test_progress_is_told(small, told):
    assert told == [(i, 6) for i in (1, 2, 3, 4, 5, 6)]


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
        np.testing.assert_allclose(found.gain[:, :, 0, 0], found.gain[:, :, 1, 0], rtol=1e-4)
    # ten classes: from scratch, the fifth level of classes is the first of domains
    classes, domains = (complexities[k].gain[:, 0, 1] for k in ("classes", "domains"))
    assert abs(classes[:, -1, :3].mean() - domains[:, 0, :3].mean()) < 0.3


def test_the_gain_follows_its_equation_from_the_drive(complexities):
    found = complexities["classes"]
    for drive, divisors in enumerate(([1.0] * 5, np.log([2, 4, 6, 8, 10]))):
        for level in range(5):
            g = 1.0
            for t in range(12):
                u = found.entropy[:, drive, 1, level, t] / divisors[level]
                g = 1 + 0.9 * (g - 1) + 0.4 * u
            np.testing.assert_allclose(found.gain[:, drive, 1, level, -1], g, rtol=1e-5)


def test_the_summary_holds_every_figure(small, stream, complexities):
    plain = small._replace(modulation=np.ones_like(small.modulation))  # as without a gain
    both = dataclasses.replace(SMALL, optimizers=("sgd", "ngm"))
    found = Found()
    found.update({"sgd": plain, "ngm": small, "fast-slow": landscape.run_fast_slow()})
    found.update(complexities)
    metrics = landscape.EXPERIMENT.metrics(both, found)
    ngm, sgd = metrics["methods"]["ngm"], metrics["methods"]["sgd"]
    assert ngm["identity_largest_relative_error"] < 1e-3
    assert sgd["identity_largest_relative_error"] is None
    top = small.eigenvalues[:, 0, 1, 1:, 0].max(axis=1)
    assert ngm["largest_eigenvalue"]["E"]["highest_thereafter"]["per_seed"] == pytest.approx(top)
    path = small.path_accuracy[:, 6:, 0]
    assert ngm["old_task_accuracy"]["worst_on_path"]["per_seed"] == pytest.approx(path.min(axis=1))
    bounds = []
    # mean of the largest of 7 and of 3 standard normal numbers (Harter 1961)
    for p, largest in ((path, 1.352178), (small.line_accuracy[:, 2:, 0], 0.846284)):
        errors = np.sqrt(p * (1 - p) / stream.test_counts[0])
        bounds.append(largest * errors.max(axis=1).mean())
    assert ngm["minimum_bias_at_most"] == pytest.approx(max(bounds), rel=1e-5)
    line = small.line_loss[:, 2:, 0]
    assert ngm["old_task_loss"]["worst_on_line"]["per_seed"] == pytest.approx(line.max(axis=1))
    assert max(metrics["fast_slow"]["largest_difference"].values()) < 1e-6
    way = metrics["complexity"]["entropy"]["from scratch"]
    gain = complexities["classes"].gain[:, 0, 1].mean(axis=-1)
    assert way["classes"]["rise"]["mean"] == pytest.approx((gain[:, -1] - gain[:, 0]).mean())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizers": ()}, "`optimizers` must name at least one"),
        ({"optimizers": ("sgd", "sgd")}, "`optimizers` must name.*none twice"),
        ({"optimizers": ("x",)}, "`optimizers` must be among"),
        ({"optimizers": ("sgd", "ngm-output")}, "`optimizers` must be among sgd,.* got ngm-output"),
        ({"optimizers": ("er",)}, "`optimizers` must be among .* got er, .* or a strategy"),
        ({"seeds": 0}, "`seeds` must be a whole number of at least 1; got 0"),
        ({"first_seed": -1}, r"`first_seed` must be in \[0, 2\^32\)"),
        ({"first_seed": 2**32}, r"`first_seed` must be in \[0, 2\^32\)"),
        ({"hidden": ()}, "`hidden` must be widths of at least 1 unit"),
        ({"every": 5}, "`every` must divide the 12 iterations.*got 5. Pass every=12"),
        ({"window": 13}, "`window` must be at most the 12 iterations.*got 13"),
        ({"window": 1}, "`window` must be a whole number of at least 2"),
        ({"points": 2}, "`points` must be a whole number of at least 3"),
        ({"points": 4}, "`points` must be odd"),
        ({"products": 1}, "`products` must be at least the 2 eigenvalues; got 1"),
        (
            {"benchmark": "split-cifar10"},
            "`benchmark` must be .* an MLP, .*cifar10",
        ),
        ({"benchmark": "split-svhn"}, "`benchmark` must be one of .*; got 'split-svhn'"),
        ({"rotation": float("inf")}, "`rotation` must be finite, in degrees"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change).check()


def test_more_products_than_weights_are_refused(stream):
    with pytest.raises(ValueError, match="at most the network's 444 weights; got 445"):
        dataclasses.replace(SMALL, products=445).check_stream(stream)


def test_a_rotated_stream_has_all_classes_in_its_first_task():
    stream = landscape.load_stream(dataclasses.replace(SMALL, benchmark="rotated-digits"))
    assert stream.task_names[0] == "0°"
    _, labels = streams.training_sample(stream, 1, 256)
    assert len(labels) == 256
    assert set(labels) == set(range(10))


def test_models_may_name_their_layers_otherwise(stream):
    class Other(nn.Module):
        @nn.compact
        def __call__(self, images):
            x = images.reshape(len(images), -1)
            return nn.Dense(10, name="output")(nn.tanh(nn.Dense(3, name="zz")(x)))

    apply = models.flat_apply(Other(), stream.images.shape[1:])
    x = switch.as_inputs(stream.images[:3])
    params = Other().init(jax.random.key(5), x)
    np.testing.assert_allclose(apply(ravel_pytree(params)[0], x), Other().apply(params, x))


@pytest.mark.parametrize("name", [n for n in methods.METHODS if not n.startswith("sam-")])
def test_methods_that_are_measured_learn_at_the_weights_that_act_under_one_gain(name):
    method = methods.METHODS[name]
    tx = optax.with_extra_args_support(method(method.constants))
    params = {layer: {"kernel": np.ones((2, 2), np.float32)} for layer in ("Dense_0", "output")}
    state = tx.init(params)
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, state = tx.update(zeros, state, params, uncertainty=1.0, task_switch=False)
    one_gain = np.array_equal(updates["Dense_0"]["kernel"], updates["output"]["kernel"])
    assert method.held_weights_act == (one_gain and not optim.has_acting(state))
