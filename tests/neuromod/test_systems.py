"""Drives, interactions, effects, and all four systems in one step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from neurogain.neuromod import effects, locus_coeruleus, systems, tables
from neurogain.neuromod.drives import Drives, Source
from neurogain.neuromod.effects import Effect
from neurogain.neuromod.kinetics import KineticsParams
from neurogain.neuromod.locus_coeruleus import LocusParams
from neurogain.neuromod.receptors import ReceptorParams
from neurogain.neuromod.systems import Interaction, NeuromodParams, Neuromodulator

AMOUNT = st.floats(-3.0, 3.0)


@jax.jit
def _advance(params, drives, steps):
    body = lambda _, state: systems.step(params, state, drives, dt=1.0)  # noqa: E731
    return jax.lax.fori_loop(0, steps, body, systems.init(params))


def advance(params, drives, steps=50):
    return _advance(params, jax.tree.map(jnp.float32, drives), steps)


activities = jax.jit(functools.partial(systems.activities, dt=1.0))


@pytest.mark.parametrize(
    ("drive", "system"),
    [
        ("prediction_error", "dopamine"),
        ("surprise", "noradrenaline"),
        ("expected_uncertainty", "acetylcholine"),
        ("aversion", "serotonin"),
    ],
)
def test_each_drive_raises_its_own_system_alone(drive, system):
    params = tables.standard()
    state = advance(params, Drives(**{drive: 1.0}))
    for name, c in state.concentration.items():
        tonic = np.float32(params.kinetics[name].tonic)
        assert (c > tonic) if name == system else (c == tonic)


@pytest.mark.optimized
def test_without_drives_nothing_moves_bit_for_bit():
    interactions = tuple(
        Interaction(acting, onto, modulatory=0.7, opponent=0.3 * (acting != onto))
        for acting in systems.SYSTEMS
        for onto in systems.SYSTEMS
    )
    params = tables.standard()._replace(interactions=interactions)
    state = advance(params, Drives())
    for name, c in state.concentration.items():
        assert c == np.float32(params.kinetics[name].tonic)
    assert all(a == 0 for a in state.activation.values())


@given(st.floats(-1, 5))
def test_opponents_cancel_at_balance(drive):
    opponent = Interaction("serotonin", "dopamine", opponent=1.0)
    params = tables.standard()._replace(interactions=(opponent,))
    drives = Drives(prediction_error=np.float32(drive), aversion=np.float32(drive))
    active, _ = activities(params, systems.init(params), drives)
    assert active["dopamine"] == 0
    assert active["serotonin"] == np.float32(drive)


@given(st.floats(0.1, 3.0), st.floats(-2, 2))
def test_modulation_changes_release_by_a_factor(drive, strength):
    modulatory = Interaction("acetylcholine", "dopamine", modulatory=strength)
    params = tables.standard()._replace(interactions=(modulatory,))
    state = advance(params, Drives(expected_uncertainty=2.0), steps=5)
    level = systems.level(params, state, "acetylcholine")
    active, _ = activities(params, state, Drives(prediction_error=drive))
    assert level > 0
    assert 1 + active["dopamine"] == pytest.approx((1 + drive) * np.exp(strength * level), rel=1e-4)


@given(AMOUNT, AMOUNT, st.permutations(range(3)))
def test_convergent_effects_add_up_in_any_order(one, other, order):
    activation = {"a": jnp.float32(0.25), "b": jnp.float32(-0.5)}
    all_effects = [Effect("a", "x.gain", one), Effect("b", "x.gain", other), Effect("a", "y", 1.0)]
    sums = effects.combine([all_effects[i] for i in order], activation)
    assert sums["x.gain"] == pytest.approx(0.25 * one - 0.5 * other, abs=1e-5)
    assert sums["y"] == 0.25


@given(AMOUNT)
def test_opposite_effects_cancel(strength):
    activation = {"a": jnp.float32(0.3), "b": jnp.float32(0.3)}
    both = [Effect("a", "x", strength), Effect("b", "x", -strength)]
    assert effects.combine(both, activation)["x"] == 0


@given(st.floats(0, 1), st.floats(-20, 20))
def test_odds_stay_probabilities(p, amount):
    with jax.enable_x64():
        found = effects.odds(p, jnp.float64(amount))
        expected = p * np.exp(amount) / (1 - p + p * np.exp(amount))
        assert 0 <= found <= 1
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.optimized
@given(st.floats(0, 1, width=32), st.floats(-1e3, 1e3, width=32))
def test_no_effect_keeps_every_value_bit_for_bit(p, value):
    none = jnp.float32(0)
    assert effects.odds(p, none) == np.float32(p)
    assert effects.scaled(value, none) == np.float32(value)
    assert effects.shifted(value, none) == np.float32(value)


def test_one_step_is_differentiable_and_vmaps():
    def effect(drives, kinetics_of):
        params = NeuromodParams(kinetics_of, tables.RECEPTORS)
        state = jax.lax.fori_loop(
            0, 3, lambda _, s: systems.step(params, s, drives, dt=1.0), systems.init(params)
        )
        return sum(state.activation.values())

    drives = Drives(*map(jnp.float32, (0.5, 0.5, 0.5, 0.5, 0.1)))
    value_and_grad = jax.jit(jax.value_and_grad(effect, (0, 1)))
    standard = jax.tree.map(jnp.float32, tables.KINETICS)
    absent = {name: one._replace(tonic=jnp.float32(0)) for name, one in standard.items()}
    for constants in (standard, absent):  # at no concentration, too
        _, gradients = value_and_grad(drives, constants)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradients))
    batch = jax.tree.map(lambda x: jnp.stack([x, 2 * x]), drives)
    both = jax.jit(jax.vmap(effect, (0, None)))(batch, standard)
    each = [jax.tree.map(lambda x, i=i: x[i], batch) for i in range(2)]
    np.testing.assert_allclose(both, [value_and_grad(x, standard)[0] for x in each], rtol=1e-4)


def test_absent_systems_have_no_state():
    params = NeuromodParams({"noradrenaline": tables.KINETICS["noradrenaline"]}, {})
    state = advance(params, Drives(surprise=1.0), steps=1)
    assert set(state.concentration) == {"noradrenaline"}
    assert state.activation == {}


def test_every_effect_has_a_receptor_and_a_source():
    names = systems.owners(tables.standard())
    for table_of_cell in tables.EFFECTS.values():
        effects.check(table_of_cell, tuple(names))
        assert all(one.source for one in table_of_cell)


RECEPTOR = ReceptorParams(10.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kinetics": {"histamine": KineticsParams(1.0, 1.0)}},
            r"`sources` must say what the neurons of histamine follow; .*having\(histamine=",
        ),
        ({"kinetics": {"dopamine": KineticsParams(-1.0, 1.0)}}, "at least 0 nM"),
        ({"kinetics": {}}, "Add its kinetics"),
        (
            {"receptors": {"dopamine": {"x": RECEPTOR}, "serotonin": {"x": RECEPTOR}}},
            "of their own",
        ),
        (
            {"interactions": (Interaction("dopamine", "histamine"),)},
            "`onto` of an interaction must be one of acetylcholine, dopamine, .*got 'histamine'",
        ),
        (
            {"interactions": (Interaction("dopamine", "serotonin", opponent=np.nan),)},
            "`opponent of dopamine on serotonin` must be finite",
        ),
        (
            {"interactions": (Interaction("dopamine", "serotonin", np.zeros(2)),)},
            r"`modulatory of dopamine on serotonin` must be one number; got shape \(2,\)",
        ),
        (
            {"interactions": (Interaction("dopamine", "dopamine", opponent=0.5),)},
            "must be 0: no system opposes itself; got 0.5",
        ),
    ],
)
def test_bad_systems_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        systems.check(tables.standard()._replace(**change))


@pytest.mark.parametrize(
    "drive", [{"surprise": 1.5}, {"expected_uncertainty": -1.0}, {"prediction_error": np.inf}]
)
def test_bad_drives_are_refused(drive):
    (name,) = drive
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        systems.check_drives(Drives(**drive))


def test_a_table_can_be_cut_to_what_a_network_has():
    table = tables.EFFECTS["l5_pyramidal"]
    whole = effects.on("a", table)
    assert [one.target for one in whole] == [f"a.{one.target}" for one in table]
    some = effects.on("a", table, among=["a.coupling", "b.adaptation"])
    assert [one.target for one in some] == ["a.coupling"]


def test_a_wired_system_acts_on_those_of_as_many_targets():
    standard = tables.standard()
    wired = standard.kinetics["serotonin"]._replace(tonic=np.full(3, 20.0))
    params = standard._replace(
        kinetics=standard.kinetics | {"serotonin": wired},
        interactions=(Interaction("dopamine", "serotonin", opponent=1.0),),
    )
    systems.check(params)
    opposed = params._replace(interactions=(Interaction("serotonin", "dopamine", opponent=1),))
    with pytest.raises(ValueError, match=r"`interactions` let serotonin, wired to 3 targets, act"):
        systems.check(opposed)


def _course(drives_of, dt, duration):
    """Return the states behind each step, under the drives of its start (ms)."""
    params = tables.standard()
    starts = jnp.arange(round(duration / dt)) * dt

    def step(state, start):
        state = systems.step(params, state, drives_of(start), dt=dt)
        return state, state

    return jax.jit(lambda: jax.lax.scan(step, systems.init(params), starts)[1])()


@pytest.mark.parametrize("surprise", [0.05, 0.2, 0.7, 1.0])
def test_a_graded_surprise_calls_for_the_same_burst_in_steps_of_any_size(surprise):
    def peak(dt):
        held = 0.99 if surprise < 1 else dt / 2  # ms; a surprise of 1 takes all in one step
        course = _course(lambda t: Drives(surprise=jnp.where(t < held, surprise, 0.0)), dt, 120.0)
        return float(course.concentration["noradrenaline"].max())

    peaks = [peak(dt) for dt in (0.1, 0.25, 0.5, 1.0)]
    assert np.ptp(peaks) < 0.02 * (peaks[0] - 30)


def test_an_event_in_one_step_is_taken_whole():
    state, _ = locus_coeruleus.step(LocusParams(), locus_coeruleus.init(), 1.0, dt=0.1)
    assert (float(state.burst), float(state.ahp)) == (20.0, 1.0)
    half, _ = locus_coeruleus.step(LocusParams(), locus_coeruleus.init(), 0.5, dt=1.0)
    np.testing.assert_allclose(half, (10.0, 0.5), rtol=1e-6)
    slope = jax.grad(
        lambda x: locus_coeruleus.step(LocusParams(), locus_coeruleus.init(), x, dt=1.0)[0].ahp
    )
    assert slope(0.3) == pytest.approx(1.0, rel=1e-5)
    assert jnp.isfinite(slope(1.0))


@pytest.mark.parametrize("dt", [7.0, 100.0, 300.0])
def test_a_large_step_keeps_the_lag_of_receptors(dt):
    steady = _course(lambda start: Drives(1.0, 0.0, 0.5, 0.5), 0.1, 2100.0)
    params, state = tables.standard(), systems.init(tables.standard())
    once = jax.jit(lambda s: systems.step(params, s, Drives(1.0, 0.0, 0.5, 0.5), dt=dt))
    for _ in range(round(2100 / dt)):
        state = once(state)
    for name, found in state.activation.items():
        np.testing.assert_allclose(found, steady.activation[name][-1], rtol=0.01, atol=1e-6)
    if dt == 300.0:
        early = once(systems.init(params)).activation["d1"]
        np.testing.assert_allclose(early, steady.activation["d1"][2999], rtol=0.01)


def test_gradients_pass_a_step_that_is_divided():
    params = tables.standard()

    def activation(error):
        state = systems.step(params, systems.init(params), Drives(error), dt=50.0)
        return state.activation["d1"]

    with jax.enable_x64():
        check_grads(activation, (0.7,), order=1, modes=["rev"])


@pytest.mark.parametrize("dt", [0.0, -1.0, np.inf, "1", None])
def test_a_step_that_takes_no_time(dt):
    params = tables.standard()
    with pytest.raises((ValueError, TypeError), match="`dt` must be "):
        systems.step(params, systems.init(params), Drives(), dt=dt)


@pytest.mark.parametrize("longest", [0.0, -1.0, np.nan, None])
def test_parts_of_a_step_that_take_no_time(longest):
    params = tables.standard()
    with pytest.raises((ValueError, TypeError), match="`longest` must be "):
        systems.step(params, systems.init(params), Drives(), dt=5.0, longest=longest)


def test_spikes_of_a_system_that_is_not_there():
    params = tables.standard()
    with pytest.raises(ValueError, match=r"`fired` must be of systems that are there, .*gaba"):
        systems.step(params, systems.init(params), Drives(), dt=1.0, fired={"gaba": 1.0})


def test_a_fifth_neuromodulator_is_one_record():
    cleared = KineticsParams(10.0, 400.0, 2.0)
    histamine = Neuromodulator(cleared, {"h1": ReceptorParams(50.0)}, Source("arousal"))
    inhibits = Interaction("histamine", "acetylcholine", opponent=0.5)
    params = tables.standard().having(histamine=histamine)._replace(interactions=(inhibits,))
    systems.check(params)
    drives = Drives(expected_uncertainty=1.0, other={"arousal": 0.25})
    active, _ = activities(params, systems.init(params), drives)
    assert float(active["histamine"]) == 0.5
    assert float(active["acetylcholine"]) == 1.0 - 0.5 * 0.5
    state = advance(params, drives, steps=3)
    expected = 10 + 5 * (1 - np.exp(-3 / 400))
    np.testing.assert_allclose(state.concentration["histamine"], expected, rtol=1e-6)
    bound = expected / (50 + expected) - 10 / 60
    np.testing.assert_allclose(state.activation["h1"], bound, rtol=1e-4)
    with pytest.raises(ValueError, match="`arousal` must be finite; got nan"):
        systems.check_drives(Drives(other={"arousal": np.nan}))


def test_another_receptor_of_a_system_is_a_record_of_the_same_name():
    own = tables.standard()
    record = Neuromodulator(
        own.kinetics["dopamine"], {"d9": ReceptorParams(5.0)}, own.sources["dopamine"]
    )
    assert systems.owners(own.having(dopamine=record))["d9"] == "dopamine"
    assert "d1" not in systems.owners(own.having(dopamine=record))
