"""Orbax saves and restores the states of the optimizers, which then go on as if nothing was."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from neurogain.optim import get_acting, get_gain, has_acting, modulate_by_gain, two_timescale

MASK = {"bias": False, "hidden": True, "out": True}
CASES = {
    "global": (modulate_by_gain(optax.adam(0.1)), jnp.float32),
    "units": (modulate_by_gain(optax.adam(0.1), per="unit", mask=MASK), jnp.float32),
    "schedule": (
        modulate_by_gain(optax.adam(0.1), decay=lambda count: 0.9 - 0.01 * count),
        jnp.bfloat16,
    ),
    "slow": (
        two_timescale(consolidation=lambda count: 0.5 + 0.1 * count, follow_gain=True),
        jnp.float32,
    ),
    "slow, narrow": (
        two_timescale(consolidation=lambda count: 0.5 + 0.1 * count, follow_gain=True),
        jnp.bfloat16,
    ),
}
CHAINS = {name: optax.chain(optax.clip(1.0), tx) for name, (tx, _) in CASES.items()}


def _tree(name, seed):
    rng, dtype = np.random.default_rng(seed), CASES[name][1]
    shapes = {"bias": (4,), "hidden": (3, 4), "out": (4, 2)}
    return {k: jnp.asarray(rng.normal(size=shape), dtype) for k, shape in shapes.items()}


def _update(name, state, drive):
    return CHAINS[name].update(_tree(name, 1), state, _tree(name, 0), uncertainty=drive)


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """Return each case's state after an update, and what Orbax restores of it; saved as one."""
    saved = {name: _update(name, tx.init(_tree(name, 0)), 0.5)[1] for name, tx in CHAINS.items()}
    blank = {name: tx.init(_tree(name, 0)) for name, tx in CHAINS.items()}
    path = tmp_path_factory.mktemp("orbax") / "states"
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, saved)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(path, blank)
    return saved, restored


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_orbax_restores_the_state_and_training_goes_on(name, states):
    saved, restored = (tree[name] for tree in states)
    assert jax.tree.structure(restored) == jax.tree.structure(saved)
    jax.tree.map(np.testing.assert_array_equal, restored, saved)
    np.testing.assert_allclose(jax.tree.leaves(get_gain(restored))[0].ravel()[0], 1.2, rtol=1e-6)
    ours, theirs = (_update(name, state, 0.7) for state in (restored, saved))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    if has_acting(saved):
        acting = (get_acting(state, _tree(name, 0)) for state in (restored, saved))
        jax.tree.map(np.testing.assert_array_equal, *acting)


@pytest.mark.parametrize("name", CASES)
def test_a_state_that_was_restored_without_its_classes_is_refused(name, tmp_path):
    """Orbax gives dicts then, and forgets which leaves are masked."""
    state, params = CHAINS[name].init(_tree(name, 0)), _tree(name, 0)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
        checkpointer.wait_until_finished()
        plain = checkpointer.restore(tmp_path / "state")
    for read in (get_gain, lambda state: get_acting(state, params)):
        with pytest.raises(TypeError, match=r"got a dict of the fields of .*Restore it into the"):
            read(plain)
