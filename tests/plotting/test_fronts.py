import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurogain.plotting.fronts import APART, front, fronts

POINT = st.tuples(st.integers(0, 5), st.integers(0, 5))


def test_front_by_hand():
    points = [(0.9, 0.5), (0.8, 0.1), (0.85, 0.3), (0.8, 0.2), (0.7, 0.15)]
    assert front(points) == [(0.8, 0.1), (0.85, 0.3), (0.9, 0.5)]


@given(st.lists(POINT, min_size=1))
def test_front_holds_what_nothing_beats_and_covers_the_rest(points):
    kept = front(points)
    assert kept == sorted(kept)
    for accuracy, gap in points:
        assert any(a >= accuracy and g <= gap for a, g in kept)
    for accuracy, gap in kept:
        assert not any(a >= accuracy and g <= gap and (a, g) != (accuracy, gap) for a, g in points)


def test_figure_has_labels_fronts_and_points(figures_of):
    swept = {"ngm": [figures_of(0.1, 0.9), figures_of(0.3, 0.95), figures_of(None, 0.9)]}
    single = {name: figures_of(0.4, 0.95) for name in ("adam", "preset", "sgd")}
    single["lost"] = figures_of(0.4, 0.1)
    figure = fronts(
        swept, single, published={"ngm": 0.05}, title="split-mnist", highlighted="preset"
    )
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    axes = figure.axes[0]
    assert axes.get_xlabel() == "avg-ACC: final accuracy, mean over tasks"
    assert axes.get_ylabel().startswith("avg-SG: relative drop, mean over switches (linear up to")
    assert axes.get_title() == (
        "split-mnist\nlower right is better; bars at the left: published avg-SG"
    )
    texts = [t.get_text() for t in figure.legends[0].get_texts()]
    assert texts == ["ngm", "adam", "preset", "sgd"]  # the other is too inaccurate to show
    marks = [line.get_marker() for line in axes.lines if line.get_label() in ("adam", *single)]
    assert marks == ["$1$", "*", "$2$"]
    points, line, published = axes.lines[:3]
    assert list(zip(*points.get_data(), strict=True)) == [(0.9, 0.1), (0.95, 0.3)]
    assert list(zip(*line.get_data(), strict=True)) == [(0.8, 0.1), (0.9, 0.1), (0.95, 0.3)]
    assert list(published.get_ydata()) == [0.05, 0.05]


def test_the_front_against_anytime_accuracy(figures_of):
    entries = [figures_of(0.1, 0.95), figures_of(0.3, 0.9)]
    for entry, anytime in zip(entries, (0.6, 0.85), strict=True):
        entry["avg_anytime_acc"] = figures_of(0.1, anytime)["avg_acc"]
    swept = {"ngm": entries, "sgd": entries[:1]}
    [axes] = fronts(swept, {}, published={}, accuracy="avg_anytime_acc").axes
    assert axes.get_xlabel() == "AAA: accuracy on all tasks so far, mean over training"
    assert list(zip(*axes.lines[0].get_data(), strict=True)) == [(0.85, 0.3)]
    assert [t.get_text() for t in axes.texts] == ["below 0.8 AAA: sgd"]


def places(figure):
    """Return where the numbers point to and where they are written, in points."""
    [axes] = figure.axes
    figure.draw_without_rendering()
    to = 72 / figure.dpi * axes.transData.transform([t.xy for t in axes.texts])
    return to, to + [t.get_position() for t in axes.texts]


def test_numbers_at_one_place_are_written_beside_it(figures_of):
    figure = fronts({}, {f"method {i}": figures_of(0.4, 0.95) for i in range(9)}, published={})
    assert [t.get_text() for t in figure.axes[0].texts] == [str(i) for i in range(1, 10)]
    to, written = places(figure)
    np.testing.assert_allclose(to, np.broadcast_to(to[0], to.shape))
    apart = np.linalg.norm(written[:, None] - written, axis=-1)[~np.eye(9, dtype=bool)]
    assert apart.min() >= APART - 1e-6
    assert np.linalg.norm(written - to, axis=1).max() < 3 * APART


def test_numbers_cover_neither_marks_nor_the_places_of_others(figures_of):
    near = [(0.4, 0.95), (0.41, 0.949), (0.38, 0.951), (0.42, 0.952), (0.2, 0.9)]
    single = {f"method {i}": figures_of(*place) for i, place in enumerate(near)}
    figure = fronts({"adam": [figures_of(0.4, 0.95)]}, single, published={})
    to, written = places(figure)
    mark = 72 / figure.dpi * figure.axes[0].transData.transform((0.95, 0.4))
    for i, place in enumerate(written):
        others = [mark, *np.delete(to, i, axis=0), *np.delete(written, i, axis=0)]
        assert np.linalg.norm(place - others, axis=1).min() >= APART - 1e-6
    assert np.linalg.norm(written - to, axis=1).max() < 3 * APART
