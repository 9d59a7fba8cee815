import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from neurogain import cli
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap

FILES = ["config.json", "metrics.json", "gain.png", "old_task_accuracy.png", "trade_off.png"]


def arguments(out, *more, optimizers=("sgd", "ngm"), seeds=2):
    return [
        *("stability-gap", "--out", str(out), "--optimizers", *optimizers, "--seeds", str(seeds)),
        *("--iterations", "4", "--batch-size", "8", "--eval-images", "20"),
        *("--hidden", "6", "--tasks", "2", *more),
    ]


def refused(*args, **options):
    """Return the one line that the command ends with."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments(*args, **options))
    return caught.value.code


@pytest.fixture
def runs(monkeypatch):
    """Replace training by made-up curves; return the names of the methods that were run."""
    names = []

    def run_method(config, stream, method, on_task=lambda task, curves: None):
        names.append(method.name)
        rng = np.random.default_rng(len(method.name))
        k, t = stream.tasks, config.numbers.iterations
        seeds = config.numbers.seeds
        accuracy = rng.uniform(0.2, 1, (seeds, k, t + 1, k))
        for task in range(k):
            accuracy[:, task, :, task + 1 :] = np.nan
        made = TaskCurves(
            accuracy,
            accuracy[:, :, -1],
            np.full((seeds, k, t), 1.0 if method.name == "sgd" else 2.0),
            *rng.uniform(0, 1, (2, seeds, k, t)),
            accuracy,
        )
        for task in range(k):
            on_task(task, TaskCurves(*(array[:, task] for array in made)))
        return made

    monkeypatch.setattr(stability_gap, "run_method", run_method)
    return names


def numbers(out):
    """Return the metrics without what differs from run to run."""
    metrics = json.loads((out / "metrics.json").read_text())
    for entry in (metrics, *metrics["methods"].values()):
        assert entry.pop("wall_time_s") >= 0
    return metrics


def test_all_files_are_written(runs, tmp_path):
    cli.main(arguments(tmp_path / "run"))
    found = {str(p.relative_to(tmp_path / "run")) for p in (tmp_path / "run").rglob("*.*")}
    assert found == {*FILES, "curves/sgd.npz", "curves/ngm.npz"}
    for figure in FILES[2:]:
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")


def test_metrics_carry_versions_times_and_configuration(runs, tmp_path):
    cli.main(arguments(tmp_path))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["schema_version"] == 1
    assert {"jax", "optax", "python", "device"} <= set(metrics["versions"])
    written = json.loads((tmp_path / "config.json").read_text())
    assert metrics["config"] | {"versions": metrics["versions"]} == written
    assert metrics["config"]["hidden"] == [6]
    seconds = [method["wall_time_s"] for method in metrics["methods"].values()]
    assert metrics["wall_time_s"] == pytest.approx(sum(seconds))


def test_curves_hold_every_array(runs, tmp_path):
    cli.main(arguments(tmp_path))
    with np.load(tmp_path / "curves" / "ngm.npz") as arrays:
        assert set(arrays) == {*TaskCurves._fields, "wall_time_s"}
        assert arrays["accuracy"].shape == (2, 2, 5, 2)


def test_the_table_shows_every_method(runs, tmp_path, capsys):
    cli.main(arguments(tmp_path))
    printed = capsys.readouterr().out
    head, sgd, ngm, note, evaluation = printed.splitlines()[:5]
    assert re.split(r"\s{2,}", head.strip()) == [
        *("method", "avg-SG", "SG at switch 1", "avg-ACC", "min-ACC (old tasks)"),
        *("reads low by <=", "seconds"),
    ]
    mean = json.loads((tmp_path / "metrics.json").read_text())["methods"]["sgd"]["avg_sg"]["mean"]
    assert re.match(rf"sgd +{mean:.3f} \[-?\d+\.\d+, \d+\.\d+\]", sgd)
    assert ngm.startswith("ngm ")
    assert note == "95 % t-intervals over 2 seeds; lower SG is better, at equal avg-ACC."
    assert evaluation.startswith("Evaluated after every update on 20 images a task: the lowest of")
    measured = json.loads((tmp_path / "metrics.json").read_text())["methods"]
    for line, name in ((sgd, "sgd"), (ngm, "ngm")):
        assert float(line.split()[-2]) == pytest.approx(
            measured[name]["minimum_bias"]["at_most"], abs=5e-4
        )
    assert f"Written: {tmp_path / 'metrics.json'}" in printed


def test_progress_tells_method_task_and_gain(runs, tmp_path, capsys):
    cli.main(arguments(tmp_path))
    shown = capsys.readouterr().err
    assert "ngm, task 2 of 2" in shown
    assert re.search(r"accuracy 0\.\d+, old tasks fell to 0\.\d+, gain up to 2\.00", shown)


def test_one_seed_is_shown_without_an_interval(runs, tmp_path, capsys):
    cli.main(arguments(tmp_path, seeds=1))
    assert "[" not in capsys.readouterr().out.splitlines()[1]


def test_a_method_that_comes_twice_has_two_rows_and_two_files(runs, tmp_path):
    cli.main(arguments(tmp_path, optimizers=("ngm", "ngm:sensitivity=0.2")))
    assert set(numbers(tmp_path)["methods"]) == {"ngm", "ngm:sensitivity=0.2"}
    assert len(list((tmp_path / "curves").iterdir())) == 2


def test_a_second_start_is_refused(runs, tmp_path):
    cli.main(arguments(tmp_path))
    message = refused(tmp_path)
    assert re.match(
        r"neurogain: `out` must be a new folder; .* holds results\. Pass --res", message
    )
    assert runs == ["sgd", "ngm"]


def test_resuming_a_finished_run_trains_nothing(runs, tmp_path):
    cli.main(arguments(tmp_path))
    before = numbers(tmp_path)
    runs.clear()
    cli.main(arguments(tmp_path, "--resume"))
    assert runs == []
    assert numbers(tmp_path) == before


def test_resuming_runs_only_what_is_missing(runs, tmp_path):
    cli.main(arguments(tmp_path))
    (tmp_path / "curves" / "sgd.npz").unlink()
    runs.clear()
    cli.main(arguments(tmp_path, "--resume"))
    assert runs == ["sgd"]


def test_resuming_with_another_configuration_names_the_field(runs, tmp_path):
    cli.main(arguments(tmp_path))
    message = refused(tmp_path, "--resume", seeds=3)
    assert "it differs in seeds: 2 there, 3 here. Pass --out another/folder." in message
    message = refused(tmp_path, "--resume", optimizers=("sgd", "ngm:learning_rate=0.02"))
    assert "optimizers: ['sgd', 'ngm'] there, ['sgd', 'ngm:learning_rate=0.02'] here" in message


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, monkeypatch, capsys):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_method, runs = stability_gap.run_method, []

    def interrupted(config, stream, method, on_task):
        runs.append(method.name)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return run_method(config, stream, method, on_task)

    monkeypatch.setattr(stability_gap, "run_method", interrupted)
    assert refused(broken) == 130
    message = f"Interrupted. What was finished is in {broken}; continue with --resume."
    assert message in capsys.readouterr().err
    assert [p.name for p in (broken / "curves").iterdir()] == ["sgd.npz"]
    assert not (broken / "metrics.json").exists()

    cli.main(arguments(broken, "--resume"))
    assert runs == ["sgd", "ngm", "ngm"]
    cli.main(arguments(whole))
    assert numbers(broken) == numbers(whole)


def test_a_folder_that_cannot_be_written(runs, tmp_path):
    (tmp_path / "file").write_text("")
    message = refused(tmp_path / "file" / "run")
    assert re.match(r"neurogain: `out` must be a folder that can be written; .*--out", message)
    assert runs == []


def test_missing_data_do_not_claim_the_folder(runs, tmp_path):
    data = ("--benchmark", "split-mnist", "--data-dir", str(tmp_path / "none"))
    message = refused(tmp_path / "run", *data)
    assert message.startswith("neurogain: `data_dir` must hold 'mnist' as TensorFlow Datasets")
    assert "pip install 'neurogain[tfds,prepare]'" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("sdg", "neurogain: `optimizers` must be among sgd, msgd, adam, ngm,"),
        ("ngm:decay=2", "neurogain: `decay` must be in (0, 1), per update; got 2.0."),
        ("sgd:learning_rate=x", "neurogain: `learning_rate` of 'sgd' must be a number; got 'x'."),
    ],
)
def test_bad_optimizers_are_refused_in_one_line(runs, tmp_path, optimizer, message):
    assert refused(tmp_path / "run", optimizers=(optimizer,)).startswith(message)
    assert not (tmp_path / "run").exists()


def test_a_split_that_cannot_be_is_refused_in_one_line(runs, tmp_path):
    assert "must be between 1 and the 10 classes" in refused(tmp_path / "run", "--tasks", "11")


def test_a_gap_that_is_undefined_everywhere_still_ends_well(tmp_path, monkeypatch, capsys):
    def run_method(config, stream, method, on_task):
        accuracy = np.zeros((2, 2, 5, 2))
        accuracy[:, 0, :, 1:] = np.nan
        broken = np.full((2, 2, 4), np.nan)
        return TaskCurves(accuracy, accuracy[:, :, -1], broken, broken, broken, accuracy)

    monkeypatch.setattr(stability_gap, "run_method", run_method)
    cli.main(arguments(tmp_path, optimizers=("ngm",)))
    assert re.search(r"ngm +undefined +undefined +0\.000 .*\(diverged\)", capsys.readouterr().out)
    assert numbers(tmp_path)["methods"]["ngm"]["avg_sg"]["mean"] is None


def test_help_lists_the_options_with_their_defaults(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["stability-gap", "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--benchmark", "--optimizers", "--scale", "--resume", "--out", "--data-dir"):
        assert option in shown


@pytest.fixture
def image_folder(tmp_path):
    """Return a folder of four classes of 8 x 8 pixels, 6 images each in training, 3 in test."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 6), ("test", 3)):
        for name in ("ant", "bee", "cat", "dog"):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "images" / part / name / f"{i}.png")
    return tmp_path / "images"


