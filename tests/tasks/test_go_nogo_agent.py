"""The agent: eligibility, prediction, conditions side by side."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.neuromod import Effect
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Population,
    Projection,
    SpikeListSource,
    TimeSeries,
    build,
    simulate,
    spike_list,
)
from neurogain.spiking.cells import PV
from neurogain.spiking.connectivity import AllToAll
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Spikes
from neurogain.tasks import go_nogo
from neurogain.tasks.go_nogo import (
    CONDITIONS,
    Agent,
    Layout,
    Task,
    cells,
    learning,
    parameters,
    prediction,
)
from neurogain.tasks.go_nogo.cells import KINDS, Times

LAYOUT = Layout((4, 4, 4), (2, 2, 4))
SMALL = Agent(Task(trials=8, inputs=10, active=6), "lif", LAYOUT, cue=60, counted=10, naive=1)


def pairwise(pre, post, tau, tau_c, depression):
    """Sum over all pairs of spikes; those in one step change nothing."""
    rule = ThreeFactor(PairSTDP(tau_plus=tau, tau_minus=tau, lambda_=1.0, alpha=depression))
    total = np.zeros((pre.shape[1], post.shape[1]))
    end = len(pre) - 1
    for i, j in np.ndindex(total.shape):
        for t in np.flatnonzero(pre[:, i]):
            for s in np.flatnonzero(post[:, j]):
                last = np.exp(-(end - max(t, s)) / tau_c)
                if s > t:
                    total[i, j] += last * np.exp(-(s - t) / rule.stdp.tau_plus)
                elif t > s:
                    total[i, j] -= last * rule.stdp.alpha * np.exp(-(t - s) / rule.stdp.tau_minus)
    return total


def test_eligibility_is_the_sum_over_all_pairs_of_spikes():
    agent, params = SMALL, parameters(CONDITIONS["da"], 1.0)
    rng = np.random.default_rng(0)
    inputs = jnp.asarray(rng.random((60, 20)) < 0.1, jnp.float32)

    @jax.jit
    def learned():
        did = cells.run(
            agent.cells, LAYOUT, inputs, jnp.full((20, LAYOUT.size), 60.0), jnp.zeros((60, 3)),
            Times(5.0, 20.0, 20.0),
            strength=jnp.float32(0), gain=jnp.float32(0), key=jax.random.key(0),
        )  # fmt: skip
        return did, learning.eligibility(
            inputs, did.spikes, did.pre_trace, did.post_trace,
            tau_c=params.tau_c, depression=0.5, dt=1.0,
        )  # fmt: skip

    did, found = learned()
    assert did.spikes.sum() > 20
    expected = pairwise(np.asarray(inputs), np.asarray(did.spikes), 20.0, 500.0, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_eligibility_is_that_of_a_network_step_by_step():
    """A pulse of the modulator behind the trial adds the eligibility to the weights."""
    steps, n_pre, n_post, small = 60, 6, 4, 1e-3
    rng = np.random.default_rng(1)
    pre, post = (rng.random((steps, n)) < 0.1 for n in (n_pre, n_post))
    pre[:2] = False  # a spike arrives 1 ms after it
    when, which = np.nonzero(pre)
    silent = PV._replace(C=40.0, b=0.0, d=0.0)
    populations = {
        "inputs": Population(SpikeListSource(), spike_list(when, which, n=n_pre, dt=1.0), n_pre),
        "cells": Population(IzhikevichCell(), silent, n_post),
    }
    rule = ThreeFactor(
        PairSTDP(tau_plus=20.0, tau_minus=20.0, lambda_=small, alpha=0.5, Wmax=1.0), tau_c=500.0
    )
    onto = Projection(
        "inputs", "cells", AllToAll(), weight=0.5, receptor="gaba_a", delay=1.0, plasticity=rule
    )
    network, params = build(populations, {"onto": onto}, dt=1.0, key=jax.random.key(0))
    kicks = np.where(np.concatenate([post, np.zeros((1, n_post))]), 4e4, 0.0)  # pA
    pulse = np.append(np.zeros(steps), 1.0)  # 1/ms
    run = simulate(
        network, params, {"cells": Drive(TimeSeries(kicks)), "onto": TimeSeries(pulse)},
        duration=steps + 1.0, dt=1.0, record={"spikes": Spikes()},
    )  # fmt: skip
    assert (run.recorded["spikes"].cell >= n_pre).sum() == post.sum()  # kicked cells alone
    last = network.synapses(params, "onto", run.state)
    added = np.zeros((n_pre, n_post))
    added[last.pre, last.post] = last.weight - 0.5

    pre_trace, post_trace = np.zeros((steps, n_pre)), np.zeros((steps, n_post))
    for t in range(1, steps):
        pre_trace[t] = np.exp(-1 / 20) * (pre_trace[t - 1] + pre[t - 1])
        post_trace[t] = np.exp(-1 / 20) * (post_trace[t - 1] + post[t - 1])
    trains = [jnp.asarray(x, jnp.float32) for x in (pre, post, pre_trace, post_trace)]
    found = learning.eligibility(*trains, tau_c=500.0, depression=0.5, dt=1.0)
    expected = np.exp(-1 / 500) * found  # the pulse comes one step behind the trial
    assert np.abs(added).max() > small
    np.testing.assert_allclose(added, small * expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_cell_fires_with_its_input_and_with_gain(kind):
    rng = np.random.default_rng(0)
    inputs = jnp.asarray(rng.random((200, 20)) < 0.05, jnp.float32)

    @jax.jit
    def spikes(weight, gain):
        return cells.run(
            KINDS[kind], LAYOUT, inputs, jnp.full((20, LAYOUT.size), weight), jnp.zeros((200, 3)),
            Times(5.0, 20.0, 20.0), strength=jnp.float32(0), gain=gain, key=jax.random.key(0),
        ).spikes  # fmt: skip

    n = sum(LAYOUT.excitatory)
    silent, plain, raised = (spikes(*x) for x in ((0.0, 0.0), (55.0, 0.0), (55.0, 1.0)))
    assert silent.sum() == 0
    assert 0 < plain[:, :n].sum() < raised[:, :n].sum()


def test_the_net_rate_is_excitation_less_inhibition():
    net = LAYOUT.net
    assert net.shape == (3, 20)
    np.testing.assert_allclose(net.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(net).sum(axis=1), 2)
    assert ((net != 0).sum(axis=0) == 1).all()


def predict(rewards, **changes):
    params = prediction.PredictionParams(settled=0, **changes)
    state, found = prediction.init(), []
    step = jax.jit(functools.partial(prediction.step, params))
    for number, reward in enumerate(rewards):
        state, one = step(state, jnp.int32(0), jnp.int32(1), jnp.float32(reward), number)
        found.append(float(one.trigger))
    return state, found


def test_a_change_of_contingency_is_surprising_and_its_absence_is_not():
    steady = [1.0] * 150
    _, quiet = predict(steady)
    _, changed = predict([*steady, *([-1.0] * 10)])
    assert sum(quiet) == 0
    assert sum(changed) >= 1
    assert changed.index(1.0) >= 150


def test_outcomes_that_tell_nothing_change_nothing():
    state, found = predict([0.0] * 5)
    np.testing.assert_array_equal(state.positive, prediction.init().positive)
    assert state.surprise == 0
    assert sum(found) == 0


def outcomes(name, given=None, validity=1.0, agent=SMALL, seed=0):
    numbers = jax.tree.map(jnp.float32, parameters(CONDITIONS[name], validity))
    given = jnp.zeros(agent.task.total) if given is None else given
    return _run(agent, numbers, given, jax.random.key(seed))


_run = jax.jit(go_nogo.run, static_argnums=0)


def same(one, other):
    return all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def test_conditions_share_one_program_and_differ_by_numbers():
    _run.clear_cache()
    runs = {name: outcomes(name) for name in CONDITIONS}
    assert _run._cache_size() == 1
    assert same(runs["da"][1], runs["no-prediction"][1])  # noradrenaline stays tonic
    assert not same(runs["da"][0].weight, runs["da+forgetting"][0].weight)
    assert same(
        runs["no-da"][0].weight,
        go_nogo.agent.initial(
            SMALL, parameters(CONDITIONS["da"], 1.0), jax.random.split(jax.random.key(0), 5)[2]
        ),
    )


@pytest.mark.parametrize("action", ["gain", "bursts", "plasticity", "reset"])
def test_each_action_of_noradrenaline_can_be_switched_alone(action):
    given = jnp.zeros(SMALL.task.total).at[2].set(1)
    without, alone = outcomes("no-prediction"), outcomes(f"na-{action}", given)
    assert (alone[1].noradrenaline[3:] > without[1].noradrenaline[3:]).all()
    assert not same(without[0].weight, alone[0].weight)
    np.testing.assert_array_equal(without[1].net_hz[:3], alone[1].net_hz[:3])


def test_tonic_noradrenaline_leaves_the_agent_as_it_is():
    """Strengths don't matter, bit for bit, while no burst is called for."""
    assert same(outcomes("da")[0].weight, outcomes("no-prediction")[0].weight)


