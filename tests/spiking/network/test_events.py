"""The loop over the cells that spiked visits just these, in order."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurogain.spiking.network import events

BLOCK = events._BLOCK * events._WORD  # cells that are searched at once
SIZES = [1, 32, 33, 1024, 5000]
LARGE = [BLOCK, BLOCK + 1, 2 * BLOCK + 40]


def note(cells, part, carry, constants):
    """Write down the visits; cells and parts that are not there change nothing."""
    visits, count = carry
    n = constants["parts"].shape[0]
    is_there = (cells < n) & (part < parts_of(cells, constants))
    row = jnp.where(is_there, count + jnp.cumsum(is_there) - 1, visits.shape[0])
    here = jnp.stack([cells, jnp.full_like(cells, part)], axis=1)
    return visits.at[row].set(here, mode="drop"), count + is_there.sum(dtype=jnp.int32)


def parts_of(cells, constants):
    return constants["parts"][cells]


def visit(mask, parts=None, most=None, at_once=1):
    """Return the cells and parts that were visited, padded with -1, and their number."""
    n = mask.shape[0]
    parts = jnp.ones(n, jnp.int32) if parts is None else jnp.asarray(parts)
    carry = jnp.full((n if most is None else most, 2), -1, jnp.int32), jnp.int32(0)
    constants = {"parts": parts}
    return events.for_each(mask, note, parts_of, carry, constants, at_once=at_once)


jitted = jax.jit(visit, static_argnames=("most", "at_once"))


def expected(mask, parts=None, most=None, at_once=1):
    mask = np.asarray(mask)
    parts = np.ones(len(mask), int) if parts is None else np.asarray(parts)
    cells, rows = np.flatnonzero(mask), []
    for start in range(0, len(cells), at_once):
        group = cells[start : start + at_once]
        for part in range(parts[group].max()):
            rows += [(cell, part) for cell in group if part < parts[cell]]
    visits = np.full((len(mask) if most is None else most, 2), -1)
    visits[: len(rows)] = np.reshape(rows, (-1, 2))
    return visits, len(rows)


def agrees(result, mask, parts=None, most=None, at_once=1):
    for ours, theirs in zip(result, expected(mask, parts, most, at_once), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("n", "at_once"), [(33, 64), (1025, 16)])
@settings(max_examples=25)
@given(data=st.data())
def test_it_visits_the_cells_of_the_mask_in_order(n, at_once, data):
    chosen = data.draw(st.lists(st.integers(0, n - 1), max_size=60))
    edges = data.draw(st.lists(st.sampled_from([0, 30, 31, 32, 33, 63, 64, 1023, n - 1])))
    invert = data.draw(st.booleans())
    mask = np.zeros(n, bool)
    mask[[cell for cell in chosen + edges if cell < n]] = True
    mask ^= invert
    agrees(jitted(mask), mask)
    agrees(jitted(mask, at_once=at_once), mask, at_once=at_once)


@pytest.mark.parametrize(
    ("n", "at_once"), [*((n, 1) for n in (*SIZES, *LARGE)), (1, 64), (33, 64), (1025, 16)]
)
def test_none_and_all_and_some_are_visited(n, at_once):
    for share in (0.0, 0.001, 0.3, 1.0):
        mask = np.random.default_rng(n).random(n) < share
        agrees(jitted(mask, at_once=at_once), mask, at_once=at_once)


@pytest.mark.parametrize("n", [2 * BLOCK + 40])
@pytest.mark.parametrize(
    "cells",
    [[0], [BLOCK - 1], [BLOCK], [BLOCK - 1, BLOCK], [2 * BLOCK + 39], [0, 2 * BLOCK], [5, 31, 63]],
)
def test_borders_of_blocks_are_not_missed(n, cells):
    mask = np.zeros(n, bool)
    mask[cells] = True
    agrees(jitted(mask), mask)


@pytest.mark.parametrize(
    ("n", "at_once"), [(1, 1), (33, 1), (BLOCK + 5, 1), (1, 7), (33, 2), (1025, 7)]
)
def test_each_cell_comes_with_all_its_parts(n, at_once):
    rng = np.random.default_rng(2)
    mask, parts = rng.random(n) < 0.01, rng.integers(1, 5, n).astype(np.int32)
    mask[[0, -1]] = True
    most = int(parts[mask].sum()) + 3
    ours = jitted(mask, parts, most=most, at_once=at_once)
    agrees(ours, mask, parts, most, at_once)


def members(n):
    """Masks of one batch, with very different counts, and numbers of parts."""
    rng = np.random.default_rng(3)
    shares = np.array([0.0, 1.0, 0.5, 0.001, 0.1]) * min(1.0, 1000 / n)
    masks = rng.random((5, n)) < shares[:, None]
    masks[3] = np.arange(n) == n - 1
    masks[1, :: max(1, n // 2000)] = True  # all of a small mask
    return masks, rng.integers(1, 4, (5, n)).astype(np.int32)


@pytest.mark.parametrize(("n", "at_once"), [(33, 1), (BLOCK + 5, 1), (33, 4)])
def test_vmap_is_a_loop(n, at_once):
    masks, parts = members(n)
    most = 3 * n
    one = functools.partial(visit, most=most, at_once=at_once)

    @jax.jit
    def batched(masks, parts):
        common = jax.vmap(one, in_axes=(0, None))(masks, parts[2])
        one_mask = jax.vmap(one, in_axes=(None, 0))(masks[4], parts)
        return jax.vmap(one)(masks, parts), common, one_mask

    both, common, one_mask = jax.tree.map(np.asarray, batched(masks, parts))
    for i in range(5):
        agrees([x[i] for x in both], masks[i], parts[i], most, at_once)
        agrees([x[i] for x in common], masks[i], parts[2], most, at_once)
        agrees([x[i] for x in one_mask], masks[4], parts[i], most, at_once)


def test_a_batch_of_batches_is_two_loops():
    masks, _ = members(40)
    masks = np.stack([masks, ~masks, masks[::-1]])
    for at_once in (1, 8):
        one = functools.partial(visit, at_once=at_once)
        visits, counts = map(np.asarray, jax.jit(jax.vmap(jax.vmap(one)))(masks))
        for i in range(3):
            for j in range(5):
                agrees((visits[i, j], counts[i, j]), masks[i, j], at_once=at_once)


def add(cells, part, carry, constants):
    """Add a row at its columns; a cell that is not there has none."""
    columns = constants["columns"].at[cells].get(mode="fill", fill_value=carry.shape[0])
    return carry.at[columns].add(constants["weight"], mode="drop")


def single(cells, constants):
    return jnp.ones_like(cells)


@pytest.mark.parametrize(
    ("what", "at_once"),
    [("carry", 1), ("weight", 1), ("mask", 1), ("all", 1), ("mask", 8), ("all", 8)],
)
def test_any_argument_may_be_batched_alone(what, at_once):
    rng = np.random.default_rng(4)
    masks = rng.random((3, 50)) < np.array([0.02, 0.5, 1.0])[:, None]
    carries = rng.integers(0, 9, (3, 20)).astype(np.float32)
    weights = np.array([1.0, 2.0, 4.0], np.float32)
    columns = jnp.asarray(rng.integers(0, 20, (50, 6)))

    def scatter(mask, carry, weight):
        constants = {"columns": columns, "weight": weight}
        return events.for_each(mask, add, single, carry, constants, at_once=at_once)

    axes = tuple(0 if what in (name, "all") else None for name in ("mask", "carry", "weight"))
    values = (masks, carries, weights)
    chosen = [x if axis == 0 else x[1] for x, axis in zip(values, axes, strict=True)]
    ours = jax.jit(jax.vmap(scatter, in_axes=axes))(*chosen)
    for i in range(3):
        mask, carry, weight = (
            x[i if axis == 0 else 1] for x, axis in zip(values, axes, strict=True)
        )
        theirs = carry.copy()
        np.add.at(theirs, np.asarray(columns)[mask], weight)
        np.testing.assert_array_equal(ours[i], theirs)


@pytest.mark.parametrize(("n", "at_once"), [(33, 1), (33, 64)])
def test_jit_is_eager(n, at_once):
    mask = np.random.default_rng(5).random(n) < 0.01
    mask[-1] = True
    agrees(visit(jnp.asarray(mask), at_once=at_once), mask, at_once=at_once)
    agrees(jitted(mask, at_once=at_once), mask, at_once=at_once)


@pytest.mark.parametrize(("n", "at_once"), [(40, 1), (40, 8)])
def test_it_runs_within_a_scan_and_in_a_batch_of_scans(n, at_once):
    rng = np.random.default_rng(6)
    masks = rng.random((2, 4, n)) < np.array([0.0, 1.0, 0.002, 0.5])[:, None]

    def last_visits(masks):
        def body(carry, mask):
            visits, count = visit(mask, at_once=at_once)
            return carry + count, (visits, count)

        return jax.lax.scan(body, jnp.int32(0), masks)

    total, each = jax.tree.map(np.asarray, jax.jit(last_visits)(masks[0]))
    assert total == masks[0].sum()
    batched_total, batched = jax.tree.map(np.asarray, jax.jit(jax.vmap(last_visits))(masks))
    np.testing.assert_array_equal(batched_total, masks.sum(axis=(1, 2)))
    for step in range(4):
        agrees([x[step] for x in each], masks[0, step], at_once=at_once)
        for i in range(2):
            agrees([x[i, step] for x in batched], masks[i, step], at_once=at_once)


def test_masks_are_packed_into_words_lowest_cell_first():
    words = events._pack(jnp.asarray(np.isin(np.arange(40), [0, 5, 31, 33])))
    assert words.dtype == jnp.uint32
    np.testing.assert_array_equal(words, [[1 | 1 << 5 | 1 << 31, 2]])
