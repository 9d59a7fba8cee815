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
_JITTED = {name: jax.jit(buffer.add) for name, buffer in BUFFERS.items()}
ALL = np.ones(N, bool)


def _batch(labels):
    index = np.arange(len(labels), dtype=np.int32)
    extras = {"logits": np.stack([index, -index], axis=1).astype(np.float32)}
    return Slots(index + 100, np.asarray(labels, np.int32), extras)


BATCH = _batch(LABELS)
EXAMPLE = {"logits": np.zeros(2, np.float32)}


def _start(name):
    return BUFFERS[name].init(SIZE, EXAMPLE)


def _add(name, state, seed, batch=BATCH, where=ALL):
    return _JITTED[name](state, batch, jax.random.key(seed), where=where)


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
def test_a_literal_loop_with_the_same_numbers(name, loop):
    for seed in range(8):
        state = _add(name, _start(name), seed)
        kept, full = loop(np.asarray(_numbers(jax.random.key(seed))))
        np.testing.assert_array_equal(state.slots.indices, BATCH.indices[kept])
        np.testing.assert_array_equal(state.slots.labels, BATCH.labels[kept])
        np.testing.assert_array_equal(state.slots.extras["logits"], BATCH.extras["logits"][kept])
        if full is None:
            np.testing.assert_array_equal(state.seen, [N])
        else:
            np.testing.assert_array_equal(state.seen, np.bincount(LABELS))
            np.testing.assert_array_equal(state.full, full)


def _kept(name, runs):
    """Return how often each example is kept in independent runs."""
    keys = jax.random.split(jax.random.key(7), runs)
    state = jax.jit(jax.vmap(BUFFERS[name].add, (None, None, 0)))(_start(name), BATCH, keys)
    assert state.slots.extras["logits"].shape == (runs, SIZE, 2)
    return np.bincount(np.ravel(state.slots.indices) - 100, minlength=N)


def test_a_reservoir_keeps_all_examples_equally_often():
    """Of indicators without replacement the statistic is chi-squared / (1 - size / n)."""
    runs = 3000
    counts = _kept("reservoir", runs)
    expected = runs * SIZE / N
    statistic = ((counts - expected) ** 2 / expected).sum() * (N - 1) / (N - SIZE)
    low, high = scipy.stats.chi2.ppf([0.005, 0.995], N - 1)
    assert low < statistic < high


def test_of_a_full_class_all_examples_are_kept_equally_often():
    counts = _kept("class_balanced", 3000)
    for c in range(CLASSES):
        own = counts[c == LABELS]
        mean, n = own.mean(), len(own)
        p = mean / 3000
        statistic = ((own - mean) ** 2).sum() / (mean * (1 - p))
        assert statistic < scipy.stats.chi2.ppf(0.999, n - 1), c


def test_classes_are_balanced_where_a_reservoir_is_not():
    batch, held = _batch(np.repeat([0, 1, 2], [16, 5, 3])), {}
    for name in BUFFERS:
        state = _add(name, _start(name), 0, batch)
        held[name] = np.bincount(state.slots.labels, minlength=3)
    np.testing.assert_array_equal(held["class_balanced"], [2, 2, 2])
    assert held["reservoir"][0] > 3


@pytest.mark.parametrize("name", BUFFERS)
def test_examples_that_do_not_count_leave_no_trace(name):
    where = np.arange(N) % 3 > 0
    one = _add(name, _start(name), 3, where=where)
    assert not set(np.asarray(one.slots.indices)) & set(BATCH.indices[~where])
    assert int(one.seen.sum()) == where.sum()
    unchanged = _add(name, one, 4, where=~ALL)
    jax.tree.map(np.testing.assert_array_equal, one, unchanged)


def test_draws_are_uniform_over_what_is_stored():
    state = _add("reservoir", _start("reservoir"), 0, where=np.arange(N) < 3)
    sample = jax.jit(BUFFERS["reservoir"].sample, static_argnums=1)
    drawn, there = sample(state, 3000, jax.random.key(1))
    assert np.all(there)
    counts = np.bincount(drawn.indices - 100)
    assert scipy.stats.chisquare(counts).pvalue > 0.01
    assert len(counts) == 3  # none of an empty slot
    np.testing.assert_array_equal(drawn.labels, LABELS[drawn.indices - 100])
    np.testing.assert_array_equal(drawn.extras["logits"][:, 1], 100.0 - drawn.indices)


def test_an_empty_buffer_says_so():
    _, there = baselines.sample(_start("reservoir"), 5, jax.random.key(0))
    np.testing.assert_array_equal(there, np.zeros(5, bool))


def test_a_count_stops_at_the_largest_integer():
    top = np.iinfo(np.int32).max
    full = _add("reservoir", _start("reservoir"), 0)
    state = _add("reservoir", full._replace(seen=jnp.array([top])), 1)
    np.testing.assert_array_equal(state.seen, [top])
    np.testing.assert_array_equal(state.slots.indices, full.slots.indices)  # 6 of 2^31 are replaced


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
