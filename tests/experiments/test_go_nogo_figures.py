"""Tables and figures of made-up results; what those of acetylcholine and serotonin show."""

import numpy as np
import pytest

from neurogain.experiments import go_nogo
from neurogain.experiments.go_nogo import CONDITIONS, GoNoGoConfig, Runs, figures
from neurogain.experiments.go_nogo.run import Watched
from neurogain.jobs import Found
from neurogain.runner import Result

CONFIG = GoNoGoConfig(validity=(1, 0.85), overtraining=(0, 100), trials=100, seeds=6)


@pytest.fixture(scope="module")
def result():
    """Return a run that nobody ran: all conditions, with actions at random."""
    rng = np.random.default_rng(0)
    found = Found()
    for part in go_nogo.EXPERIMENT.parts(CONFIG):
        if part.kind is Watched:
            found[part.label] = Watched(*rng.random((3, 3, 10, 100)))
            continue
        shape = (CONFIG.seeds, len(part.axes["trial"]))
        values = dict.fromkeys(Runs._fields, rng.normal(size=shape))
        skill = 0.5 + 0.49 * rng.random((CONFIG.seeds, 1))
        values["correct"] = (rng.random(shape) < skill).astype(float)
        values["trigger"] = (rng.random(shape) < 0.01).astype(float)
        values["action"], values["go"] = rng.integers(2, size=(2, *shape))
        found[part.label] = Runs(**values | {"pair": np.tile(np.arange(shape[1]) % 4, (6, 1))})
    metrics = go_nogo.EXPERIMENT.metrics(CONFIG, found)
    return Result(go_nogo.EXPERIMENT, CONFIG, metrics, dict(found), {})


def test_the_table_has_every_condition_in_80_columns(result):
    lines = result.table().splitlines()
    assert max(map(len, lines)) <= 80
    for name in result.metrics["conditions"]:
        assert sum(line.startswith(f"{name} ") for line in lines) >= 3
    assert sum(line.startswith("the predictive network ") for line in lines) == 2  # validities
    assert lines[0].startswith("Feedback valid in 100%: DA + NA learns the shift in 0.")


def test_every_figure_can_be_drawn(result):
    assert set(result.figures) == {
        "performance", "success", "entropies", "overtraining", "noradrenaline", "lucky", "trial",
        "acetylcholine", "serotonin",
    }  # fmt: skip
    for name in result.figures:
        assert result.figure(name).axes
    labels = [line.get_label() for line in result.plot().axes[0].lines]
    assert CONDITIONS["da+na"].summary in labels


def test_blocks_are_means_over_what_counts():
    values = np.full((6, 50), np.nan)
    values[:, 3:5] = np.arange(6)[:, None]
    values[:2, 25] = 1.0
    trials, value = figures.blocks(values)
    mean, low, high = np.column_stack([value["mean"], value["ci"]]).astype(float).T
    np.testing.assert_array_equal(trials, [10, 30])
    assert mean[0] == 2.5
    assert low[0] < 2.5 < high[0]
    assert np.isnan([mean[1], low[1], high[1]]).all()  # two of six seeds are too few


def test_a_row_a_quantity_and_a_column_a_validity(result):
    panels = result.figure("serotonin").axes
    assert len(panels) == 3 * 2
    lines = [len(axes.get_legend_handles_labels()[0]) for axes in panels]
    assert lines == [len(figures.CHANGED["serotonin"][0])] * 6
    assert panels[0].get_ylabel() == "third factor\nwhen punished"
    assert panels[1].get_title() == "feedback valid in 85%"
    assert panels[5].get_xlabel() == "trial"


def test_performance_is_that_of_the_metrics(result):
    panels = result.figure("performance").axes
    for axes, suffix in zip(panels, ("", "@0.85"), strict=True):
        for name in figures.MAIN:
            curve = result.metrics["conditions"][f"{name}{suffix}"]
            [line] = [x for x in axes.lines if x.get_label() == curve["summary"]]
            np.testing.assert_allclose(line.get_ydata(), curve["performance"]["mean"])
