"""Who is connected to whom: pairs of cells drawn on the host, before anything is compiled.

Each rule has a method `connect(rng, n_pre, n_post, recurrent)` that returns `Pairs`, in order of
the postsynaptic cell, then of the presynaptic one. Cells lie at i / n on a ring of radius 1, or row
by row on a square, periodic sheet of side 1; d is the Euclidean distance (the chord, on the ring).
Time and memory grow with the number of synapses, not of pairs, except where a rule connects all:
8 bytes a synapse for the pairs (16 with a scale), and while they are drawn up to 35, with
`GaussianProbability` up to 120.
"""

import dataclasses
import math
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from neurogain import _checks
from neurogain.spiking.pairs import Pairs as Pairs
from neurogain.spiking.pairs import check_count, checked

Layout = Literal["ring", "sheet"]


@runtime_checkable
class Connectivity(Protocol):
    """A rule. `recurrent`: both populations are one, so that a cell may meet itself.

    `AllToAll` is a short one to start from. Pairs of a rule of your own may come in any order.

    Example:
      >>> isinstance(AllToAll(), Connectivity)
      True
    """

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Draw the pairs."""


@dataclasses.dataclass(frozen=True)
class AllToAll:
    """Every pair; within a population no cell with itself, unless `autapses`.

    Example:
      >>> pairs = AllToAll().connect(np.random.default_rng(0), 2, 2, recurrent=True)
      >>> pairs.pre.tolist(), pairs.post.tolist()
      ([1, 0], [0, 1])
    """

    autapses: bool = False

    def __post_init__(self) -> None:
        """Raise TypeError unless `autapses` is True or False."""
        _checks.flag("autapses", self.autapses)

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Return all pairs."""
        del rng
        return _all_pairs(n_pre, n_post, recurrent and not self.autapses)


@dataclasses.dataclass(frozen=True)
class OneToOne:
    """Cell i with cell i of a population of the same size.

    Example:
      >>> OneToOne().connect(np.random.default_rng(0), 3, 3, recurrent=False).post.tolist()
      [0, 1, 2]
    """

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Return the pairs (i, i)."""
        del rng, recurrent
        if n_pre != n_post:
            raise ValueError(
                f"`connectivity` one to one needs populations of one size; got {n_pre} and "
                f"{n_post}. Pass FixedInDegree(1)."
            )
        cells = np.arange(n_pre, dtype=np.int32)
        return Pairs(cells, cells.copy())


@dataclasses.dataclass(frozen=True, eq=False)
class Listed:
    """Pairs given one by one, in any order; arrays of weights and delays are in the same order.

    Example:
      >>> pairs = Listed([5, 0], [1, 0]).connect(np.random.default_rng(0), 6, 2, recurrent=False)
      >>> pairs.pre.tolist(), pairs.post.tolist(), pairs.given.tolist()
      ([0, 5], [0, 1], [1, 0])
    """

    pre: np.ndarray
    post: np.ndarray

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Return the pairs, sorted, with their places in the list."""
        del rng, recurrent
        pre, post = (_checks.as_numbers(x, getattr(self, x)) for x in ("pre", "post"))
        return checked(Pairs(pre, post, given=np.arange(pre.size)), n_pre, n_post)


@dataclasses.dataclass(frozen=True)
class FixedInDegree:
    """Each cell gets `k` synapses from cells drawn at random, each at most once.

    `multapses` allows several from the same cell, `autapses` from the cell itself.

    Example:
      >>> pairs = FixedInDegree(2).connect(np.random.default_rng(0), 10, 3, recurrent=False)
      >>> pairs.post.tolist()
      [0, 0, 1, 1, 2, 2]
    """

    k: int
    multapses: bool = False
    autapses: bool = False

    def __post_init__(self) -> None:
        """Raise an error unless `k` is a whole number of at least 0."""
        _checks.whole("k", self.k, 0)
        _checks.flag("multapses", self.multapses)
        _checks.flag("autapses", self.autapses)

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Draw k sources for each cell."""
        without_self = recurrent and not self.autapses
        choice = n_pre - without_self
        if (self.k > choice and not self.multapses) or choice < 1 <= self.k:
            raise ValueError(
                f"`k`, the in-degree, must be at most the {choice} cells to choose from; got "
                f"{self.k}. Choose fewer, or pass multapses=True."
            )
        check_count(n_post * self.k)
        counts = np.full(n_post, self.k)
        if self.multapses:
            sources = np.sort(rng.integers(0, choice, (n_post, self.k), np.int32), axis=1).ravel()
        else:
            sources = _chosen(rng, counts, choice)
        return _pairs(sources, counts, without_self)


@dataclasses.dataclass(frozen=True)
class FixedProbability:
    """Each pair with probability `p`, independently.

    Example:
      >>> pairs = FixedProbability(0.1).connect(np.random.default_rng(0), 100, 100, recurrent=True)
      >>> 900 < len(pairs.pre) < 1100
      True
    """

    p: float
    autapses: bool = False

    def __post_init__(self) -> None:
        """Raise an error unless `p` is a probability."""
        _checks.one_number("p", self.p, "a probability", lambda p: (p >= 0) & (p <= 1), "0.1")
        _checks.flag("autapses", self.autapses)

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Draw the number of sources of each cell, then the sources."""
        without_self = recurrent and not self.autapses
        choice = n_pre - without_self
        check_count(n_post * choice * self.p)
        counts = rng.binomial(choice, self.p, n_post)
        return _pairs(_chosen(rng, counts, choice), counts, without_self)


