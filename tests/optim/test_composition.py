"""One battery for every way in which optax nests a transformation."""

from collections.abc import Callable
from dataclasses import dataclass

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    ModulateByGainState,
    audit,
    consolidate,
    find_gains,
    get_acting,
    get_fast_slow,
    get_gain,
    get_weights,
    has_acting,
    modulate_by_gain,
    multi_steps,
    ngm_sgd,
    two_timescale,
)

DRIVES = (0.5, 1.25, 0.75, 1.0)
NOT_BIAS = {"bias": False, "hidden": True, "out": True}


def _sgd(**options):
    return modulate_by_gain(optax.sgd(0.05), **options)


def _adam():
    return modulate_by_gain(optax.adam(0.05))


def _slow():
    return consolidate(_adam(), decay=0.8)


@dataclass(frozen=True)
class Case:
    build: Callable[[], optax.GradientTransformation]
    drives: Callable[[tuple[float, ...]], tuple[float, ...]] = lambda u: u  # that reach the gain
    modulated: frozenset[str] = frozenset(NOT_BIAS)
    copies: bool = True  # whether optax's own state is free of the parameters' buffers
    flat: bool = False  # whether the state knows the parameters as one vector
    averaged: frozenset[str] = frozenset()  # the leaves that slow weights follow
    followed: tuple[int, int] = (0, 1)  # the first of the updates that they see, and every which


CASES = {
    "bare": Case(_sgd),
    "chain": Case(lambda: optax.chain(optax.clip_by_global_norm(1.0), _adam())),
    "chain, then scale": Case(lambda: optax.chain(optax.clip(1.0), _sgd(), optax.scale(0.5))),
    "named_chain": Case(lambda: optax.named_chain(("clip", optax.clip(1.0)), ("ngm", _adam()))),
    "masked": Case(lambda: optax.masked(_adam(), NOT_BIAS), modulated=frozenset({"hidden", "out"})),
    "own mask": Case(lambda: _sgd(mask=NOT_BIAS), modulated=frozenset({"hidden", "out"})),
    "partition": Case(
        lambda: optax.partition(
            {"gain": _adam(), "plain": optax.sgd(0.1)},
            {"bias": "plain", "hidden": "gain", "out": "gain"},
        ),
        modulated=frozenset({"hidden", "out"}),
    ),
    "selective_transform": Case(
        lambda: optax.selective_transform(
            _adam(), freeze_mask={"bias": True, "hidden": False, "out": False}
        ),
        modulated=frozenset({"hidden", "out"}),
    ),
    "inject_hyperparams": Case(lambda: optax.inject_hyperparams(ngm_sgd)(learning_rate=0.05)),
    "apply_if_finite": Case(lambda: optax.apply_if_finite(_adam(), 3)),
    "conditionally_transform": Case(
        lambda: optax.conditionally_transform(_sgd(), lambda step: step % 2 == 0),
        drives=lambda u: u[::2],
    ),
    "flatten": Case(lambda: optax.flatten(_adam()), flat=True),
    "schedule_free": Case(
        lambda: optax.contrib.schedule_free(_sgd(), learning_rate=0.05), copies=False
    ),
    "mechanize": Case(lambda: optax.contrib.mechanize(_sgd()), copies=False),
    "prodigy after": Case(lambda: optax.chain(_sgd(), optax.contrib.prodigy(0.1)), copies=False),
    "muon after": Case(lambda: optax.chain(_sgd(), optax.contrib.muon(0.1))),
    "MultiSteps": Case(lambda: optax.MultiSteps(_sgd(), 2), drives=lambda u: u[1::2]),
    "multi_steps in a chain": Case(
        lambda: optax.chain(optax.clip(1.0), multi_steps(_sgd(), 2)),
        drives=lambda u: tuple(np.reshape(u, (-1, 2)).mean(1)),
    ),
    "consolidate": Case(_slow, averaged=frozenset(NOT_BIAS)),
    "consolidate in a chain": Case(
        lambda: optax.chain(optax.clip(1.0), _slow()), averaged=frozenset(NOT_BIAS)
    ),
    "consolidate in masked": Case(
        lambda: optax.masked(_slow(), NOT_BIAS),
        modulated=frozenset({"hidden", "out"}),
        averaged=frozenset({"hidden", "out"}),
    ),
    "consolidate in partition": Case(
        lambda: optax.partition(
            {"slow": _slow(), "plain": consolidate(optax.sgd(0.1), decay=0.8)},
            {"bias": "plain", "hidden": "slow", "out": "slow"},
        ),
        modulated=frozenset({"hidden", "out"}),
        averaged=frozenset(NOT_BIAS),
    ),
    "consolidate in inject_hyperparams": Case(
        lambda: optax.inject_hyperparams(two_timescale)(consolidation=0.8),
        averaged=frozenset(NOT_BIAS),
    ),
    "consolidate in apply_if_finite": Case(
        lambda: optax.apply_if_finite(_slow(), 3), averaged=frozenset(NOT_BIAS)
    ),
    "consolidate in conditionally_transform": Case(
        lambda: optax.conditionally_transform(_slow(), lambda step: step % 2 == 0),
        drives=lambda u: u[::2],
        averaged=frozenset(NOT_BIAS),
        followed=(0, 2),
    ),
    "consolidate in flatten": Case(
        lambda: optax.flatten(_slow()), flat=True, averaged=frozenset(NOT_BIAS)
    ),
    "consolidate in MultiSteps": Case(
        lambda: optax.MultiSteps(_slow(), 2),
        drives=lambda u: u[1::2],
        averaged=frozenset(NOT_BIAS),
        followed=(1, 2),
    ),
    "consolidate in multi_steps": Case(
        lambda: multi_steps(_slow(), 2),
        drives=lambda u: tuple(np.reshape(u, (-1, 2)).mean(1)),
        averaged=frozenset(NOT_BIAS),
        followed=(1, 2),
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def _nodes(state):
    leaves = jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, ModulateByGainState))
    return [x for x in leaves if isinstance(x, ModulateByGainState)]


