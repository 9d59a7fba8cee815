"""The methods of `neurogain.continual.baselines` as values that a `Trainer` takes as `strategy`."""

from neurogain.continual.strategies.agem import agem
from neurogain.continual.strategies.ewc import ewc
from neurogain.continual.strategies.lwf import lwf
from neurogain.continual.strategies.rehearsal import der_plus_plus, er, er_ace

__all__ = ["agem", "der_plus_plus", "er", "er_ace", "ewc", "lwf"]
