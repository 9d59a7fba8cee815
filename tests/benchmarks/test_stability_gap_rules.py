"""The rules of the stability gap's benchmark: what is chosen, compared and called better."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.continual import _gap_figures as figures
from benchmarks.continual import _gap_page as report
from benchmarks.continual import _gap_readme as readme
from benchmarks.continual import _gap_units as units
from benchmarks.continual import stability_gap as benchmark
from neurogain.continual import methods
from neurogain.continual.methods import METHODS
from neurogain.continual.training import TaskCurves, Trainer
from neurogain.experiments.stability_gap import StabilityGapConfig, load_stream
from neurogain.results import ResultFolder
from neurogain.stats import summary


def entry(sg, acc, rate=1.0, diverged=(False, False)):
    """Return the figures of one configuration on two seeds."""
    both = {"avg_sg": summary(sg), "avg_acc": summary(acc), "min_acc": summary(acc)}
    return both | {"hyperparameters": {"learning_rate": rate}, "diverged": list(diverged)}


def method(*swept, chosen=0, **more):
    """Return a method's entry in a result."""
    return {**swept[chosen], "summary": "x", "swept": list(swept), "tuning": [], **more}


@pytest.mark.parametrize(
    ("entries", "chosen"),
    [
        ([entry([0.3, 0.3], [0.95, 0.95]), entry([0.1, 0.1], [0.945, 0.945])], 1),
        ([entry([0.3, 0.3], [0.95, 0.95]), entry([0.1, 0.1], [0.93, 0.93])], 0),  # too inaccurate
        ([entry([0.3, 0.3], [0.9, 0.9]), entry([0.1, 0.1], [0.95, 0.95], 1, (True, False))], 0),
        ([entry([0.3, 0.3], [0.9, 0.9]), entry([None, 0.1], [0.95, 0.95])], 0),  # undefined
    ],
)
def test_the_lowest_gap_of_the_accurate_and_sound_is_chosen(entries, chosen):
    assert benchmark.choose(entries) == chosen


def test_nothing_is_chosen_where_all_diverged():
    with pytest.raises(ValueError, match="every configuration diverged"):
        benchmark.choose([entry([0.1, 0.1], [0.9, 0.9], 1, (False, True))])


def test_the_gain_is_compared_with_the_best_average_that_is_no_less_accurate():
    average = method(
        entry([0.010, 0.020], [0.90, 0.90], 1),  # less accurate
        entry([0.030, 0.050], [0.949, 0.949], 2),
        entry([0.080, 0.060], [0.95, 0.95], 3),
        chosen=2,
    )
    mine = method(entry([0.025, 0.035], [0.95, 0.95]))
    entries = {"two-timescale": mine, "ema-adam": average}
    [found] = benchmark.contribution(entries, "two-timescale").values()
    assert found["matched"]
    assert found["hyperparameters"] == {"learning_rate": 2}
    assert found["avg_sg"]["per_seed"] == pytest.approx([-0.005, -0.015])
    assert found["avg_acc"]["mean"] == pytest.approx(0.001)


def test_an_average_that_is_less_accurate_is_named_so():
    entries = {
        "two-timescale": method(entry([0.02, 0.02], [0.95, 0.95])),
        "ema-adam": method(
            entry([0.01, 0.01], [0.90, 0.90], 1), entry([0.03, 0.03], [0.92, 0.9], 2)
        ),
    }
    [found] = benchmark.contribution(entries, "two-timescale").values()
    assert not found["matched"]
    assert found["hyperparameters"] == {"learning_rate": 2}
    result = {"methods": entries, "contribution": {"two-timescale": {"ema-adam": found}}}
    [line] = report.contribution(result)
    assert "which is less accurate" in line


def anytime(sg, acc, aaa):
    """Return the figures of one configuration with its average anytime accuracy."""
    return entry(sg, acc) | {"avg_anytime_acc": summary(aaa)}


def test_anytime_accuracy_is_compared_and_told_where_it_is_recorded():
    old = method(entry([0.03, 0.05], [0.95, 0.95]))
    new = method(anytime([0.03, 0.05], [0.95, 0.95], [0.80, 0.82]))
    mine = method(anytime([0.025, 0.035], [0.95, 0.95], [0.70, 0.74]))
    for other, text in ((old, None), (new, "AAA -0.0900")):
        entries = {"two-timescale": mine, "ema-adam": other}
        found = benchmark.contribution(entries, "two-timescale")
        result = {"methods": entries, "contribution": {"two-timescale": found}}
        [line] = report.contribution(result)
        assert ("AAA" in line) == (text is not None)
        assert text is None or text in line
    assert report.accuracy_of(old) == "0.950"
    assert report.accuracy_of(mine) == "0.950, AAA 0.720"
    [column] = (value for head, value, _ in report.GAP_COLUMNS if head == "AAA")
    assert column(old) == "-"
    assert column(mine).startswith("0.720 [")


