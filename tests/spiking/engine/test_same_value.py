"""Functions are alike by text and by all that they refer to; what can't be told is by identity."""

import dataclasses
import math
import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking.engine.same_value import MAX_BYTES, key_of


def function(text, **scope):
    """Return a lambda of this text in a module of its own."""
    return eval(compile(text, f"<{len(scope)}>", "eval"), scope)


def alike(one, other):
    same = key_of(one) == key_of(other)
    assert not same or hash(key_of(one)) == hash(key_of(other))
    return same


LIBRARIES = {"jax": jax, "jnp": jnp, "np": np, "math": math}


@pytest.mark.parametrize(
    "text",
    [
        "lambda step, key: 100.0",
        "lambda step, key, top=100.0, *, low=(1, 2.0): jnp.where(step > 3, top, low[0])",
        "lambda step, key: 5 * jax.random.normal(key, (3,)) + math.pi + np.sin(2.0)",
        "lambda step, key: jax.lax.cond(step > 0, lambda: max(1, 2), lambda: len((1, 2)))",
        "lambda step, key: jnp.float32(1) * np.array([1.0, 2.0]).sum()",
    ],
)
def test_a_text_written_twice_is_alike(text):
    assert alike(function(text, **LIBRARIES), function("\n\n" + text, **LIBRARIES, more=1))


def test_place_and_name_are_no_difference():
    def one(step, key):
        return 2.0 * step

    first = one

    def other(step, key):
        return 2.0 * step

    assert alike(first, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lambda s, k: 1.0", "lambda s, k: 2.0"),
        ("lambda s, k: 1.0", "lambda s, k: 1"),
        ("lambda s, k: 1", "lambda s, k: True"),
        ("lambda s, k: 0.0", "lambda s, k: -0.0"),
        ("lambda s, k: s + 1", "lambda s, k: s - 1"),
        ("lambda s, k: jnp.sin(s)", "lambda s, k: jnp.cos(s)"),
        ("lambda s, k: s", "lambda s, k: k"),
        ("lambda s, k: (lambda: 1)()", "lambda s, k: (lambda: 2)()"),
        ("lambda s, k, x=1.0: x", "lambda s, k, x=2.0: x"),
        ("lambda s, k, *, x=1.0: x", "lambda s, k, *, x=2.0: x"),
    ],
)
def test_another_text_is_another_function(one, other):
    assert not alike(function(one, **LIBRARIES), function(other, **LIBRARIES))


VALUES = [
    1, 1.0, True, 2.5, float("nan"), -0.0, 0.0, 1j, "a", b"a", None, (1, (2.0, "b")), (1, (2, "b")),
    np.float32(1), np.float64(1), np.arange(3), np.arange(3.0), np.arange(3.0)[:, None],
    jnp.arange(3), jnp.arange(3.0), jnp.arange(3.0).at[0].set(1), jax.random.key(0),
    jax.random.key(1), jnp.sin, jnp.where, np.sin, math.sin, abs, jnp, np, jnp.float32,
]  # fmt: skip


def copied(value):
    """Return an equal value that is another object, where there can be one."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, jax.Array) and not jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return jnp.asarray(np.asarray(value))
    return value


@pytest.mark.parametrize("where", ["global", "closure", "default"])
def test_values_are_compared_by_content(where):
    def referring(value):
        if where == "global":
            return function("lambda s, k: x", x=value)
        if where == "closure":
            return lambda s, k: value
        return lambda s, k, x=value: x

    for i, one in enumerate(VALUES):
        for j, other in enumerate(VALUES):
            assert alike(referring(one), referring(copied(other))) == (i == j), (one, other)


class Gain:
    value = 1.0


def helper(step):
    return step


UNKNOWN = [
    [1.0], {"a": 1}, {1}, Gain, Gain(), helper, lambda s: s, np.random, np.random.default_rng(0),
    np.zeros(MAX_BYTES), np.array([None]), types, open, jax.jit(helper), np.load,
]  # fmt: skip


@pytest.mark.parametrize("value", UNKNOWN, ids=lambda x: type(x).__name__)
def test_what_may_change_unseen_is_known_by_identity(value):
    for make in (lambda: function("lambda s, k: x", x=value), lambda: lambda s, k: value):
        one, other = make(), make()
        assert not alike(one, other)
        assert alike(one, one)


@pytest.mark.parametrize(
    "text",
    [
        "lambda s, k: np.random.normal() + jax.random.normal(k)",
        "lambda s, k: (lambda m: m.random.normal())(np)",
        "lambda s, k: np.load('x')",
        "lambda s, k: jnp.load('x')",
        "lambda s, k: np.datetime64('now')",
        "lambda s, k: __import__('time').time()",
        "lambda s, k: open('x')",
        "lambda s, k: missing",
        "lambda s, k: jax.config.jax_enable_x64",
    ],
)
def test_what_reads_from_outside_is_known_by_identity(text):
    assert not alike(function(text, **LIBRARIES), function(text, **LIBRARIES))


def test_imports_and_globals_that_are_set_are_known_by_identity():
    def importing():
        def inner(s, k):
            import time

            return time.time()

        return inner

    def setting():
        def inner(s, k):
            global _SET
            _SET = s

        return inner

    def unset():
        def inner(s, k):
            return later

        yield inner
        later = 1.0

    for make in (importing, setting, lambda: next(unset())):
        assert not alike(make(), make())


def test_a_function_with_attributes_and_a_tracer_are_known_by_identity():
    def marked():
        inner = function("lambda s, k: 1.0")
        inner.wrapped = [1]
        return inner

    assert not alike(marked(), marked())
    seen = []
    jax.jit(lambda x: seen.append(not alike(lambda s, k: x, lambda s, k: x)))(1.0)
    assert seen == [True]


def test_a_changed_value_makes_another_of_the_same_function():
    array = np.zeros(3)
    scope = {"x": 1.0, "array": array, "helper": helper, "np": np}
    for text, change in (
        ("lambda s, k: x", lambda: scope.update(x=2.0)),
        ("lambda s, k: helper(x)", lambda: scope.update(x=3.0)),  # helper can't be told
        ("lambda s, k: array", lambda: array.__setitem__(0, 1.0)),
        ("lambda s, k: np.abs(x)", lambda: scope.update(np=jnp)),
    ):
        known = eval(text, scope)
        before = key_of(known)
        assert key_of(known) == before
        change()
        assert key_of(known) != before
    changed = function("lambda s, k, x=1.0: x")
    before = key_of(changed)
    changed.__defaults__ = (2.0,)
    assert key_of(changed) != before


@dataclasses.dataclass(frozen=True)
class Frozen:
    select: Callable[..., Any]
    every: int = 1


class Other(Frozen):
    """The same fields under another type."""


@dataclasses.dataclass
class Loose:
    select: Callable[..., Any]

    __hash__ = object.__hash__


def test_dataclasses_are_alike_by_type_and_fields():
    def select():
        return lambda state, info: state.v

    assert alike(Frozen(select()), Frozen(select()))
    assert not alike(Frozen(select()), Frozen(select(), 2))
    assert not alike(Frozen(select()), Other(select()))
    assert not alike(Frozen(select()), Frozen(lambda state, info: state.u))
    assert not alike(Frozen(lambda s, i: helper(s)), Frozen(lambda s, i: helper(s)))
    assert not alike(Loose(select()), Loose(select()))
    hidden = Frozen(select())
    object.__setattr__(hidden, "more", 1)
    assert not alike(hidden, Frozen(select()))
    assert key_of(Frozen) is Frozen
    assert key_of(3.0) == 3.0
