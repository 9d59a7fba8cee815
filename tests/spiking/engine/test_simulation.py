"""`simulate`: what its results depend on, and what they don't."""

import dataclasses
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    Interrupted,
    IzhikevichCell,
    PyramidalCell,
    PyramidalDrive,
    TimeSeries,
    cells,
    simulate,
)
from neurogain.spiking.recorders import Intervals, Spikes, Total, Traces

N = 3
STEPS = 600
DURATION = 60.0  # ms
KEY = jax.random.key(7)


def noise(step, key):
    return 900 + 600 * jax.random.normal(key, (N,))


NOISY = PyramidalDrive(soma=Drive(current=noise), dendrite=Drive(current=500.0), coupling=0.5)
STRONG = Drive(100.0)
EVERYTHING = {
    "count": Total(),
    "events": Spikes(),
    "intervals": Intervals(),
    "dendrite": Traces(lambda state, info: state.dendrite.v, every=2),
}


def stochastic(duration=DURATION, key=KEY, drive=NOISY, **options):
    params = cells.L5_PYRAMIDAL
    return simulate(PyramidalCell(), params, drive, n=N, duration=duration, key=key, **options)


def fast_spiking(drive=STRONG, *, n=N, duration=DURATION, params=cells.PV, **options):
    return simulate(IzhikevichCell(), params, drive, n=n, duration=duration, **options)


