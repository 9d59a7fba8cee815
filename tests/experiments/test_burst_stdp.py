import dataclasses
import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import burst_stdp
from neurogain.experiments.burst_stdp import BurstStdpConfig, figures
from neurogain.experiments.burst_stdp.run import REGIMES, Course, Early, run_regime
from neurogain.experiments.burst_stdp.summary import RATIOS, per_seed, summarize
from neurogain.plotting import draw
from neurogain.runner import Result
from neurogain.spiking import measures

pytestmark = pytest.mark.optimized

SMALL = BurstStdpConfig(
    pre=10, post=4, warm_up=500.0, duration=1500.0, early=500.0, pulse=(500.0, 1000.0), seeds=3,
    map_current=[700, 1200], map_noise=1000.0, map_seeds=3,
)  # fmt: skip
MAP = ("map,I=700,sd=1000", "map,I=1200,sd=1000")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return burst_stdp.run(SMALL, out=tmp_path_factory.mktemp("burst") / "run")


@pytest.fixture(scope="module")
def small(result):
    return {name: result.parts[name] for name in REGIMES}


@pytest.mark.slow
def test_bursting_changes_weights_faster_in_at_least_19_of_20_seeds():
    config = dataclasses.replace(
        BurstStdpConfig(), duration=2500.0, pulse=(500.0, 1000.0), seeds=20
    )
    early = {
        name: per_seed(config, run_regime(config, name, range(20)))["early_change"]
        for name in ("regular", "bursting")
    }
    assert (early["bursting"] > early["regular"]).sum() >= 19


def test_bursting_changes_weights_faster_in_all_of_these_seeds(result):
    assert result.metrics["seeds_in_which_bursting_is_faster"] == 3


def test_regimes_share_the_somatic_noise_and_differ_in_bursts(small):
    before = {name: course.pre_spikes[:, 0] for name, course in small.items()}
    # a pulse that has not come yet leaves regular spiking: no coupling, though dendritic current
    np.testing.assert_array_equal(before["pulse"], before["regular"])
    assert (before["bursting"] > before["regular"]).all()
    assert not small["regular"].bursts.any()
    assert (small["bursting"].bursts > 0.9).all()
    assert not small["pulse"].bursts[:, 0].any()
    assert (small["pulse"].bursts[:, 1] > 0.5).all()


def test_shapes_and_bounds(small):
    for course in small.values():
        assert course.change.shape == course.mean.shape == (3, 30)
        assert course.step.shape == course.pre_spikes.shape == (3, 3)
        assert course.weights.shape == (3, 40)
        assert (course.weights >= 0).all()
        assert (course.weights <= 1).all()
        change = np.abs(course.weights - 0.5).mean(axis=1)
        np.testing.assert_allclose(course.change[:, -1], change, rtol=1e-5)
        np.testing.assert_allclose(course.step[:, 0], course.change[:, 9], rtol=1e-4)


def test_a_seed_does_not_depend_on_the_others(small):
    alone = run_regime(SMALL, "bursting", (2,))
    np.testing.assert_allclose(alone.change[0], small["bursting"].change[2], rtol=1e-5)


def test_nothing_changes_without_learning():
    config = dataclasses.replace(SMALL, learning_rate=0.0)
    course = run_regime(config, "bursting", (0,))
    assert not course.change.any()
    assert course.pre_spikes.any()


def test_half_time_of_courses_that_are_known():
    samples = 0.1 * np.arange(1, 101)  # ms
    straight, saturating = samples / 10, 1 - np.exp(-samples)
    halves = measures.half_time(np.stack([straight, saturating, 0 * samples]), 0.1)
    np.testing.assert_allclose(halves[:2], [5.0, np.log(2)], atol=2e-3)
    assert halves[2] == 0


def course(change, pre, post, seeds=2):
    """Return a course that changes by `change` at once; spikes per 500 ms."""
    ones = np.ones((seeds, 1))
    return Course(
        change=ones * np.full(30, change),
        mean=ones * np.full(30, 0.5),
        step=ones * np.full(3, change),
        pre_spikes=ones * np.full(3, pre),
        post_spikes=ones * np.full(3, post),
        bursts=ones * np.zeros(3),
        weights=np.full((seeds, 40), 0.5 + change),
    )


