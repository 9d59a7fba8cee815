"""Rules of connectivity of one's own: what they may return, and what is refused by name."""

import dataclasses
import re
from typing import Any

import jax
import numpy as np
import pytest

from neurogain.spiking import LIFCell, LIFParams, Population, Projection, build
from neurogain.spiking.connectivity import Listed, Pairs
from neurogain.spiking.pairs import checked

CELLS = Population(LIFCell(), LIFParams(), 3)


@dataclasses.dataclass(frozen=True, eq=False)
class Own:
    pairs: Any

    def connect(self, rng, n_pre, n_post, recurrent):
        return self.pairs


class Old:
    """A rule that does not know whether a projection is recurrent."""

    def connect(self, rng, n_pre, n_post):
        return Pairs([], [])


def built(pairs, weight: Any = 1.0, path="sparse", rule=None, **more):
    projection = Projection("a", "a", rule or Own(pairs), weight, path=path, **more)
    return build({"a": CELLS}, {"p": projection}, dt=0.1, key=jax.random.key(0))


@pytest.mark.parametrize("path", ["dense", "sparse"])
@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        (None, TypeError, "`connect` must return Pairs(pre, post); got None. Import Pairs from"),
        (([0], [1]), TypeError, "`connect` must return Pairs(pre, post); got ([0], [1])."),
        (Pairs([7], [0]), ValueError, "`pre` must be numbers of cells, in [0, 2]; got"),
        (Pairs([0], [7]), ValueError, "`post` must be numbers of cells, in [0, 2]; got"),
        (Pairs([0, 1], [0, -1]), ValueError, "`post` must be numbers of cells, in [0, 2]; got"),
        (Pairs([0], [0, 1]), ValueError, "`pre` and `post` must have one cell per synapse; got"),
        (Pairs([[0]], [[1]]), ValueError, "`pre` and `post` must have one cell per synapse; got"),
        (Pairs([0.0], [1]), TypeError, "`pre` must be whole numbers; got float64 numbers."),
        (Pairs([True], [1]), TypeError, "`pre` must be a number or an array of numbers; got [True"),
        (Pairs([0], None), TypeError, "`post` must be a number or an array of numbers; got None."),
        (Pairs([0, [1]], [0, 1]), TypeError, "`pre` must be a number or an array of numbers; got"),
        (Pairs([0], [1], scale=-1.0), ValueError, "`scale` must have one value per synapse, shape"),
        (Pairs([0], [1], scale=[-1.0]), ValueError, "`scale` must be at least 0 and finite, a"),
        (Pairs([0], [1], scale=["x"]), TypeError, "`scale` must be a number or an array of"),
        (Pairs([0, 1], [1, 1], given=[0]), ValueError, "`given` must have one value per synapse"),
        (Pairs([0, 1], [1, 1], given=[0, 2]), ValueError, "`given` must be numbers in the list"),
        (Pairs([0, 1], [1, 1], given=[1, 1]), ValueError, "`given` must have each number from 0"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_pairs(pairs, error, message, path):
    with pytest.raises(error, match=re.escape(f"`connectivity` of p: {message}")):
        built(pairs, path=path)


def test_a_rule_of_another_signature():
    message = (
        "`connectivity` of p: `connect` of the rule must be a method that takes (rng, n_pre, "
        "n_post, recurrent); got connect(rng, n_pre, n_post)."
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        built(None, rule=Old())


def test_a_scale_that_makes_weights_infinite():
    with pytest.raises(ValueError, match=r"`weight` of p, times the scale .*, must be at least 0 "):
        built(Pairs([0], [1], scale=[1e30]), 1e30)


@pytest.mark.parametrize("path", ["dense", "sparse"])
@pytest.mark.parametrize("kind", [list, np.array, lambda x: jax.numpy.array(x)])
def test_pairs_in_any_order_are_sorted_with_all_that_is_theirs(path, kind):
    pre, post, weight = [2, 0, 1, 0], [0, 2, 2, 1], np.array([1.0, 2.0, 3.0, 4.0])
    listed = Pairs(kind(pre), kind(post), kind([1.0, 10.0, 100.0, 1000.0]), kind([3, 2, 1, 0]))
    network, params = built(listed, weight, path, delay=np.array([0.1, 0.2, 0.3, 0.4]))
    found = network.synapses(params, "p")
    assert found.pre.tolist() == [0, 0, 1, 2]
    assert found.post.tolist() == [1, 2, 2, 0]
    np.testing.assert_allclose(found.weight, [1000.0, 30.0, 200.0, 4.0])
    np.testing.assert_allclose(found.delay, [0.1, 0.3, 0.2, 0.4])


@pytest.mark.parametrize("path", ["dense", "sparse"])
def test_weights_without_a_list_are_in_the_order_of_the_network(path):
    network, params = built(Pairs([2, 0, 1, 0], [0, 2, 2, 1]), np.array([1.0, 2.0, 3.0, 4.0]), path)
    found = network.synapses(params, "p")
    assert found.pre.tolist() == [0, 0, 1, 2]
    assert found.weight.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_sorted_pairs_are_not_copied():
    pairs = Listed([0, 1, 0], [1, 1, 2]).connect(np.random.default_rng(0), 3, 3, recurrent=True)
    assert checked(pairs, 3, 3).pre is pairs.pre


def test_no_pairs():
    network, params = built(Pairs([], []))
    assert network.synapses(params, "p").pre.size == 0


@pytest.mark.parametrize("drawn", [[1, [2]], "x", None, [1j]])
def test_what_a_function_of_weights_may_not_return(drawn):
    message = "`weight` of p, a function of (rng, synapses), must return numbers, in nS; got"
    with pytest.raises(TypeError, match=re.escape(message)):
        built(Pairs([0, 1], [1, 2]), lambda rng, count: drawn)
