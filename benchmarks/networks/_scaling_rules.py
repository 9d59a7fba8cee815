"""Time and memory of each rule of connectivity for `network_scaling`."""

import math
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.measure import timed
from neurogain.spiking import connectivity as c

IN_DEGREE = 100
P = 0.1  # of a connection at no distance
P_DENSE = 0.6


def rules(synapses: int) -> Iterator[tuple[str, Any, int]]:
    """Yield name, rule and number of cells for about so many synapses within a population."""
    square = math.isqrt(synapses)
    n = synapses // IN_DEGREE
    side = math.isqrt(n)
    rng = np.random.default_rng(0)
    given = rng.integers(0, n, (2, synapses))
    dense = round(math.sqrt(synapses / P_DENSE))
    ring = IN_DEGREE / (P * n) * math.sqrt(2 * math.pi)  # the density of cells is n / (2 pi)
    sheet = math.sqrt(IN_DEGREE / (P * side**2 * 2 * math.pi))  # and n
    yield "AllToAll", c.AllToAll(autapses=True), square
    yield "OneToOne", c.OneToOne(), synapses
    yield "Listed", c.Listed(*given), n
    yield "FixedInDegree", c.FixedInDegree(IN_DEGREE), n
    yield "FixedInDegree, multapses", c.FixedInDegree(IN_DEGREE, multapses=True), n
    yield "FixedProbability", c.FixedProbability(IN_DEGREE / n), n
    yield f"FixedProbability, {P_DENSE:g}", c.FixedProbability(P_DENSE), dense
    yield "GaussianWeights, ring", c.GaussianWeights(0.5), square
    yield "GaussianWeights, sheet", c.GaussianWeights(0.1, "sheet"), math.isqrt(square) ** 2
    yield "GaussianProbability, ring", c.GaussianProbability(ring, P), n
    yield "GaussianProbability, sheet", c.GaussianProbability(sheet, P, "sheet"), side**2


def measure(synapses: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a row a rule: the median time, then the peak of what NumPy holds in another run."""
    for name, rule, n in rules(synapses):
        walls = [
            timed(rule.connect, np.random.default_rng(seed), n, n, True)[0]
            for seed in range(rounds)
        ]
        tracemalloc.start()
        pairs = rule.connect(np.random.default_rng(0), n, n, True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        count, wall = len(pairs.pre), float(np.median(walls))
        print(f"{name}: {wall:.2f} s", flush=True)
        yield {
            "rule": name,
            "cells": n,
            "synapses": count,
            "wall_s": wall,
            "wall_s_per_round": walls,
            "kept_bytes_per_synapse": sum(x.nbytes for x in pairs if x is not None) / count,
            "peak_bytes_per_synapse": peak / count,
        }
