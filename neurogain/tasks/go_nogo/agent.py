"""The spiking actor-critic: one trial, and all of them as a scan.

Go if the net rate (excitatory less inhibitory) of the Go group is the larger. The critic's net rate
is the value; dopamine, the third factor, is the reward less the value; noradrenaline follows the
surprise of the predictive network through the locus coeruleus, and acts on the excitatory cells
(gain, common bursts), on the rate of learning and, as a partial reset, on the weights. Synapses
onto inhibitory cells learn with the opposite sign, and of the actor only the group that acted.

Neuromodulators advance once a trial, with the activity of their neurons held over its period: a
burst of the locus coeruleus counts for the whole of it. Equal net rates mean No-Go. Weights are
clipped to [0, w_max].

Source: Mei, Rodriguez-Garcia & Ramaswamy, arXiv 2501.06762, section 6. Signs onto inhibitory cells,
gating by the action and all constants are modelling choices.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from neurogain.neuromod import effects, systems
from neurogain.neuromod.drives import Drives
from neurogain.neuromod.systems import NeuromodParams, NeuromodState
from neurogain.spiking.engine import random_bits
from neurogain.tasks.go_nogo import cells, environment, learning, prediction
from neurogain.tasks.go_nogo._product import product
from neurogain.tasks.go_nogo.cells import KINDS, Activity, Kind, Layout, Times
from neurogain.tasks.go_nogo.environment import Task, Trial
from neurogain.tasks.go_nogo.prediction import PredictionParams, PredictionState

TARGETS = ("gain", "bursts", "learning_rate", "reset", "horizon")
"""Of the neuromodulators' effects: log factors of the gain of excitatory cells, of their common
bursts, of the rate of learning, of the eligibility's time constant; and the rate of the reset."""


@dataclasses.dataclass(frozen=True)
class Agent:
    """What is known when it is compiled."""

    task: Task = dataclasses.field(default_factory=Task)
    kind: str = "lif"
    layout: Layout = dataclasses.field(default_factory=Layout)
    cue: int = 300  # ms, that a trial lasts
    counted: int = 50  # ms, from which on spikes count
    period: float = 1500.0  # ms, from cue to cue, in which neuromodulators are cleared
    naive: int = 8  # presentations of each pair, before the first trial, that set the value's zero

    @property
    def cells(self) -> Kind:
        """Its cells."""
        return KINDS[self.kind]


class AgentParams(NamedTuple):
    """All numbers; traced, so that conditions and seeds run side by side."""

    neuromod: NeuromodParams
    effects: tuple[effects.Effect, ...]
    prediction: PredictionParams = PredictionParams()
    validity: ArrayLike = 1.0  # probability that feedback is valid
    actor_rate: ArrayLike = 0.2  # pA per unit of dopamine and eligibility
    critic_rate: ArrayLike = 0.1  # the same
    forgetting: ArrayLike = 0.0  # share of the way back to the first weights, per trial
    background: ArrayLike = 40.0  # pA, sd of the current that the excitatory cells of a group share
    value_hz: ArrayLike = 30.0  # Hz, net rate of the critic for a value of 1
    dopamine: ArrayLike = 1.0  # 0: none
    detector: ArrayLike = 1.0  # 1: surprise calls for bursts of the locus, 0: `triggers` alone
    active_hz: ArrayLike = 50.0  # Hz, of active inputs
    silent_hz: ArrayLike = 2.0  # Hz, of the others
    w_max: ArrayLike = 100.0  # pA
    w_low: ArrayLike = 20.0  # pA, of the first weights, drawn uniformly
    w_high: ArrayLike = 60.0  # pA
    tau_synapse: ArrayLike = 5.0  # ms
    tau_stdp: ArrayLike = 20.0  # ms, both traces
    tau_c: ArrayLike = 500.0  # ms, eligibility
    tau_background: ArrayLike = 20.0  # ms
    depression: ArrayLike = 0.5  # A_minus over A_plus


class AgentState(NamedTuple):
    """What changes from trial to trial."""

    weight: Float[Array, "inputs cells"]  # pA
    neuromod: NeuromodState
    prediction: PredictionState


class Outcome(NamedTuple):
    """Action, reward, neuromodulators and rates of a trial; numbers but for `net_hz`."""

    correct: jax.Array  # 0 or 1
    action: jax.Array  # 1: Go
    reward: jax.Array
    value: jax.Array
    dopamine: jax.Array  # third factor
    trigger: jax.Array  # burst of the locus coeruleus called for
    noradrenaline: jax.Array  # nM
    learning_rate: jax.Array  # factor of both rates that neuromodulators make
    tau_c: jax.Array  # ms, of the eligibility
    net_hz: jax.Array  # (3,), of each group


