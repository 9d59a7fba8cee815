import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from neurogain.continual import models

IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8, 8, 3)), jnp.float32)
TINY = models.ResNet(classes=5, width=3, blocks=(1, 1))


@pytest.fixture(scope="module")
def variables():
    return jax.jit(TINY.init)(jax.random.key(0), IMAGES)


def leaves(tree):
    return {jax.tree_util.keystr(path): x for path, x in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.mark.parametrize("classes", [10, 20])
def test_slim_resnet_18_has_the_parameters_of_its_layers(classes):
    model = models.ResNet(classes)
    image = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), image)
    widths = [20, 40, 80, 160]
    convolutions = [(3, 20, 3)] + [(20, 20, 3)] * 4
    for before, after in itertools.pairwise(widths):
        convolutions += [(before, after, 3), (before, after, 1)] + [(after, after, 3)] * 3
    kernels = sum(size**2 * a * b for a, b, size in convolutions)
    channels = sum(b for _, b, _ in convolutions)  # normalised: a scale and a shift each
    count = sum(np.prod(x.shape) for x in jax.tree.leaves(shapes["params"]))
    assert count == kernels + 2 * channels + 160 * classes + classes
    assert 1.09e6 < count < 1.1e6
    stats = sum(np.prod(x.shape) for x in jax.tree.leaves(shapes["batch_stats"]))
    assert stats == 2 * channels


def test_only_the_output_layer_has_a_bias_of_its_own(variables):
    names = {name: x.shape for name, x in leaves(variables["params"]).items()}
    biased = [n for n in names if "bias" in n and "BatchNorm" not in n]
    assert biased == ["['output']['bias']"]
    assert names["['output']['kernel']"] == (6, 5)


def test_weights_start_uniform_in_one_over_root_fan_in(variables):
    for name, kernel in leaves(variables["params"]).items():
        if "kernel" in name:
            scaled = np.asarray(kernel) * np.prod(kernel.shape[:-1]) ** 0.5
            assert 0.75 < np.abs(scaled).max() <= 1, name
            assert abs(scaled.mean()) < 4 / (3 * scaled.size) ** 0.5, name


def convolve(x, kernel, stride):
    """Convolve with a border of zeros, as PyTorch does with padding = kernel // 2."""
    n, height, width, _ = x.shape
    size = kernel.shape[0]
    x = np.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)))
    out = np.zeros((n, height, width, kernel.shape[-1]))
    for i in range(size):
        for j in range(size):
            out += x[:, i : i + height, j : j + width] @ kernel[i, j]
    return out[:, ::stride, ::stride]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((1, 1), (0, 2))])
@pytest.mark.parametrize("cached", [1 << 19, 1000])
def test_products_of_patches_are_the_convolution_with_its_gradients(
    size, stride, padding, cached, monkeypatch
):
    monkeypatch.setattr(models, "_CACHED", cached)
    rng = np.random.default_rng(size)
    x = jnp.asarray(rng.integers(-4, 5, (6, 7, 6, 3)), jnp.float32)  # exact in any order
    kernel = jnp.asarray(rng.integers(-4, 5, (size, size, 3, 4)), jnp.float32)
    numbers = ("NHWC", "HWIO", "NHWC")

    def both(convolution):
        def loss(*args):
            y = convolution(*args, (stride, stride), padding, dimension_numbers=numbers)
            return jnp.sum(y**2) / 2, y

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(x, kernel)

    jax.tree.map(
        np.testing.assert_array_equal, both(models.by_patches), both(jax.lax.conv_general_dilated)
    )


@pytest.mark.parametrize(
    "options", [{"kernel_dilation": 2}, {"input_dilation": 2}, {"feature_group_count": 3}]
)
def test_what_patches_do_not_do_is_the_usual_convolution(options):
    def found(**chosen):
        conv = nn.Conv(6, (3, 3), padding=1, **options, **chosen)
        return conv.init_with_output(jax.random.key(0), IMAGES)

    usual = found()
    jax.tree.map(
        np.testing.assert_array_equal, found(conv_general_dilated=models.by_patches), usual
    )


class Plain:
    """The network in NumPy, in float64; statistics of the batch, or those given."""

    def __init__(self, variables, *, train):
        self.params, self.stats = (
            jax.tree.map(lambda x: np.asarray(x, np.float64), variables[name])
            for name in ("params", "batch_stats")
        )
        self.train, self.number, self.new_stats = train, 0, {}

    def layer(self, x, stride=1):
        i, self.number = self.number, self.number + 1
        y = convolve(x, self.params[f"Conv_{i}"]["kernel"], stride)
        norm, stats = f"BatchNorm_{i}", self.stats[f"BatchNorm_{i}"]
        mean, var = stats["mean"], stats["var"]
        if self.train:
            mean, var = y.mean(axis=(0, 1, 2)), y.var(axis=(0, 1, 2))
        self.new_stats[norm] = {
            name: 0.9 * stats[name] + 0.1 * new for name, new in (("mean", mean), ("var", var))
        }
        p = self.params[norm]
        return (y - mean) / np.sqrt(var + 1e-5) * p["scale"] + p["bias"]

    def block(self, x, stride):
        y = self.layer(np.maximum(self.layer(x, stride), 0))
        if y.shape != x.shape:
            x = self.layer(x, stride)
        return np.maximum(x + y, 0)

    def __call__(self, x):
        x = np.maximum(self.layer(np.asarray(x, np.float64)), 0)
        x = self.block(self.block(x, 1), 2).mean(axis=(1, 2))
        return x @ self.params["output"]["kernel"] + self.params["output"]["bias"]


def test_training_uses_and_follows_the_statistics_of_the_batch(variables):
    plain = Plain(variables, train=True)
    logits, changed = jax.jit(lambda v, x: TINY.apply(v, x, train=True, mutable=["batch_stats"]))(
        variables, IMAGES
    )
    np.testing.assert_allclose(logits, plain(IMAGES), rtol=2e-4, atol=2e-5)
    expected, found = leaves(plain.new_stats), leaves(changed["batch_stats"])
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_evaluation_uses_the_statistics_it_is_given(variables):
    rng = np.random.default_rng(1)
    stats = jax.tree.map(lambda x: rng.uniform(0.5, 2, x.shape), variables["batch_stats"])
    given = {"params": variables["params"], "batch_stats": stats}
    plain = Plain(given, train=False)
    given["batch_stats"] = jax.tree.map(jnp.float32, stats)
    logits = jax.jit(TINY.apply)(given, IMAGES)
    np.testing.assert_allclose(logits, plain(IMAGES), rtol=2e-4, atol=2e-5)


def test_low_precision_leaves_parameters_statistics_and_logits_in_float32(variables):
    low = models.ResNet(classes=5, width=3, blocks=(1, 1), dtype=jnp.bfloat16)
    shapes = jax.eval_shape(low.init, jax.random.key(0), IMAGES)
    assert {x.dtype for x in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    logits = jax.jit(low.apply)(variables, IMAGES)
    assert logits.dtype == jnp.float32
    exact = TINY.apply(variables, IMAGES)
    assert not np.array_equal(logits, exact)
    np.testing.assert_allclose(logits, exact, atol=0.05 * float(np.abs(exact).max()))
