import io

import numpy as np
import pytest
from scipy import stats

from neurogain.plotting import continual as figures

SIZES = pytest.mark.parametrize(("tasks", "seeds"), [(2, 5), (5, 1)])


def names(tasks):
    return [f"{2 * k}, {2 * k + 1}" for k in range(tasks)]


def render(figure):
    """Draw the figure; layout problems are warnings, and those are errors."""
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


@SIZES
def test_old_task_accuracy(made_up, tasks, seeds):
    accuracy = {"sgd": made_up(seeds, tasks)[0], "ngm": made_up(seeds, tasks, seed=1)[0]}
    figure = render(figures.old_task_accuracy(accuracy, names(tasks), title="split-digits"))
    switches = tasks - 1
    upper, lower = figure.axes[:switches], figure.axes[switches:]
    assert titles(figure) == [f"{name} arrives" for name in names(tasks)[1:]] + [""] * switches
    assert upper[0].get_ylabel() == "accuracy on all old tasks"
    assert lower[0].get_ylabel() == "accuracy on the new task"
    assert {axes.get_xlabel() for axes in lower} == {"iterations since the switch"}
    assert {axes.get_xlabel() for axes in upper} == {""}
    text = "one seed" if seeds == 1 else "mean and 95 % t-interval, 5 seeds"
    assert figure.get_suptitle() == f"split-digits: {text}"
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["sgd", "ngm"]


@pytest.mark.parametrize("eval_every", [1, 5])
def test_old_task_accuracy_is_drawn_around_the_switch(made_up, eval_every):
    accuracy = made_up(5, 3)[0]
    figure = figures.old_task_accuracy(
        {"sgd": accuracy}, names(3), eval_every=eval_every, before=10, after=50
    )
    x, y = figure.axes[1].lines[0].get_data()
    lead, length = 10 // eval_every, min(50 // eval_every, 30) + 1
    np.testing.assert_array_equal(x, eval_every * np.arange(-lead, length))
    old = accuracy[:, :, :, :2].mean(axis=(0, 3))
    np.testing.assert_allclose(y, [*old[1, -1 - lead : -1], *old[2, :length]])
    x, y = figure.axes[3].lines[0].get_data()
    np.testing.assert_array_equal(x, eval_every * np.arange(length))
    np.testing.assert_allclose(y, accuracy[:, 2, :length, 2].mean(axis=0))


def test_evaluations_are_drawn_at_their_iterations(made_up):
    accuracy, times = made_up(3, 2, 5)[0], np.array([0, 1, 2, 10, 20, 40])
    figure = figures.old_task_accuracy(
        {"sgd": accuracy}, names(2), eval_every=times, before=35, after=20
    )
    x, y = figure.axes[0].lines[0].get_data()
    np.testing.assert_array_equal(x, [-30, -20, 0, 1, 2, 10, 20])
    old = accuracy[..., 0].mean(axis=0)
    np.testing.assert_allclose(y, [*old[0, 3:5], *old[1, :5]])
    assert figure.axes[1].lines[0].get_xdata().tolist() == [0, 1, 2, 10, 20]


def test_a_shorter_task_ends_at_the_switch(made_up):
    accuracy = made_up(3, 2, 5)[0]
    shorter = np.where(np.arange(6)[:, None] > 3, np.nan, accuracy[:, 0])
    padded = np.stack([shorter, accuracy[:, 1]], axis=1)
    x, y = figures.old_task_accuracy({"sgd": padded}, names(2)).axes[0].lines[0].get_data()
    np.testing.assert_array_equal(x, np.arange(-3, 6))
    old = accuracy[..., 0].mean(axis=0)
    np.testing.assert_allclose(y, [*old[0, :3], *old[1]])


def test_band_is_the_t_interval_of_each_point(made_up):
    accuracy = made_up(5, 2)[0]
    axes = figures.old_task_accuracy({"sgd": accuracy}, names(2), before=5).axes[0]
    band = axes.collections[0].get_datalim(axes.transData)
    points = np.concatenate([accuracy[:, 0, -6:-1, 0], accuracy[:, 1, :, 0]], axis=1)
    low, high = stats.t.interval(0.95, 4, points.mean(axis=0), stats.sem(points, axis=0))
    assert high.max() > 1  # accuracies are not
    np.testing.assert_allclose([band.y0, band.y1], [max(low.min(), 0), 1])


