"""What users call has an example in its docstring; the examples run as tests of their own."""

import doctest
import importlib
import inspect
import re

import pytest

from neurogain.spiking import (
    IzhikevichCell,
    IzhikevichParams,
    LIFCell,
    LIFParams,
    rollout,
    simulate,
)
from neurogain.spiking.synapses import STANDARD, SynapseParams

MODULES = (
    "gain",
    "uncertainty",
    "optim",
    "spiking",
    "spiking.connectivity",
    "spiking.measures",
    "spiking.network",
    "spiking.network.recorders",
    "spiking.plasticity",
    "spiking.recorders",
    "spiking.surrogate",
    "neuromod",
    "bridge",
    "continual.baselines",
    "continual.models",
    "continual.strategies",
    "continual.streams",
    "continual.training",
)


def _wants_example(thing):
    """Records of numbers, errors and checks explain themselves."""
    if inspect.isclass(thing):
        return not (issubclass(thing, BaseException) or hasattr(thing, "_fields"))
    return inspect.isfunction(thing) and not thing.__name__.startswith("check")


@pytest.mark.parametrize("name", MODULES)
def test_there_is_an_example_that_runs(name):
    module = importlib.import_module(f"neurogain.{name}")
    package = hasattr(module, "__path__")
    lacking = []
    for public, thing in vars(module).items():
        own = getattr(thing, "__module__", "") or ""
        here = own.startswith(module.__name__) if package else own == module.__name__
        if public.startswith("_") or not here or not _wants_example(thing):
            continue
        examples = doctest.DocTestParser().get_examples(thing.__doc__ or "")
        if not any(not one.options.get(doctest.SKIP) for one in examples):
            lacking.append(public)
    assert lacking == []


@pytest.mark.parametrize(
    ("cell", "params"), [(LIFCell, LIFParams), (IzhikevichCell, IzhikevichParams)]
)
def test_cells_tell_their_equation_and_the_unit_of_each_constant(cell, params):
    assert "C dv/dt = " in cell.__doc__
    assert "C dv/dt = " in params.__doc__
    for field in params._fields:
        assert re.search(rf"^      {field}: (pF|nS|nS/mV|mV|ms|1/ms|pA), ", params.__doc__, re.M)


def test_the_standard_receptors_are_listed():
    for name, receptor in STANDARD.items():
        row = rf"^ +{name} +tau {receptor.tau:g} ms +E +{receptor.E:g} mV"
        assert re.search(row, SynapseParams.__doc__, re.M)


def test_runs_that_go_on_need_their_first_step():
    assert "first_step=run.step" in simulate.__doc__
    assert "Arguments as for `simulate`" in rollout.__doc__
