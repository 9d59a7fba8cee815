"""Poisson inputs of any rate: counts per step that follow the law, whatever the mean."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from scipy import stats

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    PoissonInput,
    Population,
    Projection,
    build,
    cells,
    connectivity,
    rollout,
    simulate,
)
from neurogain.spiking.engine import draws, random_bits
from neurogain.spiking.recorders import Traces

KEY = jax.random.key(23)
MANY = 200_000


@functools.partial(jax.jit, static_argnames=("n", "stream"))
def summed(mean, rounds, most, *, key=KEY, n=MANY, stream=0):
    return random_bits.poisson_sum(key, mean, n, rounds=rounds, most=most, stream=stream)


def counts_of(mean, **options):
    """Return counts of a mean per step, in as many rounds as a drive of that mean takes."""
    leaf = draws.in_rounds(PoissonInput(jnp.asarray(mean, jnp.float32) * 10_000, 1.0), 0.1)
    if isinstance(leaf, PoissonInput):
        leaf = leaf._replace(rate_hz=leaf.rate_hz / 10_000)
        return np.asarray(summed(leaf.rate_hz, jnp.int32(1), jnp.int32(1), **options))
    return np.asarray(summed(leaf.mean, leaf.rounds, leaf.most, **options))


def follows_the_law(counts, mean):
    """Chi-square over bins of at least 5 expected, passed by chance but for once in 10,000."""
    counts = np.asarray(counts).ravel()
    np.testing.assert_array_equal(counts, np.rint(counts))
    edges = np.unique(stats.poisson.ppf(np.linspace(1e-4, 1 - 1e-4, 60), mean)).astype(int)
    upper = np.concatenate([edges, [np.iinfo(np.int64).max]])
    expected = counts.size * np.diff(np.concatenate([[0], stats.poisson.cdf(edges, mean), [1]]))
    seen = np.bincount(np.searchsorted(upper, counts), minlength=len(upper))
    while expected[-1] < 5:
        expected = np.append(expected[:-2], expected[-2:].sum())
        seen = np.append(seen[:-2], seen[-2:].sum())
    assert len(expected) >= 2
    statistic = ((seen - expected) ** 2 / expected).sum()
    assert statistic < stats.chi2.isf(1e-4, len(expected) - 1)
    assert abs(counts.mean() - mean) < 5 * np.sqrt(mean / counts.size)
    error = np.sqrt((mean + 2 * mean**2) / counts.size)  # of the variance: 3 m^2 + m - m^2
    assert abs(counts.var() - mean) < 5 * error


@pytest.mark.parametrize(
    ("mean", "n"), [*((m, MANY) for m in (0.01, 0.5, 2.0, 7.3)), (150.0, 40_000)]
)
def test_counts_follow_the_law_of_poisson(mean, n):
    follows_the_law(counts_of(mean, n=n), mean)


def test_rounds_streams_cells_and_steps_are_independent():
    one = counts_of(2.5)
    rows = [one, counts_of(2.5, stream=1), counts_of(2.5, key=random_bits.fold_in(KEY, 1))]
    rows += [np.roll(one, shift) for shift in (1, 32)]
    r = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    assert np.abs(r).max() < 5 / np.sqrt(MANY)


def test_a_count_depends_on_the_rate_of_its_own_cell_alone():
    means = np.float32([0.2, 1.0, 1.5, 3.0, 12.7, 0.0])
    among = counts_of(np.tile(means, 1000), n=6000).reshape(-1, 6)
    for cell, mean in enumerate(means):
        np.testing.assert_array_equal(among[:, cell], counts_of(mean, n=6000)[cell::6])
    np.testing.assert_array_equal(counts_of(3.0, n=10), counts_of(3.0, n=6000)[:10])
    low = np.asarray(random_bits.poisson(KEY, np.float32(0.2), 6000))
    np.testing.assert_array_equal(among[:, 0], low[::6])  # as where all means are low
    assert (among[:, 5] == 0).all()


def test_keys_of_another_generator_and_64_bits_draw_the_same_law():
    key = jax.random.key(3, impl="rbg")
    follows_the_law(counts_of(2.0, key=key), 2.0)
    with jax.enable_x64():
        double = random_bits.poisson_sum(
            KEY, 0.9, 1000, rounds=3, most=jnp.int32(3), dtype=jnp.float64
        )
    assert double.dtype == jnp.float64
    np.testing.assert_array_equal(double, summed(0.9, 3, 3)[:1000])


class State(NamedTuple):
    value: jax.Array


class Info(NamedTuple):
    spike: jax.Array
    drive: Drive


class Echo:
    """Cells that show their drive; it is traced as often as it is compiled, and once before."""

    traces = 0

    def init(self, params, n, dtype=jnp.float32):
        return State(jnp.zeros((n,), dtype))

    def step(self, params, state, drive, *, dt, key):
        Echo.traces += 1
        return state, Info(jnp.zeros_like(state.value), drive)

    def check(self, params, drive, *, dt, n, key):
        """Refuse nothing."""


ECHO = Echo()


def shown(state, info):
    return jnp.broadcast_to(info.drive.current, info.spike.shape)


def currents(rate, *, weight=1.0, n=100, steps=2000, dt=0.1, runner=simulate):
    run = runner(
        ECHO, (), Drive(PoissonInput(rate, weight)), n=n, duration=steps * dt, dt=dt, key=KEY,
        record={"x": Traces(shown)},
    )  # fmt: skip
    return run.recorded["x"] if runner is rollout else run.recorded["x"].values


@pytest.mark.parametrize(("rate", "dt"), [(20_000.0, 0.1), (1000.0, 1.0)])
def test_the_usual_background_has_its_rate(rate, dt):
    follows_the_law(currents(rate, dt=dt), rate * dt / 1000)


def test_another_rate_compiles_nothing_again():
    currents(20_000.0)
    before = Echo.traces
    follows_the_law(currents(35_000.0), 3.5)
    assert Echo.traces == before
    currents(100.0)
    low = Echo.traces  # where all means are at most 1 the loop is left out
    currents(9000.0)
    assert Echo.traces == low > before


def test_traced_and_swept_rates_give_the_counts_of_known_ones():
    rates = jnp.asarray([300.0, 20_000.0, 71_000.0])
    sweep = jax.jit(jax.vmap(lambda rate: currents(rate, weight=2.0, steps=20, runner=rollout)))
    for found, rate in zip(sweep(rates), rates, strict=True):
        np.testing.assert_array_equal(found, currents(float(rate), weight=2.0, steps=20))


def test_a_traced_rate_that_is_none_is_not_silent():
    traced = jax.jit(lambda rate: currents(rate, n=3, steps=2, runner=rollout))
    for rate in (-1.0, np.nan, np.inf, 1.01e7):
        found = traced(np.float32([100.0, rate, 1e5]))
        np.testing.assert_array_equal(np.isnan(found), [[False, True, False]] * 2)


def test_rates_up_to_a_mean_of_1000_are_drawn():
    mean = currents(1e7, n=200, steps=1).mean()
    assert abs(mean - 1000) < 5 * np.sqrt(1000 / 200)
    with pytest.raises(ValueError, match=r"in \[0, 1e\+07\] Hz, at most 1000 spikes a step on av"):
        currents(1.001e7, n=2, steps=1)


def test_rates_spread_over_devices_give_the_counts_of_one():
    rates = np.linspace(500.0, 40_000.0, 8, dtype=np.float32)
    mesh = Mesh(np.array(jax.devices()[:4]), "cells")
    assert mesh.size == 4
    spread = jax.device_put(rates, NamedSharding(mesh, PartitionSpec("cells")))
    there, four = (currents(x, n=8, steps=50) for x in (rates, spread))
    np.testing.assert_array_equal(four, there)
    np.testing.assert_allclose(there.mean(axis=0), rates / 1e4, atol=5 * np.sqrt(4 / 50))


def test_gradients_pass_networks_with_such_inputs():
    pv = Population(IzhikevichCell(), cells.PV, 4, inputs=("soma.ampa",))
    on = Projection("pv", "pv", connectivity.AllToAll(), 0.5, receptor="gaba_a")
    network, params = build({"pv": pv}, {"on": on}, dt=0.1, key=jax.random.key(0), path="dense")

    def potential(weight, rate):
        drive = {"pv": Drive(100.0), "pv.soma.ampa": PoissonInput(rate, weight)}
        run = rollout(network, params, drive, duration=1.0, key=KEY, segment=5)
        return run.state.cells["pv"].v.sum()

    both = jax.jit(jax.vmap(jax.value_and_grad(potential), (0, None)))
    (below, _, above), (_, by_weight, _) = both(np.float32([0.04, 0.05, 0.06]), 20_000.0)
    difference = (above - below) / 0.02
    assert abs(by_weight) > 1  # mV/nS
    np.testing.assert_allclose(by_weight, difference, rtol=0.01)
