import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from neurogain.continual import baselines
from neurogain.continual.baselines import Slots

SIZE, N, CLASSES = 6, 24, 3
# filled by class 0 alone
LABELS = np.array([0] * 9 + [1, 0, 1, 0, 2, 0, 2, 1, 1, 2, 0, 1, 0, 0, 2])
BUFFERS = {
    "reservoir": baselines.reservoir(),
    "class_balanced": baselines.class_balanced(CLASSES),
}


def _offer(buffer, state, batch, key, where):
    return buffer.add(state, batch, key, where=where)


RUNS = 2000  # side by side, from as many keys
_ADD = {
    name: jax.jit(jax.vmap(functools.partial(_offer, buffer), (0, None, 0, None)))
    for name, buffer in BUFFERS.items()
}
ALL = np.ones(N, bool)


def _batch(labels):
    index = np.arange(len(labels), dtype=np.int32)
    extras = {"logits": np.stack([index, -index], axis=1).astype(np.float32)}
    return Slots(index + 100, np.asarray(labels, np.int32), extras)


BATCH = _batch(LABELS)
EXAMPLE = {"logits": np.zeros(2, np.float32)}


def _start(name):
    return BUFFERS[name].init(SIZE, EXAMPLE)


def _keys(seed):
    return jax.random.split(jax.random.key(seed), RUNS)


def _add(name, state=None, batch=BATCH, where=ALL, seed=0):
    """Return the states of all runs; from an empty one if none is given."""
    if state is None:
        state = jax.tree.map(lambda x: np.broadcast_to(x, (RUNS, *x.shape)), _start(name))
    return _ADD[name](state, batch, _keys(seed), where)


@pytest.fixture(scope="module")
def filled():
    return {name: jax.tree.map(np.asarray, _add(name)) for name in BUFFERS}


@jax.jit
def _numbers(key):
    """Return, per example, r ~ uniform{0, ..., n - 1} for each bound n that there could be."""
    bounds = jnp.arange(1, N + 1)
    draw = jax.vmap(lambda k, n: jax.random.randint(k, (), 0, n), (None, 0))
    return jax.vmap(draw, (0, None))(jax.random.split(key, N), bounds)


def _vitter(draws):
    kept = []
    for i in range(N):
        if len(kept) < SIZE:
            kept.append(i)
            continue
        r = draws[i][i]  # of n = i + 1
        if r < SIZE:
            kept[r] = i
    return kept, None


def _cbrs(draws):
    """Follow algorithm 1 of Chrysakis & Moens."""
    kept, full, seen = [], set(), dict.fromkeys(range(CLASSES), 0)
    for i, c in enumerate(LABELS):
        seen[c] += 1
        classes = [LABELS[k] for k in kept]
        count = {k: classes.count(k) for k in range(CLASSES)}
        if len(kept) < SIZE:
            kept.append(i)
        elif c not in full:
            places = [j for j, k in enumerate(classes) if count[k] == max(count.values())]
            kept[places[draws[i][len(places) - 1]]] = i
        else:
            places = [j for j, k in enumerate(classes) if k == c]
            r = draws[i][seen[c] - 1]
            if r < len(places):
                kept[places[r]] = i
        if len(kept) == SIZE:
            classes = [LABELS[k] for k in kept]
            count = {k: classes.count(k) for k in range(CLASSES)}
            full |= {k for k in count if count[k] == max(count.values())}
    return kept, [k in full for k in range(CLASSES)]


@pytest.mark.parametrize(("name", "loop"), [("reservoir", _vitter), ("class_balanced", _cbrs)])
def test_a_literal_loop_with_the_same_numbers(name, loop, filled):
    state = filled[name]
    for run in range(8):
        kept, full = loop(np.asarray(_numbers(_keys(0)[run])))
        np.testing.assert_array_equal(state.slots.indices[run], BATCH.indices[kept])
        np.testing.assert_array_equal(state.slots.labels[run], LABELS[kept])
        logits = state.slots.extras["logits"][run]
        np.testing.assert_array_equal(logits, BATCH.extras["logits"][kept])
        if full is None:
            np.testing.assert_array_equal(state.seen[run], [N])
        else:
            np.testing.assert_array_equal(state.seen[run], np.bincount(LABELS))
            np.testing.assert_array_equal(state.full[run], full)


def _counts(state):
    """Return how often each example is kept in independent runs."""
    return np.bincount(state.slots.indices.ravel() - 100, minlength=N)


def test_a_reservoir_keeps_all_examples_equally_often(filled):
    """Of draws without replacement the statistic is (1 - size / n) n / (n - 1) chi-squared."""
    expected = RUNS * SIZE / N
    statistic = ((_counts(filled["reservoir"]) - expected) ** 2 / expected).sum()
    low, high = scipy.stats.chi2.ppf([0.005, 0.995], N - 1)
    assert low < statistic * (N - 1) / (N - SIZE) < high


