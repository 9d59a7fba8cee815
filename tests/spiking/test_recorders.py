"""Recorders against NumPy on the whole raster and the whole trace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    PyramidalCell,
    PyramidalDrive,
    SpikeListSource,
    TimeSeries,
    cells,
    measures,
    rollout,
    simulate,
    spike_list,
)
from neurogain.spiking.recorders import Intervals, Peak, Spikes, Total, Traces

N = 4
STEPS = 3000  # of 0.1 ms
CURRENT = np.array([0.0, 5000.0, 1000.0, 1800.0])  # silent, always in bursts, rarely, often
DRIVE = PyramidalDrive(Drive(CURRENT), Drive(800.0), coupling=0.5)
KEY = jax.random.key(4)


def potentials(state, info):
    return {"soma": state.soma.v, "dendrite": state.dendrite.v}


def simulated(record, chunk=1000):
    options = {"n": N, "duration": STEPS * 0.1, "key": KEY, "record": record, "chunk": chunk}
    return simulate(PyramidalCell(), cells.L5_PYRAMIDAL, DRIVE, **options).recorded


@pytest.fixture(scope="module")
def full():
    """Every step of every cell: raster and both potentials, by the plainest means."""
    model = PyramidalCell()

    def body(state, step):
        key = jax.random.fold_in(jax.random.fold_in(KEY, 0), step)
        state, info = model.step(cells.L5_PYRAMIDAL, state, DRIVE, dt=0.1, key=key)
        return state, {"spike": info.spike, "burst": info.burst, **potentials(state, info)}

    state = model.init(cells.L5_PYRAMIDAL, N, jnp.float32)
    out = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(STEPS))[1])(state)
    out = jax.tree.map(np.asarray, out)
    counts = out["spike"].sum(axis=0)
    assert counts[0] == 0
    assert (counts[1:] >= 4).all()
    assert out["burst"].sum() > 0
    return out


@pytest.fixture(scope="module")
def folded():
    return simulated({
        "spikes": Total(),
        "bursts": Total(lambda state, info: info.burst),
        "both": Total(lambda state, info: (info.spike, info.burst)),
        "peak": Peak(potentials),
        "ten": Intervals(),
        "forty": Intervals(burst_window=40.04),  # off the grid of steps: no rounding decides
    })  # fmt: skip


def test_totals_and_peaks_are_those_of_the_whole(full, folded):
    np.testing.assert_array_equal(folded["spikes"], full["spike"].sum(axis=0))
    np.testing.assert_array_equal(folded["bursts"], full["burst"].sum(axis=0))
    np.testing.assert_array_equal(folded["both"], [folded["spikes"], folded["bursts"]])
    for name in ("soma", "dendrite"):
        np.testing.assert_allclose(folded["peak"][name], full[name].max(axis=0), rtol=1e-4)


@pytest.mark.parametrize("chunk", [25, 1000])
def test_only_events_are_kept_on_the_host_in_order_of_time_and_cell(full, chunk, monkeypatch):
    seen, finish = [], Spikes.finish

    def watched(self, carry, emitted, **options):
        seen.append(emitted.shape)
        return finish(self, carry, emitted, **options)

    monkeypatch.setattr(Spikes, "finish", watched)
    out = simulated({"events": Spikes()}, chunk=chunk)["events"]
    step, cell = np.nonzero(full["spike"])
    np.testing.assert_array_equal(out.time_ms, (step + 1) * 0.1)
    np.testing.assert_array_equal(out.cell, cell)
    assert seen == [(cell.size, 2)]


@pytest.mark.optimized
def test_traces_of_different_steps_and_cells_at_once(full):
    record = {
        "all": Traces(potentials),
        "third": Traces(lambda state, info: state.soma.v, every=3, cells=(3, 1)),
        "fourth": Traces(potentials, every=4, cells=(2,)),
        "count": Total(),
        "events": Spikes(),
    }
    out = simulated(record, chunk=STEPS // 2)  # a multiple of 12, when all recorders sample
    for name, every, chosen in (("all", 1, slice(None)), ("fourth", 4, [2])):
        np.testing.assert_allclose(out[name].time_ms, 0.1 * np.arange(every, STEPS + 1, every))
        for part, values in out[name].values.items():
            expected = full[part][every - 1 :: every][:, chosen]
            np.testing.assert_allclose(values, expected, rtol=1e-3)
    np.testing.assert_allclose(out["third"].values, full["soma"][2::3][:, [3, 1]], rtol=1e-3)
    np.testing.assert_array_equal(out["count"], full["spike"].sum(axis=0))
    assert len(out["events"].cell) == full["spike"].sum()


@pytest.mark.parametrize(("slow", "fast"), [(6, 4), (12, 12)])
def test_thinning_keeps_the_last_step_of_each_interval_without_an_every_step_recorder(slow, fast):
    def number(state, info):  # of steps, this one included
        return state.step

    record = {"slow": Traces(number, slow), "fast": Traces(number, fast), "count": Total()}
    options = {"n": N, "duration": 12.0, "chunk": 24, "first_step": 36, "record": record}
    silent = spike_list([], [], n=N, dt=0.1)
    out = simulate(SpikeListSource(), silent, {}, **options).recorded
    assert out["count"].sum() == 0
    for name, every in (("slow", slow), ("fast", fast)):
        steps = 36 + np.arange(every, 121, every)
        np.testing.assert_array_equal(out[name].values, np.tile(steps[:, None], N))
        np.testing.assert_allclose(out[name].time_ms, 0.1 * steps)


def test_intervals_are_those_between_the_events(full, folded):
    for i in range(N):
        times = 0.1 * (1 + np.flatnonzero(full["spike"][:, i]))
        intervals = np.diff(times)
        ten = folded["ten"]
        assert ten.spikes[i] == len(times)
        if len(intervals):
            np.testing.assert_allclose(ten.mean_ms[i], intervals.mean(), rtol=1e-5)
            squares = intervals.var() * len(intervals)
            np.testing.assert_allclose(ten.squares_ms2[i], squares, rtol=1e-4, atol=1e-2)
        else:
            assert ten.mean_ms[i] == ten.squares_ms2[i] == 0
        for name, window in (("ten", 10.0), ("forty", 40.04)):
            apart = np.abs(times[:, None] - times) + 1e9 * np.eye(len(times))
            near = (apart <= window + 1e-6).any(axis=1).sum()
            assert folded[name].in_burst[i] == near
    for name, i in (("ten", 3), ("forty", 2)):
        assert 0 < folded[name].in_burst[i] < folded[name].spikes[i]  # neither none nor all


def spike_at(steps):
    """A drive under which a cell without memory spikes after just these steps."""
    values = np.zeros(10_000)
    values[steps] = 1e5
    return Drive(TimeSeries(values))


FORGETFUL = cells.PV._replace(b=0.0, d=0.0, c=cells.PV.v_r)


@pytest.mark.parametrize(
    ("steps", "near"),
    [
        ([50], 0),
        ([50, 150], 2),  # just 10 ms apart
        ([50, 151], 0),
        ([50, 100, 140], 3),  # the one in the middle counts once
        ([50, 100, 300, 390, 480, 700], 5),
        ([0, 1, 2, 3, 999], 4),
    ],
)
def test_near_neighbours_of_spikes_at_will(steps, near):
    record = {"events": Spikes(), "intervals": Intervals()}
    out = simulate(
        IzhikevichCell(), FORGETFUL, spike_at(steps), n=1, duration=100.0, record=record, chunk=77
    ).recorded
    times = out["events"].time_ms
    np.testing.assert_allclose(times, (1 + np.array(steps)) * 0.1)
    assert out["intervals"].in_burst == near
    assert measures.near_neighbours(times).sum() == near


def test_welford_keeps_small_variances_of_long_runs():
    steps = np.cumsum(np.random.default_rng(0).choice([29, 30, 31], 300))  # nearly regular
    record = {"intervals": Intervals()}
    out = rollout(
        IzhikevichCell(), FORGETFUL, spike_at(list(steps)), n=1, duration=1000.0, record=record
    ).recorded["intervals"]
    intervals = 0.1 * np.diff(steps)
    np.testing.assert_allclose(out.mean_ms, intervals.mean(), rtol=1e-5)
    np.testing.assert_allclose(out.squares_ms2, intervals.var() * 299, rtol=1e-3)


def test_chunks_are_shortened_to_what_the_device_may_hold(monkeypatch):
    seen = []
    monkeypatch.setattr("neurogain.spiking.engine.simulate.MAX_CHUNK_BYTES", 4 * 30 * 7)
    options = {"n": 30, "duration": 2.1, "record": {"spikes": Spikes()}}
    run = simulate(
        IzhikevichCell(),
        cells.RS,
        Drive(1e4),
        **options,
        progress=lambda done, total: seen.append(done),
    )
    assert seen == [7, 14, 21]  # 30 cells, 4 bytes each
    monkeypatch.undo()
    whole = simulate(IzhikevichCell(), cells.RS, Drive(1e4), **options)
    np.testing.assert_array_equal(run.recorded["spikes"].cell, whole.recorded["spikes"].cell)


def test_totals_of_a_condition_count_its_steps():
    record = {"deep": Total(lambda state, info: state.v < 0)}
    run = simulate(IzhikevichCell(), cells.RS, Drive(), n=2, duration=20.0, record=record)
    np.testing.assert_array_equal(run.recorded["deep"], [200, 200])
