import numpy as np
import pytest

from neurogain.experiments import landscape
from neurogain.experiments.landscape import Complexity, FastSlow, LandscapeConfig, Switch, figures
from neurogain.experiments.landscape.complexity import DRIVES, LEVELS, WAYS
from neurogain.experiments.landscape.run import DEMONSTRATION
from neurogain.plotting import draw
from neurogain.runner import Result

RNG = np.random.default_rng(0)
TIMES = np.array([0, 10, 20])


def drawn(figure):
    figure.canvas.draw()
    return figure.axes


def switch(**fields):
    """Return what was measured of a method, here the given fields alone."""
    nothing = dict.fromkeys(Switch._fields, np.zeros((3, 0)))
    return Switch(**nothing | fields)


def result(switches, *, seeds=3, points=5, found=()):
    config = LandscapeConfig(
        optimizers=tuple(switches), seeds=seeds, iterations=20, every=10, window=4, points=points,
        first_seed=3,
    )  # fmt: skip
    return Result(landscape.EXPERIMENT, config, {}, dict(switches) | dict(found), {})


def curvature(*, gain, seeds=3):
    g = np.full((seeds, 2, 3), 2.0 if gain else 1.0)
    at_e = np.full((seeds, 2, 3, 1), 5.0)
    return switch(eigenvalues=np.stack([at_e, at_e * g[..., None] ** 2], axis=1), modulation=g)


def line_of(axes, label):
    return next(line for line in axes.get_lines() if line.get_label() == label).get_data()


@pytest.mark.parametrize("seeds", [1, 3])
def test_curvature_shows_eigenvalues_at_e_and_the_ratio(seeds):
    both = {"sgd": curvature(gain=False, seeds=seeds), "ngm": curvature(gain=True, seeds=seeds)}
    upper, lower = drawn(figures.curvature(result(both, seeds=seeds)))
    for label in both:
        x, y = line_of(upper, label)
        np.testing.assert_allclose(x, TIMES)
        np.testing.assert_allclose(y, 5)
    np.testing.assert_allclose(line_of(lower, "ngm: g²")[1], 4)
    np.testing.assert_allclose(line_of(lower, "ngm: measured ratio")[1], 4)
    assert "sgd" not in "".join(t.get_text() for t in lower.get_legend().get_texts())
    assert upper.figure.get_suptitle().endswith(draw.mean_over(seeds, mean="geometric mean"))


def test_curvature_without_a_gain_says_so():
    _, lower = drawn(figures.curvature(result({"sgd": curvature(gain=False)})))
    assert "no method here has a gain" in [t.get_text() for t in lower.texts]


@pytest.mark.parametrize("kind", ["loss", "accuracy"])
def test_path_and_lines_have_a_column_per_method(kind):
    path = {name: RNG.uniform(0.1, 1, (3, 9, 2)) for name in ("sgd", "ngm")}
    line = {name: RNG.uniform(0.1, 1, (3, 5, 2)) for name in path}
    both = {"path_loss": path, "path_accuracy": path, "line_loss": line, "line_accuracy": line}
    switches = {name: switch(**{f: by[name] for f, by in both.items()}) for name in path}
    axes = drawn(figures.around(result(switches), kind=kind))
    mean = {"loss": lambda v: np.exp(np.log(v).mean(0)), "accuracy": lambda v: v.mean(0)}[kind]
    for column, name in enumerate(path):
        x, y = line_of(axes[column], "old task")
        np.testing.assert_allclose(x, np.arange(-4, 5))
        np.testing.assert_allclose(y, mean(path[name][..., 0]))
        x, y = line_of(axes[2 + column], "new task")
        np.testing.assert_allclose(x, np.linspace(-1, 1, 5))
        np.testing.assert_allclose(y, mean(line[name][..., 1]))
    assert axes[0].get_yscale() == ("log" if kind == "loss" else "linear")
    assert "nats" in axes[0].get_ylabel() or kind == "accuracy"


def test_the_plane_has_the_trajectory_on_both_losses():
    points = np.stack([np.linspace(-1, 1, 7), np.linspace(0, 1, 7) ** 2 - 0.25], axis=1)
    loss = RNG.uniform(0.1, 10, (5, 4, 2))
    sides = {"plane_x": np.linspace(-2, 2, 5), "plane_y": np.linspace(-1, 2, 4)}
    found = switch(plane_loss=loss, trajectory=points, captured=np.array(0.987), **sides)
    axes = drawn(figures.plane(result({"ngm": found})))
    assert "ngm: 98.7 % in the plane" in axes[0].get_title()
    for panel in axes[:2]:
        np.testing.assert_allclose(np.transpose(line_of(panel, "switch")), points[[3]])
        np.testing.assert_allclose(np.transpose(line_of(panel, "before")), points[:4])
    assert "seed 3" in axes[0].figure.get_suptitle()


@pytest.mark.parametrize("names", [("ngm",), ("ngm", "sgd")])
def test_a_run_that_diverged_leaves_its_panels_empty(names):
    points = {"ngm": np.full((7, 2), np.nan), "sgd": np.linspace([-1, -1], [1, 1], 7)}
    side = {"ngm": np.full(5, np.nan), "sgd": np.linspace(-1, 1, 5)}
    loss = {"ngm": np.full((5, 5, 2), np.nan), "sgd": RNG.uniform(0.1, 10, (5, 5, 2))}
    switches = {
        name: switch(
            plane_loss=loss[name], plane_x=side[name], plane_y=side[name],
            trajectory=points[name], captured=np.array(0.9),
        )
        for name in names
    }  # fmt: skip
    axes = drawn(figures.plane(result(switches)))
    assert axes[0].get_title() == "ngm: diverged"
    assert not axes[0].lines


def test_fast_slow_shows_both_ways_and_their_difference():
    slow, fast, gain = RNG.normal(size=(9, 2)), RNG.normal(size=(9, 2)), np.ones(9)
    found = FastSlow(slow, fast, gain, slow + 1e-8, fast, gain)
    upper, _, lower = drawn(figures.fast_slow(result({}, found={DEMONSTRATION: found})))
    own = line_of(upper, "effective E, gain-modulated")[1]
    np.testing.assert_allclose(own, (slow + fast)[:, 0])
    np.testing.assert_allclose(line_of(upper, "fast (g - g₀)W, explicit")[1], fast[:, 0])
    np.testing.assert_allclose(lower.get_lines()[0].get_ydata(), 1e-8, rtol=1e-6)


@pytest.mark.parametrize("seeds", [1, 3])
def test_complexity_has_a_row_per_drive_and_a_line_per_way(seeds):
    gain = {kind: RNG.uniform(1, 3, (seeds, 2, 2, 5)) for kind in LEVELS}
    found = {}
    for kind, values in gain.items():
        blank = dict.fromkeys(Complexity._fields, np.zeros(0))
        found[kind] = Complexity(**blank | {"gain": np.repeat(values[..., None], 20, axis=-1)})
    axes = drawn(figures.complexity(result({}, seeds=seeds, found=found)))
    for d, (left, right) in enumerate(zip(axes[::2], axes[1::2], strict=True)):
        for panel, kind in ((left, "classes"), (right, "domains")):
            for w, container in enumerate(panel.containers):
                x, y = container.lines[0].get_xydata().T
                np.testing.assert_allclose(x, LEVELS[kind])
                np.testing.assert_allclose(y, gain[kind][:, d, w].mean(axis=0))
    assert axes[2].get_title() == f"driven by {DRIVES[1]}"
    assert [t.get_text() for t in axes[0].figure.legends[0].get_texts()] == list(WAYS)
