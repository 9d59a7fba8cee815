"""Drives that are drawn: their statistics in a run, and what the numbers don't depend on."""

import zlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    PoissonInput,
    cells,
    rollout,
    simulate,
)
from neurogain.spiking.engine import drives, random_bits
from neurogain.spiking.recorders import Total, Traces

KEY = jax.random.key(11)
N, STEPS = 40, 5000


class EchoState(NamedTuple):
    value: jax.Array


class EchoInfo(NamedTuple):
    spike: jax.Array
    drive: tuple


class Echo:
    """Cells that only show their drive."""

    def init(self, params, n, dtype=jnp.float32):
        return EchoState(jnp.zeros((n,), dtype))

    def step(self, params, state, drive, *, dt, key):
        shown = jax.tree.map(lambda x: jnp.broadcast_to(x, state.value.shape), tuple(drive))
        return state, EchoInfo(jnp.zeros_like(state.value), shown)

    def check(self, params, drive, *, dt, n, key):
        """Refuse nothing: what the runner itself refuses is tested."""


ECHO = Echo()


def shown(state, info):
    return info.drive


def echo(drive, *, n=N, steps=STEPS, key=KEY, dt=0.1, **options):
    """Return the fields of the drive, each (steps, n)."""
    options |= {"n": n, "duration": steps * dt, "dt": dt, "key": key}
    run = simulate(ECHO, (), drive, record={"drive": Traces(shown)}, **options)
    return list(run.recorded["drive"].values)


def independent(x):
    """No correlation between neighbours in cells and steps, nor of fields, by five deviations."""
    z = (x - x.mean()) / x.std()
    for a, b in (
        *((z[1:], z[:-1]), (z[2:], z[:-2]), (z[:, 1:], z[:, :-1])),
        *((z[1:, 1:], z[:-1, :-1]), (z[1:, :-1], z[:-1, 1:])),
    ):
        assert abs((a * b).mean()) < 5 / np.sqrt(a.size)
    for axis in (0, 1):  # no cell and no step has more than its share
        means = z.mean(axis=axis) * np.sqrt(z.shape[axis])
        kurtosis = 3 + stats.kurtosis(z.ravel()) / z.shape[axis]
        assert abs(means.var() - 1) < 5 * np.sqrt((kurtosis - 1) / means.size)


def test_noise_is_normal_and_fresh_in_every_cell_and_step():
    current, _, pull = echo(Drive(Noise(200.0, 50.0), 0.0, Noise(-3.0, 2.0)))
    for x, mean, sd in ((current, 200, 50), (pull, -3, 2)):
        z = (x.astype(float) - mean) / sd
        assert abs(z.mean()) < 5 / np.sqrt(z.size)
        assert abs(z.var() - 1) < 5 * np.sqrt(2 / z.size)
        bound = np.sqrt(np.log(2 / 1e-6) / (2 * z.size))
        assert stats.kstest(z.ravel(), "norm").statistic < 1.7e-4 + bound
        independent(z)
    assert abs(np.corrcoef(current.ravel(), pull.ravel())[0, 1]) < 5 / np.sqrt(z.size)


@pytest.mark.parametrize("rate", [100.0, 10.0, 2000.0])
def test_poisson_input_counts_spikes_of_its_rate(rate):
    dt = 0.5  # 0.1 in test_fields_may_differ_between_cells
    (current, conductance, _) = echo(
        Drive(PoissonInput(rate, 20.0), PoissonInput(rate, 0.5)), dt=dt
    )
    mean = rate * dt / 1000
    for x, weight in ((current, 20), (conductance, 0.5)):
        count = x / weight
        np.testing.assert_array_equal(count, np.rint(count))
        low, high = stats.poisson.ppf([1e-6, 1 - 1e-6], mean * count.size)
        assert low <= count.sum() <= high
        np.testing.assert_allclose(count.var(), mean, rtol=0.05 if mean > 0.01 else 0.15)
        if mean > 0.01:
            independent(count)
    assert abs(np.corrcoef(current.ravel(), conductance.ravel())[0, 1]) < 5 / np.sqrt(x.size)


