# %% [markdown]
# # Neuromodulators
#
# Dopamine, noradrenaline, acetylcholine and serotonin: release, clearance, receptors (fast and
# slow), and effects on named targets of a network. This file is a script and a notebook (`jupytext
# --to ipynb`).

# %%
import dataclasses

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from neurogain import neuromod, optim
from neurogain.neuromod import Effect, Modulated, ModulatedParams, tables
from neurogain.spiking import (
    Drive,
    Noise,
    PoissonSource,
    Population,
    Pulse,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    simulate,
)
from neurogain.spiking.recorders import Total, Traces

# %% [markdown]
# ## Tables
#
# Each constant and each effect has its source, or says that it is a modelling choice.

# %%
for system, kinetics in tables.KINETICS.items():
    receptors = ", ".join(tables.RECEPTORS[system])
    print(f"{system}: {kinetics.tonic:g} nM, cleared in {kinetics.tau:g} ms; {receptors}")
for effect in tables.EFFECTS["l5_pyramidal"][:3]:
    print(f"{effect.receptor} -> {effect.target}: {effect.strength:+g} ({effect.source})")

# %% [markdown]
# ## A network under modulation
#
# `effects.on` puts a table of effects on a population. `Modulated(network)` is a model like the
# network; its drive has `"neuromod.surprise"` and other fields of `neuromod.Drives` beside the
# network's own.

# %%
l5 = Population(PyramidalCell(), cells.L5_PYRAMIDAL, 50)
network, plain = build({"l5": l5}, {}, dt=0.1, key=jax.random.key(0))
effects = neuromod.effects.on("l5", tables.EFFECTS["l5_pyramidal"], among=neuromod.targets(network))
params = ModulatedParams(plain, tables.standard(), effects)
input_to_l5 = PyramidalDrive(Drive(Noise(800.0, 100.0)), Drive(800.0), coupling=0.3)
record = {
    "noradrenaline": Traces(
        lambda state, info: state.neuromod.concentration["noradrenaline"][None], every=10
    ),
    "coupling": Traces(lambda state, info: info.effects["l5.coupling"][None], every=10),
    "spikes": Total(),
}
task = {"duration": 400.0, "key": jax.random.key(1), "record": record}


def run(params, surprise):
    """Run the network with a burst of the locus coeruleus at 200 ms, or without it."""
    burst = Pulse(surprise, start=200.0, end=200.1)
    drive = {"l5": input_to_l5, "neuromod.surprise": burst}
    return simulate(Modulated(network), params, drive, **task)


def coupling(found):
    """Return the highest coupling p of soma and dendrite; without modulation it is 0.3."""
    return float(jax.nn.sigmoid(np.log(0.3 / 0.7) + np.max(found.recorded["coupling"].values)))


figure, (above, below) = plt.subplots(2, 1, figsize=(5, 4), sharex=True, layout="constrained")
for surprise in (0.0, 1.0):
    found = run(params, surprise)
    concentration = np.asarray(found.recorded["noradrenaline"].values).ravel()
    above.plot(found.recorded["noradrenaline"].time_ms, concentration)
    below.plot(found.recorded["coupling"].time_ms, found.recorded["coupling"].values)
    p = coupling(found)
    print(
        f"surprise {surprise:g}: noradrenaline up to {concentration.max():.0f} nM, p up to {p:.3f}"
    )
above.set(ylabel="noradrenaline (nM)")
below.set(ylabel="coupling (log odds of p)", xlabel="ms")
assert concentration.max() > 1.5 * concentration[0]

# %% [markdown]
# ## At tonic levels nothing changes
#
# Effects are relative to the tonic reference: there a modulated network is the plain one, bit for
# bit.

# %%
plain_task = task | {"record": {"spikes": task["record"]["spikes"]}}
alone = simulate(network, plain, {"l5": input_to_l5}, **plain_task)
tonic = run(params, 0.0)
same = np.array_equal(alone.state.cells["l5"].soma.v, tonic.state.network.cells["l5"].soma.v)
print("bit for bit:", same)
assert same

# %% [markdown]
# ## Effects of your own
#
# An effect is a receptor, a target and a strength; pass a tuple of them as the third field of
# `ModulatedParams`. Effects on one target add up before they act. These are the targets of this
# network (`help(Modulated)` says what each is); `extending.py` adds one. Strengths are numbers
# like any other, so changing them compiles nothing.

# %%
print(", ".join(neuromod.targets(network)))
print(Effect("alpha1", "l5.soma.current", 300.0))  # pA per unit of activation
stronger = tuple(dataclasses.replace(effect, strength=3 * effect.strength) for effect in effects)
for name, chosen in (("of the table", effects), ("three times as high", stronger)):
    found = run(params._replace(effects=chosen), 1.0)
    print(f"strengths {name}: p up to {coupling(found):.3f}")