def test_vmap_over_seeds_is_a_loop_over_them():
    numbers = jax.tree.map(jnp.float32, parameters(CONDITIONS["da+na"], 0.85))
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    given = jnp.zeros(SMALL.task.total)
    batch = jax.vmap(lambda key: _run(SMALL, numbers, given, key)[1])(keys)
    for i in range(3):
        one = _run(SMALL, numbers, given, jax.random.key(i))[1]
        np.testing.assert_array_equal(batch.action[i], one.action)
        np.testing.assert_allclose(batch.net_hz[i], one.net_hz, rtol=1e-4, atol=1e-3)


def test_watching_changes_nothing():
    numbers = jax.tree.map(jnp.float32, parameters(CONDITIONS["da+na"], 1.0))
    given = jnp.zeros(SMALL.task.total)
    watch = jax.jit(functools.partial(go_nogo.agent.watch, SMALL, at=(0, 5)))
    watched = watch(numbers, given, jax.random.key(0))
    whole = outcomes("da+na")[1]
    for i, number in enumerate((0, 5)):
        rate = 1000 * watched.spikes[i, SMALL.counted :].mean(axis=0)
        np.testing.assert_allclose(LAYOUT.net @ rate, whole.net_hz[number], rtol=1e-4, atol=1e-3)


