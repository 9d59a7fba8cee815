"""Uncertainty-modulated gain as optax transformations, its controls, and helpers to look inside.

`neurogain.optim.train_state` has a TrainState for Flax; it is not imported here.
"""

from neurogain.optim.accumulate import MultiStepsState, multi_steps
from neurogain.optim.audit import GainReport, audit
from neurogain.optim.consolidate import ConsolidateState, consolidate
from neurogain.optim.controls import ScaleByGainState, scale_by_gain, scale_by_uncertainty
from neurogain.optim.inspect import (
    find_gains,
    get_acting,
    get_fast_slow,
    get_gain,
    get_weights,
    has_acting,
)
from neurogain.optim.keywords import update_with
from neurogain.optim.loop import value_grad_and_uncertainty
from neurogain.optim.masks import only
from neurogain.optim.modulate import ModulateByGainState, modulate_by_gain, with_gain_source
from neurogain.optim.presets import ngm_adam, ngm_adamw, ngm_sgd, two_timescale
from neurogain.optim.reset import ResetOnSwitchState, reset_on_switch
from neurogain.optim.source import GainSource, leaky_integrator
from neurogain.optim.statistics import estimate_batch_stats

__all__ = [
    "ConsolidateState",
    "GainReport",
    "GainSource",
    "ModulateByGainState",
    "MultiStepsState",
    "ResetOnSwitchState",
    "ScaleByGainState",
    "audit",
    "consolidate",
    "estimate_batch_stats",
    "find_gains",
    "get_acting",
    "get_fast_slow",
    "get_gain",
    "get_weights",
    "has_acting",
    "leaky_integrator",
    "modulate_by_gain",
    "multi_steps",
    "ngm_adam",
    "ngm_adamw",
    "ngm_sgd",
    "only",
    "reset_on_switch",
    "scale_by_gain",
    "scale_by_uncertainty",
    "two_timescale",
    "update_with",
    "value_grad_and_uncertainty",
    "with_gain_source",
]
