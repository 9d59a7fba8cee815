"""What is checked before an agent is traced."""

from typing import Any

import numpy as np

from neurogain import _checks
from neurogain.neuromod import effects, systems
from neurogain.spiking.engine import drives
from neurogain.tasks.go_nogo.agent import TARGETS, Agent, AgentParams
from neurogain.tasks.go_nogo.cells import KINDS, Layout
from neurogain.tasks.go_nogo.environment import Task

_POSITIVE = ("value_hz", "w_max", "tau_synapse", "tau_stdp", "tau_c", "tau_background")
_AT_LEAST_0 = (
    "actor_rate", "critic_rate", "background", "dopamine", "w_low", "w_high", "depression",
)  # fmt: skip
_INPUT_HZ = ("active_hz", "silent_hz")
_SHARES = ("validity", "forgetting", "detector")


def check(agent: Agent, params: AgentParams, given: Any) -> None:
    """Check the task, the cells, all numbers and the bursts of a run.

    Args:
      agent: what is static.
      params: all numbers; traced ones are not looked at.
      given: bursts of the locus coeruleus from outside, in [0, 1], (..., trials).

    Raises:
      ValueError, TypeError: names the argument, the rule with its unit, the value and a way out.
    """
    _check_agent(agent)
    drives.check_kind("params", params, AgentParams, of=" of an agent")
    systems.check(params.neuromod)
    effects.check(params.effects, tuple(systems.owners(params.neuromod)))
    for effect in params.effects:
        if effect.target not in TARGETS:
            raise ValueError(
                f"`target` of an effect on an agent must be {', '.join(TARGETS)}; got "
                f"{effect.target!r}."
            )
    rules = (
        (_POSITIVE, "positive and finite", lambda x: (x > 0) & (x < np.inf)),
        (_AT_LEAST_0, "finite and at least 0", lambda x: (x >= 0) & (x < np.inf)),
        (_INPUT_HZ, "in [0, 1000] Hz, at most one spike in 1 ms", lambda x: (x >= 0) & (x <= 1000)),
        (_SHARES, "in [0, 1]", lambda x: (x >= 0) & (x <= 1)),
    )
    for names, rule, holds in rules:
        for name in names:
            value = getattr(params, name)
            _checks.in_range(name, value, rule, holds, "See AgentParams for values.")
    weights = params.w_low, params.w_high, params.w_max
    if all(_checks.is_concrete(w) for w in weights) and not np.all(
        (np.asarray(weights[0]) <= weights[1]) & (np.asarray(weights[1]) <= weights[2])
    ):
        raise ValueError(
            "`w_low`, `w_high` and `w_max` must not fall, pA; got "
            f"{', '.join(str(w) for w in weights)}."
        )
    _checks.in_range("given", given, "in [0, 1]", lambda x: (x >= 0) & (x <= 1), "Pass zeros.")
    if np.shape(given)[-1:] != (agent.task.total,):
        raise ValueError(
            f"`given` must have one value for each of {agent.task.total} trials; got shape "
            f"{np.shape(given)}."
        )


def _check_agent(agent: Any) -> None:
    """Check what is static: task, cells, and whole numbers."""
    drives.check_kind("agent", agent, Agent, of=", with what is known when a run is compiled")
    drives.check_kind("task", agent.task, Task, of=" of Go/No-Go")
    agent.task.check()
    if not isinstance(agent.kind, str) or agent.kind not in KINDS:
        raise ValueError(f"`kind` must be {', '.join(KINDS)}; got {agent.kind!r}.")
    drives.check_kind("layout", agent.layout, Layout, of=" of numbers of cells")
    for name in ("excitatory", "inhibitory"):
        sizes = getattr(agent.layout, name)
        if not isinstance(sizes, tuple) or len(sizes) != 3:
            raise TypeError(
                f"`{name}` of the layout must be a tuple of three numbers of cells; got {sizes!r}. "
                "Pass for instance (20, 20, 20)."
            )
        for size in sizes:
            _checks.whole(name, size, 1)
    for name, least in (("cue", 1), ("counted", 0), ("naive", 1)):
        _checks.whole(name, getattr(agent, name), least)
    if agent.counted >= agent.cue:
        raise ValueError(
            f"`counted` must be below the {agent.cue} ms of a cue; got {agent.counted}."
        )
    _checks.positive("period", agent.period, "ms", "1500.0")
