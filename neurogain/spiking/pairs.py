"""Pairs of cells that are connected, as a rule of connectivity returns them, and their checks."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from neurogain import _checks

MAX_SYNAPSES = 2**31 - 2


class Pairs(NamedTuple):
    """Synapses, in order of the postsynaptic cell, then of the presynaptic one.

    A rule of one's own may return them in any order, as lists or arrays: `build` sorts them.
    """

    pre: Int[np.ndarray, " synapses"]
    post: Int[np.ndarray, " synapses"]
    scale: Float[np.ndarray, " synapses"] | None = None  # factor of each weight; None: 1
    given: Int[np.ndarray, " synapses"] | None = None  # number of each in a list that was given


def check_count(synapses: float) -> None:
    """Raise ValueError for more synapses than places in 32 bits.

    Example:
      >>> check_count(1e6)
    """
    if synapses > MAX_SYNAPSES:
        raise ValueError(
            f"a projection must have at most {MAX_SYNAPSES} synapses, which are numbered in 32 "
            f"bits; got about {synapses:.6g}. Make it sparser, or split a population."
        )


def checked(pairs: Any, n_pre: int, n_post: int) -> Pairs:
    """Return pairs as arrays, sorted by postsynaptic, then by presynaptic cell.

    Args:
      pairs: what a rule returned.
      n_pre: number of presynaptic cells.
      n_post: number of postsynaptic cells.

    Raises:
      ValueError, TypeError: names the field, the rule, the value and a way out.

    Example:
      >>> checked(Pairs([0, 2], [1, 0], scale=[0.5, 2.0]), 3, 2).scale.tolist()
      [2.0, 0.5]
    """
    if not isinstance(pairs, Pairs):
        raise TypeError(
            f"`connect` must return Pairs(pre, post); got {pairs!r:.200}. Import Pairs from "
            "neurogain.spiking.connectivity."
        )
    pre, post = _whole("pre", pairs.pre), _whole("post", pairs.post)
    if pre.shape != post.shape or pre.ndim != 1:
        raise ValueError(
            f"`pre` and `post` must have one cell per synapse; got shapes {pre.shape} and "
            f"{post.shape}."
        )
    check_count(len(pre))
    _check_inside("pre", pre, "numbers of cells", n_pre)
    _check_inside("post", post, "numbers of cells", n_post)
    scale, given = _scale(pairs.scale, len(pre)), _given(pairs.given, len(pre))
    pre, post = pre.astype(np.int32, copy=False), post.astype(np.int32, copy=False)
    if _are_sorted(pre, post):
        return Pairs(pre, post, scale, given)
    order = np.lexsort((pre, post))
    return Pairs(
        pre[order],
        post[order],
        None if scale is None else scale[order],
        None if given is None else given[order],
    )


def _are_sorted(pre: np.ndarray, post: np.ndarray) -> bool:
    later = post[1:] > post[:-1]
    later |= (post[1:] == post[:-1]) & (pre[1:] >= pre[:-1])
    return bool(later.all())


def _whole(name: str, values: Any) -> np.ndarray:
    """Return an array of whole numbers; raise a TypeError for anything else."""
    array = _checks.as_numbers(name, values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(
            f"`{name}` must be whole numbers; got {array.dtype} numbers. Pass for instance "
            f"np.asarray({name}, int)."
        )
    return array


def _check_inside(name: str, values: np.ndarray, what: str, n: int) -> None:
    """Raise ValueError unless numbers are in [0, n - 1]."""
    inside = lambda x: (x >= 0) & (x < n)  # noqa: E731
    if values.size and not (values.min() >= 0 and values.max() < n):
        _checks.in_range(name, values, f"{what}, in [0, {n - 1}]", inside, "Choose others.")


def _scale(scale: Any, count: int) -> np.ndarray | None:
    """Return the factors of the weights."""
    if scale is None:
        return None
    array = _checks.as_numbers("scale", scale)
    _check_length("scale", array, count)
    holds = lambda x: (x >= 0) & (x < np.inf)  # noqa: E731
    _checks.in_range("scale", array, "at least 0 and finite, a factor", holds, "Pass None for 1.")
    return array


def _given(given: Any, count: int) -> np.ndarray | None:
    """Return the numbers of synapses in a list, each of which occurs once."""
    if given is None:
        return None
    array = _whole("given", given)
    _check_length("given", array, count)
    _check_inside("given", array, "numbers in the list", count)
    array = array.astype(np.int64, copy=False)
    if not np.all(np.bincount(array, minlength=count) == 1):
        raise ValueError(
            f"`given` must have each number from 0 to {count - 1} once; got {given!r:.200}. Pass "
            "np.arange(len(pre)) for pairs in the order of the list."
        )
    return array


def _check_length(name: str, array: np.ndarray, count: int) -> None:
    if array.shape != (count,):
        raise ValueError(
            f"`{name}` must have one value per synapse, shape ({count},); got shape {array.shape}."
        )
