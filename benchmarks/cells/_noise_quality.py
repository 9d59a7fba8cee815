"""The distribution of normal random numbers, for `noise_speed`."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import scipy.stats

PER_DRAW = 100_000
TAILS = (3.0, 4.0, 5.0)


def quality(name: str, draw: Callable | None, count: int) -> dict[str, Any]:
    """Return moments, distance from the normal distribution, tails and correlations.

    Each draw of 100,000 numbers has a key of its own, folded from one, as steps have.
    """
    assert draw is not None
    size = min(PER_DRAW, count)
    drawn = jax.jit(lambda step: draw(jax.random.fold_in(jax.random.key(2), step), size))
    table = np.stack([np.asarray(drawn(i)) for i in range(max(2, count // size))]).astype(float)
    values = np.sort(table.ravel())
    n = len(values)
    mean, sd = values.mean(), values.std()
    standard = (values - mean) / sd
    expected = scipy.stats.norm.cdf(values)
    above, below = np.arange(1, n + 1) / n - expected, expected - np.arange(n) / n
    return {
        "contender": name,
        "draws": n,
        "mean": float(mean),
        "variance": float(sd**2),
        "skewness": float(np.mean(standard**3)),
        "kurtosis": float(np.mean(standard**4)),
        "sixth_moment": float(np.mean(standard**6)),
        "largest": float(np.abs(values).max()),
        "ks_distance": float(max(above.max(), below.max())),
        "tails": {
            f"{t:g}": float(np.mean(np.abs(values) > t) / (2 * scipy.stats.norm.sf(t)))
            for t in TAILS
        },
        "correlation_of_neighbours": float(np.mean(table[:, 1:] * table[:, :-1])),
        "correlation_of_steps": float(np.mean(table[1:] * table[:-1])),
    }


def quality_table(rows: list[dict[str, Any]], count: int) -> str:
    """Return one column a contender, and what normal numbers are to have."""
    n = rows[0]["draws"]
    error = n**-0.5
    tail = {
        f"{t:g}": (2 * scipy.stats.norm.sf(t)) ** -0.5 * error  # relative standard error
        for t in TAILS
    }
    lines = [
        f"{f'of {n:,} draws':<32}"
        + "".join(f"{r['contender']:>22}" for r in rows)
        + f"{'normal':>12}{'+-':>10}"
    ]
    for key, wanted, spread in (
        ("mean", 0.0, error),
        ("variance", 1.0, 2**0.5 * error),
        ("skewness", 0.0, 6**0.5 * error),
        ("kurtosis", 3.0, 24**0.5 * error),
        ("sixth_moment", 15.0, 2520**0.5 * error),
        ("correlation_of_neighbours", 0.0, error),
        ("correlation_of_steps", 0.0, error),
    ):
        label = key.replace("_", " ")
        lines.append(
            f"{label:<32}"
            + "".join(f"{r[key]:>22.5f}" for r in rows)
            + f"{wanted:>12g}{spread:>10.5f}"
        )
    for key, spread in tail.items():
        lines.append(
            f"{f'draws beyond {key} sd, relative':<32}"
            + "".join(f"{r['tails'][key]:>22.3f}" for r in rows)
            + f"{1:>12g}{spread:>10.3f}"
        )
    limit = f"< {1.36 * error:.5f}"
    lines.append(
        f"{'Kolmogorov-Smirnov distance':<32}"
        + "".join(f"{r['ks_distance']:>22.5f}" for r in rows)
        + f"{limit:>12}{'(95 %)':>10}"
    )
    lines.append(f"{'largest':<32}" + "".join(f"{r['largest']:>22.3f}" for r in rows))
    return "\n".join(lines)
