"""optax's own batteries, from the installed optax, run against our transformations.

Each test class is optax's, with our transformation around, or in place of, the optimizers that it
tests. A gain above 1 holds its value there, since those tests pass no drive. EXCLUDED names what is
left out, with the reason.
"""

import functools
import inspect
import re
from types import SimpleNamespace
from unittest import mock

import jax
import optax
import pytest
from optax._src import alias

from neurogain.optim import ModulateByGainState, consolidate, modulate_by_gain, two_timescale

alias_test = pytest.importorskip("optax._src.alias_test", reason="optax came without its tests")
sharding_test = pytest.importorskip("optax._src.sharding_test")
common_test = pytest.importorskip("optax.contrib._common_test")
masking_test = pytest.importorskip("optax.transforms._masking_test")
state_test = pytest.importorskip("optax.tree_utils._state_utils_test")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

HOLD = {"initial_gain": 2.0, "on_missing": "hold"}  # a power of 2 rounds nothing


def by_one_gain(tx):
    return modulate_by_gain(tx, **HOLD)


def by_units_and_slow(tx):
    return consolidate(modulate_by_gain(tx, per="unit", **HOLD))


def around(ours, factory):
    """Return a factory of the same signature whose optimizers are inside ours."""

    @functools.wraps(factory)
    def make(*args, **kwargs):
        return ours(factory(*args, **kwargs))

    make.__signature__ = inspect.signature(factory)
    return make


LONG = "runs 10,000 updates or more, with constants tuned for a gain of 1; learning is tested here"
EXCLUDED = {
    "test_optimization": LONG,
    "test_optimizers": LONG,
    "test_optimizers_accept_learning_rate_schedule_if_type_annotated_as_such": (
        "tests signatures of optax's own factories"
    ),
    "test_explicit_dtype": "what has less than single precision is trained in float32 here",
    "test_microbatch_with_explicit_sharding": "tests no optimizer",
    "test_dict_based_optimizers": "tests an optimizer that the test defines",
    "test_tree_get": "tests no optimizer but its own states",
    "test_tree_get_all_with_path": "tests no optimizer but its own states",
    "test_tree_set": "tests no optimizer but its own states",
    "test_update_requires_params": "compares with weight decay alone",
    "test_mask_fn": "compares with weight decay alone",
    "test_inject_hparams": "reads the state of Adam by its place",
    "test_masked_state_structure": "compares the states of SGD",
    "test_empty": "updates without params, which a gain needs",
    "test_mask_compatible_callable_pytree": "updates without params, which a gain needs",
}


QUICK = ("adam", "schedule_free_adamw")  # the others run with --slow


def battery(base, *, quick=False):
    """Return optax's test class without the excluded tests, or with those of a few optimizers."""
    removed = {}
    for name in dir(base):
        if not name.startswith("test_"):
            continue
        about = getattr(getattr(base, name), "__x_params_repr__", "")
        excluded = re.sub(r"\d+$", "", name) in EXCLUDED
        if excluded or (quick and not any(f"opt_name={opt!r}" in about for opt in QUICK)):
            removed[name] = None
    return type(base)(base.__name__, (base,), removed)


def patched(*patches):
    """Return a mixin that makes these patches for each test."""

    class Patched:
        def setUp(self):
            super().setUp()
            for make in patches:
                patch = make()
                patch.start()
                self.addCleanup(patch.stop)

    return Patched


def alias_within(ours):
    original = alias_test._get_opt
    return patched(
        lambda: mock.patch.object(
            alias_test, "_get_opt", lambda test, name: around(ours, original(test, name))
        )
    )


def contrib_within(ours):
    original = common_test._get_opt_factory
    return patched(
        lambda: mock.patch.object(
            common_test, "_get_opt_factory", lambda name: around(ours, original(name))
        )
    )


class TestAlias(alias_within(by_units_and_slow), battery(alias_test.AliasTest, quick=True)):
    """One gain a unit, and slow weights, around a few of optax's optimizers."""


@pytest.mark.slow
class TestAliasOfAll(alias_within(by_one_gain), battery(alias_test.AliasTest)):
    """One gain around all of optax's optimizers."""


@pytest.mark.slow
class TestAliasOfAllByUnits(alias_within(by_units_and_slow), battery(alias_test.AliasTest)):
    """One gain a unit, and slow weights, around all of them."""


class TestContrib(contrib_within(by_units_and_slow), battery(common_test.ContribTest, quick=True)):
    """The same around a few of `optax.contrib`."""


@pytest.mark.slow
class TestContribOfAll(contrib_within(by_one_gain), battery(common_test.ContribTest)):
    """One gain around all of `optax.contrib`."""


TRANSFORMATIONS = {
    f"{name} by {per}": modulate_by_gain(make(), per=per, **HOLD)
    for name, make in (("adam", lambda: optax.adam(1.0)), ("sgd", lambda: optax.sgd(1.0)))
    for per in ("global", "leaf", "unit")
} | {
    "sm3": modulate_by_gain(optax.sm3(1.0), **HOLD),
    "held": modulate_by_gain(optax.adam(1.0), keep_weights=True, **HOLD),
    "slow": consolidate(optax.adam(1.0)),
    "preset": two_timescale(on_missing="hold"),
}


def of_optimizer(method):
    """Return a test of the sharding battery as a function of (test, optimizer)."""
    name = next(name for name in dir(sharding_test.ShardingTest) if name.startswith(method))
    return inspect.unwrap(getattr(sharding_test.ShardingTest, name))


SHARDING = (
    "test_init_with_abstract_input",
    "test_state_sharding_type_init_match_update",
    "test_state_sharding_type_preserved_with_jit",
)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
@pytest.mark.parametrize("method", SHARDING)
def test_sharding(method, name, monkeypatch):
    make_mesh = jax.make_mesh  # there are 4 devices here, and 8 in optax's tests
    monkeypatch.setattr(jax, "__version__", "0.9")  # they compare versions as texts
    monkeypatch.setattr(
        jax, "make_mesh", lambda _, *args, **kwargs: make_mesh((4,), *args, **kwargs)
    )
    of_optimizer(method)(sharding_test.ShardingTest(), TRANSFORMATIONS[name])


def within(build):
    """Return a builder of the same optimizer within ours."""
    return lambda: modulate_by_gain(build(), **HOLD)


class TestMasking(
    patched(
        lambda: mock.patch.object(masking_test, "_build_sgd", within(masking_test._build_sgd)),
        lambda: mock.patch.object(
            masking_test, "_build_stateful_sgd", within(masking_test._build_stateful_sgd)
        ),
    ),
    battery(masking_test.MaskedTest),
):
    """optax's masks around one gain."""


def stripped(state):
    """Return a state with the inner state in the place of each gain's."""

    def strip(node):
        return stripped(node.inner_state) if isinstance(node, ModulateByGainState) else node

    return jax.tree.map(strip, state, is_leaf=lambda x: isinstance(x, ModulateByGainState))


class TestState(
    patched(
        lambda: mock.patch.object(
            state_test,
            "alias",
            SimpleNamespace(
                **{
                    name: around(by_one_gain, make)
                    for name, make in vars(alias).items()
                    if inspect.isfunction(make)
                }
            ),
        )
    ),
    battery(state_test.StateUtilsTest),
):
    def assertEqual(self, first, second):
        assert stripped(first) == stripped(second)
