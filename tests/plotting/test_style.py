import itertools

import numpy as np

from neurogain.continual import methods
from neurogain.plotting import style


def test_all_methods_at_once_stay_apart():
    drawn = list(style.assign(methods.METHODS))
    assert [label for label, _, _ in drawn] == list(methods.METHODS)
    lines = [(line["color"], line["linestyle"]) for _, line, _ in drawn]
    points = [(line["color"], marker) for _, line, marker in drawn]
    assert len(set(lines)) == len(set(points)) == len(methods.METHODS)


def test_neighbours_differ_in_more_than_colour():
    drawn = list(style.assign("abcdefgh"))
    for (_, line, marker), (_, following, next_marker) in itertools.pairwise(drawn):
        assert line["linestyle"] != following["linestyle"]
        assert marker != next_marker


def test_styles_follow_the_order_alone():
    first = [rest for _, *rest in style.assign(["sgd", "ngm"])]
    assert first == [rest for _, *rest in style.assign(["adam", "sgd"])]


def test_ordered_colours_rise_in_lightness():
    colours = style.ordered([3.0, 1.0, 2.0])
    assert list(colours) == [1, 2, 3]
    lightness = [np.dot(c[:3], (0.3, 0.6, 0.1)) for c in colours.values()]
    assert np.all(np.diff(lightness) > 0.1)
