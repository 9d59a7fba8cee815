"""Which neuromodulators does a set shift need? A spiking actor-critic in a Go/No-Go task.

A unit of work is a condition at one validity of feedback and one length of over-training; all its
seeds and trials are one compiled scan. Conditions share cues, schedules, first weights and input
spikes seed by seed, so that they can be compared in pairs.

Source: Mei, Rodriguez-Garcia & Ramaswamy, arXiv 2501.06762, section 6.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from neurogain.experiments.go_nogo.config import GoNoGoConfig, Unit
from neurogain.jobs import Job, Part
from neurogain.tasks import go_nogo as task
from neurogain.tasks.go_nogo import agent as agents
from neurogain.tasks.go_nogo import checks
from neurogain.tasks.go_nogo.agent import AgentParams
from neurogain.tasks.go_nogo.conditions import CONDITIONS, YOKED_TO, given_bursts, parameters

WATCHED = "watched"
"""Label of the part that holds trials in detail."""

Numbers: TypeAlias = Float[np.ndarray, "seed trial"]
Whole: TypeAlias = Int[np.ndarray, "seed trial"]


class Runs(NamedTuple):
    """What all seeds of a unit did."""

    correct: Numbers
    action: Whole  # 1: Go
    pair: Whole  # of cues
    go: Whole  # whether Go was right
    reward: Numbers
    value: Numbers
    dopamine: Numbers  # third factor
    trigger: Numbers  # bursts of the locus coeruleus called for
    noradrenaline: Numbers  # nM
    learning_rate: Numbers  # factor of both rates that neuromodulators make
    tau_c: Numbers  # ms, of the eligibility


class Watched(NamedTuple):
    """Trials of the first seed in detail."""

    weight: Float[np.ndarray, "watched input cell"]  # pA, before the trial
    inputs: Float[np.ndarray, "watched ms input"]  # spikes
    spikes: Float[np.ndarray, "watched ms cell"]


def parts(config: GoNoGoConfig) -> Iterator[Part]:
    """Yield a part for each unit, and one for the trials that are shown in detail."""
    seeds = config.seed + np.arange(config.seeds)
    for unit in config.units():
        needs: tuple[str, ...] = ()
        if CONDITIONS[unit.condition].source == "yoked":
            needs = (unit._replace(condition=YOKED_TO).label,)
        axes = {"seed": seeds, "trial": np.arange(config.agent(unit.overtraining).task.total)}
        yield Part(unit.label, Runs, functools.partial(_job, config, unit), axes, needs)
    if YOKED_TO in config.conditions:
        validity = config.levels()[0][0]
        axes = {"watched": np.array(watched(config)), "ms": np.arange(config.agent().cue)}
        label = f"{WATCHED},{Unit(YOKED_TO, validity, 0).label}"
        yield Part(label, Watched, lambda job: watch(config, YOKED_TO, watched(config)), axes)


def _job(config: GoNoGoConfig, unit: Unit, job: Job) -> Runs:
    (yoke,) = job.needed.values() or (None,)
    return run_unit(config, unit, yoke)


def seconds(config: GoNoGoConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    each = {"lif": 5e-4, "izhikevich": 5e-4, "pyramidal": 7.5e-3}[config.cells]
    units = list(config.units())
    lengths = [config.agent(unit.overtraining).task.total for unit in units]
    return 8 + 8 * len(set(lengths)) + each * config.seeds * sum(lengths)


@functools.partial(jax.jit, static_argnums=0)
def _run(agent: task.Agent, params: AgentParams, given: jax.Array, keys: jax.Array) -> Any:
    def one(given: jax.Array, key: jax.Array) -> tuple[jax.Array, ...]:
        _, o, trials = agents.run(agent, params, given, key)
        right = jax.vmap(task.environment.is_go)(trials)
        return (
            o.correct, o.action, trials.pair, right, o.reward, o.value, o.dopamine, o.trigger,
            o.noradrenaline, o.learning_rate, o.tau_c,
        )  # fmt: skip

    return jax.vmap(one)(given, keys)


def run_unit(config: GoNoGoConfig, unit: Unit, yoke: Runs | None = None) -> Runs:
    """Run all seeds of a unit; `yoke`: results of the unit of DA + NA that it is yoked to."""
    condition, trials = CONDITIONS[unit.condition], config.agent(unit.overtraining).task
    called = None if yoke is None else yoke.trigger
    given = given_bursts(condition, trials, config.seeds, seed=config.seed, yoke=called)
    return run_numbers(config, unit, parameters(condition, unit.validity), given)


def run_numbers(
    config: GoNoGoConfig, unit: Unit, numbers: AgentParams, given: Numbers | None = None
) -> Runs:
    """Run all seeds with other numbers than those of the unit's condition.

    Args:
      config: of the experiment.
      unit: whose task it is.
      numbers: of the agent.
      given: bursts that are called for from outside; None: no.
    """
    agent = config.agent(unit.overtraining)
    if given is None:
        given = np.zeros((config.seeds, agent.task.total), np.float32)
    checks.check(agent, numbers, given)
    numbers = jax.tree.map(functools.partial(jnp.asarray, dtype=jnp.float32), numbers)
    keys = jax.vmap(jax.random.key)(config.seed + jnp.arange(config.seeds))
    return Runs(*map(np.asarray, _run(agent, numbers, jnp.asarray(given), keys)))


def watched(config: GoNoGoConfig) -> tuple[int, ...]:
    """Return the trials that are shown in detail: around the first shift, and the last."""
    task = config.agent().task
    return task.starts[1] - 1, task.starts[1], task.total - 1


def watch(config: GoNoGoConfig, condition: str, at: tuple[int, ...]) -> Watched:
    """Return trials of the first seed in detail, at the first validity."""
    agent = config.agent()
    numbers = parameters(CONDITIONS[condition], config.levels()[0][0])
    run = jax.jit(functools.partial(agents.watch, agent, at=at))
    found = run(numbers, jnp.zeros(agent.task.total), jax.random.key(config.seed))
    return Watched(*map(np.asarray, found))
