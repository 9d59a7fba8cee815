import jax.numpy as jnp
import pytest

from neurogain.continual import methods


@pytest.mark.parametrize("name", methods.METHODS)
def test_a_name_alone_gives_the_defaults(name):
    method = methods.parse(name)
    assert method == methods.METHODS[name]
    assert method.constants["learning_rate"] > 0


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_method_builds_and_updates(name):
    method = methods.parse(name)
    tx = method({key: jnp.float32(value) for key, value in method.constants.items()})
    params = {"w": jnp.ones((2, 2))}
    extra = {"uncertainty": jnp.float32(0.5), "task_switch": jnp.asarray(False)}
    if name in ("sgd", "msgd", "adam"):
        extra = {}  # plain optax takes none
    updates, _ = tx.update(params, tx.init(params), params, **extra)
    assert bool(jnp.all(jnp.isfinite(updates["w"])) & jnp.any(updates["w"] != 0))


def test_constants_are_set_and_the_others_kept():
    method = methods.parse("ngm:learning_rate=2e-2,sensitivity=0.2")
    expected = {"learning_rate": 0.02, "decay": 0.9, "baseline": 1.0, "sensitivity": 0.2}
    assert (method.name, method.constants) == ("ngm", expected)
    assert methods.METHODS["ngm"].constants["sensitivity"] == 0.4  # the default is not touched


def test_default_sensitivity_is_for_methods_with_a_gain_of_their_own():
    assert methods.parse("ngm", sensitivity=0.5).constants["sensitivity"] == 0.5
    assert methods.parse("rate-matched", sensitivity=0.5).constants["sensitivity"] == 0.5
    assert methods.parse("entropy-rate", sensitivity=0.5).constants["sensitivity"] == 0.4
    assert "sensitivity" not in methods.parse("sgd", sensitivity=0.5).constants
    assert methods.parse("ngm:sensitivity=0.1", sensitivity=0.5).constants["sensitivity"] == 0.1


def test_a_colon_without_constants_is_the_name_alone():
    assert methods.parse("sgd:").constants == methods.parse("sgd").constants


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sdg", r"must be among sgd, msgd, adam, ngm, .*; got 'sdg'"),
        ("", r"must be among .*; got ''"),
        ("sgd:momentum=0.9", r"each of learning_rate of 'sgd' once; got 'momentum'"),
        ("ngm:decay=0.5,decay=0.7", r"once; got 'decay' in 'ngm:decay=0.5,decay=0.7'"),
        (
            "sgd:learning_rate=fast",
            r"`learning_rate` of 'sgd' must be a number; got 'fast'\. Write",
        ),
        ("sgd:learning_rate", r"must be a number; got ''\. Write sgd:learning_rate=0\.1"),
        ("sgd:learning_rate=-0.1", r"`learning_rate` of 'sgd' must be positive.*got -0\.1"),
        ("sgd:learning_rate=0", r"must be positive and finite; got 0\.0"),
        ("sgd:learning_rate=nan", r"must be positive and finite; got nan"),
        ("adam:learning_rate=inf", r"must be positive and finite; got inf"),
        ("ngm:decay=1", r"`decay` must be in \(0, 1\), per update; got 1\.0"),
        ("ngm:decay=0", r"`decay` must be in \(0, 1\), per update; got 0\.0"),
        ("ngm:decay=nan", r"`decay` must be in \(0, 1\), per update; got nan"),
        ("ngm:baseline=0.9", r"`baseline` must be a finite gain of at least 1; got 0\.9"),
        ("ngm:sensitivity=-0.1", r"`sensitivity` must be finite and >= 0; got -0\.1"),
        ("msgd:momentum=1", r"`momentum` of 'msgd' must be in \[0, 1\); got 1\.0"),
        ("msgd:momentum=-0.5", r"`momentum` of 'msgd' must be in \[0, 1\); got -0\.5"),
        ("fixed-gain:gain=0.5", r"`gain` of 'fixed-gain' must be finite and at least 1; got 0\.5"),
        ("fixed-gain:gain=nan", r"`gain` of 'fixed-gain' must be finite and at least 1; got nan"),
    ],
)
def test_bad_text_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        methods.parse(text)
