# %% [markdown]
# # Extending: one file and one line
#
# A cell, a stream, an optimizer or a strategy of the comparison, an experiment, a target of
# neuromodulators, a plasticity rule, a receptor: each is a value of a small protocol. Write it in
# one file of yours and pass it in: no file of the package changes. To give it a name on the command
# line, add the line that each section ends with. This file is a script and a notebook
# (`jupytext --to ipynb`); every piece in it runs.

# %%
import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from neurogain import neuromod
from neurogain.continual import data, methods, models, stream_specs, streams
from neurogain.continual.method import Method
from neurogain.continual.strategy import Strategy
from neurogain.continual.stream_specs import StreamSpec
from neurogain.continual.training import Protocol, Trainer
from neurogain.neuromod import Effect, Modulated, ModulatedParams, Target, effects
from neurogain.runner import Experiment, Part
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    PoissonSource,
    Population,
    Projection,
    build,
    cells,
    simulate,
)
from neurogain.spiking.cell import check_constants, check_drive, check_dt, check_kind, like
from neurogain.spiking.connectivity import AllToAll
from neurogain.spiking.plasticity import check_constants as check_rule
from neurogain.spiking.surrogate import SPIKE
from neurogain.spiking.synapses import Receptor, SynapseParams

# %% [markdown]
# ## A cell
#
# A cell is a hashable value (a frozen dataclass without arrays) with two facts (`compartments`,
# `empty_drive`) and four functions: `init` (the state at rest), `step` (state and info after
# `dt`), `potential` (of a compartment, for synapses) and `check` (errors before anything is
# compiled). The state is a NamedTuple of arrays, one value per cell; the info has a field `spike`.
# This is the quadratic integrate-and-fire cell,
#
#     C dv/dt = k (v - v_r) (v - v_t) + I + sum g (E - v);    where v >= v_peak:  v <- v_reset


# %%
class QuadraticParams(NamedTuple):
    """Constants; each is a scalar or one value per cell."""

    C: float = 100.0  # pF
    k: float = 0.7  # nS/mV
    v_r: float = -60.0  # mV, rest
    v_t: float = -40.0  # mV, threshold
    v_peak: float = 35.0  # mV
    v_reset: float = -50.0  # mV


class QuadraticState(NamedTuple):
    """Membrane potential, mV, shape (n,)."""

    v: jax.Array


class QuadraticInfo(NamedTuple):
    """1 where the cell spiked, else 0."""

    spike: jax.Array


@dataclasses.dataclass(frozen=True)
class QuadraticCell:
    """Quadratic integrate-and-fire cells of one compartment."""

    compartments = ("soma",)
    empty_drive = Drive()

    def init(self, params, n, dtype=jnp.float32):
        """Return `n` cells at rest."""
        return QuadraticState(jnp.full((n,), params.v_r, dtype))

    def step(self, params, state, drive, *, dt, key):
        """Advance by one Euler step, linearly implicit in the conductance."""
        p, drive, v = like(params, state.v), like(drive, state.v), state.v
        inflow = p.k * (v - p.v_r) * (v - p.v_t) + drive.current + drive.reversal_current
        v = (v + dt / p.C * inflow) / (1 + dt / p.C * drive.conductance)
        spike = SPIKE(v - p.v_peak)  # its gradient is a surrogate
        v = jnp.where(jax.lax.stop_gradient(spike) > 0, p.v_reset, v)
        return QuadraticState(v), QuadraticInfo(spike)

    def potential(self, state, compartment):
        """Return the membrane potential, mV."""
        return state.v

    def check(self, params, drive, *, dt, n, key):
        """Raise ValueError or TypeError if constants, drive or step are not those of this cell."""
        check_kind("params", params, QuadraticParams)
        check_drive(self, drive)
        potentials = dict.fromkeys(("v_r", "v_t", "v_peak", "v_reset"), "mV")
        check_constants(params, {"C": "pF", "k": "nS/mV"}, potentials, n)
        check_dt(dt, 2.0)


run = simulate(QuadraticCell(), QuadraticParams(), Drive(np.array([0.0, 100.0, 200.0])), n=3,
               duration=200.0)  # fmt: skip
