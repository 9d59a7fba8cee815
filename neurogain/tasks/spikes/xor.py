"""Exclusive or of two cues that are apart in time.

Source: Zheng et al., Nat Commun 15:277 (2024), Figs. 2 and 3, as in the authors' public code.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from neurogain import _checks

RATES = (0.2, 0.6)  # spikes a step and channel of a cue that stands for 0, and for 1
NOISE = 0.01  # spikes a step and channel besides


class TimedTargets(NamedTuple):
    """Examples with a target in each step, of which some count."""

    spikes: Float[Array, "n steps channels"]
    targets: Int[Array, "n steps"]  # 0 or 1
    counted: Bool[Array, "n steps"]


def delayed_xor(
    key: Key[Array, ""], n: int, *, delay: int = 180, channels: int = 20, cue: int = 10
) -> TimedTargets:
    """Return a cue, a delay and a second cue; the target is whether they differ.

    The cues are `cue` steps long. Channels spike in them with one of two rates, and with little
    noise throughout. Only the steps of the second cue count. As published: delay 180, 200 steps.

    Args:
      key: a jax.random.key.
      n: number of examples.
      delay: steps between the cues.
      channels: number of input channels.
      cue: steps of a cue.

    Raises:
      ValueError: if a number is no whole number in its range.

    Example:
      >>> found = delayed_xor(jax.random.key(0), 4, delay=100)
      >>> found.spikes.shape, int(found.counted.sum(1)[0])
      ((4, 120, 20), 10)
    """
    _checks.key("key", key)
    for name, value, least in (("n", n, 1), ("delay", delay, 0), ("channels", channels, 1),
                               ("cue", cue, 1)):  # fmt: skip
        _checks.whole(name, value, least)
    of_bits, of_spikes = jax.random.split(key)
    bits = jax.random.bernoulli(of_bits, 0.5, (n, 2)).astype(jnp.int32)
    steps = 2 * cue + delay
    at = jnp.arange(steps)
    first, second = at < cue, at >= cue + delay
    p = jnp.stack([first, second], -1)[None] * jnp.asarray(RATES)[bits][:, None]
    target = (bits[:, 0] != bits[:, 1]).astype(jnp.int32)
    return TimedTargets(
        _spikes(of_spikes, p.sum(-1), channels),
        jnp.broadcast_to(target[:, None], (n, steps)) * second,
        jnp.broadcast_to(second, (n, steps)),
    )


def multi_timescale_xor(
    key: Key[Array, ""], n: int, *, cues: int = 6, channels: int = 20, cue: int = 10, gap: int = 5
) -> TimedTargets:
    """Return one cue on half of the channels, then several on the others, with gaps before them.

    The target within each later cue is whether it differs from the first. As published: 6 later
    cues of 10 steps, each behind a gap of 5; 100 steps, 2 x 20 channels.

    Args:
      key: a jax.random.key.
      n: number of examples.
      cues: number of later cues.
      channels: number of input channels of each half.
      cue: steps of a cue.
      gap: steps before each later cue.

    Raises:
      ValueError: if a number is no whole number in its range.

    Example:
      >>> multi_timescale_xor(jax.random.key(0), 4).spikes.shape
      (4, 100, 40)
    """
    _checks.key("key", key)
    for name, value, least in (
        ("n", n, 1), ("cues", cues, 1), ("channels", channels, 1), ("cue", cue, 1), ("gap", gap, 0),
    ):  # fmt: skip
        _checks.whole(name, value, least)
    of_bits, of_first, of_later = jax.random.split(key, 3)
    bits = jax.random.bernoulli(of_bits, 0.5, (n, 1 + cues)).astype(jnp.int32)
    at = jnp.arange(cue + cues * (gap + cue))
    number, within = jnp.divmod(at - cue, gap + cue)  # of the later cue that a step belongs to
    later = (at >= cue) & (within >= gap)
    shown = bits[:, 1 + jnp.maximum(number, 0)]  # (n, steps)
    rates = jnp.asarray(RATES)
    spikes = jnp.concatenate(
        [
            _spikes(of_first, (at < cue) * rates[bits[:, :1]], channels),
            _spikes(of_later, later * rates[shown], channels),
        ],
        axis=-1,
    )
    targets = (shown != bits[:, :1]).astype(jnp.int32) * later
    return TimedTargets(spikes, targets, jnp.broadcast_to(later, targets.shape))


def _spikes(key: Array, p: Array, channels: int) -> Array:
    """Return spikes with the probability (n, steps) of a cue, and those of noise."""
    of_cue, of_noise = jax.random.split(key)
    shape = (*p.shape, channels)
    cue = jax.random.bernoulli(of_cue, p[..., None], shape)
    return (cue | jax.random.bernoulli(of_noise, NOISE, shape)).astype(jnp.result_type(float))
