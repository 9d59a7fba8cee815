"""Reward-modulated STDP over a trial in which weights stay as they are.

The eligibility trace at the end of the trial is that of `plasticity.ThreeFactor` over
`plasticity.PairSTDP`: since weights change at the end of the trial alone, it is a sum over spikes,
taken here as two products of matrices in place of a step-by-step update.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from neurogain.tasks.go_nogo._product import product


def eligibility(
    pre: Float[Array, "steps n_pre"],
    post: Float[Array, "steps n_post"],
    pre_trace: Float[Array, "steps n_pre"],
    post_trace: Float[Array, "steps n_post"],
    *,
    tau_c: ArrayLike,
    depression: ArrayLike,
    dt: float,
) -> Float[Array, "n_pre n_post"]:
    """Return the eligibility of each synapse at the end, for a potentiation of 1 per pair.

        tau_c de/dt = -e;   e += x at postsynaptic spikes,  e -= depression y at presynaptic ones

    Args:
      pre: spikes of the inputs.
      post: spikes of the cells.
      pre_trace: x, decayed to each step, without its spikes.
      post_trace: y, in the same way.
      tau_c: ms.
      depression: A_minus over A_plus.
      dt: ms.

    Source: Fremaux & Gerstner, Front Neural Circuits 9:85 (2016).
    """
    left = dt * jnp.arange(len(pre) - 1, -1, -1, dtype=pre.dtype)
    share = jnp.exp(-left / tau_c)[:, None]
    potentiated = product((pre_trace * share).T, post)
    depressed = product((pre * share).T, post_trace)
    return potentiated - depression * depressed
