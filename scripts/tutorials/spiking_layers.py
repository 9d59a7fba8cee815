# %% [markdown]
# # Spiking cells that learn a task
#
# A layer of spiking cells, in front of leaky read-outs, learns to tell spike patterns apart. Its
# cells may differ, learn constants of their own, and answer neuromodulators by type. This file is a
# script and a notebook (`jupytext --to ipynb`).

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from neurogain import optim
from neurogain.neuromod import tables
from neurogain.neuromod.cell_types import CellTypes
from neurogain.neuromod.effects import Effect
from neurogain.neuromod.released import Released, by_uncertainty
from neurogain.spiking import LIFCell, LIFParams, eprop, surrogate
from neurogain.spiking.heterogeneity import Spread, draw
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout, rate_band
from neurogain.tasks.spikes import randman

# %% [markdown]
# ## Spikes to learn from
#
# In Randman each of 20 units spikes once; a class is a smooth curve in the space of the times.
# Training and test examples are parts of one draw.

# %%
examples = randman(jax.random.key(0), classes=5, samples=200)
spikes = jnp.swapaxes(examples.spikes(50), 0, 1)  # (steps, examples, channels)
train, test = slice(0, 800), slice(800, 1000)
print(f"{spikes.shape[1]} examples of {spikes.shape[0]} steps and {spikes.shape[2]} channels")

# %% [markdown]
# ## A layer of cells that differ
#
# `draw` gives each cell its own capacitance, around the value that the constants have, with that
# mean. `learn` names constants that learn, too; they stay within what the cell allows.

# %%
constants = draw(LIFParams(d=0.0), {"C": Spread("gamma", cv=0.3)}, 40, jax.random.key(1), dt=1.0)
cell = LIFCell(surrogate.FastSigmoid(10.0))
layer = Layer(cell, constants, inputs=20, n=40, scale=3000.0, learn=("tau_w", "C"))
readout = Readout(40, 5, "max", scale=10.0)
of_layer, of_readout = jax.random.split(jax.random.key(2))
params = {"layer": layer.init(of_layer), "readout": readout.init(of_readout)}
print("capacitance of the cells: {:.0f} to {:.0f} pF".format(*np.quantile(constants.C, [0, 1])))

# %% [markdown]
# ## Learn
#
# Both are pure functions, so the loop is the usual one. The band keeps silent cells from staying
# silent. Gradients of spiking cells can explode: clip them. Any optax optimizer serves, and those
# of `neurogain.optim` get the uncertainty.


# %%
def logits_of(params, spikes):
    """Return logits, and the spikes of the layer."""
    hidden, _ = layer.apply(params["layer"], spikes)
    return readout.apply(params["readout"], hidden), hidden


def loss_of(params, spikes, labels):
    """Return the loss, and the logits beside it."""
    logits, hidden = logits_of(params, spikes)
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return loss + 0.1 * rate_band(hidden, 2.0, 100.0, dt=1.0), logits


tx = optax.chain(optax.clip_by_global_norm(1.0), optim.ngm_adam(0.005, sensitivity=0.1))
learn = optim.value_grad_and_uncertainty(loss_of)


@jax.jit
def update(params, state, key):
    """Learn from one batch."""
    index = jax.random.randint(key, (32,), train.start, train.stop)
    loss, grads, drive = learn(params, spikes[:, index], examples.labels[index])
    updates, state = tx.update(grads, state, params, uncertainty=drive)
    return optax.apply_updates(params, updates), state, loss


@jax.jit
def accuracy(params):
    """Return the share of test examples that are told right."""
    logits, _ = logits_of(params, spikes[:, test])
    return jnp.mean(logits.argmax(-1) == examples.labels[test])


state, losses = tx.init(params), []
before = float(accuracy(params))
for i in range(150):
    params, state, loss = update(params, state, jax.random.key(100 + i))
    losses.append(float(loss))
print(f"accuracy on test examples: {before:.2f} -> {float(accuracy(params)):.2f}")

figure, axes = plt.subplots(figsize=(4.5, 3), layout="constrained")
axes.plot(losses)
axes.set(xlabel="update", ylabel="loss (nats)")

# %% [markdown]
# ## The same gradient, forward in time
#
# e-prop needs no record of the past: each synapse keeps a trace, and a learning signal arrives with
# the spike. Without recurrence it is the gradient of back-propagation through time.

# %%
fixed = Layer(cell, constants, inputs=20, n=40, scale=3000.0)
weights = {"in": params["layer"]["in"]}
few, labels = spikes[:, :8], examples.labels[:8]


def of_spikes(hidden):
    """Return the loss as a function of the layer's spikes."""
    logits = readout.apply(params["readout"], hidden)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


signals = jax.grad(of_spikes)(fixed.apply(weights, few)[0])
forward = eprop.gradients(fixed, weights, few, signals)["in"]
exact = jax.grad(lambda w: of_spikes(fixed.apply(w, few)[0]))(weights)["in"]
print(f"largest difference: {float(jnp.abs(forward - exact).max() / jnp.abs(exact).max()):.0e}")

# %% [markdown]
# ## Types of cells that answer a neuromodulator differently
#
# Noradrenaline through alpha-1 receptors raises the gain of one half of the cells, and the
# threshold of the other. At tonic levels, activations of 0, nothing changes.

# %%
types = CellTypes(
    cell,
    constants,
    index=np.arange(40) % 2,
    types=((Effect("alpha1", "soma.gain", 0.5),), (Effect("alpha1", "v_t", 5.0),)),
)
for level in (0.0, 1.0):
    levels = jnp.full((*few.shape[:2], 1), level)
    modulated, _ = fixed.apply(weights, few, modulate=types.modulate(types.init()), levels=levels)
    rates = 1000 * modulated.mean((0, 1))
    print(f"activation {level:g}: {rates[::2].mean():.1f} and {rates[1::2].mean():.1f} Hz")

# %% [markdown]
# ## A network that releases its own neuromodulator
#
# `Released` closes the loop: the entropy of the decision so far releases acetylcholine, M1
# receptors follow it slowly, and the layer's cells feel them in the next step. `by_reward` does the
# same with the error of the expected reward and dopamine. Modulators take hundreds of ms, many
# trials of this task, so the state goes on from one to the next.

# %%
louder = CellTypes(cell, constants, np.zeros(40, int), ((Effect("m1", "soma.gain", 10.0),),))
course_of = Readout(40, 5, scale=10.0)  # each step decides
network = Released(fixed, course_of, louder, tables.standard(), by_uncertainty)
own = {"hidden": weights, "output": params["readout"], "effects": louder.init()}
trial, state = jax.jit(network.apply), network.start(own, few.shape[1])
for number in range(1, 21):
    course, state = trial(own, few, state)
    if number in (1, 5, 20):
        print(
            f"trial {number}: M1 {float(course.activation[-1].mean()):.3f}, "
            f"{1000 * float(course.spikes.mean()):.1f} Hz"
        )