def test_of_a_full_class_all_examples_are_kept_equally_often(filled):
    counts = _counts(filled["class_balanced"])
    assert filled["class_balanced"].full.all()
    for c in range(CLASSES):
        own = counts[c == LABELS]
        p = own.mean() / RUNS
        statistic = ((own - own.mean()) ** 2).sum() / (own.mean() * (1 - p))
        assert statistic < scipy.stats.chi2.ppf(0.999, len(own) - 1), c


def test_classes_are_balanced_where_a_reservoir_is_not():
    batch = _batch(np.repeat([0, 1, 2], [16, 5, 3]))
    labels = {name: np.asarray(_add(name, batch=batch).slots.labels) for name in BUFFERS}
    share = {name: x[..., None] == np.arange(3) for name, x in labels.items()}
    np.testing.assert_array_equal(share["class_balanced"].sum(1), np.full((RUNS, 3), 2))
    of_each = share["reservoir"].sum(1).mean(0)
    np.testing.assert_allclose(of_each, SIZE * np.array([16, 5, 3]) / N, rtol=0.1)


@pytest.mark.parametrize("name", BUFFERS)
def test_examples_that_do_not_count_leave_no_trace(name):
    where = np.arange(N) % 3 > 0
    one = _add(name, where=where)
    assert not np.isin(one.slots.indices, BATCH.indices[~where]).any()
    np.testing.assert_array_equal(one.seen.sum(1), where.sum())
    unchanged = _add(name, one, where=~ALL, seed=1)
    jax.tree.map(np.testing.assert_array_equal, one, unchanged)


def test_draws_are_uniform_over_what_is_stored():
    three = _add("reservoir", where=np.arange(N) < 3)
    state = jax.tree.map(lambda x: x[0], three)
    sample = jax.jit(BUFFERS["reservoir"].sample, static_argnums=1)
    drawn, there = sample(state, 3000, jax.random.key(1))
    assert np.all(there)
    counts = np.bincount(drawn.indices - 100)
    assert scipy.stats.chisquare(counts).pvalue > 0.01
    assert len(counts) == 3  # none of an empty slot
    np.testing.assert_array_equal(drawn.labels, LABELS[drawn.indices - 100])
    np.testing.assert_array_equal(drawn.extras["logits"][:, 1], 100.0 - drawn.indices)
    _, there = sample(_start("reservoir"), 3000, jax.random.key(1))
    assert not np.any(there)


def test_a_count_stops_at_the_largest_integer(filled):
    top = np.iinfo(np.int32).max
    full = filled["reservoir"]
    state = _add("reservoir", full._replace(seen=np.full((RUNS, 1), top, np.int32)))
    np.testing.assert_array_equal(state.seen, top)
    replaced = np.mean(state.slots.indices != full.slots.indices)
    assert replaced < 1e-4  # 6 of 2^31 examples are taken


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"indices": np.zeros(N)}, TypeError, "`indices` must be of an integer dtype; got float32"),
        ({"indices": np.zeros((N, 1), int)}, ValueError, r"`indices` must be \(batch,\)"),
        ({"labels": LABELS[1:]}, ValueError, rf"`labels` must be \({N},\).*got shape \({N - 1},\)"),
        ({"labels": LABELS + 1}, ValueError, r"`labels` must be in \[0, 3\), the classes; got 3"),
        ({"extras": ()}, ValueError, "`extras` must have the structure of"),
        ({"extras": {"logits": np.zeros((N, 3))}}, ValueError, r"extras\['logits'\]` must have th"),
        ({"extras": {"logits": np.zeros((N, 2), int)}}, TypeError, "dtypes.*got int32 for float32"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, match):
    with pytest.raises(error, match=match):
        BUFFERS["class_balanced"].add(
            _start("class_balanced"), BATCH._replace(**change), jax.random.key(0)
        )


def test_sizes_and_masks_are_checked():
    buffer = BUFFERS["reservoir"]
    with pytest.raises(ValueError, match="`size` must be a whole number of at least 1; got 0"):
        buffer.init(0, ())
    with pytest.raises(ValueError, match="`classes` must be a whole number of at least 1"):
        baselines.class_balanced(2.0)
    with pytest.raises(ValueError, match="`n` must be a whole number of at least 1; got 0"):
        buffer.sample(_start("reservoir"), 0, jax.random.key(0))
    with pytest.raises(TypeError, match="`where` must be a mask of dtype bool; got int32"):
        buffer.add(_start("reservoir"), BATCH, jax.random.key(0), where=np.ones(N, int))
    with pytest.raises(ValueError, match=rf"`where` must be \({N},\), one per example"):
        buffer.add(_start("reservoir"), BATCH, jax.random.key(0), where=np.ones(2, bool))