def test_a_folder_of_images_end_to_end(image_folder, tmp_path):
    out = tmp_path / "run"
    cli.main(
        [
            *("stability-gap", "--benchmark", "image-folder", "--image-folder", str(image_folder)),
            *("--optimizers", "ema-ngm", "--scale", "small", "--seeds", "2", "--iterations", "2"),
            *("--eval-every", "1", "--batch-size", "8", "--tasks", "2", "--augment"),
            *("--width", "2", "--blocks", "1", "--out", str(out)),
        ]
    )
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["config"]["scale"] == "small"
    assert metrics["config"]["gain_on"] == "output"
    assert metrics["stream"]["name"] == "split-images"
    assert metrics["stream"]["evaluation_images"] == [6, 6]
    assert metrics["methods"]["ema-ngm"]["diverged"] == [False, False]
    with np.load(out / "curves" / "ema-ngm.npz") as arrays:
        assert arrays["fast_accuracy"].shape == arrays["accuracy"].shape == (2, 2, 3, 2)
        assert arrays["gain"].max() > 1


def test_a_folder_without_images_is_refused_in_one_line(tmp_path):
    more = ("--benchmark", "image-folder", "--image-folder", str(tmp_path / "none"))
    message = refused(tmp_path / "run", *more, "--hidden", "400", "400")
    assert message.startswith("neurogain: `image_folder` must hold train/CLASS/*.png")
    assert not (tmp_path / "run").exists()


def test_more_evaluation_images_than_there_are_are_refused_in_one_line(tmp_path):
    message = refused(tmp_path / "run", "--eval-images", "400")
    assert re.match(r"neurogain: `eval_images` must be at most \d+, the test images of", message)


def test_a_signal_while_the_second_method_compiles_ends_with_130(tmp_path):
    """In a process of its own: an interrupted compilation used to crash the shutdown.

    A signal that comes in a callback of the garbage collector is lost to Python, so it is repeated,
    as one would press the key again.
    """
    words = "stability-gap --optimizers sgd ngm --seeds 2 --iterations 1000 --eval-every 50 --out"
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # in jobs too
    program = [sys.executable, "-c", f"{heard}; from neurogain.cli import script; script()"]
    call = [*program, *words.split(), str(tmp_path)]
    compiles = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=compiles) as run:
        while not (tmp_path / "curves" / "sgd.npz").exists() and run.poll() is None:
            time.sleep(0.05)
        time.sleep(0.8)
        errors = ""
        for _ in range(6):
            run.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, errors = run.communicate(timeout=10)
                break
    assert run.returncode == 130, errors
    assert "continue with --resume" in errors
