"""What compiles anew and what does not: functions, series, closed loops; never a stale result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    TimeSeries,
    cells,
    compilations,
    rollout,
    simulate,
)
from neurogain.spiking.recorders import Total, Traces

SILENT = cells.PV._replace(k=1e-9, b=0.0)  # what a step adds to v tells the current of the step
GAIN = 1.0
TABLE = np.ones(10)


def moved(current, *, first_step=0, state=None, duration=1.0, record=None, **options):
    """Return the sum of the currents that acted in a run, pA, and the run."""
    before = -55.0 if state is None else float(state.v[0])
    run = simulate(
        IzhikevichCell(), SILENT, Drive(current), n=1, duration=duration, state=state,
        first_step=first_step, record={} if record is None else record, **options,
    )  # fmt: skip
    return (float(run.state.v[0]) - before) * 20 / 0.1, run


def close(value, expected):
    np.testing.assert_allclose(value, expected, rtol=1e-3)


def test_a_function_that_is_written_anew_compiles_nothing(compiled):
    def run(factor):
        return moved(lambda step, key: factor * step.astype(jnp.float32) + 0 * TABLE[0])

    first, again, other = run(1.0), run(1.0), None
    close(first[0], 45)
    close(again[0], 45)
    before = compilations()
    compiled.clear()
    close(run(1.0)[0], 45)
    assert not compiled
    assert compilations() == before
    other = run(2.0)
    close(other[0], 90)
    assert compilations() == before + 1


def by_global(step, key):
    return jnp.float32(GAIN)


def by_table(step, key):
    return jnp.asarray(TABLE, jnp.float32)[step]


def by_default(step, key, gain=1.0):
    return jnp.float32(gain)


def test_what_a_function_refers_to_is_never_stale(monkeypatch):
    close(moved(by_global)[0], 10)
    monkeypatch.setitem(globals(), "GAIN", 3.0)
    close(moved(by_global)[0], 30)
    close(moved(by_table)[0], 10)
    monkeypatch.setitem(globals(), "TABLE", 4 * TABLE)
    close(moved(by_table)[0], 40)
    TABLE[:5] = 0  # in place
    close(moved(by_table)[0], 20)
    close(moved(by_default)[0], 10)
    monkeypatch.setattr(by_default, "__defaults__", (5.0,))
    close(moved(by_default)[0], 50)
    level = 6.0

    def by_closure(step, key):
        return jnp.float32(level)

    close(moved(by_closure)[0], 60)
    level = 7.0
    close(moved(by_closure)[0], 70)
    close(moved(lambda step, key: jnp.float32(level))[0], 70)


class Controller:
    """An object whose attribute changes, as that of a closed loop in Python."""

    def __init__(self):
        self.gain = 1.0

    def drive(self):
        return lambda step, key: jnp.float32(self.gain)


def test_what_can_not_be_told_compiles_anew():
    controller = Controller()
    for controller.gain in (1.0, 2.0, 1.0):
        close(moved(controller.drive())[0], 10 * controller.gain)


def test_the_shape_of_a_function_that_changed_is_checked_anew(monkeypatch):
    monkeypatch.setitem(globals(), "TABLE", np.ones((10, 1)))
    close(moved(by_table)[0], 10)
    monkeypatch.setitem(globals(), "TABLE", np.ones((10, 2)))
    with pytest.raises(ValueError, match=r"one per cell, shape \(1,\); got shape \(2,\)"):
        moved(by_table)


def test_recorders_with_a_function_that_is_written_anew_compile_nothing(compiled):
    def run(below):
        record = {
            "v": Traces(lambda state, info: state.v, every=5),
            "low": Total(lambda state, info: state.v < below),
        }
        return moved(100.0, record=record)[1].recorded

    run(-53.0)
    before = compilations()
    compiled.clear()
    again = run(-53.0)
    assert not compiled
    assert compilations() == before
    close(again["v"].values[:, 0], [-55 + 0.5 * 5, -55 + 0.5 * 10])
    assert again["low"].tolist() == [3]  # -54.5, -54, -53.5
    assert run(-52.0)["low"].tolist() == [5]
    assert compilations() == before + 1


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_series_of_any_length_compiles_nothing(compiled, shape):
    values = np.arange(5000, dtype=np.float32).reshape(-1, *([1] * len(shape)))
    moved(TimeSeries(values[:10]))
    compiled.clear()
    for length in (11, 999, 5000):
        close(moved(TimeSeries(values[:length]))[0], 45)
        close(moved(TimeSeries(jax.device_put(values[:length])))[0], 45)
    close(moved(TimeSeries(values[7:30], first=7), first_step=9)[0], np.arange(9, 19).sum())
    assert not compiled


@pytest.mark.parametrize("growing", [True, False], ids=["growing", "chunks"])
def test_a_closed_loop_compiles_once(compiled, growing):
    """Each chunk's current depends on where the one before ended."""
    state, step, values, expected = None, 0, np.zeros(0), 0.0
    for number in range(6):
        level = 10.0 if state is None else 2 * float(state.v[0]) + 130
        values = np.append(values, np.full(10, level))
        series = TimeSeries(values) if growing else TimeSeries(values[-10:], first=step)
        total, run = moved(series, state=state, first_step=step)
        close(total, 10 * level)
        state, step, expected = run.state, run.step, expected + 10 * level
        if number == 1:
            before = compilations()
            compiled.clear()
    assert not compiled
    assert compilations() == before
    close((float(state.v[0]) + 55) * 20 / 0.1, expected)


def test_chunks_read_their_own_part_of_a_series(compiled):
    values = np.linspace(1.0, 5.0, 500)
    close(moved(TimeSeries(values, first=30), first_step=100, duration=20.0, chunk=50)[0],
          values[70:270].sum())  # fmt: skip
    compiled.clear()
    close(moved(TimeSeries(values), duration=40.0, chunk=50)[0], values[:400].sum())
    assert not compiled


def test_rollout_reads_series_from_their_first_step_also_when_traced():
    def total(values, first=40):
        drive = Drive(TimeSeries(values, first=first))
        run = rollout(IzhikevichCell(), SILENT, drive, n=1, duration=1.0, first_step=50, record={})
        return (run.state.v[0] + 55) * 20 / 0.1

    values = np.arange(100.0)
    close(total(values), values[10:20].sum())
    close(jax.jit(total)(values), values[10:20].sum())
    slope = jax.jit(jax.grad(total))(values)
    close(slope[10:20], 1)
    np.testing.assert_array_equal(np.delete(slope, np.arange(10, 20)), 0)
    series = TimeSeries(values, first=45)
    close(jax.jit(lambda s: total(s.values, s.first))(series), values[5:15].sum())
    close(jax.grad(lambda s: total(s.values, s.first))(series).values[5:15], 1)


def test_programs_of_rollout_are_counted_when_they_are_traced():
    run = jax.jit(lambda x: rollout(IzhikevichCell(), SILENT, Drive(x), n=1, duration=1.0).state.v)
    before = compilations()
    run(1.0)
    run(2.0)
    assert compilations() == before + 1
