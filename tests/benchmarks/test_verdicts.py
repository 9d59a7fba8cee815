"""Rules by which pages say what was found: the bridge's conjecture, what modulators share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.agents import four_modulators
from benchmarks.continual import bridge
from neurogain.neuromod import amounts

LOWER, EQUAL, HIGHER = ({"verdict": word} for word in ("lower", "equal", "higher"))
OPEN = {"verdict": "not decided"}


@pytest.mark.parametrize(
    ("gaps", "anytime", "said"),
    [
        ((LOWER, LOWER, LOWER), EQUAL, "holds"),
        ((LOWER, LOWER, LOWER), HIGHER, "holds"),
        ((LOWER, LOWER, LOWER), LOWER, "does not hold"),
        ((LOWER, LOWER, LOWER), OPEN, "is not decided"),
        ((LOWER, EQUAL, LOWER), EQUAL, "does not hold"),
        ((HIGHER, LOWER, LOWER), EQUAL, "does not hold"),
        ((LOWER, LOWER, OPEN), EQUAL, "is not decided"),
    ],
)
def test_the_conjecture_needs_all_controls(gaps, anytime, said):
    names = ("none", "mean", "yoked")
    differences = {
        f"spikes - {name}": {"avg_sg": gap, "avg_anytime_acc": anytime}
        for name, gap in zip(names, gaps, strict=True)
    }
    assert bridge.verdict(differences) == said


def test_what_two_modulators_share():
    """NA adds 0.1, ACh 0.2, both 0.2: they share 0.1; others add up."""
    added = {"NA": 0.1, "ACh": 0.2, "5-HT": 0.05}
    rng = np.random.default_rng(0)
    plain = rng.normal(0.5, 0.1, 8)
    accuracy = []
    for chosen in four_modulators.SETS:
        both = 0.1 if {"NA", "ACh"} <= set(chosen) else 0.0
        accuracy.append(plain + sum(added[m] for m in chosen) - both)
    found = {one["pair"]: one for one in four_modulators.overlaps(np.array(accuracy))}
    assert found["NA and ACh"]["shared"]["mean"] == pytest.approx(0.1)
    assert found["NA and ACh"]["verdict"] == "some"
    assert found["NA and 5-HT"]["shared"]["mean"] == pytest.approx(0, abs=1e-9)
    assert found["NA and 5-HT"]["verdict"] == "nothing"


def test_actions_move_at_each_change_and_stay_a_permutation():
    found = np.asarray(four_modulators.answers(10, 45, jax.random.key(0)))
    assert found.shape == (5, 10)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(np.arange(10), (5, 1)))
    np.testing.assert_array_equal(found[0], np.arange(10))
    assert ((np.diff(found, axis=0) != 0).sum(axis=1) == 5).all()


def test_strengths_scale_what_a_modulator_does():
    source = amounts.serotonin(2.0)
    twice = four_modulators.scaled(source, jnp.float32(2.0))
    plain, state = source.update(source.init(), -1.0)
    more, other = twice.update(twice.init(), -1.0)
    np.testing.assert_allclose(more, 2 * plain, rtol=1e-6)
    assert all(map(np.array_equal, jax.tree.leaves(state), jax.tree.leaves(other)))