def _steps(tx, params, wrap):
    """Yield (params, state) at the start and after every drive."""

    def step(params, state, grads, drive):
        updates, state = tx.update(grads, state, params, uncertainty=drive)
        return optax.apply_updates(params, updates), state

    step, state = wrap(step), tx.init(params)
    yield params, state
    for t, drive in enumerate(DRIVES):
        rng = np.random.default_rng(t)
        grads = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), params)  # noqa: B023
        params, state = step(params, state, grads, jnp.asarray(drive))
        yield params, state


_COMPILED: dict[Case, list] = {}


@pytest.fixture
def compiled(case, params):
    """Return (params, state) at the start and after every drive; the step was traced once."""

    def traced_once(step):
        return jax.jit(chex.assert_max_traces(step, n=1))

    if case not in _COMPILED:
        chex.clear_trace_counter()  # it knows functions by name, across cases
        _COMPILED[case] = list(_steps(case.build(), params, traced_once))
    return _COMPILED[case]


def test_gain_follows_its_equation_and_the_step_compiles_once(case, compiled, oracle):
    params, state = compiled[-1]
    expected = oracle.gain_after(case.drives(DRIVES))
    assert expected > 1.2
    np.testing.assert_allclose(get_gain(state), expected, rtol=1e-6)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(params))


def test_jit_equals_eager_and_types_stay(case, params, compiled):
    eager = list(_steps(case.build(), params, lambda step: step))
    for (p, s), (p_jit, s_jit) in zip(eager, compiled, strict=True):
        chex.assert_trees_all_equal_structs((p, s), (p_jit, s_jit), eager[0])
        chex.assert_trees_all_equal_shapes_and_dtypes((p, s), (p_jit, s_jit), eager[0])
        for a, b in zip(jax.tree.leaves((p, s)), jax.tree.leaves((p_jit, s_jit)), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)
    assert any(np.any(p[k] != params[k]) for k in params)


def test_state_shares_no_buffer_with_the_parameters(case, params):
    state = case.build().init(params)
    owned = state if case.copies else _nodes(state)
    assert jax.tree.leaves(owned)
    pointers = {x.unsafe_buffer_pointer() for x in jax.tree.leaves(params)}
    pointers_owned = [x.unsafe_buffer_pointer() for x in jax.tree.leaves(owned)]
    assert not pointers & set(pointers_owned)
    assert len(pointers_owned) == len(set(pointers_owned))


def test_helpers_find_the_node(case, compiled, oracle, assert_close):
    params, state = compiled[-1]
    (path,) = find_gains(state)
    assert (path == "") == isinstance(state, ModulateByGainState)
    if case.flat:
        params = jnp.concatenate([x.ravel() for x in jax.tree.leaves(params)])
        gains = oracle.gain_after(case.drives(DRIVES))
    else:
        g = oracle.gain_after(case.drives(DRIVES))
        gains = {k: g if k in case.modulated else 1.0 for k in params}
        gains = {k: jnp.full(params[k].shape, gains[k]) for k in params}
    weights = get_weights(state, params)
    assert_close(weights, jax.tree.map(lambda p, g: p / g, params, gains), rtol=1e-5, atol=1e-7)
    split = get_fast_slow(state, params)
    assert_close(jax.tree.map(jnp.add, *split), params, rtol=1e-5, atol=1e-6)
    assert_close(
        split.fast, jax.tree.map(lambda p, g: p * (g - 1) / g, params, gains), rtol=1e-5, atol=1e-6
    )


def test_slow_weights_act_where_there_are_some(case, compiled, oracle, assert_close):
    (start, first), *after = compiled
    history, state = [p for p, _ in after], after[-1][1]
    assert has_acting(state) == bool(case.averaged) or case.build is CASES["schedule_free"].build
    if case.build is CASES["schedule_free"].build:
        expected = optax.contrib.schedule_free_eval_params(state, history[-1])
    else:
        expected, (first_seen, every) = dict(history[-1]), case.followed
        seen = history[first_seen::every]
        for k in case.averaged:
            expected[k] = oracle.average([p[k] for p in seen], 0.8)

    def flat(tree):
        return jnp.concatenate([x.ravel() for x in jax.tree.leaves(tree)]) if case.flat else tree

    acting = jax.jit(get_acting)(state, flat(history[-1]))
    assert_close(acting, flat(expected), rtol=2e-5, atol=1e-6)
    chex.assert_trees_all_equal_shapes_and_dtypes(acting, flat(history[-1]))
    assert_close(get_acting(first, flat(start)), flat(start), rtol=1e-6)


def test_audit_reports_that_the_drive_arrives(case, params):
    (report,) = audit(case.build(), params, uncertainty=0.5)
    assert report.received
    assert report.leaves == (1 if case.flat else len(case.modulated))
    assert report.path == next(iter(find_gains(case.build().init(params))))


def test_a_misspelt_keyword_raises(case, params, grads):
    tx = case.build()
    with pytest.raises(TypeError, match="did not receive `uncertainty`"):
        tx.update(grads, tx.init(params), params, uncertainy=0.5)
