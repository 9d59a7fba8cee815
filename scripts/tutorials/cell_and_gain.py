# %% [markdown]
# # A cell, and its gain
#
# A layer-5 pyramidal cell has a soma and an apical dendrite. Input to the dendrite makes calcium
# events; where they reach the soma, it bursts. So the dendrite changes the *slope* of the f-I
# curve: the gain. Units are mV, ms, pA, nS, pF throughout. This file is a script and a notebook
# (`jupytext --to ipynb`).

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from neurogain import experiments, gain
from neurogain.experiments.gain_curve import GainCurveConfig
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    Pulse,
    PyramidalCell,
    PyramidalDrive,
    TimeSeries,
    cells,
    measures,
    rollout,
    simulate,
)
from neurogain.spiking.recorders import Total, Traces

# %% [markdown]
# ## One cell, its traces
#
# A field of a drive is a number, one per cell, a `Pulse`, a `TimeSeries`, `Noise`, `PoissonInput`,
# or a function of (step, key). `record` says what is kept. Memory grows with what is recorded,
# never with cells x steps.

# %%
pulse = Pulse(800.0, start=100.0, end=300.0)  # pA; from 100 to 300 ms
record = {
    "soma": Traces(lambda state, info: state.soma.v, every=2),
    "dendrite": Traces(lambda state, info: state.dendrite.v, every=2),
    "spikes": Total(),
    "bursts": Total(lambda state, info: info.burst),
}
task = {"n": 1, "duration": 400.0, "key": jax.random.key(0), "record": record}
for current in (pulse._replace(height=0.0), pulse):
    drive = PyramidalDrive(soma=Drive(1000.0), dendrite=Drive(current), coupling=1.0)
    run = simulate(PyramidalCell(), cells.L5_PYRAMIDAL, drive, **task)
    spikes, bursts = (int(run.recorded[name][0]) for name in ("spikes", "bursts"))
    print(f"pulse of {current.height:g} pA: {bursts} of {spikes} spikes are reset as bursts")
figure, axes = plt.subplots(figsize=(6, 2.5), layout="constrained")
for name in ("soma", "dendrite"):
    axes.plot(run.recorded[name].time_ms, run.recorded[name].values, label=name)
axes.set(xlabel="ms", ylabel="mV")
axes.legend()
assert bursts > 0

# %% [markdown]
# ## Many cells: f-I curves
#
# Cells of one kind run side by side. Other numbers in the same shapes compile nothing again.

# %%
currents = np.arange(700.0, 1501.0, 200.0)  # pA
slopes = {}
figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
for dendritic, coupling in ((0.0, 1.0), (800.0, 0.5), (800.0, 1.0)):
    drive = PyramidalDrive(Drive(currents), Drive(dendritic), coupling=coupling)
    run = simulate(PyramidalCell(), cells.L5_PYRAMIDAL, drive, n=len(currents), duration=1000.0,
                   key=jax.random.key(0))  # fmt: skip
    rates = measures.rate(run.recorded["spikes"], 1000.0)  # Hz
    slopes[dendritic, coupling] = measures.gain(currents, rates, 700, 1500)
    axes.plot(currents, rates, label=f"{dendritic:g} pA, p = {coupling:g}")
    print(f"dendrite {dendritic:g} pA, coupling {coupling:g}: "
          f"gain {slopes[dendritic, coupling]:.1f} Hz/nA")  # fmt: skip
axes.set(xlabel="somatic current (pA)", ylabel="rate (Hz)")
axes.legend(title="dendrite, coupling")
assert slopes[800.0, 1.0] > slopes[800.0, 0.5] > slopes[0.0, 1.0]

# %% [markdown]
# Gain rises with both, except for dendritic currents of 400 to 550 pA, around the range where the
# dendrite has two stable states and curves depend on history.
#
# The experiment `gain-curve` measures this with repeats and intervals. In Python it needs no disk,
# and its result has figures, tables and arrays with named axes. `neurogain gain-curve --help`
# shows the same options.

# %%
config = GainCurveConfig(
    somatic_current=currents, dendritic_current=(0, 800), coupling=1, repeats=2, duration=500.0
)
result = experiments.gain_curve.run(config)
print(result)
print(result.table())
result.plot()

# %% [markdown]
# ## Cells of one compartment
#
# `cells` has parameter sets, each with its source. `Drive` has a conductance for synapses, and may
# be noisy or follow a series.

# %%
ramp = TimeSeries(np.linspace(0.0, 600.0, 5000))  # one value per step of 0.1 ms
for name in ("RS", "IB", "CH", "PV", "SOM"):
    params = getattr(cells, name)
    quiet, noisy = (
        simulate(IzhikevichCell(), params, Drive(current), n=20, duration=500.0,
                 key=jax.random.key(0)).recorded["spikes"].mean()
        for current in (ramp, Noise(300.0, 500.0))
    )  # fmt: skip
    print(f"{name:>3}: {quiet:.0f} spikes under the ramp, {noisy:.1f} under noise")

# %% [markdown]
# ## Gradients
#
# `rollout` takes the same arguments inside `jit`, `vmap` and `grad`. The mean-field cell is the
# coupling without randomness. Gradients pass spikes by a surrogate. They pass the resets of
# Izhikevich and pyramidal cells by the shift of the spike's time; through those of `LIFCell` none
# passes. Memory grows as the square root of the steps. The gradient of a spike count has the sign
# of the count's slope but not its size (`help(rollout)`).


# %%
def count(current):
    """Return the spikes of 100 ms."""
    drive = PyramidalDrive(Drive(current), Drive(800.0), coupling=0.5)
    run = rollout(PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, drive, n=1, duration=100.0,
                  record={"spikes": Total()})  # fmt: skip
    return run.recorded["spikes"].sum()


value, slope = jax.jit(jax.value_and_grad(count))(1000.0)
print(f"{float(value):.0f} spikes, surrogate gradient {float(slope):.2g} per pA")
assert slope > 0

# %% [markdown]
# ## The same integrator
#
# The optimizer's gain is `gain.step`, per update. `gain.relax` is the same equation in continuous
# time, exact for any step while the drive is held.

# %%
decay, sensitivity = gain.per_update(tau=100.0, strength=4.0, dt=10.0)
stepped = relaxed = jnp.asarray(1.0)
for _ in range(5):
    stepped = gain.step(stepped, 0.5, decay=decay, baseline=1.0, sensitivity=sensitivity)
relaxed = gain.relax(relaxed, 0.5, tau=100.0, baseline=1.0, strength=4.0, dt=50.0)
print(f"five updates: {float(stepped):.5f}; 50 ms at once: {float(relaxed):.5f}")

# %% [markdown]
# ## From the command line
#
# `neurogain gain-curve --somatic-current 300:1500:100 --coupling 0 0.5 1` does the same with
# intervals; `curves/*.npz` holds spike counts of shape (coupling, somatic current, repeat).
# `neurogain bac-firing` measures calcium events when a somatic spike meets dendritic input.
# `neurogain cell --cell l5` draws traces of any parameter set: l5, rs, ib, ch, fs, lts, pv, som.
# The measured gains, bursts, accuracy and gradients are in `benchmarks/results/cells.md`.