def initial(agent: Agent, params: AgentParams, key: jax.Array) -> Float[Array, "inputs cells"]:
    """Draw the first weights."""
    shape = (2 * agent.task.inputs, agent.layout.size)
    return jax.random.uniform(key, shape, minval=params.w_low, maxval=params.w_high)


def present(
    agent: Agent, params: AgentParams, weight: jax.Array, active: jax.Array, amounts: Any, key: Any
) -> tuple[jax.Array, Activity, jax.Array]:
    """Return input spikes (ms, inputs), what the cells did, and the net rate of each group, Hz."""
    p, layout = params, agent.layout
    for_inputs, for_background, for_cells = jax.random.split(key, 3)
    chance = jnp.where(active > 0, p.active_hz, p.silent_hz) / 1000
    drawn = random_bits.uniform(for_inputs, agent.cue * len(active))
    inputs = (drawn.reshape(agent.cue, -1) < chance).astype(weight.dtype)
    noise = jax.random.normal(for_background, (agent.cue, 3))
    did = cells.run(
        agent.cells, layout, inputs, weight, noise,
        Times(p.tau_synapse, p.tau_stdp, p.tau_background),
        strength=effects.scaled(p.background, amounts["bursts"]), gain=amounts["gain"],
        key=for_cells,
    )  # fmt: skip
    rate = 1000 * did.spikes[agent.counted :].mean(axis=0)
    return inputs, did, product(layout.net.astype(weight.dtype), rate)


