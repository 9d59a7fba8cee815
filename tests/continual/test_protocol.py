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


def test_a_schedule_is_dense_first_and_sparse_then():
    protocol = Protocol(iterations=20, eval_every=2, dense=6, sparse=7)
    protocol.check()
    assert protocol.evaluated_at == (0, 2, 4, 6, 13, 20)
    assert Protocol(iterations=20, eval_every=5).evaluated_at == (0, 5, 10, 15, 20)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"dense": 50}, r"`dense` and `sparse` must be given both or neither; got 50 and None\."),
        ({"sparse": 10}, r"both or neither; got None and 10\. Pass for instance dense=50"),
        ({"dense": 0, "sparse": 10}, r"`dense` must be a whole number of at least 1; got 0\."),
        ({"dense": 2.0, "sparse": 10}, r"`dense` must be a whole number of at least 1; got 2\.0"),
        ({"dense": 50, "sparse": -1}, r"`sparse` must be a whole number of at least 1; got -1\."),
        ({"dense": 200, "sparse": 10}, r"`dense` must be below the 200 iterations .*; got 200\."),
        ({"dense": 50, "sparse": 20}, r"`sparse` must divide the 150 .* first 50; got 20\. Pass"),
        (
            {"dense": 50, "sparse": 10, "eval_every": 20},
            r"`eval_every` must divide the 50 iterations of `dense`; got 20\.",
        ),
    ],
)
def test_schedules_that_do_not_fit_are_refused(schedule, message):
    with pytest.raises(ValueError, match=message):
        Protocol(iterations=200, **schedule).check()


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
