# %% [markdown]
# # A network, and plasticity
#
# Pyramidal cells excite SOM interneurons, which inhibit their dendrites. Recurrent synapses learn
# by pair STDP. This file is a script and a notebook (`jupytext --to ipynb`).

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    PoissonInput,
    PoissonSource,
    Population,
    Projection,
    Pulse,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    compilations,
    measures,
    simulate,
)
from neurogain.spiking.connectivity import AllToAll, FixedInDegree
from neurogain.spiking.network.recorders import Weights
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Mean, Spikes, Total

# %% [markdown]
# ## Build
#
# A `Population` is a cell, its constants and a number. A `Projection` connects two populations: a
# rule of connectivity, a weight (nS), a compartment, a receptor, and a rule of plasticity if it
# learns. `build` draws the synapses. The structure is static; all numbers are in `params`.

# %%
populations = {
    "pyramidal": Population(PyramidalCell(), cells.L5_PYRAMIDAL, 120),
    "som": Population(IzhikevichCell(), cells.SOM, 30),
}
projections = {
    "recurrent": Projection(
        "pyramidal", "pyramidal", FixedInDegree(40), weight=0.3, plasticity=PairSTDP()
    ),
    "excite": Projection("pyramidal", "som", FixedInDegree(40), weight=0.3),
    "inhibit": Projection(
        "som", "pyramidal", FixedInDegree(20), weight=1.0, compartment="dendrite", receptor="gaba_a"
    ),
}
network, params = build(populations, projections, dt=0.1, key=jax.random.key(0))
print(f"{network.size} cells, {network.synapses(params, 'recurrent').weight.size} plastic synapses")

# %% [markdown]
# ## Run
#
# The drive names the populations that get one. Delivery is event-driven: its cost is spikes times
# out-degree, and no spike is lost whatever the burst. Small networks take matrices instead, which
# are differentiable; `network.paths` says which, and `build(path=...)` overrides the choice.

# %%
drive = {"pyramidal": PyramidalDrive(Drive(Noise(700.0, 100.0)), Drive(600.0), coupling=0.5)}
record = {
    "spikes": Spikes(),
    "weights": Weights("recurrent", every=1000),
}
task = {"duration": 200.0, "key": jax.random.key(1), "record": record}
run = simulate(network, params, drive, **task)
time_ms, cell = run.recorded["spikes"].time_ms, run.recorded["spikes"].cell
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(time_ms, cell, ".", ms=2)
axes.set(xlabel="ms", ylabel="cell (the last 30 are SOM)")
counts = measures.bin_counts(time_ms, cell, n=network.size, duration=200.0, width=5.0)
for name in populations:
    own = counts[network.cells_of(name)]
    print(f"{name}: {own.sum(1).mean() / 0.2:.1f} Hz, synchrony {measures.synchrony(own):.2f}")

# %% [markdown]
# ## Weights
#
# `network.synapses` reads a projection: from which cell to which, its weights (nS), delays. With a
# state the weights are the learned ones.

# %%
before = network.synapses(params, "recurrent").weight
after = network.synapses(params, "recurrent", run.state).weight
print(f"weights: {before.mean():.3f} nS at first, {after.mean():.3f} nS (sd {after.std():.3f}) now")
print(f"the course of all: {run.recorded['weights'].values.shape}, samples x synapses")
assert not np.array_equal(before, after)

# %% [markdown]
# ## Go on from there
#
# A run continues another when it gets its state and its step. `put_weights` writes weights into a
# state, `with_weights` into the parameters (traced ones too, so it works under `grad`). The first
# call of a structure, a set of recorders and a length of chunks compiles for seconds; the second
# call here has the same shapes and compiles nothing, as `compilations()` tells. In a closed loop
# pass each chunk's input as TimeSeries(values, first=run.step); the docstring of `simulate` lists
# what compiles anew.

# %%
weaker = network.put_weights(params, run.state, "recurrent", 0.5 * after)
before = compilations()
second = simulate(network, params, drive, **task, state=weaker, first_step=run.step)
assert compilations() == before
halved = network.synapses(params, "recurrent", second.state).weight
print(f"after halving: {halved.mean():.3f} nS at {second.step * network.dt:g} ms")

