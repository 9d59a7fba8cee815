"""Cells that only spike: at random, and as listed."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    NonFiniteError,
    PoissonSource,
    SpikeList,
    SpikeListSource,
    cells,
    rollout,
    simulate,
    spike_list,
)
from neurogain.spiking.engine.drives import Noise, Pulse, TimeSeries
from neurogain.spiking.recorders import Spikes, Total

KEY = jax.random.key(6)
DT = 0.1  # ms
RECORD = {"events": Spikes(), "count": Total()}
N = 50


def poisson(rate, *, n=N, duration=500.0, key=KEY, runner=simulate, **options):
    return runner(
        PoissonSource(), (), rate, n=n, duration=duration, key=key, record=RECORD, **options
    )


def raster_of(events, steps, n=N):
    """Return what `rollout` records, (steps, n)."""
    raster = np.zeros((steps, n))
    raster[np.rint(events.time_ms / DT).astype(int) - 1, events.cell] = 1
    return raster


def likely(count, steps, rate, dt=DT):
    """A number of spikes that chance gives but for once in 100,000 times."""
    p = np.minimum(np.asarray(rate) * dt / 1000, 1)
    low, high = stats.binom.interval(1 - 1e-5, steps, p)
    assert np.all((low <= count) & (count <= high)), (low, count, high)


@pytest.mark.parametrize(
    ("rate", "dt"),
    [*((rate, dt) for dt in (0.1, 1.0) for rate in (0.0, 1.0, 40.0, 900.0, 1000.0)), (1e4, 0.1)],
)
def test_sources_spike_at_their_rate_at_most_once_a_step(rate, dt):
    steps = 5000
    run = poisson(np.full(N, rate), duration=steps * dt, dt=dt)
    likely(run.recorded["count"].sum(), steps * N, rate, dt)
    assert run.recorded["count"].max() <= steps
    np.testing.assert_array_equal(run.recorded["count"], run.state.spikes)
    assert len(run.recorded["events"].cell) == run.recorded["count"].sum()


def test_rates_may_differ_between_sources():
    rate = np.array([0.0, 5.0, 50.0, 500.0, 2000.0])
    run = poisson(np.tile(rate, N // 5))
    likely(run.recorded["count"].reshape(-1, 5).sum(axis=0), N // 5 * 5000, rate)


def test_sources_and_steps_are_independent():
    run = poisson(np.full(N, 1000.0), duration=1000.0)
    raster = raster_of(run.recorded["events"], 10_000)
    z = (raster - raster.mean()) / raster.std()
    for a, b in ((z[1:], z[:-1]), (z[:, 1:], z[:, :-1]), (z[1:, 1:], z[:-1, :-1])):
        assert abs((a * b).mean()) < 5 / np.sqrt(a.size)
    variance = raster.sum(axis=0).var(ddof=1) / (10_000 * raster.mean() * (1 - raster.mean()))
    low, high = stats.chi2.interval(1 - 1e-4, N - 1)
    assert low < (N - 1) * variance < high


@pytest.mark.parametrize("runner", [simulate, rollout])
def test_a_pulse_raises_the_rate_while_it_lasts(runner):
    rate = Pulse(height=800.0, start=100.0, end=250.0, base=20.0)
    events = poisson(rate, n=100, duration=400.0, runner=runner).recorded["events"]
    raster = events if runner is rollout else raster_of(events, 4000, n=100)
    per_step = np.asarray(raster).sum(axis=1)
    likely(per_step[:1000].sum(), 100_000, 20.0)
    likely(per_step[1000:2500].sum(), 150_000, 800.0)
    likely(per_step[2500:].sum(), 150_000, 20.0)


def test_a_series_gives_the_rate_of_each_step_and_source():
    rate = np.zeros((3000, 4))
    rate[1000:2000, 1] = 500.0
    rate[::2, 2] = 1e4  # a spike is sure
    rate[:, 3] = np.linspace(0, 2000, 3000)

    @jax.jit
    def rolled(rate):
        run = poisson(TimeSeries(rate), n=4, duration=300.0, runner=rollout, segment=1000)
        return run.recorded["events"]

    raster = np.asarray(rolled(rate))
    assert raster[:, 0].sum() == 0
    assert raster[:1000, 1].sum() == raster[2000:, 1].sum() == 0
    likely(raster[:, 1].sum(), 1000, 500.0)
    np.testing.assert_array_equal(raster[:, 2], np.arange(3000) % 2 == 0)
    for part in (slice(0, 1000), slice(1000, 2000), slice(2000, 3000)):
        p = rate[part, 3] * DT / 1000
        error = np.sqrt((p * (1 - p)).sum())
        assert abs(raster[part, 3].sum() - p.sum()) < 5 * error


def test_neither_chunks_nor_interruptions_move_random_spikes():
    rate = np.full(N, 200.0)
    equal = functools.partial(jax.tree.map, np.testing.assert_array_equal)
    whole = poisson(rate, duration=100.0)
    equal(poisson(rate, duration=100.0, chunk=100), whole)
    first = poisson(rate, duration=30.0, chunk=100)
    options = {"state": first.state, "first_step": first.step}
    second = poisson(rate, duration=70.0, chunk=100, **options)
    equal(second.state, whole.state)
    parts = [run.recorded["events"].time_ms for run in (first, second)]
    np.testing.assert_allclose(np.concatenate(parts), whole.recorded["events"].time_ms)
    options = {"duration": 100.0, "runner": rollout, "segment": 100}
    raster = jax.jit(lambda rate: poisson(rate, **options).recorded["events"])(rate)
    np.testing.assert_array_equal(raster, raster_of(whole.recorded["events"], 1000))
    other = poisson(rate, duration=100.0, key=jax.random.key(7))
    assert not np.array_equal(other.recorded["count"], whole.recorded["count"])


def refuses(message, run, error=ValueError):
    with pytest.raises(error, match=re.escape(message)):
        run()


RATE = "`drive` must be a rate in [0, 10000] Hz, since a source spikes at most once in 0.1 ms; got "


def test_bad_rates_are_refused():
    for rate in (-1.0, 10_001.0, float("nan"), float("inf"), np.array([1.0, -2.0])):
        refuses(RATE, lambda rate=rate: poisson(rate, n=2, duration=1.0))
    way_out = (
        "got 1001.0. Pass 0.0 for no spikes; for more take a shorter dt, or give the cells "
        "PoissonInput(rate_hz, weight)"
    )
    refuses(way_out, lambda: poisson(1001.0, n=2, duration=1.0, dt=1.0))
    shape = "`drive` must be one value, or one per cell, shape (2,); got shape (3,)."
    refuses(shape, lambda: poisson(np.ones(3), n=2, duration=1.0))
    key = "`key` must be a jax.random.key for Poisson sources; got None."
    refuses(key, lambda: poisson(10.0, n=2, duration=1.0, key=None))


@pytest.mark.parametrize(
    "rate",
    [
        Pulse(height=-5.0, start=0.0, end=1.0),
        Pulse(height=10_001.0, start=0.0, end=1.0),
        TimeSeries(np.full(10, -5.0)),
        TimeSeries(np.full(10, 10_001.0)),
        Noise(5.0, 100.0),
    ],
)
def test_rates_that_leave_their_range_in_time_are_refused(rate):
    with pytest.raises(ValueError, match=r"`drive.*`.*(rate|Hz)"):
        poisson(rate, n=2, duration=1.0)


def test_rates_that_are_computed_in_the_run_are_not_silently_wrong():
    bad = jnp.full(N, 100.0).at[jnp.asarray([3, 5, 8])].set(jnp.asarray([10_001.0, -1.0, jnp.nan]))
    rate = lambda step, key: jnp.where(step == 57, bad, 100.0)  # noqa: E731
    message = (
        "`last` of cell 3 is nan after step 57 (5.8 ms). A source's spikes are NaN from the step "
        "on in which its rate is NaN or outside [0, 10000] Hz, 1000 / dt. Look for such a rate"
    )
    with pytest.raises(NonFiniteError, match=re.escape(message)):
        poisson(rate, duration=20.0)
    raster = np.asarray(poisson(rate, duration=6.0, runner=rollout, segment=60).recorded["events"])
    found = np.argwhere(np.isnan(raster))
    np.testing.assert_array_equal(found, [[k, i] for k in (57, 58, 59) for i in (3, 5, 8)])


def listed(time_ms, cell, *, n=4, duration=40.0, runner=simulate, dt=DT, **options):
    spikes = spike_list(time_ms, cell, n=n, dt=dt)
    return runner(
        SpikeListSource(), spikes, {}, n=n, duration=duration, dt=dt, record=RECORD, **options
    )


def test_listed_spikes_come_when_and_where_they_are_listed():
    time, cell = [0.1, 12.3, 0.3, 0.2, 40.0, 12.3], [2, 0, 2, 2, 0, 3]
    for runner in (simulate, rollout):
        run = listed(time, cell, runner=runner)
        np.testing.assert_array_equal(run.recorded["count"], [2, 0, 3, 1])
        events = run.recorded["events"]
        if runner is rollout:
            step, number = np.nonzero(np.asarray(events))
        else:
            step, number = np.rint(events.time_ms / DT).astype(int) - 1, events.cell
        np.testing.assert_array_equal(step, [0, 1, 2, 122, 122, 399])
        np.testing.assert_array_equal(number, [2, 2, 2, 0, 3, 0])


@pytest.mark.parametrize(("dt", "chunk"), [(0.1, 1), (0.05, 17), (1 / 3, 1000)])
def test_recorded_spikes_are_replayed_exactly(dt, chunk):
    drive, duration = Drive(np.linspace(0.0, 900.0, 12)), 17 * 53 * dt
    made = simulate(
        IzhikevichCell(), cells.PV, drive, n=12, duration=duration, dt=dt, record=RECORD
    )
    events = made.recorded["events"]
    assert len(events.cell) > 20
    again = listed(*events, n=12, duration=duration, dt=dt, chunk=chunk)
    np.testing.assert_array_equal(again.recorded["events"].time_ms, events.time_ms)
    np.testing.assert_array_equal(again.recorded["events"].cell, events.cell)
    np.testing.assert_array_equal(again.state.spikes, made.recorded["count"])


def test_lists_may_be_traced():
    lists = [
        spike_list(times, [0, 0, 1], n=2, dt=DT).step
        for times in ([0.1, 0.4, 0.2], [0.2, 0.3, 0.9])
    ]

    @jax.jit
    @jax.vmap
    def count(step):
        run = rollout(SpikeListSource(), SpikeList(step, DT), n=2, duration=0.5)
        return run.recorded["spikes"]

    assert count(jnp.stack(lists)).tolist() == [[2, 1], [2, 0]]


def test_a_replay_may_be_interrupted():
    events = poisson(np.full(N, 100.0), duration=100.0).recorded["events"]
    first = listed(*events, n=N, duration=50.0)
    options = {"state": first.state, "first_step": first.step}
    second = listed(*events, n=N, duration=50.0, **options)
    parts = [run.recorded["events"].time_ms for run in (first, second)]
    np.testing.assert_array_equal(np.concatenate(parts), events.time_ms)
    np.testing.assert_array_equal(second.state.spikes, np.bincount(events.cell, minlength=N))


def test_sources_may_have_no_spikes_or_one_in_every_step():
    assert listed([], []).recorded["count"].sum() == 0
    every = listed(0.1 * np.arange(1, 401), np.zeros(400, int), n=1)
    assert every.recorded["count"] == 400


def test_random_sources_are_made_in_the_dtype_of_the_run():
    with jax.enable_x64():
        run = poisson(np.full(N, 100.0), duration=100.0, dtype=jnp.float64)
        assert run.state.last.dtype == jnp.float64
        spikes = listed([0.1], [2], dtype=jnp.float64)
    assert spikes.state.last.dtype == jnp.float64
    assert spikes.state.step.dtype == jnp.int32
    same = poisson(np.full(N, 100.0), duration=100.0)
    np.testing.assert_array_equal(run.recorded["count"], same.recorded["count"])


GRID = "`time_ms` must be positive multiples of dt = 0.1 ms; got "


@pytest.mark.parametrize(
    ("time", "cell", "message"),
    [
        ([0.15], [0], GRID),
        ([0.0], [0], GRID),
        ([-0.1], [0], GRID),
        ([0.04], [0], GRID),
        ([0.1, 50_000.05], [0, 0], GRID),
        ([100_000.03], [0], GRID),
        ([float("nan")], [0], GRID),
        ([float("inf")], [0], GRID),
        ([1e12], [0], "`time_ms`"),  # beyond the steps that can be counted
        ([0.1], [4], "`cell` must be in [0, 3]; got "),
        ([0.1], [-1], "`cell` must be in [0, 3]; got "),
        ([0.1], [0.5], "`cell`"),
        ([0.1, 0.2], [0], "must have one value per spike; got shapes (2,) and (1,)."),
        ([[0.1]], [[0]], "must have one value per spike; got shapes (1, 1) and (1, 1)."),
        (
            [0.3, 7.0, 0.2, 7.0],
            [1, 3, 1, 3],
            "`time_ms` must have one spike a step and source; source 3 has two at 7 ms.",
        ),
    ],
)
def test_bad_lists_are_refused(time, cell, message):
    refuses(message, lambda: spike_list(time, cell, n=4, dt=0.1))


def test_lists_for_other_sources_are_refused():
    spikes = spike_list([0.1], [0], n=4, dt=0.1)
    source = SpikeListSource()
    message = "`params` must list the spikes of 5 sources; got 4. Pass spike_list("
    refuses(message, lambda: simulate(source, spikes, {}, n=5, duration=1.0))
    kind = "`params` must be a SpikeList for this cell; got tuple."
    refuses(kind, lambda: simulate(source, (), {}, n=4, duration=1.0), TypeError)
