"""A projection drawn on the host: pairs of cells, weights and delays."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from neurogain import _checks, _seeds
from neurogain.spiking.connectivity import Connectivity
from neurogain.spiking.engine.times import whole_steps
from neurogain.spiking.network.spec import PerSynapse, Population, Projection
from neurogain.spiking.network.spec_checks import check_values
from neurogain.spiking.pairs import Pairs, checked

MAX_DELAY = 2**24  # steps


class Drawn(NamedTuple):
    """A projection as it was drawn."""

    pairs: Pairs
    weight: np.ndarray  # nS
    delay: np.ndarray  # steps


def draw(
    name: str,
    projection: Projection,
    populations: Mapping[str, Population],
    key: jax.Array,
    *,
    dt: float,
    max_delay: float,
) -> Drawn:
    """Return the pairs of a projection with their weights and delays, from a generator of its own.

    Raises:
      ValueError, TypeError: names the projection, the rule with its unit, the value, a way out.
    """
    seed = [*np.asarray(jax.random.key_data(key)).ravel().tolist(), _seeds.of_name(name)]
    rng = np.random.default_rng(seed)
    n_pre, n_post = populations[projection.source].size, populations[projection.target].size
    try:
        recurrent = projection.source == projection.target
        _checks.members("the rule", projection.connectivity, Connectivity)
        drawn = projection.connectivity.connect(rng, n_pre, n_post, recurrent)
        pairs = checked(drawn, n_pre, n_post)
    except (ValueError, TypeError) as error:
        raise _checks.kind_of(error)(f"`connectivity` of {name}: {error}") from error
    weight = _per_synapse(f"`weight` of {name}", projection.weight, "nS", rng, pairs)
    if pairs.scale is not None:
        what = f"`weight` of {name}, times the scale of its connectivity,"
        weight = check_values(what, weight * pairs.scale, "nS", len(weight))
    dt = float(dt)
    given = dt if projection.delay is None else projection.delay
    delay = _per_synapse(f"`delay` of {name}", given, "ms", rng, pairs)
    if (delay > max_delay).any():
        raise ValueError(
            f"`delay` of {name} must be at most max_delay = {max_delay:g} ms, the buffer; got "
            f"{delay.max():g}. Pass a larger max_delay to build."
        )
    if (delay / dt > MAX_DELAY).any():
        raise ValueError(
            f"`delay` of {name} must be at most {MAX_DELAY} steps of dt = {dt:g} ms, each of which "
            f"has a buffer; got {delay.max():g} ms. Pass shorter delays, or a longer dt."
        )
    steps, on_grid = whole_steps(delay, dt)
    bad = ~on_grid | (steps < 1)
    if bad.any():
        wrong = float(delay[bad][0])
        nearest = f"{max(1, round(wrong / dt)) * dt:.6g}"
        way_out = f"delay={nearest}, the nearest"
        if wrong < dt:
            way_out = f"delay={dt:g} for the shortest"
        if callable(given) or np.ndim(given):
            rounded = f"{dt:g} * np.maximum(np.rint(delay / {dt:g}), 1)"
            way_out = f"rounded ones, {rounded}; the nearest is {nearest}"
        raise ValueError(
            f"`delay` of {name} must be a multiple of dt = {dt:g} ms and at least one; got "
            f"{wrong:g}. Pass {way_out}."
        )
    return Drawn(pairs, weight, steps.astype(np.int32))


def _per_synapse(
    what: str, given: PerSynapse, unit: str, rng: np.random.Generator, pairs: Pairs
) -> np.ndarray:
    """Return weights or delays in the order of the pairs."""
    count = len(pairs.pre)
    if callable(given):
        return _drawn(what, given, unit, rng, count)
    values = check_values(what, given, unit, count)
    if np.ndim(given) == 0:
        return values
    if pairs.given is not None:
        return values[pairs.given]
    ordered = np.empty_like(values)
    ordered[np.lexsort((pairs.post, pairs.pre))] = values  # as `Network.synapses` numbers them
    return ordered


def _drawn(
    what: str,
    function: Callable[[np.random.Generator, int], Any],
    unit: str,
    rng: np.random.Generator,
    count: int,
) -> np.ndarray:
    """Return weights or delays that a function draws."""
    try:
        drawn = function(rng, count)
    except TypeError as error:
        raise TypeError(
            f"{what}, a function, must take (rng, synapses) and return one value for each; it "
            f"raised: {error}"
        ) from error
    values = _checks.to_numbers(drawn)
    if values is None:
        raise TypeError(
            f"{what}, a function of (rng, synapses), must return numbers, in {unit}; got "
            f"{drawn!r:.200}. Return an array of shape ({count},)."
        )
    if values.shape != (count,):
        raise ValueError(
            f"{what}, a function of (rng, synapses), must return shape ({count},); got shape "
            f"{values.shape}."
        )
    return check_values(what, values, unit, count)