print("spikes of the cell:", run.recorded["spikes"])
try:
    simulate(QuadraticCell(), QuadraticParams(C=-1.0), Drive(), n=1, duration=1.0)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# A cell of several compartments has a drive of its own: a NamedTuple with a `Drive` under the name
# of each compartment. Its `empty_drive` is a value of that type, and `step` and `potential` use
# each compartment's. Further fields of the drive that are no currents have their rules in a static
# method `rules`, from names to values such as
# `neurogain.spiking.Rule("a factor of at least 0", lambda x: x >= 0, "Pass 1.0.")`: what the
# value must be, a test of it, a way out (`tests/spiking/test_own_cell.py` has such a cell with
# three compartments). With `adaptation_jumps = ("b",)`, names of constants that are jumps of an
# adaptation, neuromodulators have the target `POPULATION.adaptation` for your cell, too. The one
# line: none. Pass it to `simulate`, `rollout` or a `Population`.
#
# ## A receptor
#
# A conductance that jumps at a spike and decays is one value, known by the name that it gets.
# With `gate=`, a function of the membrane potential (mV), it is a receptor like NMDA's.

# %%
gaba_b = SynapseParams(gaba_b=Receptor(tau=150.0, E=-95.0))  # ms, mV

# %% [markdown]
# ## A plasticity rule
#
# A rule is a NamedTuple of numbers with the highest weight `Wmax`, the time constants of its
# traces, what a spike does to a weight, `scaled` (for learning rates under neuromodulators) and
# `check`. Each trace is 1 higher after each spike and decays; a rule is shown the traces of before
# the spike, so that a pair in one step changes nothing. Weights are kept in [0, Wmax].


# %%
class Homeostatic(NamedTuple):
    """A postsynaptic spike adds eta x; an arriving presynaptic spike takes eta theta w."""

    tau_x: float = 20.0  # ms
    eta: float = 0.05  # nS
    theta: float = 0.5  # 1/nS
    Wmax: float = 2.0  # nS

    @property
    def tau_pre(self):
        """Time constants of the presynaptic traces, ms."""
        return (self.tau_x,)

    @property
    def tau_post(self):
        """Time constants of the postsynaptic traces, ms."""
        return ()

    def potentiation(self, weight, pre, post):
        """Return the rise at a postsynaptic spike, nS."""
        return self.eta * pre[0]

    def depression(self, weight, pre, post):
        """Return the fall at the arrival of a presynaptic spike, nS."""
        return self.eta * self.theta * weight

    def scaled(self, factor):
        """Return the rule with all changes times `factor`."""
        return self._replace(eta=self.eta * factor)

    def check(self, name):
        """Raise ValueError if a constant is negative."""
        check_rule(self, name, at_least_0={"eta": "nS", "theta": "1/nS"})


# %% [markdown]
# Cell, receptor and rule meet in a network:

# %%
populations = {
    "noise": Population(PoissonSource(), (), 20),
    "own": Population(QuadraticCell(), QuadraticParams(), 5, synapses={"soma": gaba_b}),
}
projections = {
    "learn": Projection("noise", "own", AllToAll(), weight=1.0, plasticity=Homeostatic()),
    "inhibit": Projection("noise", "own", AllToAll(), weight=0.1, receptor="gaba_b"),
}
network, params = build(populations, projections, dt=0.1, key=jax.random.key(0))
drive = {"noise": 20.0, "own": Drive(100.0)}  # Hz, pA
run = simulate(network, params, drive, duration=200.0, key=jax.random.key(1))
weights = network.synapses(params, "learn", run.state).weight
print(f"weights after learning: {weights.min():.3f} to {weights.max():.3f} nS")
assert weights.min() != weights.max()

# %% [markdown]
# The one line: none. A receptor with other kinetics is a frozen dataclass with the members of
# `ReceptorModel` (`init`, `step`, `conductance`, `check`, `E`, `gain`, `jump`) under
# `@jax.tree_util.register_dataclass`; `tests/spiking/test_own_receptor.py` has one. `conductance`
# returns the mean over a step of `dt`, so that the charge of a spike does not depend on the step.
#
# ## An effect of a neuromodulator on a new target
#
# A target has a pattern of names, a summary, a function that changes things, and one that says for
# whom the target exists. `owner` has the name of the population or projection, the compartment,
# the receptor and the cell. `changed` has the parameters and the drive of the step, and
# `with_cells`, `with_drive`, `with_synapses` and `with_projection`, which return others. The drive
# (`changed.drive_of(owner)`) is the one drawn in this step, so a `Noise` is a number by then.
# `neuromod.targets(network, (*neuromod.TARGETS, THRESHOLD))` lists all names that effects can
# have. This one shifts the threshold of Izhikevich cells.