# %% [markdown]
# ## Spikes release, and a loop closes
#
# With `releases` the spikes of a population take the place of a drive: here of cells that fire at
# random, 5 Hz at the tonic level. `feedback` sees the state before each step and returns the drive
# that acts, so that what neuromodulators do can change what releases them. Wires to single cells
# are `wired` and `ModulatedParams.wires`; a fifth neuromodulator is a `neuromod.Neuromodulator`.


# %%
def more_than_tonic(state, drive):
    """Return a rate of the releasing cells that rises while dopamine is below 40 nM."""
    missing = 40.0 - state.neuromod.concentration["dopamine"]
    return {**drive, "vta": jnp.clip(5.0 + 0.5 * missing, 0.0, 100.0)}


vta = Population(PoissonSource(), (), 100)
both, plain = build({"vta": vta}, {}, dt=1.0, key=jax.random.key(0))
systems = ModulatedParams(plain, tables.standard())
record = {"nM": Traces(lambda state, info: state.neuromod.concentration["dopamine"][None])}
for feedback in (None, more_than_tonic):
    model = Modulated(
        both, releases={"dopamine": neuromod.SpikeRelease("vta", tonic_hz=5.0)}, feedback=feedback
    )
    task = {"duration": 3000.0, "dt": 1.0, "key": jax.random.key(1), "record": record}
    found = simulate(model, systems, {"vta": 5.0}, **task)
    level = found.recorded["nM"].values[1000:].mean()
    print(f"feedback {feedback is not None}: dopamine {level:.1f} nM")

# %% [markdown]
# ## The same systems drive an optimizer
#
# What receptors do is an amount of any sign: behind a burst of the locus coeruleus there is a
# pause, and a drive of a gain must be at least 0. So `neuromod.amounts` turns what a learner tells,
# once per update, into amounts, and `gain_of` makes the gain exp(amount) > 0 of them. Here an
# uncertainty beyond the expected one calls for a burst, each update lasts 50 ms, and the gain lags.

# %%
source = neuromod.amounts.gain_of(neuromod.amounts.noradrenaline(ms_per_update=50.0))
tx = optim.with_gain_source(optax.sgd(0.01), source)
weights = {"w": jnp.ones(2)}
optimizer = tx.init(weights)
for update, uncertainty in enumerate([0.1, 0.1, 1.5, *[0.1] * 40]):
    zeros = jax.tree.map(jnp.zeros_like, weights)
    _, optimizer = tx.update(zeros, optimizer, weights, uncertainty=uncertainty)
    if update % 6 == 2:
        print(f"update {update:2}: gain {float(optim.get_gain(optimizer)):.3f}")

# %% [markdown]
# All four have a place in an optimizer (`help(neuromod.transforms)`): dopamine as third factor of a
# policy gradient, noradrenaline as gain, acetylcholine on the learning rate, serotonin on how far
# credit goes back. Each reads `uncertainty` or `reward` in `update`.

# %%
amounts, transforms = neuromod.amounts, neuromod.transforms
tx = optax.chain(
    transforms.scale_by_amount(amounts.dopamine(), signed=True),
    transforms.trace_by_amount(0.5, amounts.serotonin()),
    transforms.scale_by_amount(amounts.acetylcholine()),
    optim.with_gain_source(optax.sgd(0.1), source),
)
state, gradients = tx.init(weights), jax.tree.map(jnp.ones_like, weights)
for reward in (-1.0, 1.0, -1.0):
    updates, state = tx.update(gradients, state, weights, uncertainty=0.5, reward=reward)
    print(f"reward {reward:+.0f}: update {float(updates['w'][0]):+.3f}")

# %% [markdown]
# The experiments `neuromod` (concentrations, receptors and effects, with interactions and without)
# and `go-nogo` (which modulators does a set shift need?) use the same parts.

# %% [markdown]
# In Go/No-Go with valid feedback DA + NA re-learns an extra-dimensional shift in all of 30 seeds,
# and DA alone in 0.17. But DA whose rates and exploration were tuned does in 0.93, and DA with
# constant slow forgetting in all, at the price of accuracy before the shift (0.974 against 0.991);
# of NA's four actions the partial reset of weights does all of it. With feedback valid in 85 %
# forgetting (0.93) and DA + NA (0.80) still do, tuned DA in 0.53. With two-compartment cells
# DA + NA re-learns in 0.63, DA alone in 0.03, DA tuned for the simpler cells in none; after a
# reversal the three do in all, none and none. All constants come from other seeds.
# `neurogain go-nogo` repeats it: 77 runs of 30 seeds, 15 to 20 minutes; `neurogain go-nogo
# --conditions da da+na --validity 1 --overtraining 0 --seeds 5` is a first look.
# `benchmarks/results/agents.md` has the tables.
