# %% [markdown]
# # Where to place the gain
#
# A gain multiplies weights. What that does depends on what stands behind them. Each recipe here
# ends in an assertion. This file is a script and a notebook (`jupytext --to ipynb`).

# %%
import dataclasses
import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from neurogain import optim
from neurogain.optim.train_state import TrainState

GAIN = 1.4
rng = np.random.default_rng(0)
Y = jnp.asarray(rng.integers(0, 4, 64))
X = jnp.asarray(rng.normal(size=(4, 16))[Y] + 0.5 * rng.normal(size=(64, 16)), jnp.float32)


def weights(*shape):
    """Draw weights that keep the scale of their inputs."""
    return jnp.asarray(rng.normal(size=shape) / math.sqrt(shape[0]), jnp.float32)


def raised(params, *names):
    """Return parameters with a gain on the leaves below these names."""
    return jax.tree.map(lambda p, on: GAIN * p if on else p, params, optim.only(*names)(params))


def loss(model, x, y):
    """Return the loss, and the logits beside it."""
    logits = model(x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits


# %% [markdown]
# ## Models that are trees and can be called
#
# Such is an Equinox model. Equinox is no dependency, so a plain dataclass stands for one. Where a
# model holds functions too, give `tx.init` and `tx.update` its arrays (`eqx.filter(model,
# eqx.is_inexact_array)`), and pass `value_and_grad=eqx.filter_value_and_grad`.


# %%
@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Network:
    """Two layers with a LayerNorm between them; the model is its own parameters."""

    hidden: jax.Array
    bias: jax.Array
    output: jax.Array

    def __call__(self, x):
        """Return logits."""
        h = x @ self.hidden + self.bias
        h = (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-6)
        return jax.nn.relu(h) @ self.output


learn = optim.value_grad_and_uncertainty(loss)


@partial(jax.jit, static_argnames="tx")
def step(tx, model, state, x=X, y=Y):
    """Train once."""
    _, grads, drive = learn(model, x, y)
    updates, state = tx.update(grads, state, model, uncertainty=drive)
    return optax.apply_updates(model, updates), state


def train(tx, model, updates=20):
    """Train; return the logits."""
    state = tx.init(model)
    for _ in range(updates):
        model, state = step(tx, model, state)
    return model(X)


network = Network(weights(16, 32), 0.1 * weights(32), weights(32, 4))
output_only = optim.ngm_sgd(0.1, mask=optim.only("output"))
trained, state = step(output_only, network, output_only.init(network))
print(f"{type(trained).__name__}: gain {optim.get_gain(state):.2f} after one update")
assert isinstance(trained, Network)

# %% [markdown]
# ## Normalised layers
#
# A gain in front of BatchNorm or LayerNorm changes nothing: the normalisation divides it away. It
# does not even change learning, since the underlying weights have the gradient that they would have
# without a gain. That holds for a layer with its bias; a gain on one of them shifts their balance.
# `audit` tells before training how far a gain of 1.4 moves the output.

# %%
in_front = optim.ngm_sgd(0.1, mask=optim.only("hidden", "bias"))
audit = partial(optim.audit, params=network, apply=lambda model, x: model(x), batch=X)
effect, effect_behind = (audit(tx)[0].effect["all"] for tx in (in_front, output_only))
print(f"effect in front of the LayerNorm {effect:.0e}, behind it {effect_behind:.1f}")
assert effect < 1e-6 < effect_behind
plain = train(optax.with_extra_args_support(optax.sgd(0.1)), network)
np.testing.assert_allclose(train(in_front, network), plain, atol=1e-4)  # 20 updates are the same
assert jnp.abs(train(output_only, network) - plain).max() > 0.1  # so place it behind the last one

# %% [markdown]
# ## Biases
#
# By default a bias is modulated with its weights: the gain scales the whole pre-activation, and the
# same units are active. A gain on kernels alone moves thresholds.

# %%
layer = {"kernel": weights(16, 32), "bias": 4 * weights(32)}
layers = layer, raised(layer, "kernel", "bias"), raised(layer, "kernel")
active, with_bias, kernel_alone = (X @ p["kernel"] + p["bias"] > 0 for p in layers)
print(f"kernel alone: {float((kernel_alone != active).mean()):.1%} of activities changed")
assert jnp.array_equal(with_bias, active)
assert not jnp.array_equal(kernel_alone, active)

# %% [markdown]
# ## LoRA
#
# The adapter is a product of two factors. A gain on both scales it by g squared: modulate one, as
# `optim.ngm_adamw(1e-3, mask=optim.only("B"))` does.

# %%
lora = {"A": weights(16, 2), "B": weights(2, 16)}
for names, power in ((("A", "B"), 2), (("B",), 1)):
    adapter = raised(lora, *names)
    ratio = (adapter["A"] @ adapter["B"]) / (lora["A"] @ lora["B"])
    print(f"gain on {' and '.join(names)}: the adapter is scaled by {float(ratio.mean()):.2f}")
    np.testing.assert_allclose(ratio, GAIN**power, rtol=1e-4)

# %% [markdown]
# ## Freezing
#
# A gain rescales its weights even where `optax.multi_transform` or `optax.masked(set_to_zero(),
# ...)` freezes them. Leave them out of the gain's mask. `audit` names what is frozen and modulated.

# %%
labels = Network("frozen", "frozen", "trained")
kinds = {"trained": optax.sgd(0.1), "frozen": optax.set_to_zero()}
inner = optax.multi_transform(kinds, lambda _: labels)  # optax would call labels of this type
for mask, frozen in ((None, (".hidden", ".bias")), (optim.only("output"), ())):
    tx = optim.modulate_by_gain(inner, mask=mask)
    trained, _ = step(tx, network, tx.init(network))
    print("frozen, but modulated:", audit(tx)[0].frozen or "none")
    assert audit(tx)[0].frozen == frozen
    assert jnp.array_equal(trained.hidden, network.hidden) == (not frozen)

# %% [markdown]
# ## Depth
#
# One gain on all L layers multiplies in each of them: the output of a ReLU network without biases
# scales by g to the power L. Modulate the output layer alone, or divide the sensitivity by L.

# %%
factors, y, y_raised = [], X, X
for _ in range(6):
    w = weights(16, 16)
    y, y_raised = jax.nn.relu(y @ w), jax.nn.relu(y_raised @ (GAIN * w))
    factors.append(float(jnp.linalg.norm(y_raised) / jnp.linalg.norm(y)))
figure, axes = plt.subplots(1, 2, figsize=(7, 2.5), layout="constrained")
axes[0].plot(range(1, 7), factors, "o-")
axes[0].set(xlabel="layers under a gain of 1.4", ylabel="factor of the output")
print("factors of the output:", np.round(factors, 2))
np.testing.assert_allclose(factors, GAIN ** np.arange(1, 7), rtol=1e-4)

# %% [markdown]
# ## flax.nnx
#
# `value_grad_and_uncertainty` differentiates with whatever it is given. The model may update its
# statistics. `only` takes names and indices; here 3 is the output layer.

# %%
rngs = nnx.Rngs(0)
hidden, norm = nnx.Linear(16, 32, rngs=rngs), nnx.BatchNorm(32, rngs=rngs)
model = nnx.Sequential(hidden, norm, nnx.relu, nnx.Linear(32, 4, rngs=rngs))
optimizer = nnx.Optimizer(model, optim.ngm_adam(1e-2, mask=optim.only(3)), wrt=nnx.Param)
learn_nnx = optim.value_grad_and_uncertainty(loss, value_and_grad=nnx.value_and_grad)


@nnx.jit
def step_nnx(model, optimizer, x, y):
    """Train once."""
    value, grads, drive = learn_nnx(model, x, y)
    optimizer.update(model, grads, uncertainty=drive)
    return value


losses = [float(step_nnx(model, optimizer, X, Y)) for _ in range(20)]
gain = float(optim.get_gain(optimizer.opt_state))
print(f"nnx: loss {losses[0]:.2f} to {losses[-1]:.2f}, gain {gain:.2f}")
assert losses[-1] < losses[0] / 2

# %% [markdown]
# ## flax.linen

# %%
linen = nn.Sequential([nn.Dense(32), nn.relu, nn.Dense(4)])
tx = optim.ngm_adam(1e-2, mask=optim.only("layers_2"))
start = linen.init(jax.random.key(0), X)
linen_state = TrainState.create(apply_fn=linen.apply, params=start, tx=tx)
learn_linen = optim.value_grad_and_uncertainty(lambda p: loss(partial(linen.apply, p), X, Y))
value, grads, drive = learn_linen(linen_state.params)
linen_state = linen_state.apply_gradients(grads=grads, uncertainty=drive)
print(f"linen: gain {optim.get_gain(linen_state.opt_state):.2f} after one update")
assert learn_linen(linen_state.params)[0] < value

# %% [markdown]
# ## Sharding
#
# The state holds one number per gain; a copy of the weights (`keep_weights`, the default for
# bfloat16) lies where the weights lie. Parameters that are spread over devices need nothing else.

# %%
mesh = Mesh(np.array(jax.devices()[: math.gcd(32, jax.device_count())]), "model")
places = Network(PartitionSpec(None, "model"), PartitionSpec("model"), PartitionSpec("model"))
shards = jax.tree.map(partial(NamedSharding, mesh), places)
spread = jax.device_put(network, shards)
tx = optim.ngm_sgd(0.1, mask=optim.only("output"), keep_weights=True)
(one, _), (many, state) = (step(tx, model, tx.init(model)) for model in (network, spread))
print(f"on {mesh.size} devices:", many.output.sharding.spec)
assert many.output.sharding.is_equivalent_to(shards.output, 2)
assert state.weights.output.sharding.is_equivalent_to(shards.output, 2)
np.testing.assert_allclose(many.output, one.output, atol=1e-5)

# %% [markdown]
# ## Logging the gain
#
# `get_gain(state)` is pure: call it inside the jitted step or behind it. The gain rises where the
# labels change, at update 100.

# %%
gains, model, state = [], network, output_only.init(network)
for update in range(200):
    model, state = step(output_only, model, state, X, Y if update < 100 else (Y + 1) % 4)
    gains.append(optim.get_gain(state))  # a float of each one would wait for the device
axes[1].plot(np.array(gains))
axes[1].set(xlabel="update", ylabel="gain g", title="other labels from update 100 on")
assert max(gains[100:]) > 1.2 * gains[99]
