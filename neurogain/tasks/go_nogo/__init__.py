"""Go/No-Go with set shifts, and the spiking actor-critic that learns it."""

from neurogain.tasks.go_nogo.agent import Agent as Agent
from neurogain.tasks.go_nogo.agent import AgentParams as AgentParams
from neurogain.tasks.go_nogo.agent import AgentState as AgentState
from neurogain.tasks.go_nogo.agent import Outcome as Outcome
from neurogain.tasks.go_nogo.agent import run as run
from neurogain.tasks.go_nogo.cells import KINDS as KINDS
from neurogain.tasks.go_nogo.cells import Layout as Layout
from neurogain.tasks.go_nogo.checks import check as check
from neurogain.tasks.go_nogo.conditions import CONDITIONS as CONDITIONS
from neurogain.tasks.go_nogo.conditions import Condition as Condition
from neurogain.tasks.go_nogo.conditions import parameters as parameters
from neurogain.tasks.go_nogo.environment import Task as Task
from neurogain.tasks.go_nogo.environment import Trial as Trial
