"""Wrappers that cannot carry the drive fail loudly, when they are traced."""

import jax
import optax
import pytest

from neurogain.optim import audit, modulate_by_gain


def _sgd():
    return modulate_by_gain(optax.sgd(0.1))


def _accumulated():
    return optax.MultiSteps(_sgd(), 2).gradient_transformation()


DROPS = {
    "MultiSteps in a chain": lambda: optax.chain(optax.clip(1.0), _accumulated()),
    "MultiSteps as a transformation": lambda: optax.with_extra_args_support(_accumulated()),
    "MultiSteps in masked": lambda: optax.masked(_accumulated(), True),
}


@pytest.mark.parametrize("name", DROPS)
def test_a_wrapper_that_drops_the_drive_raises_at_trace_time(name, params, grads):
    tx = DROPS[name]()
    state = tx.init(params)
    with pytest.raises(TypeError, match="did not receive `uncertainty`"):
        jax.eval_shape(lambda: tx.update(grads, state, params, uncertainty=0.5))


@pytest.mark.parametrize("name", DROPS)
def test_audit_reports_it(name, params):
    (report,) = audit(DROPS[name](), params, uncertainty=0.5)
    assert not report.received
    assert report.leaves == 3


def test_a_half_connected_chain_is_reported_gain_by_gain(params):
    tx = optax.partition(
        {"whole": _sgd(), "lost": _accumulated()},
        {"bias": "lost", "hidden": "whole", "out": "whole"},
    )
    reports = audit(tx, params, uncertainty=0.5)
    assert {(r.leaves, r.received) for r in reports} == {(1, False), (2, True)}


def _opaque(name):
    return {
        "lookahead": lambda: optax.lookahead(_sgd(), 5, 0.5),
        "sam": lambda: optax.contrib.sam(_sgd(), optax.sgd(0.1), opaque_mode=False),
        "clip": lambda: optax.clip(1.0),
        "clip_by_global_norm": lambda: optax.clip_by_global_norm(1.0),
    }[name]()


@pytest.mark.parametrize("name", ["lookahead", "sam", "clip", "clip_by_global_norm"])
def test_a_transformation_without_extra_arguments_is_a_type_error(name, params, grads):
    tx = _opaque(name)
    held = optax.LookaheadParams(params, params) if name == "lookahead" else params
    state = tx.init(held)
    with pytest.raises(TypeError, match="unexpected keyword argument 'uncertainty'"):
        tx.update(grads, state, held, uncertainty=0.5)


def test_audit_refuses_a_chain_without_a_gain(params):
    with pytest.raises(ValueError, match="must hold a modulate_by_gain node"):
        audit(optax.adam(0.1), params)
