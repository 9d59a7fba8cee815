# %% [markdown]
# # The optimizer in your training loop
#
# `optim.modulate_by_gain` wraps any optax optimizer. Your loop changes by one keyword argument:
# `uncertainty=`. This file is a script and a notebook (`jupytext --to ipynb`).

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from neurogain import optim, uncertainty

# %% [markdown]
# ## Data, model, loss
#
# Two tasks, each with two classes of its own. The model is a plain function of its parameters.

# %%
rng = np.random.default_rng(0)
CENTRES = rng.normal(size=(4, 20))


def batch(classes, size=64):
    """Draw labelled points around the centres of these classes."""
    labels = rng.choice(classes, size)
    return jnp.asarray(CENTRES[labels] + 0.5 * rng.normal(size=(size, 20))), jnp.asarray(labels)


def model(params, x):
    """Return logits."""
    return jnp.tanh(x @ params["hidden"]) @ params["output"]


def loss(params, x, labels):
    """Return the loss, and the logits, from which the uncertainty comes."""
    logits = model(params, x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), logits


start = {
    "hidden": jnp.asarray(rng.normal(size=(20, 32)) / 5),
    "output": jnp.asarray(rng.normal(size=(32, 4)) / 6),
}

# %% [markdown]
# ## The loop
#
# The parameters that you hold are the effective weights `E = g W`. You evaluate the loss and the
# model at them, as always. The entropy of the predictions drives the gain `g`.


# %%
def train(tx, params, tasks=((0, 1), (0, 1, 2, 3)), updates=150):
    """Train on one task after the other; return parameters, state and the gain's course."""

    @jax.jit
    def update(params, state, x, labels):
        (_, logits), grads = jax.value_and_grad(loss, has_aux=True)(params, x, labels)
        updates, state = tx.update(grads, state, params, uncertainty=uncertainty.entropy(logits))
        return optax.apply_updates(params, updates), state

    state, gains = tx.init(params), []
    for classes in tasks:
        for _ in range(updates):
            params, state = update(params, state, *batch(classes))
            gains.append(float(optim.get_gain(state)))
    return params, state, gains


tx = optim.modulate_by_gain(optax.adam(3e-3), sensitivity=0.4)
params, state, gains = train(tx, start)
figure, axes = plt.subplots(figsize=(5, 2.5), layout="constrained")
axes.plot(gains)
axes.set(xlabel="update", ylabel="gain g", title="new classes at update 150")
print(f"gain before the switch {gains[149]:.2f}, highest after it {max(gains[150:]):.2f}")
assert max(gains[150:]) > 1.5 * gains[149]

# %% [markdown]
# ## What the state holds
#
# One number per gain, and no copy of the weights (for bfloat16 parameters it holds W in float32,
# since small factors would round away). Helpers find theirs in any nested state.

# %%
W = optim.get_weights(state, params)
slow, fast = optim.get_fast_slow(state, params)
g = optim.get_gain(state)
print("E = g W:        ", bool(jnp.allclose(params["output"], g * W["output"])))
print("E = slow + fast:", bool(jnp.allclose(params["output"], slow["output"] + fast["output"])))

# %% [markdown]
# Uncertainty rescales modulated weights at once. With no gradient the first update multiplies them
# by `1 + sensitivity * uncertainty`.

# %%
zeros = jax.tree.map(jnp.zeros_like, start)
updates, _ = tx.update(zeros, tx.init(start), start, uncertainty=0.5)
print(float((optax.apply_updates(start, updates)["output"] / start["output"])[0, 0]))

# %% [markdown]
# ## Which weights have a gain, and how many gains there are
#
# `mask=` chooses the leaves; `per="leaf"` and `per="unit"` give each leaf or output unit its own.

# %%
for options in ({"mask": optim.only("output")}, {"per": "leaf"}, {"per": "unit"}):
    gain = optim.get_gain(optim.ngm_sgd(0.01, **options).init(start))
    print(options.keys(), jax.tree.map(jnp.shape, gain))

# %% [markdown]
# ## In a chain
#
# What rescales the update (clipping, weight decay, `optax.scale`) goes before the gain, or into
# its inner optimizer, and not behind it: `E' = g' W'` holds for the update that the gain returns.
# A transformation that drops extra arguments would cut the gain off; `audit` says where.

# %%
chain = optax.chain(optax.clip_by_global_norm(1.0), optim.ngm_adamw(1e-3))
print(optim.audit(chain, start))
print(optim.audit(optax.MultiSteps(chain, 4), start))
lost = optax.MultiSteps(chain, 4).gradient_transformation()
print(optim.audit(optax.chain(lost), start))
try:
    chain.update(zeros, chain.init(start), start)
except TypeError as error:
    print("TypeError:", str(error).splitlines()[0])

# %% [markdown]
# `optim.multi_steps(chain, 4)` accumulates gradients and averages the uncertainty as well.
#
# ## Two timescales
#
# `optim.consolidate(inner)` keeps slow weights that follow the trained ones. You train at the
# parameters and evaluate at `get_acting`. The preset `two_timescale` bundles clipped Adam under a
# gain with it. Its docstring says how its constants were chosen.

# %%
tx = optim.two_timescale()
params, state, gains = train(tx, start)
x, labels = batch((0, 1, 2, 3), 1000)
for name, weights in (("trained", params), ("acting", optim.get_acting(state, params))):
    print(f"{name}: accuracy {float((model(weights, x).argmax(1) == labels).mean()):.3f}")

# %% [markdown]
# ## With Flax
#
# `flax.nnx.Optimizer` passes `uncertainty=` on as it is. For Linen there is a `TrainState` for it:

# %%
from neurogain.optim.train_state import TrainState

flax_state = TrainState.create(apply_fn=model, params=start, tx=optim.ngm_sgd(0.1))
flax_state = flax_state.apply_gradients(grads=zeros, uncertainty=0.5)
print("gain in a TrainState:", float(optim.get_gain(flax_state.opt_state)))

# %% [markdown]
# ## Controls
#
# They tell what of an effect is due to the gain: `modulate_by_gain(inner, sensitivity=0,
# baseline=g)` (a fixed gain), `scale_by_gain` (the rate that the gain makes of SGD),
# `scale_by_uncertainty` (uncertainty on the learning rate), `reset_on_switch`. The drive need not
# be an entropy: `neurogain.uncertainty` has others, and any number of at least 0 will do.

# %%
logits = jnp.array([[2.0, 1.0, 0.0]])
for name in ("entropy", "normalized_entropy", "least_confidence", "margin"):
    print(f"{name}: {float(getattr(uncertainty, name)(logits)[0]):.3f}")
