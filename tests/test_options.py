"""Rules beside the fields of a configuration of one's own."""

import dataclasses
from typing import Annotated

import numpy as np
import pytest

from neurogain.grids import Grid
from neurogain.options import (
    Count,
    In,
    Multiple,
    OneOf,
    Options,
    Rule,
    Seed,
    at_least_0,
    finite,
    positive,
)

LEVEL = Rule("levels below 10", lambda x: x < 10)


@dataclasses.dataclass(frozen=True)
class Own(Options):
    required: Annotated[float, positive("mV")]
    levels: Annotated[Grid, In("pA", LEVEL)] = ("0:4:2",)
    others: Annotated[Grid, In("pA", optional=True)] = ()
    kinds: Annotated[tuple[str, ...], OneOf(("a", "b"))] = ("a",)
    times: Annotated[tuple[float, float], Multiple(0.5)] = (1.0, 2.0)
    bin: Annotated[float, Multiple(0.1, positive=True)] = 0.3
    weight: Annotated[float, at_least_0("nS")] = 1.0
    current: Annotated[float, finite("pA")] = 5.0
    repeats: Count = 1
    seed: Seed = 0
    free: float = 1.0

    def _check_together(self):
        self._require("free", self.free < self.required, "be below `required`", 0.5)


def test_grids_and_tuples_may_be_lists_arrays_or_one_value():
    own = Own(2.0, levels=np.array([1, 2]), others=[3], kinds="b", times=[0.5, 1.0])
    assert own == Own(2.0, levels=(1.0, 2.0), others=(3.0,), kinds=("b",), times=(0.5, 1.0))
    assert hash(own)
    own.check()
    assert own.numbers("levels") == (1.0, 2.0)
    assert Own(2.0).numbers("others") == ()
    assert Own(2.0).as_json()["levels"] == [0.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"required": 0.0}, r"`required` must be positive and finite, in mV; got 0.0. Choose ano"),
        ({"levels": ("2", "12")}, r"`levels` must be levels below 10; got .*12.*levels=0:4:2\."),
        ({"levels": ()}, "`levels` must name at least one number"),
        ({"kinds": ("a", "c")}, "`kinds` must be one of a, b; got 'c'"),
        ({"times": (1.0, 1.2)}, "`times` must be a multiple of 0.5 ms; got 1.2. Pass times=1.5"),
        ({"times": (-1.0, 1.0)}, "`times` must be a multiple of 0.5 ms; got -1.0"),
        ({"times": (0.0, float("inf"))}, "`times` must be a multiple of 0.5 ms; got inf"),
        ({"bin": 0.0}, "`bin` must be a positive multiple of 0.1 ms; got 0.0. Pass bin=0.1"),
        (
            {"weight": -1.0},
            r"`weight` must be finite and at least 0 \(nS\); got -1.0. Pass",
        ),
        ({"current": float("nan")}, "`current` must be finite, in pA; got nan. Pass current=5"),
        ({"repeats": 0}, "`repeats` must be a whole number of at least 1; got 0"),
        ({"seed": 2**32}, r"`seed` must be in \[0, 2\^32\); got 4294967296. Pass seed=0"),
        ({"free": 2.0}, "`free` must be below `required`; got 2.0. Pass free=0.5"),
    ],
)
def test_a_message_has_argument_rule_value_and_way_out(change, message):
    with pytest.raises(ValueError, match=message):
        Own(**({"required": 2.0} | change)).check()


@pytest.mark.parametrize("value", ["1", True, None, np.ones(2)])
def test_a_number_is_a_number(value):
    with pytest.raises(TypeError, match="`free` must be a number; got"):
        Own(2.0, free=value).check()
    Own(2.0, free=np.float32(0.5)).check()
