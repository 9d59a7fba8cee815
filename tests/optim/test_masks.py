"""Masks that choose leaves by name."""

from collections import namedtuple

import jax.numpy as jnp
import optax
import pytest

from neurogain import optim
from neurogain.optim import find_gains, modulate_by_gain, only

Layer = namedtuple("Layer", "kernel bias")
PARAMS = {
    "params": {
        "hidden": [{"kernel": jnp.ones((2, 3))}, {"kernel": jnp.ones((3, 3))}],
        "output": Layer(jnp.ones((3, 2)), jnp.ones(2)),
    }
}


@pytest.mark.parametrize(
    ("names", "first", "second", "kernel", "bias"),
    [
        (("output",), False, False, True, True),
        (("bias",), False, False, False, True),
        (("kernel",), True, True, True, False),
        ((1, "bias"), False, True, False, True),
        (("hidden", "output"), True, True, True, True),
    ],
)
def test_the_leaves_below_a_name_are_selected(names, first, second, kernel, bias):
    hidden = [{"kernel": first}, {"kernel": second}]
    expected = {"params": {"hidden": hidden, "output": Layer(kernel, bias)}}
    assert only(*names)(PARAMS) == expected


def test_a_gain_on_the_output_layer():
    tx = modulate_by_gain(optax.sgd(0.1), per="unit", mask=only("output"))
    (gain,) = find_gains(tx.init(PARAMS)).values()
    assert gain["params"]["output"].kernel.shape == (1, 2)
    assert gain["params"]["hidden"][0]["kernel"] == optax.MaskedNode()


@pytest.mark.parametrize("names", [("head",), ("output", "head")])
def test_a_name_that_is_not_there(names):
    there = "'params', 'hidden', 0, 'kernel', 1, 'output', 'bias'"
    with pytest.raises(ValueError, match=f"got 'head', and there are {there}"):
        only(*names)(PARAMS)
    with pytest.raises(ValueError, match="got 'head', and there are none"):
        only("head")({})


def test_no_name():
    with pytest.raises(ValueError, match=r"`only` needs at least one name"):
        only()


@pytest.mark.parametrize("name", [["output"], 1.0, None])
def test_a_name_that_is_no_name(name):
    with pytest.raises(TypeError, match=r"`only` takes names, .*got .*\. Write only"):
        only(name)


def test_a_mask_that_is_called_as_a_schedule_names_the_way_out():
    tx = optax.inject_hyperparams(optim.two_timescale)(1e-3, mask=only("output"))
    with pytest.raises(ValueError, match=r'pass static_args="mask"'):
        tx.init({"output": jnp.ones(2)})
    named = optax.inject_hyperparams(optim.two_timescale, static_args="mask")
    named(1e-3, mask=only("output")).init({"output": jnp.ones(2)})