def equal(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


class NoisyCell(IzhikevichCell):
    """Cells that show their drive."""

    def step(self, params, state, drive, *, dt, key):
        state, info = super().step(params, state, drive, dt=dt, key=key)
        return state, EchoInfo(info.spike, tuple(drive))


def drawn(state, info):
    return info.drive[:2]


def noisy(steps=300, key=KEY, runner=simulate, **options):
    drive = Drive(Noise(np.linspace(100.0, 300.0, 8), 100.0), PoissonInput(300.0, 0.2), -4.0)
    record = {"spikes": Total(), "drive": Traces(drawn)}
    options = {"n": 8, "duration": 0.1 * steps, "key": key, "record": record, **options}
    return runner(NoisyCell(), cells.PV, drive, **options)


def test_neither_chunks_nor_interruptions_change_the_numbers():
    whole = noisy(chunk=200)  # the last chunk is shorter
    assert whole.recorded["spikes"].sum() > 0
    equal(noisy(chunk=100), whole)
    first = noisy(100)
    second = noisy(200, state=first.state, first_step=100)
    equal(second.state, whole.state)
    parts = zip(first.recorded["drive"].values, second.recorded["drive"].values, strict=True)
    equal([np.concatenate(x) for x in parts], list(whole.recorded["drive"].values))
    rolled = jax.jit(lambda key: noisy(key=key, runner=rollout, segment=100).recorded)(KEY)
    alone = noisy(chunk=1)  # a program without a loop
    drives = whole.recorded["drive"].values
    for spikes, ours in (
        (rolled["spikes"], rolled["drive"]),
        (alone.recorded["spikes"], alone.recorded["drive"].values),
    ):
        np.testing.assert_array_equal(spikes, whole.recorded["spikes"])
        for a, b in zip(ours, drives, strict=True):  # XLA rounds these programs otherwise
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def test_another_field_changes_no_noise():
    noise = Noise(0.0, 1.0)
    alone, _, _ = echo(Drive(noise), steps=50)
    for drive in (
        Drive(noise, PoissonInput(10.0, 1.0), noise),
        Drive(noise, np.ones(N), lambda step, key: jax.random.normal(key, (N,))),
    ):
        current, _, other = echo(drive, steps=50)
        np.testing.assert_array_equal(current, alone)
        assert (other != current).mean() > 0.99  # equal leaves in different fields


def test_how_often_is_recorded_changes_no_number():
    drive = Drive(Noise(1.0, 2.0))
    whole = echo(drive, steps=100)
    record = {"slow": Traces(shown, 20), "fast": Traces(shown, 1)}
    run = simulate(ECHO, (), drive, n=N, duration=10.0, key=KEY, record=record, chunk=20)
    for name, every in (("slow", 20), ("fast", 1)):
        equal(list(run.recorded[name].values), [x[every - 1 :: every] for x in whole])


def test_the_seed_makes_the_numbers():
    drive = Drive(Noise(0.0, 1.0))
    first, again = echo(drive, steps=100), echo(drive, steps=100)
    equal(first, again)
    other = echo(drive, steps=100, key=jax.random.key(12))
    assert (first[0] != other[0]).mean() > 0.99
    assert abs(np.corrcoef(first[0].ravel(), other[0].ravel())[0, 1]) < 5 / np.sqrt(other[0].size)
    raw = echo(drive, steps=100, key=jax.random.PRNGKey(11))
    equal(first, raw)


def test_fields_may_differ_between_cells():
    n = 4
    drive = Drive(
        Noise(np.array([0.0, 10.0, -10.0, 5.0]), np.array([1.0, 2.0, 0.0, 3.0])),
        PoissonInput(np.array([0.0, 100.0, 1000.0, 5000.0]), np.array([1.0, 2.0, 3.0, 0.0])),
    )
    current, conductance, _ = echo(drive, n=n, steps=20_000)
    error = 5 * np.array([1, 2, 0, 3]) / np.sqrt(20_000)
    assert (np.abs(current.mean(axis=0) - [0, 10, -10, 5]) <= error).all()
    np.testing.assert_allclose(current.std(axis=0), [1, 2, 0, 3], rtol=0.03)
    mean = np.array([0.0, 0.01, 0.1])
    assert (conductance[:, [0, 3]] == 0).all()
    spikes = conductance[:, :3] / [1, 2, 3]
    assert (np.abs(spikes.mean(axis=0) - mean) <= 5 * np.sqrt(mean / 20_000)).all()


class Listener(Echo):
    """Cells that show bits of their own key as well."""

    def step(self, params, state, drive, *, dt, key):
        state, info = super().step(params, state, drive, dt=dt, key=key)
        return state, info._replace(drive=(*info.drive, jax.random.bits(key, state.value.shape)))


def test_the_model_and_the_drives_draw_from_streams_of_their_own():
    n, start, steps = 6, 30, 4
    drive = Drive(Noise(0.0, 1.0), 0.0, lambda step, key: jax.random.uniform(key, (n,)))
    options = {"n": n, "duration": steps * 0.1, "key": KEY, "first_step": start}
    run = simulate(Listener(), (), drive, record={"all": Traces(shown)}, **options)
    noise, _, own, bits = run.recorded["all"].values
    for k in range(steps):
        of_model, of_drives = (
            jax.random.fold_in(jax.random.fold_in(KEY, stream), start + k) for stream in (0, 1)
        )
        np.testing.assert_array_equal(bits[k], jax.random.bits(of_model, (n,)))
        expected = random_bits.normal(of_drives, n, stream=zlib.crc32(b"current"))
        np.testing.assert_allclose(noise[k], expected, rtol=1e-5)
        of_field = jax.random.fold_in(of_drives, np.uint32(zlib.crc32(b"reversal_current")))
        np.testing.assert_array_equal(own[k], jax.random.uniform(of_field, (n,)))


def test_noise_without_deviation_is_its_mean():
    quiet = simulate(IzhikevichCell(), cells.PV, Drive(Noise(150.0, 0.0)), n=3, duration=50.0,
                     key=KEY)  # fmt: skip
    constant = simulate(IzhikevichCell(), cells.PV, Drive(150.0), n=3, duration=50.0)
    assert constant.recorded["spikes"].sum() > 0
    equal(quiet.recorded, constant.recorded)


def test_noise_is_drawn_in_the_dtype_of_the_run():
    with jax.enable_x64():
        current, _, _ = echo(Drive(Noise(0.0, 1.0)), steps=100, dtype=jnp.float64)
    assert current.dtype == np.float64
    np.testing.assert_allclose(current, echo(Drive(Noise(0.0, 1.0)), steps=100)[0], atol=1e-6)


def test_sweeps_of_noise_share_one_program_and_have_gradients():
    def mean(sd):
        record = {"squares": Total(lambda state, info: info.drive[0] ** 2)}
        drive = Drive(Noise(3.0, sd))
        run = rollout(ECHO, (), drive, n=200, duration=10.0, key=KEY, record=record)
        return run.recorded["squares"].mean() / 100  # 9 + sd^2

    sd = jnp.asarray([0.0, 1.0, 2.0])
    swept, slopes = jax.jit(jax.vmap(jax.value_and_grad(mean)))(sd)
    np.testing.assert_allclose(swept, [9, 10, 13], atol=5 * 13 / np.sqrt(20_000))
    np.testing.assert_allclose(jax.jit(mean)(1.0), swept[1], rtol=1e-5)
    np.testing.assert_allclose(slopes, [0, 2, 4], atol=5 * 7 / np.sqrt(20_000))


def test_two_that_are_drawn_under_one_name_are_refused():
    twice = {"a": {"b": Noise(0.0, 1.0)}, "a.b": Noise(0.0, 1.0)}
    with pytest.raises(ValueError, match="`drive` must have names of different CRC-32"):
        drives.drawn_names(twice)
    assert drives.drawn_names({"a": {"b": 1.0}, "a.b": Noise(0.0, 1.0)}) == ["a.b"]