@dataclasses.dataclass(frozen=True)
class GaussianWeights:
    """Every pair, its weight scaled by a Gaussian of the distance.

        scale = exp(-d^2 / (2 sigma^2)) / (sigma sqrt(2 pi))

    Source: Rodriguez-Garcia, Mei & Ramaswamy, arXiv 2507.03222 (ring of radius 1).

    Example:
      >>> rule = GaussianWeights(sigma=1.0)
      >>> rule.connect(np.random.default_rng(0), 4, 1, recurrent=False).scale.round(2).tolist()
      [0.4, 0.15, 0.05, 0.15]
    """

    sigma: float  # unit of the layout's distance
    layout: Layout = "ring"
    autapses: bool = False

    def __post_init__(self) -> None:
        """Raise an error for a width that is not positive, or an unknown layout."""
        _check_gaussian(self.sigma, self.layout)
        _checks.flag("autapses", self.autapses)

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Return all pairs with their scale."""
        del rng
        pairs = _all_pairs(n_pre, n_post, recurrent and not self.autapses)
        d = distance(self.layout, n_pre, n_post)[pairs.pre, pairs.post]
        scale = np.exp(-(d**2) / (2 * self.sigma**2)) / (self.sigma * math.sqrt(2 * math.pi))
        return pairs._replace(scale=scale)


@dataclasses.dataclass(frozen=True)
class GaussianProbability:
    """Each pair with probability p exp(-d^2 / (2 sigma^2)), independently.

    Example:
      >>> rule = GaussianProbability(sigma=0.1, p=0.9)
      >>> pairs = rule.connect(np.random.default_rng(0), 100, 100, recurrent=False)
      >>> bool(distance("ring", 100, 100)[pairs.pre, pairs.post].max() < 0.6)
      True
    """

    sigma: float  # unit of the layout's distance
    p: float  # at no distance
    layout: Layout = "ring"
    autapses: bool = False

    def __post_init__(self) -> None:
        """Raise an error for a bad width, probability or layout."""
        _check_gaussian(self.sigma, self.layout)
        below_1 = lambda p: (p >= 0) & (p < 1)  # noqa: E731
        _checks.one_number("p", self.p, "a probability below 1", below_1, "0.1")
        _checks.flag("autapses", self.autapses)

    def connect(self, rng: np.random.Generator, n_pre: int, n_post: int, recurrent: bool) -> Pairs:
        """Draw the pairs in time that grows with their number.

        A pair is connected with probability P if a Poisson number of mean -log(1 - P) is not 0.
        All such numbers of a cell add up to one Poisson number, whose events fall on its pairs with
        the means' shares. Cells that see the same pattern of others, shifted, share one table;
        where the sizes have no common divisor, each has its own, and every pair is visited.
        """
        pre, post = _grid(self.layout, n_pre), _grid(self.layout, n_post)
        phases = [b // math.gcd(a, b) for a, b in zip(pre, post, strict=True)]
        cells = np.stack(np.unravel_index(np.arange(n_post), post), axis=-1)
        group = np.ravel_multi_index(tuple((cells % phases).T), tuple(phases))
        order = np.argsort(group, kind="stable")
        first = np.searchsorted(group[order], np.arange(math.prod(phases)))
        drawn_pre, drawn_post = [], []
        for members in np.split(order, first[1:]):
            d = _distance_to(pre, post, cells[members[0]], self.layout)
            mean = -np.log1p(-self.p * np.exp(-(d**2) / (2 * self.sigma**2))).ravel()
            counts = rng.poisson(mean.sum(), len(members))
            share = np.cumsum(mean) / mean.sum() if mean.sum() > 0 else np.ones_like(mean)
            which = np.searchsorted(share, rng.random(counts.sum()), side="right")
            rows = np.repeat(members, counts)
            shift = (cells[rows] - cells[members[0]]) * pre // np.array(post)
            place = np.stack(np.unravel_index(np.minimum(which, n_pre - 1), pre), axis=-1)
            sources = np.ravel_multi_index(tuple(((place + shift) % pre).T), pre)
            drawn_pre.append(sources)
            drawn_post.append(rows)
        key = np.concatenate(drawn_post).astype(np.int64) * n_pre + np.concatenate(drawn_pre)
        post_cells, sources = np.divmod(np.unique(key), n_pre)
        if recurrent and not self.autapses:
            other = post_cells != sources
            post_cells, sources = post_cells[other], sources[other]
        return Pairs(sources.astype(np.int32), post_cells.astype(np.int32))


def distance(layout: Layout, n_pre: int, n_post: int) -> np.ndarray:
    """Return the distances, shape (n_pre, n_post), of two populations on the same layout.

    Example:
      >>> distance("sheet", 4, 1).ravel().round(3).tolist()
      [0.0, 0.5, 0.5, 0.707]
    """
    _check_layout(layout)
    _checks.whole("n_pre", n_pre, 1)
    _checks.whole("n_post", n_post, 1)
    check_count(n_pre * n_post)
    pre, post = _grid(layout, n_pre), _grid(layout, n_post)
    cells = np.stack(np.unravel_index(np.arange(n_post), post), axis=-1)
    columns = [_distance_to(pre, post, cell, layout).ravel() for cell in cells]
    return np.stack(columns, axis=1)


def _grid(layout: Layout, n: int) -> tuple[int, ...]:
    """Return the number of cells along each axis.

    Raises:
      ValueError: if the cells of a sheet are not a square number.
    """
    if layout == "ring":
        return (n,)
    side = math.isqrt(n)
    if side * side != n:
        raise ValueError(
            f"A population on a sheet must have a square number of cells; got {n}. Choose "
            f"{side**2} or {(side + 1) ** 2}."
        )
    return (side, side)


def _distance_to(pre: tuple, post: tuple, cell: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the distances of one postsynaptic cell to all presynaptic ones, of shape `pre`."""
    squares = np.zeros(pre)
    for axis, (a, b, i) in enumerate(zip(pre, post, cell, strict=True)):
        offset = np.abs(np.arange(a) / a - i / b)
        offset = np.minimum(offset, 1 - offset)  # around the period
        along = 2 * np.sin(np.pi * offset) if layout == "ring" else offset
        squares += np.expand_dims(along**2, tuple(x for x in range(len(pre)) if x != axis))
    return np.sqrt(squares)


