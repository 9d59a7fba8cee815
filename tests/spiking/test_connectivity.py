"""Who is connected to whom: shapes, order and numbers of every rule."""

import re

import numpy as np
import pytest

from neurogain.spiking.connectivity import (
    AllToAll,
    FixedInDegree,
    FixedProbability,
    GaussianProbability,
    GaussianWeights,
    Listed,
    OneToOne,
    distance,
)

LISTED = Listed(pre=np.array([3, 0, 8, 0, 3]), post=np.array([2, 1, 2, 0, 0]))
RULES = {
    "all": AllToAll(),
    "all_and_self": AllToAll(autapses=True),
    "one_to_one": OneToOne(),
    "listed": LISTED,
    "in_degree": FixedInDegree(5),
    "in_degree_multapses": FixedInDegree(12, multapses=True),
    "probability": FixedProbability(0.3),
    "high_probability": FixedProbability(0.7, autapses=True),
    "gaussian_weights": GaussianWeights(0.5),
    "gaussian_weights_sheet": GaussianWeights(0.5, "sheet", autapses=True),
    "gaussian_probability": GaussianProbability(0.5, 0.9),
    "gaussian_probability_sheet": GaussianProbability(0.3, 0.9, "sheet"),
}
MAY_REPEAT = ("in_degree_multapses",)
MAY_MEET_ITSELF = (
    *("all_and_self", "one_to_one", "listed"),
    *("high_probability", "gaussian_weights_sheet"),
)


def connect(rule, n_pre=9, n_post=9, recurrent=True, seed=0):
    return rule.connect(np.random.default_rng(seed), n_pre, n_post, recurrent)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("n_pre", "n_post"), [(9, 9), (16, 9), (9, 25), (36, 16)])
def test_pairs_come_in_order_of_post_then_pre_as_32_bit_numbers_of_cells(name, n_pre, n_post):
    if name == "one_to_one":
        n_post = n_pre
    for seed in range(3):
        pairs = connect(RULES[name], n_pre, n_post, recurrent=False, seed=seed)
        assert pairs.pre.shape == pairs.post.shape == (len(pairs.pre),)
        assert pairs.pre.dtype == pairs.post.dtype == np.int32
        assert len(pairs.pre)
        assert (pairs.pre >= 0).all()
        assert (pairs.pre < n_pre).all()
        assert (pairs.post >= 0).all()
        assert (pairs.post < n_post).all()
        step = np.diff(pairs.post.astype(np.int64) * n_pre + pairs.pre)
        assert (step >= 0 if name in MAY_REPEAT else step > 0).all()
        if name.startswith("gaussian_weights"):
            assert pairs.scale.shape == pairs.pre.shape
        else:
            assert pairs.scale is None


@pytest.mark.parametrize("name", RULES)
def test_within_a_population_no_cell_meets_itself_unless_it_may(name):
    pairs = [connect(RULES[name], seed=seed) for seed in range(50)]
    meets = any((one.pre == one.post).any() for one in pairs)
    assert meets == (name in MAY_MEET_ITSELF)
    if name not in ("listed", "one_to_one"):  # others meet the cell of their own number
        other = [connect(RULES[name], recurrent=False, seed=seed) for seed in range(50)]
        assert any((one.pre == one.post).any() for one in other)


@pytest.mark.parametrize("name", RULES)
def test_pairs_are_those_of_the_generator(name):
    first, again = connect(RULES[name], seed=5), connect(RULES[name], seed=5)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    random = name.startswith(("in_degree", "probability", "high", "gaussian_probability"))
    other = connect(RULES[name], seed=6)
    same = np.array_equal(first.pre, other.pre) and np.array_equal(first.post, other.post)
    assert same != random


def test_rules_without_chance_draw_nothing_from_the_generator():
    for name in ("all", "one_to_one", "listed", "gaussian_weights"):
        rng = np.random.default_rng(1)
        RULES[name].connect(rng, 9, 9, True)
        assert rng.random() == np.random.default_rng(1).random()


