import pytest

from neurogain.continual.training import Protocol


@pytest.mark.parametrize("regime", ["joint", "replay", "finetune"])
def test_good_protocols_pass(regime):
    Protocol(regime=regime).check()
    Protocol(iterations=1, batch_size=1, eval_every=1, buffer_size=1, regime=regime).check()
    Protocol(iterations=6, eval_every=6).check()


@pytest.mark.parametrize("name", ["iterations", "batch_size", "eval_every", "buffer_size"])
@pytest.mark.parametrize("value", [0, -1, 2.0])
def test_sizes_must_be_whole_and_positive(name, value):
    message = rf"`{name}` must be a whole number of at least 1; got {value!r}\."
    with pytest.raises(ValueError, match=message):
        Protocol(**{name: value}).check()


@pytest.mark.parametrize("eval_every", [3, 400])
def test_evaluations_must_divide_the_iterations(eval_every):
    message = rf"`eval_every` must divide the 200 iterations of a task; got {eval_every}\. Pass"
    with pytest.raises(ValueError, match=message):
        Protocol(eval_every=eval_every).check()


def test_unknown_regime():
    with pytest.raises(ValueError, match=r'`regime` must be "joint".*"finetune".*got \'online\''):
        Protocol(regime="online").check()  # type: ignore[arg-type]


def test_the_trainer_checks_its_protocol(make_trainer):
    with pytest.raises(ValueError, match="`eval_every` must divide the 6 iterations"):
        make_trainer("sgd", eval_every=4).run([{"learning_rate": 0.1}], [0])


@pytest.mark.parametrize(("runs", "seeds"), [(1, [0, 1]), (2, [0]), (0, [])])
def test_constants_and_seeds_must_match(make_trainer, runs, seeds):
    message = rf"one entry per run, and at least one; got {runs} and {len(seeds)}\."
    with pytest.raises(ValueError, match=message):
        make_trainer("sgd").run([{"learning_rate": 0.1}] * runs, seeds)