def _all_pairs(n_pre: int, n_post: int, without_self: bool) -> Pairs:
    check_count(n_pre * n_post)
    post, pre = np.divmod(np.arange(n_pre * n_post, dtype=np.int64), n_pre)
    pre, post = pre.astype(np.int32), post.astype(np.int32)
    return Pairs(pre[pre != post], post[pre != post]) if without_self else Pairs(pre, post)


def _pairs(sources: np.ndarray, counts: np.ndarray, without_self: bool) -> Pairs:
    """Return pairs from sources row by row, numbered without the cell itself if so told."""
    post = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return Pairs(sources + (sources >= post) if without_self else sources, post)


def _chosen(rng: np.random.Generator, counts: np.ndarray, choice: int) -> np.ndarray:
    """Choose counts[i] of `choice` numbers for row i, each set of one size equally likely, sorted.

    Doubles are drawn again until none is left. Where most numbers are chosen, those that are not
    are drawn in their place, so that few draws are doubles.
    """
    if counts.sum() > 0.5 * choice * len(counts):
        free = np.ones((len(counts), choice), bool)
        left_out = choice - counts
        free[np.repeat(np.arange(len(counts)), left_out), _distinct(rng, left_out, choice)] = False
        return np.nonzero(free)[1].astype(np.int32)
    return _distinct(rng, counts, choice)


def _distinct(rng: np.random.Generator, counts: np.ndarray, choice: int) -> np.ndarray:
    """Draw counts[i] of `choice` numbers for row i, sorted, without doubles."""
    rows = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    keys = np.sort(rows << 32 | rng.integers(0, choice, len(rows)))
    while (again := np.flatnonzero(keys[1:] == keys[:-1]) + 1).size:
        keys[again] = keys[again] >> 32 << 32 | rng.integers(0, choice, len(again))
        keys.sort()
    return (keys & 0xFFFFFFFF).astype(np.int32)


def _check_gaussian(sigma: float, layout: str) -> None:
    rule = "positive, in the unit of the layout's distance"
    _checks.one_number("sigma", sigma, rule, lambda x: (x > 0) & (x < np.inf), "0.5")
    _check_layout(layout)


def _check_layout(layout: str) -> None:
    if layout not in ("ring", "sheet"):
        raise ValueError(f"`layout` must be ring or sheet; got {layout!r}.")