def naive_value(agent: Agent, params: AgentParams, weight: Any, cues: Any, key: Any) -> jax.Array:
    """Return the critic's net rate (Hz) before anything is learned, over all pairs of cues."""
    none = dict.fromkeys(TARGETS, jnp.zeros(()))

    def one(number: jax.Array) -> jax.Array:
        active = jnp.concatenate([cues[0, 0, number % 4 // 2], cues[0, 1, number % 2]])
        own = jax.random.fold_in(key, number)
        return present(agent, params, weight, active, none, own)[2][2]

    return jax.lax.map(one, jnp.arange(4 * agent.naive)).mean()


def trial(
    agent: Agent,
    params: AgentParams,
    fixed: tuple[jax.Array, jax.Array, jax.Array],
    state: AgentState,
    trial: Trial,
    given: jax.Array,
    key: jax.Array,
) -> tuple[AgentState, Outcome]:
    """Run one trial, then learn.

    Args:
      agent: what is static.
      params: all numbers.
      fixed: cues, first weights, the critic's naive net rate.
      state: before the trial.
      trial: of the schedule.
      given: burst of the locus coeruleus that is called for from outside, 0 or 1.
      key: for this trial.
    """
    p, layout, task = params, agent.layout, agent.task
    cues, first, naive = fixed
    amounts = acting(p, state)
    active = environment.shown(cues, trial)
    inputs, did, net = present(agent, p, state.weight, active, amounts, key)
    action = (net[0] > net[1]).astype(jnp.int32)
    reward = environment.reward(task, trial, action, p.validity)
    value = (net[2] - naive) / p.value_hz

    expected, predicted = prediction.step(
        p.prediction, state.prediction, trial.pair, action, reward, trial.number
    )
    trigger = jnp.maximum(p.detector * predicted.trigger, given)
    drives = Drives(
        prediction_error=p.dopamine * (reward - value),
        surprise=trigger,
        expected_uncertainty=predicted.uncertainty,
        aversion=jnp.maximum(-reward, 0),
    )
    active_systems, _ = systems.activities(p.neuromod, state.neuromod, drives, dt=agent.period)
    dopamine = active_systems["dopamine"] / p.neuromod.kinetics["dopamine"].sensitivity

    tau_c = effects.scaled(p.tau_c, amounts["horizon"])
    change = learning.eligibility(
        inputs, did.spikes, did.pre_trace, did.post_trace,
        tau_c=tau_c, depression=p.depression, dt=1.0,
    )  # fmt: skip
    acted = jnp.where(layout.group == 2, 1, jnp.where(layout.group == 0, action, 1 - action))
    rate = jnp.where(layout.group == 2, p.critic_rate, p.actor_rate) * acted * layout.sign
    rate = effects.scaled(rate, amounts["learning_rate"])
    weight = state.weight + dopamine * rate * change
    kept = (1 - p.forgetting) * jnp.exp(-jnp.maximum(amounts["reset"], 0))
    weight = jnp.clip(first + kept * (weight - first), 0, p.w_max)

    neuromod = systems.step(
        p.neuromod, state.neuromod, drives, dt=agent.period, longest=agent.period
    )
    outcome = Outcome(
        correct=(action == environment.is_go(trial)).astype(weight.dtype),
        action=action,
        reward=reward,
        value=value,
        dopamine=dopamine,
        trigger=trigger,
        noradrenaline=neuromod.concentration["noradrenaline"],
        learning_rate=effects.scaled(jnp.ones_like(value), amounts["learning_rate"]),
        tau_c=jnp.asarray(tau_c, value.dtype),
        net_hz=net,
    )
    return AgentState(weight, neuromod, expected), outcome


class Prepared(NamedTuple):
    """A run that is about to start."""

    state: AgentState
    fixed: tuple[jax.Array, jax.Array, jax.Array]  # cues, first weights, naive net rate
    schedule: Trial
    key: jax.Array  # of trials

    def key_of(self, number: jax.Array) -> jax.Array:
        """Return the key of a trial."""
        return jax.random.fold_in(self.key, number)


def prepare(agent: Agent, params: AgentParams, key: jax.Array) -> Prepared:
    """Draw the schedule, the cues and the first weights of a run."""
    for_task, for_cues, for_weights, for_value, for_trials = jax.random.split(key, 5)
    cues = environment.patterns(agent.task, for_cues)
    first = initial(agent, params, for_weights)
    naive = naive_value(agent, params, first, cues, for_value)
    state = AgentState(first, systems.init(params.neuromod), prediction.init())
    schedule = environment.schedule(agent.task, for_task)
    return Prepared(state, (cues, first, naive), schedule, for_trials)


def run(
    agent: Agent, params: AgentParams, given: Float[Array, " trials"], key: jax.Array
) -> tuple[AgentState, Outcome, Trial]:
    """Run all trials of a task; outcomes have the trial as first axis. Pure: vmap over all three.

    Args:
      agent: what is static.
      params: all numbers.
      given: bursts of the locus coeruleus that are called for from outside, 0 or 1.
      key: of this run.
    """
    prepared = prepare(agent, params, key)

    def step(state: AgentState, inputs: tuple[Trial, jax.Array]) -> tuple[AgentState, Outcome]:
        one, given = inputs
        own = prepared.key_of(one.number)
        return trial(agent, params, prepared.fixed, state, one, given, own)

    state, outcomes = jax.lax.scan(step, prepared.state, (prepared.schedule, given))
    return state, outcomes, prepared.schedule


class Watched(NamedTuple):
    """Some trials in detail."""

    weight: Float[Array, "watched inputs cells"]  # pA, before the trial
    inputs: Float[Array, "watched ms inputs"]  # spikes
    spikes: Float[Array, "watched ms cells"]


def watch(
    agent: Agent, params: AgentParams, given: jax.Array, key: jax.Array, at: tuple[int, ...]
) -> Watched:
    """Run a task and return these trials in detail; other arguments as for `run`."""
    prepared = prepare(agent, params, key)
    wanted = jnp.asarray(at)
    first = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(at), *x.shape)), prepared.state)

    def step(carry: Any, inputs: tuple[Trial, jax.Array]) -> tuple[Any, None]:
        (state, kept), (one, given) = carry, inputs

        def keep(places: jax.Array, now: jax.Array) -> jax.Array:
            here = (wanted == one.number).reshape(-1, *[1] * now.ndim)
            return jnp.where(here, now, places)

        kept = jax.tree.map(keep, kept, state)
        own = prepared.key_of(one.number)
        state, _ = trial(agent, params, prepared.fixed, state, one, given, own)
        return (state, kept), None

    trials = jax.tree.map(lambda x: x[: max(at) + 1], (prepared.schedule, given))
    (_, kept), _ = jax.lax.scan(step, (prepared.state, first), trials)

    def show(now: tuple[AgentState, Trial]) -> Watched:
        state, one = now
        active = environment.shown(prepared.fixed[0], one)
        amounts, own = acting(params, state), prepared.key_of(one.number)
        inputs, did, _ = present(agent, params, state.weight, active, amounts, own)
        return Watched(state.weight, inputs, did.spikes)

    return jax.lax.map(show, (kept, jax.tree.map(lambda x: x[wanted], prepared.schedule)))


def acting(params: AgentParams, state: AgentState) -> dict[str, jax.Array]:
    """Return what neuromodulators do in the coming trial, by target."""
    none = dict.fromkeys(TARGETS, jnp.zeros(()))
    return none | effects.combine(params.effects, state.neuromod.activation)