def test_a_front_against_anytime_accuracy_where_all_its_points_have_it():
    points = [anytime([gap], [0.9], [aaa]) for gap, aaa in ((0.1, 0.8), (0.2, 0.9), (0.3, 0.85))]
    one = method(points[0], front=points, front_seeds="report")
    rows = report.front_table({"methods": {"sgd": one}}, "avg_anytime_acc")
    assert rows[0] == "| method | front, report seeds: avg-SG @ AAA |"
    assert rows[2] == "| x | 0.100 @ 0.800, 0.200 @ 0.900 |"
    one["front"] = [*points, entry([0.1], [0.9])]
    assert report.front_table({"methods": {"sgd": one}}, "avg_anytime_acc") == []


def test_intervals_of_older_results_are_cut_to_0_to_1():
    wide = summary([0.0, 0.1, 0.0])
    assert wide["ci"][0] < 0
    assert report.interval(wide) == "0.033 [0.000, 0.177]"


def test_units_of_before_are_read_with_the_times_of_their_protocol():
    config = StabilityGapConfig(iterations=6, dense=2, sparse=4)
    shapes = {name: (4, 3, 4, 3) for name in TaskCurves._fields if name != "evaluated_at"}
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    arrays["versions"] = np.array("{}")
    folder = SimpleNamespace(load_unit=lambda *of, **named: dict(arrays))
    [one, other], _ = units.measure_all(
        folder, "x", config, None, METHODS["sgd"], [{}, {"a": 1}], [0, 1]
    )
    np.testing.assert_array_equal(one.evaluated_at, np.tile([0, 1, 2, 6], (2, 3, 1)))
    np.testing.assert_array_equal(other.evaluated_at, one.evaluated_at)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:orbax")
def test_what_takes_minutes_a_task_goes_on_behind_the_last_one(tmp_path, monkeypatch):
    config = StabilityGapConfig(
        model="resnet", width=2, blocks=(1,), iterations=2, batch_size=8, tasks=2, eval_images=10
    )
    stream, learn, learned = load_stream(config), Trainer.learn_and_evaluate, []

    def stopped(self, runs, task, **options):
        learned.append(task)
        if learned == [0, 1]:
            raise KeyboardInterrupt
        return learn(self, runs, task, **options)

    monkeypatch.setattr(Trainer, "learn_and_evaluate", stopped)
    arguments = ("x", config, stream, METHODS["sgd"], [{"learning_rate": 0.1}], [0, 1])
    with ResultFolder(tmp_path, {}) as folder, pytest.raises(KeyboardInterrupt):
        units.measure_all(folder, *arguments)
    with ResultFolder(tmp_path, {}, resume=True) as folder:
        [curves], _ = units.measure_all(folder, *arguments)
    assert learned == [0, 1, 1]
    assert curves.accuracy.shape == (2, 2, 3, 2)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("differences", "word"),
    [
        ([-0.02, -0.0201], "smaller"),
        ([0.02, 0.0201], "larger"),
        ([0.001, 0.0011], "equal within the margin"),
        ([-0.02, 0.02], "not decided"),
        ([None, 0.02], "not decided"),
    ],
)
def test_what_a_difference_is_called(differences, word):
    change = {"hyperparameters": {}, "matched": True, "avg_acc": summary([0, 0])}
    change["avg_sg"] = summary(differences)
    result = {"methods": {"a": {"summary": "A"}, "b": {"summary": "B"}}}
    [line] = report.contribution(result | {"contribution": {"a": {"b": change}}})
    assert f"**{word}" in line


def test_others_are_compared_at_the_presets_accuracy_on_the_seeds_of_the_report():
    other = method(entry([0.01, 0.01], [0.9, 0.9]), entry([0.06, 0.06], [0.96, 0.96]))
    preset = method(entry([0.02, 0.02], [0.95, 0.95]))
    worse = method(entry([0.00, 0.00], [0.94, 0.94]))
    rows = report.front_comparison(
        {"methods": {"two-timescale": preset, "sgd": other, "ngm": worse}}
    )
    assert rows[2:] == ["| x | 0.060 | +0.040 |", "| x | none reaches it |  |"]


PAPER = {"scale": "default", "iterations": 200, "eval_every": 1}


@pytest.mark.parametrize(
    ("gap", "words"),
    [([0.2, 0.22], "**missed** by 0.060"), ([0.01, 0.02], "**met**"), ([0.15], "**met**")],
)
def test_the_published_gap_is_met_by_the_mean_under_the_same_protocol(gap, words):
    one = method(entry(gap, [0.9] * len(gap)))
    result = {"published_avg_sg": {"sgd": 0.15}, "methods": {"sgd": one}, "config": PAPER}
    [line] = report.verdicts(result)
    assert line.endswith(f": {words}.")