def test_all_to_all_is_every_pair():
    pairs = connect(AllToAll(), 3, 2, recurrent=False)
    np.testing.assert_array_equal(pairs.pre, [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(pairs.post, [0, 0, 0, 1, 1, 1])
    pairs = connect(AllToAll(), 3, 3)
    np.testing.assert_array_equal(pairs.pre, [1, 2, 0, 2, 0, 1])
    np.testing.assert_array_equal(pairs.post, [0, 0, 1, 1, 2, 2])


def test_one_to_one_is_the_diagonal():
    pairs = connect(OneToOne(), 4, 4)
    np.testing.assert_array_equal(pairs.pre, range(4))
    np.testing.assert_array_equal(pairs.post, range(4))


def test_listed_pairs_are_sorted_and_kept():
    pairs = connect(LISTED)
    np.testing.assert_array_equal(pairs.pre, [0, 3, 0, 3, 8])
    np.testing.assert_array_equal(pairs.post, [0, 0, 1, 2, 2])
    twice = connect(Listed(pre=[1, 1], post=[2, 2]))
    np.testing.assert_array_equal(twice.pre, [1, 1])


def test_no_pairs_may_be_listed_or_drawn():
    for rule in (
        *(Listed([], []), FixedInDegree(0), FixedInDegree(0, multapses=True)),
        *(FixedProbability(0.0), GaussianProbability(0.5, 0.0)),
    ):
        for n in (1, 9):
            pairs = connect(rule, n, n)
            assert pairs.pre.shape == pairs.post.shape == (0,)
            assert pairs.pre.dtype == pairs.post.dtype == np.int32


def test_a_probability_of_one_is_every_pair():
    for recurrent in (True, False):
        for ours, all_pairs in (
            (FixedProbability(1.0), AllToAll()),
            (FixedProbability(1.0, autapses=True), AllToAll(autapses=True)),
        ):
            pairs = connect(ours, recurrent=recurrent)
            expected = connect(all_pairs, recurrent=recurrent)
            np.testing.assert_array_equal(pairs.pre, expected.pre)
            np.testing.assert_array_equal(pairs.post, expected.post)


@pytest.mark.parametrize("k", [1, 4, 29])
def test_each_cell_has_its_in_degree(k):
    for rule in (FixedInDegree(k), FixedInDegree(k, True), FixedInDegree(k, True, True)):
        pairs = connect(rule, 30, 30)
        np.testing.assert_array_equal(np.bincount(pairs.post, minlength=30), np.full(30, k))
    every = connect(FixedInDegree(29), 30, 30)
    np.testing.assert_array_equal(every.pre, connect(AllToAll(), 30, 30).pre)


def test_the_rarest_multapses_are_made():
    pairs = connect(FixedInDegree(5, multapses=True), 2, 3, recurrent=False)
    assert len(pairs.pre) == 15  # more than there are cells
    alone = connect(FixedInDegree(5, multapses=True, autapses=True), 1, 1)
    np.testing.assert_array_equal(alone.pre, np.zeros(5))


def chord(n_pre, n_post):
    angles = [2 * np.pi * np.arange(n) / n for n in (n_pre, n_post)]
    pre, post = (np.exp(1j * x) for x in angles)
    return np.abs(pre[:, None] - post)


def sheet(n_pre, n_post):
    """The shortest of the nine ways around the periods."""
    places = []
    for n in (n_pre, n_post):
        side = round(n**0.5)
        places.append(np.array([(i / side, j / side) for i in range(side) for j in range(side)]))
    shifts = [np.array([x, y]) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    ways = [np.linalg.norm(places[0][:, None] - places[1] + s, axis=-1) for s in shifts]
    return np.min(ways, axis=0)


@pytest.mark.parametrize(("layout", "expected"), [("ring", chord), ("sheet", sheet)])
@pytest.mark.parametrize(("n_pre", "n_post"), [(1, 1), (4, 4), (9, 16), (36, 9), (49, 49)])
def test_distances_are_those_of_the_layout(layout, expected, n_pre, n_post):
    d = distance(layout, n_pre, n_post)
    assert d.shape == (n_pre, n_post)
    np.testing.assert_allclose(d, expected(n_pre, n_post), atol=1e-12)
    np.testing.assert_allclose(d, distance(layout, n_post, n_pre).T, atol=1e-12)


def test_distances_are_periodic():
    ring, on_sheet = distance("ring", 12, 12), distance("sheet", 36, 36).reshape(6, 6, 6, 6)
    np.testing.assert_allclose(np.roll(ring, (5, 5), (0, 1)), ring, atol=1e-12)
    for axes in ((0, 2), (1, 3)):
        np.testing.assert_allclose(np.roll(on_sheet, (2, 2), axes), on_sheet, atol=1e-12)
    assert ring.max() == 2
    np.testing.assert_allclose(on_sheet.max(), np.sqrt(0.5))


@pytest.mark.parametrize(("layout", "expected"), [("ring", chord), ("sheet", sheet)])
@pytest.mark.parametrize(("n_pre", "n_post"), [(16, 16), (9, 25)])
@pytest.mark.parametrize("sigma", [0.05, 0.5, 2.0])
def test_gaussian_weights_follow_the_distance(layout, expected, n_pre, n_post, sigma):
    pairs = connect(GaussianWeights(sigma, layout), n_pre, n_post, recurrent=n_pre == n_post)
    d = expected(n_pre, n_post)[pairs.pre, pairs.post]
    J = np.exp(-(d**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(pairs.scale, J, rtol=1e-12, atol=1e-300)
    assert len(pairs.pre) == n_pre * n_post - (n_pre if n_pre == n_post else 0)


def bad(make, message, error=ValueError):
    with pytest.raises(error, match=re.escape(message)):
        make()


NAN = float("nan")


def test_bad_rules_are_refused():
    for k in (-1, 2.5, None):
        bad(lambda k=k: FixedInDegree(k), f"`k` must be a whole number of at least 0; got {k!r}.")
    for p in (-0.1, 1.1, NAN):
        bad(lambda p=p: FixedProbability(p), f"`p` must be a probability; got {p!r}. Pass p=0.1.")
    for p in (-0.1, 1.0, NAN):
        rule = f"`p` must be a probability below 1; got {p!r}. Pass p=0.1."
        bad(lambda p=p: GaussianProbability(0.5, p), rule)
    for sigma in (0.0, -1.0, float("inf"), NAN):
        rule = f"`sigma` must be positive, in the unit of the layout's distance; got {sigma!r}."
        bad(lambda sigma=sigma: GaussianWeights(sigma), rule)
        bad(lambda sigma=sigma: GaussianProbability(sigma, 0.5), rule)
    for make in (lambda: GaussianWeights(1.0, "line"), lambda: GaussianProbability(1, 0.1, "line")):
        bad(make, "`layout` must be ring or sheet; got 'line'.")


def test_rules_that_do_not_fit_the_populations_are_refused():
    one_to_one = "`connectivity` one to one needs populations of one size; got 3 and 4. Pass Fixed"
    bad(lambda: connect(OneToOne(), 3, 4, False), one_to_one)
    few = "`k`, the in-degree, must be at most the {} cells to choose from; got {}. Choose fewer, "
    bad(lambda: connect(FixedInDegree(10), 9, 9, False), few.format(9, 10))
    bad(lambda: connect(FixedInDegree(9), 9, 9), few.format(8, 9))
    bad(lambda: connect(FixedInDegree(1, multapses=True), 1, 1), few.format(0, 1))
    for rule in (GaussianWeights(1.0, "sheet"), GaussianProbability(1.0, 0.5, "sheet")):
        square = "must have a square number of cells; got 10. Choose 9 or 16."
        bad(lambda rule=rule: connect(rule, 10, 9, False), square)
        bad(lambda rule=rule: connect(rule, 9, 10, False), square)


def test_listed_cells_that_are_not_there_are_refused():
    bad(lambda: connect(Listed([0, 9], [0, 1])), "`pre` must be numbers of cells, in [0, 8]; got ")
    bad(lambda: connect(Listed([0, 1], [0, -1])), "`post` must be numbers of cells, in [0, 8]; ")
    shapes = "`pre` and `post` must have one cell per synapse; got shapes (2,) and (1,)."
    bad(lambda: connect(Listed([0, 1], [0])), shapes)
    bad(lambda: connect(Listed([[0]], [[1]])), "got shapes (1, 1) and (1, 1).")
    for cells in ([0.5, 1.0], [True, False]):
        with pytest.raises((TypeError, ValueError), match="`pre`"):
            connect(Listed(cells, [0, 1]))
