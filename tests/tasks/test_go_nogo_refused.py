"""What is refused of an agent and its conditions, before anything is traced."""

import dataclasses
import re

import numpy as np
import pytest

from neurogain.tasks.go_nogo import CONDITIONS, Agent, Layout, Task, check, parameters
from neurogain.tasks.go_nogo.conditions import given_bursts

TASK = Task(trials=20)
AGENT = Agent(TASK)
PARAMS = parameters(CONDITIONS["da+na"], 1.0)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"task": None}, TypeError, "`task` must be a Task of Go/No-Go; got NoneType."),
        ({"kind": ["lif"]}, ValueError, "`kind` must be lif, izhikevich, pyramidal; got ['lif']."),
        ({"layout": (20, 20)}, TypeError,
         "`layout` must be a Layout of numbers of cells; got tuple"),
        ({"layout": Layout((1, 2))}, TypeError,
         "`excitatory` of the layout must be a tuple of three"),
        ({"layout": Layout((1, 2, 0))}, ValueError,
         "`excitatory` must be a whole number of at least"),
        ({"cue": 300.0}, ValueError, "`cue` must be a whole number of at least 1; got 300.0."),
        ({"counted": 300}, ValueError, "`counted` must be below the 300 ms of a cue; got 300."),
        ({"naive": 0}, ValueError, "`naive` must be a whole number of at least 1; got 0."),
        ({"period": None}, TypeError, "`period` must be one number, positive and finite, in ms"),
    ],
)  # fmt: skip
def test_agents(changes, error, message):
    with pytest.raises(error, match=re.escape(message)):
        check(dataclasses.replace(AGENT, **changes), PARAMS, np.zeros(TASK.total))


@pytest.mark.parametrize(
    ("agent", "params", "given", "error", "message"),
    [
        ("lif", PARAMS, np.zeros(40), TypeError, "`agent` must be an Agent, with what is known"),
        (AGENT, {}, np.zeros(40), TypeError,
         "`params` must be an AgentParams of an agent; got dict."),
        (AGENT, PARAMS, None, TypeError,
         "`given` must be a number or an array of numbers; got None"),
        (AGENT, PARAMS, np.zeros(3), ValueError,
         "`given` must have one value for each of 40 trials"),
        (AGENT, PARAMS._replace(active_hz=1001.0), np.zeros(40), ValueError,
         "`active_hz` must be in [0, 1000] Hz, at most one spike in 1 ms; got 1001.0."),
    ],
)  # fmt: skip
def test_runs(agent, params, given, error, message):
    with pytest.raises(error, match=re.escape(message)):
        check(agent, params, given)


@pytest.mark.parametrize(
    ("condition", "task", "more", "message"),
    [
        ("na-random", Task(trials=20), {},
         "`task` must have more than 40 trials, for bursts behind"),
        ("na-late", Task(trials=20, shifts=0), {},
         "`task` must have a shift, for bursts behind it"),
        ("na-yoked", TASK, {},
         "`yoke` must have shape (seeds, trials) = (2, 40), the bursts of 'da"),
        ("na-yoked", TASK, {"yoke": np.zeros((3, 40))}, "the bursts of 'da+na'; got (3, 40)."),
        ("da", TASK, {"seeds": 0}, "`seeds` must be a whole number of at least 1; got 0."),
    ],
)  # fmt: skip
def test_bursts(condition, task, more, message):
    settings = {"seeds": 2, "seed": 0} | more
    with pytest.raises(ValueError, match=re.escape(message)):
        given_bursts(CONDITIONS[condition], task, **settings)


def test_names_of_conditions():
    with pytest.raises(TypeError, match=r"`condition` must be a Condition; got 'da'. Pass CONDIT"):
        parameters("da", 1.0)