def equal(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def whole():
    run = stochastic(record=EVERYTHING)
    assert (run.recorded["count"] >= 2).all()  # else the comparisons say nothing
    return run


def same_in_parts(first, second, whole):
    equal(second.state, whole.state)
    assert second.step == whole.step
    equal(first.recorded["count"] + second.recorded["count"], whole.recorded["count"])
    for name in ("events", "dendrite"):
        both = zip(first.recorded[name], second.recorded[name], strict=True)
        equal([np.concatenate(parts) for parts in both], list(whole.recorded[name]))


@pytest.mark.parametrize("chunk", [1, 100])
def test_the_length_of_chunks_changes_no_bit(whole, chunk):
    equal(stochastic(record=EVERYTHING, chunk=chunk), whole)


def test_a_run_in_two_parts_is_one_run(whole):
    split = 300  # steps
    first = stochastic(split * 0.1, record=EVERYTHING, chunk=100)
    assert first.step == split
    options = {"state": first.state, "first_step": first.step}
    second = stochastic((STEPS - split) * 0.1, record=EVERYTHING, chunk=100, **options)
    assert second.step == STEPS
    same_in_parts(first, second, whole)


def test_the_same_key_gives_the_same_run_and_another_key_another(whole):
    equal(stochastic(record=EVERYTHING, key=jax.random.key(7)), whole)
    other = stochastic(record=EVERYTHING, key=jax.random.key(8))
    assert np.all(np.asarray(other.state.soma.v) != np.asarray(whole.state.soma.v))


def test_coupling_alone_depends_on_the_key():
    drive = PyramidalDrive(Drive(1200.0), Drive(500.0), coupling=0.5)
    runs = [stochastic(drive=drive, key=jax.random.key(i)).state.dendrite.v for i in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.all(np.asarray(runs[0]) != np.asarray(runs[2]))
    assert len(np.unique(runs[0])) == N  # cells draw for themselves


def constant(step, key):
    return jnp.float32(123.4)


@pytest.mark.parametrize(
    "current",
    [constant, TimeSeries(np.full(STEPS, 123.4)), TimeSeries(np.full((STEPS + 5, N), 123.4)),
     np.full(N, 123.4), jnp.float32(123.4)],
)  # fmt: skip
def test_constants_in_any_form_are_the_same_drive(current):
    expected = fast_spiking(Drive(123.4))
    assert expected.recorded["spikes"].min() >= 2
    equal(fast_spiking(Drive(current)), expected)


def test_cells_are_independent_and_have_their_own_constants_and_currents():
    current, a = np.array([80.0, 150.0, 300.0]), np.array([0.15, 0.1, 0.2])
    record = {"v": Traces(lambda state, info: state.v)}
    together = fast_spiking(Drive(current), params=cells.PV._replace(a=a), record=record)
    for i in range(N):
        alone = fast_spiking(Drive(current[i]), n=1, params=cells.PV._replace(a=a[i]),
                             record=record)  # fmt: skip
        np.testing.assert_allclose(
            together.recorded["v"].values[:200, i], alone.recorded["v"].values[:200, 0], rtol=1e-4
        )
    assert len(np.unique(together.state.v)) == N


def test_a_series_acts_in_the_step_of_its_number_also_when_a_run_goes_on():
    # below its peak the cell moves by dt (force + I) / C, so what a step adds to v tells I
    silent = cells.PV._replace(k=1e-9, b=0.0)
    values = np.arange(1.0, 21.0)
    drive, options = Drive(TimeSeries(values)), {"params": silent, "duration": 1.0, "n": 1}
    run = fast_spiking(drive, **options)
    np.testing.assert_allclose(run.state.v, -55 + 0.1 / 20 * values[:10].sum(), rtol=1e-6)
    run = fast_spiking(drive, state=run.state, first_step=10, **options)
    np.testing.assert_allclose(run.state.v, -55 + 0.1 / 20 * values.sum(), rtol=1e-6)


@pytest.mark.parametrize("chunk", [1, 64, 600, 10_000])
def test_progress_rises_to_the_end(chunk):
    seen = []
    fast_spiking(chunk=chunk, progress=lambda *numbers: seen.append(numbers))
    done = [number for number, _ in seen]
    assert done == [*range(chunk, STEPS, chunk), STEPS]
    assert {total for _, total in seen} == {STEPS}


@pytest.mark.parametrize("after", [1, 4])
def test_an_interrupted_run_keeps_what_it_recorded_and_can_go_on(whole, after):
    options = {"record": EVERYTHING, "chunk": 100}

    def stop(done, total):
        if done == 100 * after:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=f"after {100 * after} of 600 steps") as caught:
        stochastic(progress=stop, **options)
    first = caught.value.result
    assert first.step == 100 * after
    equal(first, stochastic(10.0 * after, **options))
    options |= {"state": first.state, "first_step": first.step}
    same_in_parts(first, stochastic(DURATION - 10.0 * after, **options), whole)


def test_an_interruption_between_two_chunks_loses_the_later_alone(monkeypatch):
    calls = []

    def interrupted(recorder, values, start):
        calls.append(start)
        if len(calls) == 4:  # the second recorder of the second chunk
            raise KeyboardInterrupt
        return values

    monkeypatch.setattr("neurogain.spiking.engine.simulate._to_host", interrupted)
    record = {"v": Traces(lambda state, info: state.v), "n": Total()}
    with pytest.raises(Interrupted) as caught:
        fast_spiking(record=record, chunk=100)
    assert caught.value.result.step == 100
    assert caught.value.result.recorded["v"].values.shape == (100, N)


def test_a_run_that_is_interrupted_in_its_first_chunk_has_nothing_to_keep(monkeypatch):
    def interrupted(recorder, values, start):
        raise KeyboardInterrupt

    monkeypatch.setattr("neurogain.spiking.engine.simulate._to_host", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        fast_spiking()
    assert not isinstance(caught.value, Interrupted)


def test_progress_is_told_on_the_standard_error(capsys, monkeypatch):
    fast_spiking(progress=True)
    told = capsys.readouterr()
    assert re.fullmatch(r"\[1/1\] 600 steps: [0-9.]+ s\n", told.err)
    assert not told.out
    monkeypatch.setattr("neurogain.progress.SECONDS", 0.0)
    fast_spiking(progress=True, chunk=300)
    assert "600 steps: 50%" in capsys.readouterr().err
    fast_spiking(progress=False)
    assert not capsys.readouterr().err


def test_progress_is_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fast_spiking(progress=True, chunk=300)
    assert re.search(r"600 steps: 100%\|.*1(\.0)?/1", capsys.readouterr().err)


def test_chunks_hold_whole_periods_of_the_recorders():
    seen = []
    record = {"v": Traces(lambda state, info: state.v, every=40)}
    fast_spiking(chunk=100, record=record, progress=lambda done, total: seen.append(done))
    assert seen == [*range(80, STEPS, 80), STEPS]


def test_changed_numbers_and_equal_models_compile_nothing(compiled):
    record = {"events": Spikes(), "n": Total()}
    fast_spiking(Drive(100.0), record=record, chunk=200)
    assert compiled
    compiled.clear()
    params = cells.PV._replace(C=25.0, a=0.1)
    later = dataclasses.replace(IzhikevichCell())
    record, times = {"m": Spikes(), "n": Total()}, {"duration": 2 * DURATION, "first_step": 400}
    simulate(later, params, Drive(222.0), n=N, record=record, chunk=200, **times)
    assert not compiled


def test_another_key_compiles_nothing(whole, compiled):
    stochastic(record=EVERYTHING, key=jax.random.key(1000))
    assert not compiled


def test_the_given_state_is_neither_changed_nor_deleted():
    state = IzhikevichCell().init(cells.PV, N, jnp.float32)
    before = jax.tree.map(np.array, state)
    first, second = (fast_spiking(state=state, chunk=100) for _ in range(2))
    equal(state, before)
    equal(first, second)
    equal(first, fast_spiking())  # rest is where a run without a state starts


def test_one_cell_runs_and_the_count_is_kept_unless_something_else_is_asked_for():
    run = fast_spiking(n=1)
    assert run.recorded.keys() == {"spikes"}
    assert run.recorded["spikes"].shape == (1,)
    events = fast_spiking(n=1, record={"events": Spikes()}).recorded["events"]
    assert run.recorded["spikes"] == len(events.time_ms) > 0
    assert fast_spiking(n=1, record={}).recorded == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_state_keeps_its_dtype(dtype):
    with jax.enable_x64():
        run = fast_spiking(dtype=dtype)
        assert {x.dtype.name for x in jax.tree.leaves(run.state)} == {dtype}
        assert run.recorded["spikes"].dtype == np.int64  # counts