def test_serotonin_opposes_dopamine_under_punishment_alone():
    plain, opposed = outcomes("da")[1], outcomes("da+5ht")[1]
    punished = np.asarray(plain.reward) < 0
    first = int(np.argmax(punished))
    assert punished.any()
    np.testing.assert_array_equal(plain.dopamine[:first], opposed.dopamine[:first])
    assert opposed.dopamine[first] < plain.dopamine[first]


def test_agents_of_every_kind_of_cell_have_the_same_results():
    numbers = jax.tree.map(jnp.float32, parameters(CONDITIONS["da+na"], 1.0))
    arguments = numbers, jnp.zeros(SMALL.task.total), jax.random.key(0)
    of_lif, *others = (
        jax.eval_shape(
            functools.partial(go_nogo.run, dataclasses.replace(SMALL, kind=kind)), *arguments
        )
        for kind in KINDS
    )
    assert others == [of_lif] * 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["izhikevich", "pyramidal"])
def test_other_cells_run(kind):
    agent = dataclasses.replace(SMALL, kind=kind)
    state, found, _ = outcomes("da+na", agent=agent)
    assert np.isfinite(state.weight).all()
    assert found.net_hz.std() > 0


GOOD = parameters(CONDITIONS["da+na"], 1.0)


def with_kinetics(**change):
    kinetics = dict(GOOD.neuromod.kinetics)
    kinetics["dopamine"] = kinetics["dopamine"]._replace(**change)
    return GOOD._replace(neuromod=GOOD.neuromod._replace(kinetics=kinetics))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (GOOD._replace(actor_rate=-1.0), "`actor_rate` must be finite and at least 0; got -1.0"),
        (GOOD._replace(validity=1.2), "`validity` must be in .0, 1.; got 1.2"),
        (GOOD._replace(active_hz=1001.0), r"`active_hz` must be in \[0, 1000\] Hz.*; got 1001.0"),
        (GOOD._replace(tau_c=0.0), "`tau_c` must be positive and finite; got 0.0"),
        (GOOD._replace(w_low=70.0), "`w_low`, `w_high` and `w_max` must not fall"),
        (with_kinetics(tonic=-30.0), "tonic.* of dopamine.* got -30.0"),
        (
            GOOD._replace(effects=(Effect("beta", "rest", 1.0),)),
            "`target` of an effect on an agent must be gain, .*; got 'rest'",
        ),
        (
            GOOD._replace(effects=(Effect("gamma", "reset", 1.0),)),
            "`receptor` of the effect on reset must be one of .*; got 'gamma'",
        ),
    ],
)
def test_bad_numbers_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        go_nogo.check(SMALL, params, np.zeros(SMALL.task.total))


def test_bad_bursts_are_refused():
    go_nogo.check(SMALL, GOOD, np.zeros((3, SMALL.task.total)))
    with pytest.raises(ValueError, match=r"`given` must have one value for each of 16 trials"):
        go_nogo.check(SMALL, GOOD, np.zeros(3))
    with pytest.raises(ValueError, match=r"`given` must be in \[0, 1\]; got 2.0"):
        go_nogo.check(SMALL, GOOD, np.full(SMALL.task.total, 2.0))