@pytest.mark.parametrize(
    "other",
    [
        {"scale": "small"},
        {"iterations": 100},
        {"eval_every": 5},
        {"dense": 50},
        {"regime": "finetune"},
    ],
)
def test_another_protocol_has_no_verdict(other):
    one = method(entry([0.01, 0.9], [0.9, 0.9]))  # an interval so wide that it holds 0.15
    result = {"published_avg_sg": {"sgd": 0.15}, "methods": {"sgd": one}, "config": PAPER | other}
    [line] = report.verdicts(result)
    assert line.endswith("; another protocol, no verdict.")


def test_what_was_tried_stands_beside_each_method():
    points = [entry([0.1, 0.2, 0.3], [0.9, 0.9, 0.9], diverged=(False,) * 3)] * 8
    tuned = method(*points, tuning=[entry([0.1, 0.2], [0.9, 0.9])] * 8)
    assert report.tried(tuned) == "8 x 2, 8 x 3"
    frozen = method(points[0], search=[[160, 1], [12, 3]])
    assert report.tried(frozen) == "160 x 1, 12 x 3 seeds in the search, 1 x 3"


def test_the_readme_names_who_comes_near_at_the_presets_accuracy():
    preset = method(entry([0.02, 0.02], [0.95, 0.95]), summary="preset")
    part = method(entry([0.01, 0.01], [0.95, 0.95]), summary="a part of it")
    other = method(entry([0.04, 0.04], [0.95, 0.95]), summary="other")
    content = {"methods": {"two-timescale": preset, "two-timescale-no-gain": part, "a": other}}
    assert readme.nearest(content) == "0.040, other"
    other["swept"] = [entry([0.0, 0.0], [0.9, 0.9])]
    assert readme.nearest(content) == "none reaches it"


def test_a_rate_at_the_end_of_its_sweep_is_named():
    tuning = [{"hyperparameters": {"learning_rate": rate}} for rate in (1.0, 2.0, 3.0)]
    methods = {
        name: method(entry([0.1], [0.9], rate), tuning=tuning)
        for name, rate in (("low", 1.0), ("middle", 2.0), ("high", 3.0))
    }
    methods["frozen"] = method(entry([0.1], [0.9]))
    text = " ".join(report.at_the_edge({"methods": methods}))
    assert "lowest rate of its sweep was chosen for `low`:" in text
    assert "highest rate of its sweep was chosen for `high`:" in text
    assert "middle" not in text
    assert "frozen" not in text


def test_devices_are_named_with_what_else_tuning_ran_on():
    here, there = ({"device": device, "jax": "1"} for device in ("cpu", "gpu"))
    both = [{"versions": here}, {"versions": there}]
    methods = {
        "a": method(entry([0.1], [0.9]), versions=there, tuning=both),
        "b": method(entry([0.1], [0.9]), versions=there, tuning=[{"versions": there}]),
    }
    words = report.measured_on({"methods": methods})
    assert words == "on gpu, jax 1; some rates of a tuned on cpu, jax 1"
    methods["c"] = method(entry([0.1], [0.9]), versions=here)
    words = report.measured_on({"methods": methods})
    assert words == "on gpu, jax 1 (a, b); on cpu, jax 1 (c); some rates of a tuned on cpu, jax 1"


def test_earlier_constants_of_a_frozen_method_are_told_on_the_page_too():
    point = entry([0.1, 0.2], [0.9, 0.9])
    now = dict(METHODS["two-timescale"].constants)
    entries = {
        "adam": method(point, summary="Adam"),
        "two-timescale": method(point, summary="preset", hyperparameters=now),
    }
    result = {"methods": entries, "published_avg_sg": {}}
    assert [m["summary"] for m in report.named(result)] == ["Adam", "preset"]
    entries["two-timescale"]["hyperparameters"] = now | {"learning_rate": 1.0}
    assert [m["summary"] for m in report.named(result)] == ["Adam", "preset (earlier constants)"]


def test_seeds_are_counted_in_words():
    assert figures.seeds([entry([0.1, 0.2], [0.9, 0.9])] * 2) == "2 seeds"
    assert figures.seeds([entry([0.1], [0.9])]) == "1 seed"


@pytest.mark.parametrize("regime", ["joint", "finetune"])
@pytest.mark.parametrize(("model", "number"), [("mlp", 8), ("resnet", 5)])
def test_every_method_has_the_same_budget_or_is_frozen(model, number, regime):
    for name in units.names(model, regime):
        found = METHODS[name].configurations(model, sensitivity=0.4)
        assert len(found) == (1 if name in units.FROZEN else number)
        assert len({tuple(sorted(c.items())) for c in found}) == len(found)


