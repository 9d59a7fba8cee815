"""What is checked before an agent is traced."""

from typing import Any

import numpy as np

from neurogain import _checks
from neurogain.neuromod import effects, systems
from neurogain.tasks.go_nogo.agent import TARGETS, Agent, AgentParams
from neurogain.tasks.go_nogo.cells import KINDS

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
    agent.task.check()
    if agent.kind not in KINDS:
        raise ValueError(f"`kind` must be {', '.join(KINDS)}; got {agent.kind!r}.")
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
        (_INPUT_HZ, "in [0, 1000] Hz, at most a spike in 1 ms", lambda x: (x >= 0) & (x <= 1000)),
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
    if np.shape(given)[-1:] != (agent.task.total,):
        raise ValueError(
            f"`given` must have one value for each of {agent.task.total} trials; got shape "
            f"{np.shape(given)}."
        )
    _checks.in_range("given", given, "in [0, 1]", lambda x: (x >= 0) & (x <= 1), "Pass zeros.")
