import numpy as np

from neurogain.experiments.bac_firing import figures


def pairing(p, pulse):
    return {
        "coupling": p,
        "dendritic_pulse_pA": pulse,
        "delay_ms": [-10.0, 0.0, 10.0],
        "event_probability": [0.0, p, 0.0],
        "event_probability_ci": [[0.0, 0.1], [max(0, p - 0.1), min(1, p + 0.1)], [0.0, 0.1]],
    }


def test_maps_show_probability_over_delay_and_pulse():
    rows = [pairing(p, pulse) for p in (0.0, 0.5, 1.0) for pulse in (200.0, 400.0)]
    *panels, bar = figures.maps(rows, repeats=40).axes
    assert [a.get_title() for a in panels] == ["p = 0", "p = 0.5", "p = 1"]
    mesh = panels[1].collections[0]
    np.testing.assert_allclose(mesh.get_array(), [[0, 0.5, 0], [0, 0.5, 0]])
    assert bar.get_ylabel() == "probability of a calcium event"


def test_probabilities_are_drawn_against_each_of_the_three():
    rows = [pairing(p, pulse) for p in (0.0, 1.0) for pulse in (200.0, 400.0)]
    figure = figures.probabilities(rows, pulse=390.0, delay=1.0, repeats=40)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels == [
        "delay (ms), pulse of 400 pA",
        "dendritic pulse (pA), delay 0 ms",
        "coupling p, delay 0 ms",
    ]
    drawn = figure.axes[2].get_lines()[0].get_ydata()
    np.testing.assert_allclose(np.asarray(drawn, float), [0, 1])
