"""Mistakes of a first hour with a `Trainer`: each is told in words."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.continual import baselines, models, strategies
from neurogain.continual.protocol import Protocol
from neurogain.continual.stream import Stream
from neurogain.continual.training import Trainer
from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.optim import ngm_sgd

RNG = np.random.default_rng(0)
LABELS = np.arange(12) % 2
PARTS = [(RNG.normal(size=(12, 3)).astype(np.float32), LABELS) for _ in range(3)]
STREAM = Stream.from_arrays(PARTS, PARTS)


class Pair(nn.Module):
    """Returns its hidden layer, too."""

    @nn.compact
    def __call__(self, x):
        hidden = nn.Dense(4)(x)
        return nn.Dense(2)(hidden), hidden


def trainer_of(optimizer=None, model=None, **options):
    protocol = Protocol(iterations=4, batch_size=4, eval_every=4, regime="finetune")
    optimizer = optax.sgd(0.1) if optimizer is None else optimizer
    return Trainer(model or models.MLP(2, ()), STREAM, protocol, optimizer, **options)


@pytest.fixture(scope="module")
def trained():
    trainer = trainer_of()
    return trainer, trainer.run({}, [0, 1], return_state=True).state


@pytest.mark.parametrize(
    ("optimizer", "constants", "message"),
    [
        (optax.adam, {}, r"`build_optimizer` .*; with no constants it raised TypeError"),
        (
            lambda c: optax.sgd(c["rate"]),
            {"learning_rate": 0.1},
            r"with learning_rate it raised Key",
        ),
        (lambda c: c["a"], {"a": 0.1}, r"`build_optimizer` must be an optax optimizer, .*got "),
    ],
)
def test_a_function_that_builds_no_optimizer(optimizer, constants, message):
    with pytest.raises((TypeError, ValueError), match=message):
        trainer_of(optimizer).run(constants, [0])


@pytest.mark.parametrize(
    ("optimizer", "constants", "raised"),
    [
        (lambda c: optax.MultiSteps(optax.sgd(0.1), c["k"]), {"k": 2}, "object is not callable"),
        (optax.lookahead(optax.sgd(0.1), 2, 0.5), {}, "no attribute 'fast'"),
    ],
)
def test_an_optimizer_that_cannot_be_trained_as_it_is(optimizer, constants, raised):
    with pytest.raises(TypeError, match=rf"`build_optimizer` must .*{raised}.*Bind whole numbers"):
        trainer_of(optimizer).run(constants, [0])


@pytest.mark.parametrize("seeds", [3, "01", None, {0, 1}, np.array(3)])
def test_seeds_that_are_no_sequence(seeds):
    with pytest.raises(TypeError, match=r"`seeds` must be .* a sequence; got .*seeds=range\(3\)"):
        trainer_of().run({}, seeds)


def test_seeds_may_be_an_array():
    runs = [
        trainer_of().start({}, seeds) for seeds in ([0, 2], np.array([0, 2]), jnp.array([0, 2]))
    ]
    assert {run.seeds for run in runs} == {(0, 2)}


def test_what_a_function_that_builds_says_of_a_number_is_said_as_it_is():
    with pytest.raises(ValueError, match=r"^`sensitivity` must be finite and >= 0; got -1"):
        trainer_of(lambda c: ngm_sgd(0.1, sensitivity=-1.0)).run({}, [0])


def test_a_model_that_returns_more_than_logits():
    with pytest.raises(TypeError, match=r"`model` must .* returned a tuple, where logits alone"):
        trainer_of(model=Pair()).run({}, [0])


@pytest.mark.parametrize("rule", ["online", baselines.online_ewc, 3.0])
def test_a_rule_of_ewc_that_is_none(rule):
    with pytest.raises(TypeError, match=r"`rule` must be a rule of EWC; got .*online_ewc\(\)"):
        strategies.ewc(rule=rule)


def test_predictions_of_something_else(trained):
    trainer, state = trained
    x = PARTS[0][0]
    assert trainer.predict(state, x[:5]).shape == (2, 5, 2)
    with pytest.raises(TypeError, match=r"`state` must be that of the runs, .*got a dict"):
        trainer.predict(state.params, x)
    for wrong in (x[0], x[None], x[:, :2]):
        with pytest.raises(ValueError, match=r"`examples` must have the shape \(n, 3\)"):
            trainer.predict(state, wrong)
    with pytest.raises(TypeError, match=r"`examples` must be uint8 exactly where .* got uint8 for"):
        trainer.predict(state, x.astype(np.uint8))


@pytest.mark.parametrize("examples", [None, [[1.0, 2.0], [1.0]], [["a", None, 1]]])
def test_examples_that_are_no_array(examples, trained):
    trainer, state = trained
    with pytest.raises(TypeError, match=r"`examples` must be one array; got"):
        trainer.predict(state, examples)


def test_swapped_arguments_of_predict(trained):
    trainer, state = trained
    with pytest.raises(TypeError, match=r"`state` must be that of the runs, .*got a ndarray"):
        trainer.predict(PARTS[0][0], state)


@pytest.mark.parametrize("widths", [(5,), (4, 4)])
def test_a_state_of_another_model(widths, trained):
    _, state = trained
    with pytest.raises(ValueError, match=r"`state` must be of runs of this model, .*; got \{"):
        trainer_of(model=models.MLP(2, widths)).predict(state, PARTS[0][0])


def test_a_drive_that_is_negative_is_told_where_the_loss_is_lost():
    def drive(logits):
        return jnp.full(len(logits), -0.5)

    with pytest.warns(RuntimeWarning) as told:
        trainer_of(ngm_sgd(0.1), uncertainty=drive).run({}, [0])
    assert "`uncertainty` gave -0.5 before, and must give finite numbers" in str(told[0].message)


def test_constants_may_be_an_array_of_mappings(trained):
    runs = np.array([{"learning_rate": 0.1}, {"learning_rate": 0.2}])
    trainer = trainer_of(lambda c: optax.sgd(**c))
    np.testing.assert_array_equal(
        trainer.run(runs, [0, 1]).loss, trainer.run(runs.tolist(), [0, 1]).loss
    )


def test_a_stream_where_the_name_of_one_is_asked_for():
    with pytest.raises(TypeError, match=r"`benchmark` must be the name of a stream.*got a Stream"):
        StabilityGapConfig(benchmark=STREAM).check()


def test_iterations_of_a_single_pass():
    with pytest.raises(ValueError, match=r"`iterations` must be left out, .*got 3"):
        Protocol.one_pass(STREAM, regime="finetune", iterations=3)
    with pytest.raises(ValueError, match=r"`once` must be left out, .*got True"):
        Protocol.one_pass(STREAM, regime="finetune", once=True)


def test_a_loss_that_is_not_finite_is_told_with_run_and_update():
    def bad(constants):
        def rate(count):
            return jnp.where((count == 1) & (constants["bad"] > 0), jnp.inf, -0.1)

        return optax.scale_by_schedule(rate)

    with pytest.warns(RuntimeWarning) as told:
        trainer_of(bad).run([{"bad": 0.0}, {"bad": 1.0}], [0, 7])
    assert len(told) == 3  # tasks
    assert "task 0 in 1 of 2 runs, in run 1 (seed 7) from update 3 on" in str(told[0].message)


def test_more_tasks_than_the_wells_of_ewc():
    trainer = trainer_of(strategy=strategies.ewc(rule=baselines.ewc(tasks=1)))
    with pytest.raises(ValueError, match=r"`strategy` must be one for the 3 tasks .*tasks=3"):
        trainer.run({}, [0])


FUNCTION = "must be a function; got"
OPTIONS = {
    "protocol": ({"iterations": 4}, TypeError, r"must be a Protocol; .*Pass Protocol\(iterations"),
    "batched": ("yes", TypeError, "must be True or False"),
    "scanned": (1, TypeError, "must be True or False"),
    "normalize": (None, TypeError, "must be True or False"),
    "augment": ([], TypeError, "must be True or False"),
    "slow_weights": (0, TypeError, "must be True or False"),
    "draw": (None, TypeError, FUNCTION),
    "observe": ("gain", TypeError, FUNCTION),
    "baseline": ("g0", ValueError, r"must be the name of a constant, of \[\]; got 'g0'"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_field_of_another_kind(name):
    value, error, message = OPTIONS[name]
    fields = {"protocol": trainer_of().protocol} | {name: value}
    trainer = Trainer(models.MLP(2, ()), STREAM, build_optimizer=optax.sgd(0.1), **fields)
    with pytest.raises(error, match=f"`{name}` {message}"):
        trainer.run({}, [0])


@pytest.mark.parametrize("regime", ["offline", None, np.array(["joint", "replay"]), ["joint"]])
def test_a_regime_that_is_none(regime):
    protocol = Protocol(iterations=4, batch_size=4, regime=regime)
    with pytest.raises(ValueError, match=r'`regime` must be "joint"'):
        Trainer(models.MLP(2, ()), STREAM, protocol, optax.sgd(0.1)).run({}, [0])
    with pytest.raises(ValueError, match=r'`regime` must be "joint"'):
        Protocol.one_pass(STREAM, regime=regime)


@pytest.mark.parametrize("constants", [None, 0.1, {1}, 3])
def test_constants_that_are_no_mapping(constants):
    with pytest.raises(TypeError, match=r"`constants` must be one mapping, or a list of one"):
        trainer_of().run(constants, [0])


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("on_task", None, r"must be a function of \(task, curves\); got None"),
        ("on_task", lambda task: None, r"must be a function of \(task, curves\); got <function"),
        ("return_state", "yes", "must be True or False"),
        ("checkpoint_dir", 3, "must be the path of a folder; got 3"),
    ],
)
def test_an_argument_of_a_run_of_another_kind(argument, value, message):
    with pytest.raises(TypeError, match=f"`{argument}` {message}"):
        trainer_of().run({}, [0], **{argument: value})


def test_a_file_is_no_folder_of_checkpoints(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(
        ValueError, match=r"`checkpoint_dir` must be a folder; .*file or what it lies in is a file"
    ):
        trainer_of().run({}, [0], checkpoint_dir=tmp_path / "file")
    with pytest.raises(ValueError, match=r"`checkpoint_dir` must be a folder; .*is a file"):
        trainer_of().run({}, [0], checkpoint_dir=tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("seed", [2**32, 2**40])
def test_seeds_that_would_be_others_are_refused(seed):
    """Keys take 32 bits: 2**40 and 0 would be one run."""
    with pytest.raises(ValueError, match=rf"`seeds` must be below 2\*\*32; got {seed}"):
        trainer_of().run({}, [0, seed])


def test_protocols_of_equal_numbers_are_equal():
    given = {"batch_size": np.int64(4), "regime": np.str_("joint"), "once": np.bool_(False)}
    assert Protocol(iterations=np.int64(6), **given) == Protocol(iterations=6, batch_size=4)
    for several in ([3, 4], np.array([3, 4]), range(3, 5)):
        assert repr(Protocol(iterations=several)) == repr(Protocol(iterations=(3, 4)))
        Protocol(iterations=several).check()