# %%
def is_izhikevich(network, owner):
    """Return whether a population has this target."""
    return isinstance(owner.cell, IzhikevichCell)


def shift_threshold(changed, owner, amount):
    """Return the parameters with the threshold shifted by the sum of strength x activation."""
    own = changed.params.cells[owner.name]
    return changed.with_cells(owner, own._replace(v_t=effects.shifted(own.v_t, amount)))


THRESHOLD = Target("POPULATION.threshold", "shift of v_t, mV", shift_threshold, is_izhikevich)

pv = {"pv": Population(IzhikevichCell(), cells.PV, 20)}
network, params = build(pv, {}, dt=0.1, key=jax.random.key(0))
model = Modulated(network, targets=(*neuromod.TARGETS, THRESHOLD))  # the one line
for strength in (0.0, -10.0):  # mV per unit of activation
    lower = (Effect("nicotinic", "pv.threshold", strength),)
    modulated = ModulatedParams(params, neuromod.tables.standard(), lower)
    drive = {"pv": Drive(110.0), "neuromod.expected_uncertainty": 5.0}
    run = simulate(model, modulated, drive, duration=200.0)
    print(f"strength {strength:g} mV: {run.recorded['spikes'].mean():.0f} spikes")

# %% [markdown]
# ## A stream
#
# `load` gets the options of a run (`options.tasks`, `options.evaluation`, ...) and returns a
# `Stream`; `streams.split`, `rotated` and `superclass_domains` build one from a data set, as
# `stability_gap_with_your_data.py` does from your arrays. `Stream.from_arrays(tasks=[(x, y), ...],
# test=[(x, y), ...])` takes tasks that you have as arrays: images as uint8, which are scaled to
# [0, 1], or features as floats, or tokens as integers, which reach the model as they are. Labels
# are integers from 0 on. Arrays that do not fit together raise an error that names the task.
# `--tasks N` is taken by a stream with `options=("tasks",)`.


# %%
def load(options):
    """Return the digits upright and upside down."""
    return streams.rotated(data.load("digits"), angles=(0, 180), **options.evaluation)


upside_down = StreamSpec("upside-down", "digits, then turned", load, tasks=2)
stream_specs.register(upside_down)  # the one line, for --benchmark upside-down
print("tasks of the stream:", stream_specs.find("upside-down").build().task_names)

# %% [markdown]
# ## An optimizer of the comparison
#
# `build` gets the constants by name, which may be traced, and returns an optimizer. The trainer
# passes `uncertainty=` and `task_switch=` to its updates; plain optax optimizers ignore them.
# Fields say what a method needs: `takes_mask` (`build` takes `mask=`, the layers with a gain, which
# `--gain-on` chooses), `held_weights_act` (False where an average acts), `grids` (what it is tuned
# over). Constants with the names of the package's (`learning_rate`, `momentum`, `decay`, ...) are
# checked for their ranges.

# %%
lion = Method("lion", "Lion", optax.lion, {"learning_rate": 1e-4})
methods.register(lion)  # the one line, for --optimizers lion
print("read from a text:", methods.parse("lion:learning_rate=0.001").text)

# %% [markdown]
# A `Strategy` is what a method does beyond its optimizer: pure functions for the state, what is
# replayed, the loss, the gradients, and the end of a task. This one pulls the weights to those at
# the start of the task. Constants whose names are arguments of `anchored` go to it, all others to
# the optimizer. `Trainer(..., strategy=anchored(0.1))` takes it around any optimizer.


# %%
def anchored(penalty):
    """Return a strategy whose loss grows with the distance to the weights before the task."""
    start, end = (lambda learned, logits: learned.params), (lambda _, end: end.learned.params)

    def loss(state, params, batch):
        new, pairs = batch.new, zip(jax.tree.leaves(params), jax.tree.leaves(state), strict=True)
        away = sum(jnp.sum((now - before) ** 2) for now, before in pairs)
        return batch.mean_loss(new.logits, new.labels, new.counted) + penalty / 2 * away

    return Strategy(init=start, loss=loss, at_task_end=end)