# %% [markdown]
# ## What else there is
#
# * `connectivity`: fixed in-degree, fixed probability, Gaussians on a ring or a sheet, lists.
# * `plasticity`: pair and triplet STDP, and three-factor rules, under NEST's names. The modulator
#   of a three-factor rule goes into the drive under its projection's name.
# * `network.recorders`: weights over time, and their histograms.
# * Poisson processes and lists of spikes are populations (`sources`).
# * The same network runs under `vmap` and, with `build(mesh=...)`, spread over devices by
#   postsynaptic cell, bit for bit as the sparse path on one.
#
# A three-factor rule keeps what the spikes suggest in an eligibility trace. Without a modulator
# the weights stay where they are; a pulse of it turns the traces into weight changes.

# %%
populations = {
    "input": Population(PoissonSource(), (), 50),
    "cell": Population(IzhikevichCell(), cells.RS, 1),
}
rule = ThreeFactor(PairSTDP(Wmax=5.0))
learning = {"learning": Projection("input", "cell", AllToAll(), weight=2.0, plasticity=rule)}
network, params = build(populations, learning, dt=0.1, key=jax.random.key(0))
figure, axes = plt.subplots(figsize=(4, 2.5), layout="constrained")
for height in (0.0, 0.01):  # 1/ms
    drive = {"input": 30.0, "learning": Pulse(height, start=100.0, end=150.0)}  # 30 Hz
    run = simulate(network, params, drive, duration=200.0, key=jax.random.key(1))
    change = network.synapses(params, "learning", run.state).weight - 2.0
    axes.hist(np.asarray(change), bins=30, label=f"modulator {height:g} / ms", alpha=0.6)
    print(f"modulator {height:g} / ms: largest change {np.abs(change).max():.4f} nS")
    assert (np.abs(change).max() > 0.001) == (height > 0)
axes.set(xlabel="change of weight (nS)", ylabel="synapses")
axes.legend()

# %% [markdown]
# ## Background from outside
#
# Many inputs that are not simulated one by one are a `PoissonInput`: each cell gets a process of
# its own, here 2,000 synapses at 10 Hz, 20 kHz in all, whose every spike opens 0.03 nS. `inputs` of
# the population names the receptor; the drive has it under "population.compartment.receptor". The
# mean conductance is rate x weight x decay, 20 / ms x 0.03 nS x 6 ms.

# %%
pv = Population(IzhikevichCell(), cells.PV, 50, inputs=("soma.ampa",))
network, params = build({"pv": pv}, {}, dt=0.1, key=jax.random.key(0))
drive = {"pv.soma.ampa": PoissonInput(20_000.0, 0.03)}  # Hz, nS
record = {"spikes": Total(), "g": Mean(lambda state, info: state.synapses["pv"]["soma"].ampa)}
run = simulate(network, params, drive, duration=200.0, key=jax.random.key(1), record=record)
conductance = run.recorded["g"].mean()
print(f"background: {conductance:.2f} nS, {run.recorded['spikes'].mean() / 0.2:.1f} Hz")
assert abs(conductance - 20 * 0.03 * 6) < 0.2

# %% [markdown]
# ## What the experiments found
#
# `neurogain microcircuit` measures the gain of pyramidal, PV and SOM cells on a ring. SOM drive
# lowers the slope of the network's f-I curve by 26 % and moves its threshold by 5 pA; PV drive
# moves it by 95 pA and changes the slope by 3 % (10 seeds; recurrent excitation at a fifth of the
# published weights: at 1 the network fires in volleys, where PV drive still subtracts and SOM
# drive does nothing).
#
# `neurogain burst-stdp` asks whether bursts speed up plasticity under the same somatic input.
# Under 700 pA with noise of 1000 pA a step, bursting cells change their weights 1.67 [1.64, 1.69]
# times as fast as regular ones (20 seeds). This is their number of spikes: per spike the ratio is
# 1.04, per pair of spikes 0.69. With noise of 100 or 300 pA at 900 pA and above, bursting cells
# are the slower ones, where regular cells lock in phase.
#
# On 2 CPU cores a simulated second of 16,000 cells with 1.6 million synapses takes 1.2 s, with
# STDP 1.8 s. How cost and memory grow, and the comparison with Brian2, NEST, brainevent and NumPy,
# are in `benchmarks/results/networks.md`.
