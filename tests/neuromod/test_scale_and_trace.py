"""Transformations under neuromodulators, against the same arithmetic by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import optim
from neurogain.neuromod import amounts
from neurogain.neuromod.transforms import scale_by_amount, trace_by_amount

PARAMS = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}
READINGS = {"uncertainty": (0.1, 1.0, 0.2, 0.1), "reward": (0.0, 1.0, -1.0, 0.5)}


def gradients(seed):
    keys = jax.random.split(jax.random.key(seed), 2)
    return {
        "w": jax.random.normal(keys[0], (3, 2)),
        "b": jax.random.normal(keys[1], (2,)),
    }


def updates_of(tx, reads):
    """Return the updates of some steps."""
    state, found = tx.init(PARAMS), []
    update = jax.jit(lambda g, s, x: tx.update(g, s, PARAMS, **{reads: x}))
    for seed, reading in enumerate(READINGS[reads]):
        updates, state = update(gradients(seed), state, reading)
        found.append(updates)
    return found


def amounts_of(source):
    state, found = source.init(), []
    for reading in READINGS[source.reads]:
        amount, state = source.update(state, reading)
        found.append(float(amount))
    return found


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("make", [amounts.acetylcholine, amounts.dopamine])
def test_updates_are_scaled_by_the_amount(make, signed):
    source = make()
    tx = optax.chain(scale_by_amount(source, signed=signed), optax.sgd(0.1))
    for seed, (found, amount) in enumerate(
        zip(updates_of(tx, source.reads), amounts_of(source), strict=True)
    ):
        factor = amount if signed else np.exp(amount)
        for name, g in gradients(seed).items():
            np.testing.assert_allclose(found[name], -0.1 * factor * g, rtol=1e-5, atol=1e-7)


def test_the_trace_is_kept_by_odds():
    source = amounts.serotonin(5.0)
    trace = {name: np.zeros(x.shape) for name, x in PARAMS.items()}
    found = updates_of(trace_by_amount(0.9, source), "reward")
    decays = []
    for seed, (now, amount) in enumerate(zip(found, amounts_of(source), strict=True)):
        odds = 9 * np.exp(amount)
        decays.append(odds / (1 + odds))
        for name, g in gradients(seed).items():
            trace[name] = decays[-1] * trace[name] + np.asarray(g)
            np.testing.assert_allclose(now[name], trace[name], rtol=1e-5)
    assert max(decays) > 0.92


def test_at_tonic_levels_it_is_the_trace_of_optax_bit_for_bit():
    own, plain = trace_by_amount(0.9, amounts.serotonin()), optax.trace(0.9)
    states = own.init(PARAMS), plain.init(PARAMS)
    for seed in range(3):
        g = gradients(seed)
        mine, first = own.update(g, states[0], PARAMS, reward=1.0)
        theirs, second = plain.update(g, states[1], PARAMS)
        states = first, second
        jax.tree.map(np.testing.assert_array_equal, mine, theirs)


def test_at_tonic_levels_nothing_is_scaled():
    tx = scale_by_amount(amounts.acetylcholine())
    g = gradients(0)
    found, _ = tx.update(g, tx.init(PARAMS), PARAMS, uncertainty=0.0)
    jax.tree.map(np.testing.assert_array_equal, found, g)


def test_a_policy_gradient_by_dopamine_learns_which_arm_pays():
    tx = optax.chain(scale_by_amount(amounts.dopamine(average=0.95), signed=True), optax.sgd(0.2))

    def pull(carry, key):
        logits, state = carry
        action = jax.random.categorical(key, logits)
        grads = jax.grad(lambda z: -jax.nn.log_softmax(z)[action])(logits)
        updates, state = tx.update(grads, state, logits, reward=(action == 2) * 2.0 - 1)
        return (optax.apply_updates(logits, updates), state), None

    logits = jnp.zeros(4)

    @jax.jit
    @jax.vmap
    def run(key):
        return jax.lax.scan(pull, (logits, tx.init(logits)), jax.random.split(key, 400))[0][0]

    shares = jax.nn.softmax(run(jax.random.split(jax.random.key(0), 10)))[:, 2]
    assert np.min(shares) > 0.8


def test_all_four_in_one_chain_with_places_for_shardings():
    def chain():
        return optax.chain(
            scale_by_amount(amounts.dopamine(), signed=True),
            trace_by_amount(0.5, amounts.serotonin()),
            scale_by_amount(amounts.acetylcholine()),
            optim.with_gain_source(optax.sgd(0.1), amounts.gain_of(amounts.noradrenaline())),
        )

    tx = chain()
    update = jax.jit(lambda g, s: tx.update(g, s, PARAMS, uncertainty=0.5, reward=1.0))
    state = tx.init(PARAMS)
    for seed in range(3):
        updates, state = update(gradients(seed), state)
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(updates))
    places = optax.tree_utils.tree_map_params(
        tx, lambda _, where: where, state, {"w": "of w", "b": "of b"},
        transform_non_params=lambda _: "other",
    )  # fmt: skip
    assert places[1].trace == {"w": "of w", "b": "of b"}


def test_readings_are_averaged():
    tx = scale_by_amount(amounts.acetylcholine())
    many, _ = tx.update(PARAMS, tx.init(PARAMS), uncertainty=jnp.array([0.0, 1.0]))
    one, _ = tx.update(PARAMS, tx.init(PARAMS), uncertainty=0.5)
    jax.tree.map(np.testing.assert_array_equal, many, one)


TRACE, SCALE = trace_by_amount(0.9, amounts.serotonin()), scale_by_amount(amounts.acetylcholine())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SCALE.update(PARAMS, SCALE.init(PARAMS)), "did not receive `uncertainty`. Write"),
        (lambda: TRACE.update(PARAMS, TRACE.init(PARAMS), uncertainty=1.0), "receive `reward`"),
        (lambda: read(SCALE, uncertainty=-0.5), "`uncertainty` must be finite and >= 0; got -0.5"),
        (lambda: read(SCALE, uncertainty=np.zeros(0)), "`uncertainty` must hold at least one val"),
        (lambda: read(TRACE, reward=np.nan), "`reward` must be finite; got nan"),
        (lambda: read(TRACE, reward="much"), "`reward` must be a real number or an array"),
        (lambda: read(TRACE, reward={"a": 1.0}), "`reward` must be a number or an array; got {"),
        (lambda: trace_by_amount(1.0, amounts.serotonin()), r"`decay` must be in \(0, 1\)"),
        (lambda: trace_by_amount(0.9, 3), "`amounts` must be an AmountSource; got 3"),
        (lambda: scale_by_amount(amounts.dopamine), "`amounts` must be an AmountSource; got <f"),
        (lambda: scale_by_amount(amounts.dopamine(), signed=1), "`signed` must be True or False"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def read(tx, **given):
    return tx.update(PARAMS, tx.init(PARAMS), PARAMS, **given)