constants = {"learning_rate": 1e-3, "penalty": 0.1}
anchor = Method("anchor", "anchored Adam", optax.adam, constants, strategy=anchored)
methods.register(anchor)  # the one line, for --optimizers anchor --regime finetune
protocol = Protocol(20, 16, eval_every=20, regime="finetune")
around = {"build_optimizer": anchor, "strategy": anchor.make_strategy}
trainer = Trainer(models.MLP(10, (8,)), upside_down.build(), protocol, **around)
print("accuracy:", trainer.run(anchor.constants, seeds=[0]).accuracy[0, -1, -1])

# %% [markdown]
# Stream and methods run as values too, without a name: `StabilityGapConfig(benchmark=upside_down,
# optimizers=("ngm", lion))`. With the two lines, a file of yours that ends with
# `neurogain.cli.run(experiments.get("stability-gap"))` is the command with your stream and your
# method among its choices.
#
# ## An experiment
#
# An experiment has a configuration, parts (the unit that is run, saved and resumed; its result is
# a NamedTuple whose annotations name axes and dtypes), and what becomes of the results. The runner
# checks, claims the folder, saves, resumes, reports, draws. A part's `run` gets a `job`: it returns
# arrays for `job.seeds` (those still missing, not all), finds in `job.needed["rates"]` the result
# of a part that it `needs`, and reports with `job.show(done, total)`. NaN may stand in the fields
# that the part names in `undefined`. Metrics are JSON values: lists and numbers, None where a
# number is undefined.


# %%
@dataclasses.dataclass(frozen=True)
class RheobaseConfig:
    """Rates of the cell over currents."""

    currents: tuple[float, ...] = (0.0, 50.0, 100.0, 150.0)
    """pA."""
    duration: float = 200.0
    """ms."""

    def check(self):
        """Raise ValueError for bad input."""
        if not self.duration > 0:
            raise ValueError(f"`duration` must be positive, in ms; got {self.duration}.")


class Rates(NamedTuple):
    """Result of the one part."""

    rate_hz: Float[np.ndarray, " current_pA"]


def parts(config):
    """Yield the part."""

    def run(job):
        currents = np.array(config.currents)
        task = {"n": len(currents), "duration": config.duration}
        spikes = simulate(QuadraticCell(), QuadraticParams(), Drive(currents), **task).recorded
        return Rates(spikes["spikes"] * 1000 / config.duration)

    yield Part("rates", Rates, run, axes={"current_pA": np.array(config.currents)})


def summarize(config, found):
    """Return the content of metrics.json."""
    firing = np.array(config.currents)[found["rates"].rate_hz > 0]
    return {"rheobase_pA": float(firing.min()) if len(firing) else None}


def table(metrics):
    """Return what the command prints."""
    return f"rheobase: {metrics['rheobase_pA']} pA"


EXPERIMENT = Experiment(
    name="rheobase",
    summary="The rheobase of the quadratic cell.",
    config=RheobaseConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    seconds=lambda config: 5.0,
)
result = EXPERIMENT.run(RheobaseConfig(duration=400.0))  # out="runs/rheobase" writes a folder
print(result.table())
print(result.parts["rates"])

# %% [markdown]
# The one line for a file of your own is `neurogain.cli.run(EXPERIMENT)`: it is a command then,
# with `--help`, `--out` and `--resume`. Inside the package, an experiment is a folder of
# `neurogain/experiments`, of which `Experiment.of_package` makes one, and its name in `NAMES`.
# A configuration derived from `neurogain.options.Options` has the rules of its fields
# in their annotations, and needs no `check`.
#
# Figures are in a module whose name goes into `figures=`, so that matplotlib is imported only when
# something is drawn (`figures=__name__` for functions in your own file). It has two functions:
# `figures(result)` returns by name the functions that draw a figure of a result; `plot(axes,
# result)` draws the main one into `axes`. What most figures need is in `neurogain.plotting.draw`:
# panels, lines with bands, points with bars, legends.

# %%
del stream_specs.STREAMS["upside-down"]  # so that this page runs twice
del methods.METHODS["lion"], methods.METHODS["anchor"]
