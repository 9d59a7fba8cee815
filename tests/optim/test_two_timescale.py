"""The preset is its parts, in the right order."""

import jax
import numpy as np
import optax
import pytest

from neurogain.optim import (
    consolidate,
    get_acting,
    get_gain,
    ngm_adam,
    two_timescale,
)

NOT_BIAS = {"bias": False, "hidden": True, "out": True}
NAN, INF = float("nan"), float("inf")


def _equal(actual, expected):
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.mark.parametrize("value", [0.0, -1.0, NAN, INF])
def test_a_norm_outside_its_range(value):
    with pytest.raises(ValueError, match=rf"`max_norm` must be finite and > 0; got {value}"):
        two_timescale(max_norm=value)


def test_the_preset_is_its_parts(params, train):
    mask = {"bias": False, "hidden": False, "out": True}
    parts = consolidate(
        optax.chain(
            optax.clip_by_global_norm(0.2),
            ngm_adam(0.01, b1=0.8, b2=0.99, eps=1e-6, decay=0.8, baseline=1.5, mask=mask),
        ),
        decay=0.9,
        baseline=1.5,
        follow_gain=True,
    )
    preset = two_timescale(
        0.01,
        max_norm=0.2,
        consolidation=0.9,
        follow_gain=True,
        b1=0.8,
        b2=0.99,
        eps=1e-6,
        decay=0.8,
        baseline=1.5,
        mask=mask,
    )
    _equal(train(preset, params), train(parts, params))


def test_the_preset_passes_every_option_on(params, grads):
    options = {"per": "unit", "unit_axis": 0, "initial_gain": 2.0, "on_missing": "hold"}
    tx = two_timescale(mask=NOT_BIAS, keep_weights=True, **options)
    _, state = tx.update(grads, tx.init(params), params)
    assert [x.shape for x in jax.tree.leaves(get_gain(state))] == [(3, 1), (4, 1)]
    assert len(jax.tree.leaves(optax.tree.get(state, "weights"))) == 2


def test_the_clip_is_in_front_of_the_gain(params, grads, train):
    """With a gain of 3 on one layer, the others step as without it."""
    mask = {"bias": False, "hidden": False, "out": True}
    state, plain = (two_timescale(mask=mask, initial_gain=g, b1=0.5, b2=0.5) for g in (3.0, 1.0))
    held = train(state, params)[0], train(plain, params)[0]
    for k in ("bias", "hidden"):
        _equal(held[0][-1][k], held[1][-1][k])
    assert np.any(held[0][-1]["out"] != held[1][-1]["out"])


def test_optax_tree_map_params_reaches_the_slow_weights(params, grads):
    tx = optax.chain(two_timescale())
    _, state = tx.update(grads, tx.init(params), params, uncertainty=0.5)
    doubled = optax.tree_map_params(tx, lambda x: 2 * x, state)
    assert float(get_gain(doubled)) == float(get_gain(state))
    slow, old = (get_acting(s, params) for s in (doubled, state))
    _equal(slow, jax.tree.map(lambda x: 2 * x, old))
