"""The effect itself, at the defaults on split digits."""

import pytest

from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap import StabilityGapConfig

pytestmark = pytest.mark.slow  # trains four methods, about 90 s

CONFIG = StabilityGapConfig(
    optimizers=(
        "msgd:learning_rate=0.03",
        "adam:learning_rate=0.001",
        "ngm:learning_rate=0.01,sensitivity=0.4",
        "ngm:learning_rate=0.03,sensitivity=0.4",
    )
)


@pytest.fixture(scope="module")
def results():
    return stability_gap.run(CONFIG).metrics["methods"]


CLOSED = 0.15  # relative drop at the first switch


@pytest.mark.parametrize("label", ["msgd", "adam"])
def test_common_optimizers_fall_into_the_gap(results, label):
    """Seeds 0 to 4: the 95 % t-interval lies above the bound of a closed gap."""
    assert results[label]["sg_per_switch"][0]["ci"][0] > CLOSED


@pytest.mark.parametrize("label", CONFIG.optimizers[2:])
def test_gain_modulation_closes_the_gap_and_still_learns(results, label):
    assert results[label]["sg_per_switch"][0]["mean"] < CLOSED
    assert results[label]["avg_acc"]["mean"] > 0.95
