"""Random numbers for a draw per cell in every step, by a generator that fuses with the step.

On CPUs JAX runs its Threefry generator as a loop of its own over whole arrays (which compiles
faster), and drawing costs several times what the two-compartment cell does. The same 20 rounds
written out fuse with the step; the bits are the same. Element i depends on the key, the stream
and on i alone, so results don't depend on how cells are sharded.

Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Threefry-2x32-20).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
# z = y (_LINEAR + _CUBIC y^2) has variance 1 and kurtosis 3
_LINEAR, _CUBIC = 0.34715017180119584, 0.00011537726594258247
POISSON_TERMS = 13  # counts up to 13; at a mean of 1 more has a probability of 5e-12


def draw(key: jax.Array, n: int) -> jax.Array:
    """Return `jax.random.bits(key, (n,), uint32)`, bit for bit.

    Keys of another generator than Threefry (JAX's default) are handed to that generator.
    """
    if not _is_threefry(key):
        return jax.random.bits(key, (n,), jnp.uint32)
    first, second = _pairs(key, n, 0)
    return first ^ second


def fold_in(key: jax.Array, number: ArrayLike) -> jax.Array:
    """Return `jax.random.fold_in(key, number)`, bit for bit, without a loop."""
    if not _is_threefry(key):
        return jax.random.fold_in(key, number)
    data = jnp.stack(_threefry(key, jnp.uint32(0), jnp.uint32(number)))
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return jax.random.wrap_key_data(data, impl="threefry2x32") if typed else data


def normal(key: jax.Array, n: int, *, stream: int = 0, dtype: DTypeLike = jnp.float32) -> jax.Array:
    """Return `n` numbers that are standard normal for the purposes of a noisy current.

        y = (ones among 32 bits) - 16 + (difference of two uniform 16-bit numbers in [0, 1))
        z = y (A + B y^2)

    A binomial made continuous: A and B give variance 1 and kurtosis 3 (sixth moment 14.98 for 15),
    the distribution function is within 1.7e-4 of the normal one and |z| stays below 6.5; beyond 4
    standard deviations there are 6 % fewer draws than there should be, beyond 5 27 %. It costs 1 to
    2 ns a number beside 3 to 12 ns of jax.random.normal (`benchmarks/cells/noise_speed.py`); where
    tails matter use that one, in a drive that is a function of (step, key).

    Args:
      key: for this step.
      n: how many.
      stream: different streams of one key are independent.
      dtype: of the result; the draws have 37 bits at most.
    """
    first, second = _pairs(key, n, stream)
    # int32 of at most 17 bits: its conversion is the fast one
    low, high = (x.astype(jnp.int32) for x in (second & np.uint32(0xFFFF), second >> np.uint32(16)))
    ones = jax.lax.population_count(first).astype(jnp.int32)
    y = (ones - 16).astype(dtype) + (low - high).astype(dtype) * jnp.asarray(2.0**-16, dtype)
    return y * (jnp.asarray(_LINEAR, dtype) + jnp.asarray(_CUBIC, dtype) * (y * y))


def poisson(
    key: jax.Array, mean: ArrayLike, n: int, *, stream: int = 0, dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """Return `n` Poisson counts of `mean`, at most 1, by inversion of a uniform number U.

        count = number of k >= 0 with U < P(count > k)

    The tails are summed from their small end, so that rounding adds no count. U has 48 bits, and 24
    for counts above 1: where these are rounded off, the mean is low by less than 2e-4 of itself.

    Args:
      key: for this step.
      mean: expected count, in [0, 1], scalar or (n,).
      n: how many.
      stream: different streams of one key are independent.
      dtype: of the result.
    """
    return _count(*_pairs(key, n, stream), _tails(mean, n, dtype), dtype)


def poisson_sum(
    key: jax.Array,
    mean: ArrayLike,
    n: int,
    *,
    rounds: ArrayLike,
    most: ArrayLike,
    stream: int = 0,
    dtype: DTypeLike = jnp.float32,
) -> jax.Array:
    """Return `n` Poisson counts of `rounds` times `mean`, each the sum of that many of `poisson`.

    The first count is that of `poisson`; round r > 0 draws by a key that r and the stream are
    folded into. So element i depends on the key, the stream, its own mean and rounds, and on i
    alone. A mean of NaN gives NaN. The counts have no derivative.

    Args:
      key: for this step.
      mean: expected count of a round, in [0, 1], scalar or (n,).
      n: how many.
      rounds: at least 1, int32, scalar or (n,).
      most: largest of `rounds`, the number of iterations; traced, so another compiles nothing.
      stream: different streams of one key are independent.
      dtype: of the result.
    """
    mean = jax.lax.stop_gradient(jnp.asarray(mean, dtype))
    tails = _tails(mean, n, dtype)
    own = fold_in(key, np.uint32(stream))

    def add_round(number: jax.Array, total: jax.Array) -> jax.Array:
        count = _count(*_pairs(fold_in(own, number), n, 0), tails, dtype)
        return total + jnp.where(number < rounds, count, jnp.zeros_like(count))

    first = _count(*_pairs(key, n, stream), tails, dtype)
    total = jax.lax.fori_loop(1, most, add_round, first)
    return jnp.where(jnp.isnan(mean), jnp.asarray(jnp.nan, dtype), total)


def _tails(mean: ArrayLike, n: int, dtype: DTypeLike) -> list[jax.Array]:
    """Return P(count > k) of Poisson counts, each (n,), from the largest k to 0."""
    mean = jnp.broadcast_to(jnp.asarray(mean, dtype), (n,))
    terms = [jnp.exp(-mean)]
    for k in range(1, POISSON_TERMS + 1):
        terms.append(terms[-1] * mean * jnp.asarray(1 / k, dtype))
    tails = [jnp.zeros((n,), dtype)]
    for term in reversed(terms[1:]):
        tails.append(tails[-1] + term)
    return tails[1:]


def _count(
    first: jax.Array, second: jax.Array, tails: list[jax.Array], dtype: DTypeLike
) -> jax.Array:
    """Return the number of tails above a uniform number made of the bits."""
    number = _unit(first, dtype)
    count = _is_below(first, second, tails[-1], dtype).astype(dtype)
    for tail in tails[:-1]:
        count = count + (number + jnp.asarray(2.0**-24, dtype) <= tail).astype(dtype)
    return count


def happens(
    key: jax.Array,
    probability: ArrayLike,
    n: int,
    *,
    stream: int = 0,
    dtype: DTypeLike = jnp.float32,
) -> jax.Array:
    """Return for each of `n` whether an event of a probability, scalar or (n,), happens; bool.

    The probability is exact to 2^-48.
    """
    return _is_below(*_pairs(key, n, stream), jnp.asarray(probability, dtype), dtype)


def _is_below(first: jax.Array, second: jax.Array, p: jax.Array, dtype: DTypeLike) -> jax.Array:
    """Return whether a uniform number of 48 bits, 24 of each word, lies below p."""
    scaled = p * jnp.asarray(2.0**24, dtype)
    whole = jnp.floor(scaled)
    high = (first >> np.uint32(8)).astype(jnp.int32).astype(dtype)
    return (high < whole) | ((high == whole) & (_unit(second, dtype) < scaled - whole))


def uniform(
    key: jax.Array, n: int, *, stream: int = 0, dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """Return `n` numbers in [0, 1), multiples of 2^-24."""
    return _unit(_pairs(key, n, stream)[0], dtype)


def _unit(bits: jax.Array, dtype: DTypeLike) -> jax.Array:
    return (bits >> np.uint32(8)).astype(jnp.int32).astype(dtype) * jnp.asarray(2.0**-24, dtype)


def _is_threefry(key: jax.Array) -> bool:
    return str(jax.random.key_impl(key)) == "threefry2x32"


def _pairs(key: jax.Array, n: int, stream: int) -> tuple[jax.Array, jax.Array]:
    """Return two words of random bits for each of `n` cells."""
    if not _is_threefry(key):
        bits = jax.random.bits(jax.random.fold_in(key, np.uint32(stream)), (2, n), jnp.uint32)
        return bits[0], bits[1]
    return _threefry(key, jnp.broadcast_to(np.uint32(stream), (n,)), jax.lax.iota(jnp.uint32, n))


def _threefry(key: jax.Array, x0: jax.Array, x1: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Encrypt the counter (x0, x1) in 20 rounds."""
    first, second = jax.random.key_data(key)
    keys = (first, second, first ^ second ^ _PARITY)
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = (x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))
            x1 = x0 ^ x1
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x0, x1
