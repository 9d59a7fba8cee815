import jax
import jax.numpy as jnp
import numpy as np

from neurogain.continual import models

MODEL = models.MLP(classes=10, hidden=(30, 20))
IMAGES = jnp.asarray(np.random.default_rng(0).random((7, 8, 8, 1)), jnp.float32)


def kernels():
    tree = MODEL.init(jax.random.key(0), IMAGES)["params"]
    assert all(set(layer) == {"kernel"} for layer in tree.values())  # no biases
    return [tree[name]["kernel"] for name in ("Dense_0", "Dense_1", "output")]


def test_layers_have_the_stated_widths():
    assert [k.shape for k in kernels()] == [(64, 30), (30, 20), (20, 10)]


def test_weights_start_uniform_in_one_over_root_fan_in():
    for kernel in kernels():
        scaled = np.asarray(kernel) * kernel.shape[0] ** 0.5
        assert np.abs(scaled).max() <= 1
        assert np.abs(scaled).max() > 0.95
        assert abs(scaled.mean()) < 4 / (3 * scaled.size) ** 0.5  # sd of U(-1, 1): 1/sqrt(3)
        np.testing.assert_allclose(scaled.std(), 3**-0.5, rtol=0.1)


def test_logits_are_a_relu_network_of_the_flat_image():
    a, b, c = map(np.asarray, kernels())
    x = np.asarray(IMAGES).reshape(7, -1)
    expected = np.maximum(np.maximum(x @ a, 0) @ b, 0) @ c
    params = MODEL.init(jax.random.key(0), IMAGES)
    np.testing.assert_allclose(MODEL.apply(params, IMAGES), expected, rtol=1e-4, atol=1e-6)


def test_one_gain_on_all_layers_multiplies_the_logits_by_its_power():
    params = MODEL.init(jax.random.key(0), IMAGES)
    scaled = jax.tree.map(lambda w: 2.0 * w, params)
    np.testing.assert_array_equal(MODEL.apply(scaled, IMAGES), 8 * MODEL.apply(params, IMAGES))