def test_ratios_of_courses_that_are_known():
    courses = {
        "regular": course(0.01, 2.0, 4.0),
        "bursting": course(0.03, 4.0, 8.0),
        "pulse": course(0.01, 2.0, 4.0),
    }
    points = {point.label: Early(np.full(2, 0.1), np.full(2, 0.2)) for point in SMALL.points()}
    metrics = summarize(SMALL, courses | points)
    for name, expected in {
        "speed_ratio": 3.0,
        "speed_ratio_per_spike": 1.5,
        "speed_ratio_per_pair": 0.75,
        "half_time_ratio": 1.0,
    }.items():
        np.testing.assert_allclose(metrics[name]["mean"], expected)
        np.testing.assert_allclose(metrics[name]["per_seed"], expected)
    assert metrics["seeds_in_which_bursting_is_faster"] == 2
    assert metrics["regular"]["pre_rate_hz"]["mean"] == pytest.approx(4.0)
    assert metrics["pulse_speed_per_s"]["during_over_before"]["mean"] == pytest.approx(1.0)
    assert [p["speed_ratio"]["mean"] for p in metrics["map"]] == [2.0, 2.0]


def test_silent_cells_have_no_ratio():
    silent = {name: course(0.0, 0.0, 0.0) for name in REGIMES}
    points = {point.label: Early(np.zeros(2), np.zeros(2)) for point in SMALL.points()}
    metrics = summarize(SMALL, silent | points)
    assert metrics["speed_ratio"]["mean"] is None
    assert metrics["regular"]["early_change_per_spike"]["mean"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre": 0}, "`pre` must be a whole number of at least 1; got 0"),
        ({"duration": 1700.0}, r"`duration` must be a multiple of 500 ms; got 1700.0"),
        ({"early": 2000.0}, r"`duration` must hold `early`"),
        ({"pulse": (1000.0, 500.0)}, r"start before end.*pulse 1000 500"),
        ({"sample": 30.0}, r"`sample` must be a multiple of dt .* divides 500 ms; got 30.0"),
        ({"sample": 0.125}, r"`sample` must be a multiple of dt = 0.1 ms"),
        ({"sample": 0.0625}, r"`sample` must be a multiple of dt = 0.1 ms"),
        ({"sample": float("nan")}, r"`sample` must be positive and finite, in ms"),
        ({"dt": 0.0}, r"`dt` must be positive and finite, in ms"),
        ({"tau": 0.0}, r"`tau` must be positive and finite, in ms"),
        ({"coupling": 1.5}, r"`coupling` must be in \[0, 1\]"),
        ({"w_max": -1.0}, r"`w_max` must be positive and finite, in nS"),
        ({"noise": -1.0}, r"standard deviation of at least 0; got -1.0"),
        ({"map_noise": ("x",)}, r"`map_noise`.*x"),
        ({"seed": -1}, r"`seed` must be in"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        burst_stdp.run(dataclasses.replace(SMALL, **change))


def test_metrics_arrays_and_figures_are_on_disk(result):
    found = {str(p.relative_to(result.out)) for p in result.out.rglob("*.*")} - {".lock"}
    figures = {f"{name}.png" for name in ("courses", "ratios", "pulse", "map")}
    arrays = {f"curves/{x},seed={seed}.npz" for x in (*REGIMES, *MAP) for seed in range(3)}
    assert found == figures | arrays | {"config.json", "metrics.json"}
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert metrics == result.metrics
    for name in ("speed_ratio", "speed_ratio_per_spike"):
        assert metrics[name].keys() == {"mean", "ci", "per_seed"}
        assert len(metrics[name]["per_seed"]) == 3
    assert metrics["bursting"]["burst_fraction"]["mean"] > 0.9
    assert max(map(len, result.table().splitlines())) <= 80
    assert result.plot().axes[0].get_title() == "Change of weights"


def test_the_command_adds_a_seed(result, capsys, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are there already
    times = ("--warm-up", "500", "--duration", "1500", "--early", "500", "--pulse", "500", "1000")
    maps = ("--map-current", "700", "1200", "--map-noise", "1000", "--map-seeds", "4")
    cells = ("--pre", "10", "--post", "4", "--seeds", "4")
    cli.main(["burst-stdp", "--out", str(result.out), "--resume", *cells, *times, *maps])
    printed = capsys.readouterr()
    assert "20 parts, 15 of them finished before" in printed.err
    told = {line.partition("] ")[2].partition(":")[0] for line in printed.err.splitlines()[1:]}
    assert told == {f"{name},seed=3" for name in (*REGIMES, *MAP)}
    assert "of 4 seeds" in printed.out
    metrics = json.loads((result.out / "metrics.json").read_text())
    for one, other in ((metrics, result.metrics), (metrics["map"][1], result.metrics["map"][1])):
        assert one["speed_ratio"]["per_seed"][:3] == other["speed_ratio"]["per_seed"]


def drawn(figure):
    figure.canvas.draw()
    return figure.axes


def made_up(found=None, metrics=None, seeds=3):
    config = dataclasses.replace(SMALL, seeds=seeds)
    return Result(burst_stdp.EXPERIMENT, config, metrics or {}, found or {}, {})


def ratio(mean, seeds):
    ci = [None, None] if seeds < 2 or mean is None else [mean - 0.1, mean + 0.1]
    return {"mean": mean, "ci": ci, "per_seed": [mean] * seeds}


@pytest.mark.parametrize("seeds", [1, 4])
def test_courses_start_from_no_change_and_end_where_they_should(seeds):
    found = {"regular": course(0.1, 2.0, 4.0, seeds), "bursting": course(0.2, 2.0, 4.0, seeds)}
    left, right = drawn(figures.courses(made_up(found, seeds=seeds)))
    lines = {line.get_label(): line for line in left.get_lines()}
    for name, change in (("regular", 0.1), ("bursting", 0.2)):
        x, y = lines[name].get_data()
        np.testing.assert_allclose(x, 0.05 * np.arange(31))
        np.testing.assert_allclose(y, [0, *[change] * 30])
    assert left.get_xlabel() == "time with plasticity (s)"
    assert right.get_xlabel() == "w / w_max"
    assert left.figure.get_suptitle().endswith(draw.mean_over(seeds))


def test_ratios_show_each_mean_in_its_row():
    means = (2.0, 0.5, None, 3.0)
    named = {name: ratio(mean, 3) for name, mean in zip(RATIOS, means, strict=True)}
    (axes,) = drawn(figures.ratios(made_up(metrics=named)))
    labels = [t.get_text() for t in axes.get_yticklabels()]
    assert labels == [text for _, text in RATIOS.values()]
    diamonds = [line.get_xydata()[0] for line in axes.get_lines() if line.get_marker() == "D"]
    np.testing.assert_allclose(diamonds, [[2.0, 0], [0.5, 1], [3.0, 3]])


def test_the_pulse_is_drawn_as_speed_in_the_middle_of_segments():
    found = {"pulse": course(0.1, 2.0, 4.0, 3)._replace(step=np.tile([0.01, 0.02, 0.01], (3, 1)))}
    (axes,) = drawn(figures.pulse(made_up(found)))
    x, y = axes.get_lines()[0].get_data()
    np.testing.assert_allclose(x, [0.25, 0.75, 1.25])
    np.testing.assert_allclose(y, [0.02, 0.04, 0.02])


def test_the_map_has_a_line_per_noise():
    points = [
        {"somatic_current_pA": c, "noise_pA": n, "speed_ratio": ratio(c / n, 3)}
        for c in (700.0, 900.0)
        for n in (100.0, 300.0)
    ]
    (axes,) = drawn(figures.over_inputs(made_up(metrics={"map": points})))
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["100 pA", "300 pA"]
    heights = [container.lines[0].get_ydata() for container in axes.containers]
    np.testing.assert_allclose(heights, [[7, 9], [7 / 3, 3]])