@pytest.mark.parametrize("model", ["mlp", "resnet"])
def test_methods_with_a_strategy_are_compared_in_finetuning_with_the_main_ones(model):
    strategies = {name for name, m in METHODS.items() if m.strategy is not None}
    assert {"er", "agem", "ewc", "lwf", "der++", "er-ace"} <= strategies
    assert set(units.names(model, "finetune")) == strategies | set(units.MAIN)
    assert units.names(model, "finetune")[-1] == units.PRESET
    assert not strategies & set(units.names(model))
    for regime in ("joint", "finetune"):
        config = benchmark.Arguments(regime=regime).config("split-digits", None)
        assert config.optimizers == units.names("mlp", regime)


def test_the_readmes_table_is_of_joint_training():
    rows = [
        {
            "benchmark": "split-digits",
            "config": {"scale": "default", "regime": regime},
            "methods": {"adam": method(entry([0.1, gap], [0.9, 0.9]))},
        }
        for regime, gap in (("finetune", 0.5), ("joint", 0.1))
    ]
    [line] = readme.readme_table(rows)[2:]
    assert line.startswith("| split-digits | 0.100")
    assert report.name(rows[0]) == "split-digits, finetuning"


def test_kept_tuning_is_of_the_same_grid():
    grid = [{"learning_rate": 0.1}, {"learning_rate": 0.2}]
    before = {"hyperparameters": {"learning_rate": 0.2, "memory": 500}, "tuning": []}
    assert benchmark.kept_choice(before, grid)["chosen"] == grid[1]
    other = {"hyperparameters": {"learning_rate": 0.3}}
    assert benchmark.kept_choice(other, grid) is None
    assert benchmark.kept_choice(before, grid[:1]) is None
    assert benchmark.kept_choice(None, grid) is None


def test_units_of_other_sizes_are_other_units():
    asked = []

    def load(unit, names, digest):
        asked.append(digest)
        raise KeyError

    folder, small = SimpleNamespace(load_unit=load), methods.parse("er:memory=20")
    for one in (METHODS["er"], small, METHODS["adam"]):
        with pytest.raises(KeyError):
            units.measure_all(folder, "x", None, None, one, [{"learning_rate": 0.1}], [0])
    assert len(set(asked)) == 3


def test_methods_that_are_not_run_stay_where_the_protocol_is_the_same():
    config = {"optimizers": ["sgd"], "iterations": 200, "hidden": (400, 400)}
    config |= {"dense": None, "sparse": None}
    kept = {"methods": {"adam": {"avg_sg": 1}}, "config": {"optimizers": [], "hidden": [400, 400]}}
    assert benchmark.of_the_same_protocol(kept, config) == kept["methods"]
    sparsely = config | {"dense": 50, "sparse": 10}
    assert benchmark.of_the_same_protocol(kept, sparsely) == {}
    kept["config"]["hidden"] = [100]
    assert benchmark.of_the_same_protocol(kept, config) == {}
    assert benchmark.of_the_same_protocol({}, config) == {}


def test_a_method_that_a_stream_lacks_is_not_run_in_the_readme():
    config = StabilityGapConfig(seeds=2).as_json()
    row = {"benchmark": "split-digits", "config": config, "methods": {}}
    full = row | {"methods": {"sgd": method(entry([0.2, 0.4], [0.9, 0.9]))}}
    head, _, *lines = readme.readme_table([row, full])
    assert head.count("SGD") == 1
    assert [("not run" in line) for line in lines] == [True, False]


def test_the_time_that_is_announced_is_that_of_what_is_asked_for():
    def minutes(**options):
        return benchmark.minutes(benchmark.Arguments(benchmarks=("split-digits",), **options))

    one = minutes(methods=("adam",))
    assert minutes(methods=("adam", "sgd")) == pytest.approx(2 * one)
    assert minutes(methods=("adam",), iterations=100) < 0.6 * one
    assert minutes(methods=("adam",), fronts=False) < one
    assert minutes(methods=("adam",), fronts=False, keep_tuning=True) < minutes(
        methods=("adam",), fronts=False
    )
    rarely = minutes(methods=("adam",), fronts=False, tuning_eval_every=20)
    assert rarely < minutes(methods=("adam",), fronts=False)


def test_points_of_a_kept_sweep_that_were_measured_again_are_the_new_ones():
    kept = [{"hyperparameters": {"a": a, "b": 1.0}, "avg_sg": a} for a in (1.0, 2.0)]
    new = [{"hyperparameters": {"b": 1.0, "a": 2.0}, "avg_sg": 5.0}]
    assert benchmark.with_newer(kept, new) == [kept[0], new[0]]
    assert benchmark.with_newer(kept, []) == kept