@SIZES
def test_gain(made_up, tasks, seeds):
    _, gain, uncertainty = made_up(seeds, tasks)
    figure = render(
        figures.gain(
            {"sgd": np.ones_like(gain), "ngm": gain},
            {"sgd": uncertainty, "ngm": uncertainty},
            names(tasks),
        )
    )
    upper, lower = figure.axes
    assert upper.get_ylabel() == "gain g (dimensionless)"
    assert lower.get_ylabel() == "batch entropy (nats)"
    assert lower.get_xlabel() == "iterations (lines: a new task)"
    assert [line.get_label() for line in upper.lines][:1] == ["ngm"]  # sgd has no gain
    assert [line.get_label() for line in lower.lines][:2] == ["sgd", "ngm"]
    np.testing.assert_allclose(upper.lines[0].get_ydata(), gain.mean(axis=0).ravel())
    switches = [line.get_xdata()[0] for line in upper.lines[1:]]
    assert switches == [30 * k for k in range(1, tasks)]
    assert not upper.texts


def test_gain_of_methods_without_one_says_so(made_up):
    _, gain, uncertainty = made_up(2, 3)
    figure = render(figures.gain({"sgd": np.ones_like(gain)}, {"sgd": uncertainty}, names(3)))
    assert [t.get_text() for t in figure.axes[0].texts] == ["no method here has a gain"]


@pytest.mark.parametrize("seeds", [1, 5])
def test_trade_off(figures_of, seeds):
    methods = {
        "sgd": figures_of(0.1, 0.9, seeds=seeds),
        "adam": figures_of(0.5, 0.95, seeds=seeds),
        "ngm": figures_of(None, 0.5, seeds=seeds),
    }
    axes = render(figures.trade_off(methods, title="split-digits")).axes[0]
    assert axes.get_xlabel() == "avg-ACC: final accuracy, mean over tasks"
    assert axes.get_ylabel() == "avg-SG: relative drop, mean over switches"
    assert [c.get_label() for c in axes.containers] == ["sgd", "adam"]  # ngm is undefined
    point = axes.containers[1].lines[0]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (0.95, 0.5)
    bars = axes.containers[1].lines[2]
    assert len(bars) == (0 if seeds == 1 else 2)


def test_trade_off_has_anytime_accuracy_beside_it_where_all_methods_have_it(figures_of):
    both = {name: figures_of(0.1, 0.9) for name in ("sgd", "adam")}
    both["sgd"]["avg_anytime_acc"] = figures_of(0.1, 0.7)["avg_acc"]
    assert len(render(figures.trade_off(both)).axes) == 1
    both["adam"]["avg_anytime_acc"] = figures_of(0.1, 0.8)["avg_acc"]
    final, anytime = render(figures.trade_off(both, title="split-digits")).axes
    assert anytime.get_xlabel() == "AAA: accuracy on all tasks so far, mean over training"
    assert [c.lines[0].get_xdata()[0] for c in final.containers] == [0.9, 0.9]
    assert [c.lines[0].get_xdata()[0] for c in anytime.containers] == [0.7, 0.8]
    assert [c.lines[0].get_ydata()[0] for c in anytime.containers] == [0.1, 0.1]


def test_trade_off_of_methods_without_a_defined_gap_says_so(figures_of):
    axes = render(figures.trade_off({"sgd": figures_of(None, 0.1)})).axes[0]
    assert [t.get_text() for t in axes.texts] == ["no method here has a defined gap"]


def test_a_method_keeps_its_style_in_all_figures(made_up, figures_of):
    accuracy, gain, uncertainty = made_up(2, 2)
    labels = ["sgd", "adam", "ngm"]
    drawn = [
        figures.old_task_accuracy(dict.fromkeys(labels, accuracy), names(2)).axes[0],
        *figures.gain(
            dict.fromkeys(labels, gain), dict.fromkeys(labels, uncertainty), names(2)
        ).axes,
    ]
    styles = [
        [(line.get_color(), line.get_linestyle()) for line in axes.lines[:3]] for axes in drawn
    ]
    assert styles[0] == styles[1] == styles[2]
    assert len(set(styles[0])) == 3
    points = figures.trade_off({label: figures_of(0.1, 0.9) for label in labels}).axes[0].containers
    assert [p.lines[0].get_color() for p in points] == [colour for colour, _ in styles[0]]
