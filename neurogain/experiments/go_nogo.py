"""Which neuromodulators does a set shift need? A spiking actor-critic in a Go/No-Go task.

A unit of work is a condition at one validity of feedback and one length of over-training; all its
seeds and trials are one compiled scan. Conditions share cues, schedules, first weights and input
spikes seed by seed, so that they can be compared in pairs.

Source: Mei, Rodriguez-Garcia & Ramaswamy, arXiv 2501.06762, section 6.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks, output
from neurogain.experiments import grids
from neurogain.experiments.go_nogo_conditions import CONDITIONS, parameters
from neurogain.experiments.go_nogo_measures import BLOCK, LAST
from neurogain.tasks import go_nogo as task
from neurogain.tasks.go_nogo import agent as agents
from neurogain.tasks.go_nogo import checks
from neurogain.tasks.go_nogo.environment import Feedback, Shift

SCHEMA_VERSION = 1
FIRST_SEED = 1000  # lower ones were for tuning
OVERTRAINED = ("da", "da+na", "da-tuned", "da+forgetting")
"""Conditions that the sweep over over-training has."""
YOKED_TO = "da+na"


@dataclasses.dataclass(frozen=True)
class GoNoGoConfig:
    """Which neuromodulators a set shift needs: a spiking actor-critic in a Go/No-Go task."""

    conditions: tuple[str, ...] = tuple(CONDITIONS)
    """Which to run."""
    validity: tuple[str, ...] = ("1", "0.93", "0.85")
    """Probabilities that feedback is valid; numbers, or start:stop:step with both ends."""
    overtraining: tuple[str, ...] = ("0", "300", "900")
    """Trials that the first rule gets beside, multiples of 20; those above 0 for DA, DA + NA, tuned
    DA and forgetting alone, at the first validity."""
    shift: Shift = "extra"
    """extra: the other modality decides; reversal: the other cue; intra: new cues."""
    trials: int = 500
    """Trials of each rule, at least 100 and a multiple of 20."""
    shifts: int = 1
    """How often the rule changes."""
    feedback: Feedback = "asymmetric"
    """asymmetric: hit +1, false alarm -1, No-Go 0; symmetric: +1 and -1 for both actions."""
    cells: str = "lif"
    """lif, izhikevich or pyramidal (excitatory cells with a dendrite, 15 times slower)."""
    seeds: int = 30
    """Agents of each condition."""
    seed: int = FIRST_SEED
    """Of the first; the others follow. Constants were chosen on seeds 0 to 59."""

    def agent(self, overtraining: int = 0) -> task.Agent:
        """Return the agent and its task."""
        own = task.Task(self.shift, self.trials, overtraining, self.shifts, self.feedback)
        return task.Agent(own, self.cells)

    def levels(self) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Return validities and lengths of over-training."""
        lengths = grids.parse("overtraining", self.overtraining, "trials")
        rule = "whole numbers of trials of at least 0"
        _checks.in_range(
            "overtraining", lengths, rule, lambda x: (x >= 0) & (x % 1 == 0), "Pass 0 300."
        )
        return grids.parse("validity", self.validity, "dimensionless"), tuple(map(int, lengths))

    def units(self) -> Iterator["Unit"]:
        """Yield the units of work, each once; what another is yoked to comes first."""
        validities, lengths = self.levels()
        names = sorted(self.conditions, key=lambda name: name != YOKED_TO)
        found: dict[Unit, None] = {}
        for validity in validities:
            found |= {Unit(name, validity, 0): None for name in names}
        for length in lengths:
            chosen = [name for name in names if name in OVERTRAINED]
            found |= {Unit(name, validities[0], length): None for name in chosen if length}
        yield from found

    def check(self) -> None:
        """Refuse bad input before anything is run.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        for name in self.conditions:
            if name not in CONDITIONS:
                raise ValueError(f"`conditions` must be of {', '.join(CONDITIONS)}; got {name!r}.")
        if not self.conditions:
            raise ValueError("`conditions` must name at least one. Pass da da+na.")
        if "na-yoked" in self.conditions and YOKED_TO not in self.conditions:
            raise ValueError(
                f"`conditions` with na-yoked must have {YOKED_TO}, whose bursts it gets. Add it."
            )
        _checks.whole("seeds", self.seeds, 1)
        _checks.seed(self.seed)
        if "na-yoked" in self.conditions and self.seeds < 2:
            raise ValueError("`seeds` must be at least 2 for na-yoked; got 1. Pass seeds=2.")
        validities, lengths = self.levels()
        rule = "probabilities above 0.5 and at most 1"
        _checks.in_range(
            "validity", validities, rule, lambda x: (x > 0.5) & (x <= 1), "Pass 1 0.85."
        )
        if self.cells not in task.KINDS:
            raise ValueError(f"`cells` must be {', '.join(task.KINDS)}; got {self.cells!r}.")
        _checks.whole("shifts", self.shifts, 1)
        _checks.whole("trials", self.trials, LAST)
        for name, values in (("trials", (self.trials,)), ("overtraining", self.levels()[1])):
            for value in values:
                if value % BLOCK:
                    raise ValueError(
                        f"`{name}` must be a multiple of {BLOCK} trials, over which performance is "
                        f"averaged; got {value}. Pass {-(-value // BLOCK) * BLOCK}."
                    )
        for length in (0, *lengths):
            self.agent(length).task.check()


class Unit(NamedTuple):
    """One unit of work."""

    condition: str
    validity: float
    overtraining: int  # trials

    @property
    def label(self) -> str:
        """Name of the unit, also of its file."""
        return f"{self.condition},validity={self.validity:.12g},overtraining={self.overtraining}"


class Runs(NamedTuple):
    """What all seeds did; (seeds, trials)."""

    correct: Any
    action: Any  # 1: Go
    pair: Any  # of cues
    go: Any  # whether Go was right
    reward: Any
    value: Any
    dopamine: Any  # third factor
    trigger: Any  # bursts of the locus coeruleus called for
    noradrenaline: Any  # nM
    learning_rate: Any  # factor of both rates that neuromodulators make
    tau_c: Any  # ms, of the eligibility


@functools.partial(jax.jit, static_argnums=0)
def _run(agent: task.Agent, params: Any, given: jax.Array, keys: jax.Array) -> Runs:
    def one(given: jax.Array, key: jax.Array) -> Runs:
        _, o, trials = agents.run(agent, params, given, key)
        right = jax.vmap(task.environment.is_go)(trials)
        return Runs(
            o.correct, o.action, trials.pair, right, o.reward, o.value, o.dopamine, o.trigger,
            o.noradrenaline, o.learning_rate, o.tau_c,
        )  # fmt: skip

    return jax.vmap(one)(given, keys)


def given_bursts(
    config: GoNoGoConfig, unit: Unit, yoke: Mapping[str, np.ndarray] | None
) -> np.ndarray:
    """Return the bursts that are called for from outside, (seeds, trials).

    Random: one at a trial drawn uniformly from all behind the first 40. Late: from those behind
    the first shift, so that the first rule is learned as under DA + NA. Yoked: those of the next
    seed of DA + NA.
    """
    task = config.agent(unit.overtraining).task
    given = np.zeros((config.seeds, task.total), np.float32)
    source = CONDITIONS[unit.condition].source
    if source in ("random", "late"):
        rng = np.random.default_rng([config.seed, 1])
        first = task.starts[1] if source == "late" else 40
        given[np.arange(config.seeds), rng.integers(first, task.total, config.seeds)] = 1
    if source == "yoked":
        assert yoke is not None
        given[:] = np.roll(yoke["trigger"], -1, axis=0)
    return given


def run_unit(
    config: GoNoGoConfig, unit: Unit, yoke: Mapping[str, np.ndarray] | None = None
) -> Runs:
    """Run all seeds of a unit; `yoke`: arrays of the unit of DA + NA, where it is yoked to that."""
    numbers = parameters(CONDITIONS[unit.condition], unit.validity)
    return run_numbers(config, unit, numbers, given_bursts(config, unit, yoke))


def run_numbers(
    config: GoNoGoConfig, unit: Unit, numbers: Any, given: np.ndarray | None = None
) -> Runs:
    """Run all seeds with other numbers than those of the unit's condition.

    Args:
      config: of the experiment.
      unit: whose task it is.
      numbers: of the agent, `AgentParams`.
      given: bursts that are called for from outside, (seeds, trials); None: no.
    """
    agent = config.agent(unit.overtraining)
    if given is None:
        given = np.zeros((config.seeds, agent.task.total), np.float32)
    checks.check(agent, numbers, given)
    numbers = jax.tree.map(functools.partial(jnp.asarray, dtype=jnp.float32), numbers)
    keys = jax.vmap(jax.random.key)(config.seed + jnp.arange(config.seeds))
    runs = _run(agent, numbers, jnp.asarray(given), keys)
    return Runs(*(np.asarray(x) for x in runs))


def watch(config: GoNoGoConfig, condition: str, at: tuple[int, ...]) -> list[agents.Watched]:
    """Return trials of the first seed in detail, at the first validity; those there are."""
    agent = config.agent()
    numbers = parameters(CONDITIONS[condition], config.levels()[0][0])
    given = jnp.zeros(agent.task.total)
    inside = tuple(min(number, agent.task.total - 1) for number in at)
    run = jax.jit(functools.partial(agents.watch, agent, at=inside))
    return run(numbers, given, jax.random.key(config.seed))


def as_json(config: GoNoGoConfig) -> dict[str, Any]:
    """Return the configuration as JSON values."""
    return output.plain(config)
