"""What users call has an example in its docstring; the examples run as tests of their own."""

import doctest
import importlib
import inspect

import pytest

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
    "continual.models",
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
