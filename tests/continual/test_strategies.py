"""Strategies in the trainer: against literal loops, in every way of running, refused in words."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from literal_strategies import BATCH, LABELS, MEMORY, RATE, SEED, UPDATES, Literal, X, key_of

from neurogain.continual import baselines, methods, models, strategies
from neurogain.continual.batches import make_source
from neurogain.continual.network import Variables, initial_variables
from neurogain.continual.runs import Data
from neurogain.continual.strategy import Examples, Strategy
from neurogain.continual.stream import Stream
from neurogain.continual.training import Protocol, Trainer

PARTS = [(X[:16], LABELS[:16]), (X[16:], LABELS[16:])]
STREAM = Stream.from_arrays(PARTS, PARTS)
TEXTS = {
    "er": f"memory={MEMORY}",
    "agem": f"memory={MEMORY}",
    "ewc": "penalty=40,fisher_examples=6",
    "lwf": "distillation=0.7,temperature=3",
    "der++": f"alpha=0.3,beta=0.6,memory={MEMORY}",
    "er-ace": f"memory={MEMORY}",
}


def trainer_of(strategy, **options):
    protocol = Protocol(iterations=UPDATES, batch_size=BATCH, regime="finetune")
    fields = {"stream": STREAM, "protocol": protocol, "build_optimizer": optax.sgd(RATE)} | options
    return Trainer(models.MLP(4, (5,)), strategy=strategy, **fields)


def updates_of(trainer, constants):
    """Yield the state before the first update and after each, with the update's number and loss."""
    program, key = trainer._compiled.program, jax.random.key(SEED)
    variables = initial_variables(program.network, key, jnp.asarray(X[:1]))
    data = Data(jnp.asarray(X), jnp.asarray(LABELS), ())
    traced = {name: jnp.float32(x) for name, x in constants.items()}
    state = jax.jit(program.init)(traced, variables)
    yield None, None, state, None
    update, end = jax.jit(program.update), jax.jit(program.end_task)
    strategy = trainer.strategy(constants) if callable(trainer.strategy) else trainer.strategy
    for task in range(2):
        source = make_source(STREAM, trainer.protocol, task)
        for i in range(UPDATES):
            state, (_, _, loss) = update(traced, state, data, source, np.zeros(1, np.int32), key, i)
            yield task, i, state, loss
        if strategy is not None and strategy.at_task_end is not None:
            state = state._replace(strategy=end(traced, state, data, source, key))


def weights_of(state):
    return [np.asarray(state.params[name]["kernel"]) for name in ("Dense_0", "output")]


@pytest.mark.parametrize("name", TEXTS)
def test_updates_are_those_of_the_definition(name):
    method = methods.parse(f"{name}:{TEXTS[name]}")
    strategy = method.make_strategy
    trainer = trainer_of(strategy)
    run = updates_of(trainer, method.constants)
    *_, state, _ = next(run)
    literal = Literal(name, weights_of(state))
    for task, i, state, loss in run:
        index = np.asarray(jax.random.randint(_fresh(task, i), (BATCH,), 16 * task, 16 * task + 16))
        literal.update(index, task, i)
        np.testing.assert_allclose(loss, literal.losses[-1], rtol=1e-4)
        for found, expected in zip(weights_of(state), literal.weights, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
        if i + 1 == UPDATES:
            literal.end(task)
    kept = getattr(state.strategy, "memory", state.strategy)
    if hasattr(kept, "slots"):
        assert kept.slots.indices.tolist() == [index for index, _ in literal.memory.slots]
    assert (literal.projected > 0) == (name == "agem")


def _fresh(task, i):
    return jax.random.split(key_of(1, task, i))[0]


def test_the_balanced_memory_holds_as_many_of_each_class():
    strategy = methods.parse("er-balanced:memory=6").make_strategy({})
    state, index = strategy.init(Variables({}, {}), jnp.zeros(4)), np.r_[:14, 24:28]
    new = Examples(index, LABELS[index], X[index], None, (), jnp.zeros((18, 4)))
    state = jax.jit(strategy.add)(state, new, jax.random.key(0))
    assert np.bincount(state.slots.labels).tolist() == [2, 2, 0, 2]
    assert (LABELS[state.slots.indices] == state.slots.labels).all()
    drawn, there = strategy.draw(state, 3, jax.random.key(1))
    assert there.all()
    assert set(drawn.indices.tolist()) <= set(state.slots.indices.tolist())


def test_a_strategy_that_only_watches_changes_no_bit():
    watches = dataclasses.replace(strategies.er(MEMORY), draw=None)
    *_, (*_, plain, loss) = updates_of(trainer_of(None), {})
    *_, (*_, watched, same) = updates_of(trainer_of(watches), {})
    assert plain.strategy == ()
    assert watched.strategy.seen == 2 * UPDATES * BATCH
    both = ((plain.params, loss), (watched.params, same))
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_array_equal(a, b)


# ways of running

SIZES = (10, 7)


@pytest.fixture(scope="module")
def passes():
    """Return A-GEM's states behind one pass, by the way of running, and the last trainer."""
    parts = [(X[:10], LABELS[:10]), (X[10:17], LABELS[10:17])]
    stream = Stream.from_arrays(parts, parts, classes=4)
    protocol = Protocol.one_pass(stream, regime="finetune", batch_size=BATCH)
    assert protocol.uneven
    found = {}
    for way, options in (
        ("side by side", {"batched": True}),
        ("step by step", {"batched": False, "scanned": False}),
    ):
        fields = {"stream": stream, "protocol": protocol} | options
        trainer = trainer_of(strategies.agem(20), **fields)
        found[way] = trainer.run({}, [0, 1], return_state=True).state
    return found, trainer


@pytest.mark.parametrize("way", ["side by side", "step by step"])
def test_one_pass_offers_every_example_once_to_the_memory(passes, way):
    state, same = passes[0][way], passes[0]["side by side"]
    memory = state.strategy.memory
    assert memory.seen.tolist() == [[sum(SIZES)]] * 2
    for held in memory.slots.indices:  # there is room for all of them, and no place for repeats
        assert sorted(held[: sum(SIZES)].tolist()) == list(range(sum(SIZES)))
    for a, b in zip(*map(jax.tree.leaves, (state.params, same.params)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(memory.slots.indices, same.strategy.memory.slots.indices)
    np.testing.assert_array_equal(state.strategy.earlier.slots.indices, memory.slots.indices)


def test_runs_with_a_task_of_their_own_end_it(passes):
    _, trainer = passes
    learned = trainer.learn(trainer.start({}, [0, 1]), [1, 0])
    earlier = learned.runs.state.strategy.earlier
    assert earlier.seen.tolist() == [[SIZES[1]], [SIZES[0]]]
    assert sorted(earlier.slots.indices[0, :7].tolist()) == list(range(10, 17))
    assert sorted(earlier.slots.indices[1, :10].tolist()) == list(range(10))


# what is refused


@pytest.mark.parametrize(
    ("strategy", "options", "error", "message"),
    [
        (
            strategies.er(),
            {"protocol": Protocol()},
            ValueError,
            r"`regime` must be .finetune. with a strategy, .* got 'joint'\. Pass Protocol\(reg",
        ),
        (strategies.ewc(), {"protocol": Protocol(regime="replay")}, ValueError, "got 'replay'"),
        (
            strategies.er_ace(),
            {"loss": lambda z, y: z.mean(axis=1)},
            ValueError,
            r"`loss` must be left out: this strategy has its own loss, .*Take another strat",
        ),
        (
            strategies.der_plus_plus(),
            {"loss": lambda z, y: z[:, 0]},
            ValueError,
            "must be left out",
        ),
        (
            strategies.er(),
            {"loss": lambda z, y: z.mean()},
            ValueError,
            r"one loss for each example, \(4,\), since a memory is empty at first; got float32 of",
        ),
        (
            None,
            {"build_optimizer": methods.parse("er:memory=6")},
            ValueError,
            r"`strategy` must be given with the method 'er', which has one; got None\. Pass",
        ),
        (3, {}, TypeError, r"`strategy` must be a Strategy, or a function .*; got 3\. Take one of"),
        (lambda c: strategies.er, {}, TypeError, "`strategy` must be a Strategy, or a function"),
        (strategies.er, {}, TypeError, r"er, which needs no constants\. Call it: strategy=er\(\)"),
        (strategies.lwf, {}, TypeError, r"Call it: strategy=lwf\(\)"),
        (
            Strategy(project=baselines.project_gradients),
            {},
            ValueError,
            "`project` of a strategy needs `draw`, which says whose gradients it gets; got None",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_training(strategy, options, error, message):
    with pytest.raises(error, match=message):
        trainer_of(strategy, **options).start({}, [0])


def test_losses_of_ones_own_reach_strategies_that_keep_them():
    def loss(logits, labels):
        return jnp.mean(logits**2, axis=1)

    for strategy in (strategies.er(), strategies.agem(), strategies.ewc(), strategies.lwf()):
        assert not strategy.own_loss
    trainer = trainer_of(strategies.er(MEMORY), loss=loss)
    run = updates_of(trainer, {})
    *_, state, _ = next(run)
    literal = Literal("er", weights_of(state))
    *_, found = next(run)
    index = np.asarray(jax.random.randint(_fresh(0, 0), (BATCH,), 0, 16))
    np.testing.assert_allclose(found, (literal.again(index) ** 2).mean(), rtol=1e-5)


def test_a_state_that_changes_its_form_is_refused():
    grows = Strategy(init=lambda learned, z: z, add=lambda state, new, key: state[:1])
    with pytest.raises(ValueError, match=r"`add` of a strategy must keep structure, .*; got .*1,"):
        list(updates_of(trainer_of(grows), {}))


def test_strategies_refuse_numbers_out_of_range():
    for build, message in (
        (lambda: strategies.er(0), "`memory` must be a whole number of at least 1; got 0"),
        (lambda: strategies.er(balanced=1), "`balanced` must be True or False; got 1"),
        (lambda: strategies.agem(1.5), "`memory` must be a whole number of at least 1; got 1.5"),
        (lambda: strategies.der_plus_plus(alpha=-1), "`alpha` must be finite and >= 0; got -1"),
        (lambda: strategies.der_plus_plus(beta=-1), "`beta` must be finite and >= 0; got -1"),
        (lambda: strategies.ewc(penalty=np.inf), "`penalty` must be finite and >= 0; got inf"),
        (lambda: strategies.ewc(fisher_examples=0), "`fisher_examples` must be a whole number"),
        (lambda: strategies.lwf(distillation=-1), "`distillation` must be finite and >= 0; got"),
        (lambda: strategies.lwf(temperature=0), "`temperature` must be positive and finite; got"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            build()
