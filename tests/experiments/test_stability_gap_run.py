"""The experiment from the command line and from Python, most of it on made-up curves."""

import contextlib
import dataclasses
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import optax
import pytest
from PIL import Image
from tiny_gap import TINY

from neurogain import cli, stats
from neurogain.continual.methods import Method
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap import StabilityGapConfig, figures
from neurogain.jobs import Checkpoint

module = importlib.import_module("neurogain.experiments.stability_gap.run")
FIGURES = ["gain.png", "old_task_accuracy.png", "trade_off.png"]


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
def ran(monkeypatch):
    """Replace training by made-up curves; return what was run, as name and seeds."""
    names = []

    def run_method(config, stream, method, *, seeds, show, checkpoint):
        names.append((method.name, seeds))
        rng = np.random.default_rng(len(method.name))
        k, t, n = stream.tasks, config.preset.iterations, len(seeds)
        accuracy = rng.uniform(0.2, 1, (n, k, t + 1, k))
        for task in range(k):
            accuracy[:, task, :, task + 1 :] = np.nan
        made = TaskCurves(
            accuracy,
            accuracy[:, :, -1],
            np.full((n, k, t), 1.0 if method.name == "sgd" else 2.0),
            *rng.uniform(0, 1, (2, n, k, t)),
            accuracy,
            np.tile(np.arange(t + 1), (n, k, 1)),
        )
        for task in range(k):
            show(task, TaskCurves(*(array[:, task] for array in made)))
        return made

    monkeypatch.setattr(module, "run_method", run_method)
    return names


def test_the_command_writes_arrays_metrics_and_figures_and_prints_a_table(ran, tmp_path, capsys):
    cli.main(arguments(tmp_path / "run"))
    found = {str(p.relative_to(tmp_path / "run")) for p in (tmp_path / "run").rglob("*.*")}
    units = {f"curves/{name},seed={seed}.npz" for name in ("sgd", "ngm") for seed in (0, 1)}
    assert found - {".lock"} == {*FIGURES, *units, "config.json", "metrics.json"}
    for figure in FIGURES:
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert metrics["config"] | {"versions": metrics["versions"]} == written
    seconds = [method["wall_time_s"] for method in metrics["methods"].values()]
    assert metrics["wall_time_s"] == pytest.approx(sum(seconds))
    with np.load(tmp_path / "run" / "curves" / "ngm,seed=1.npz") as arrays:
        assert arrays["accuracy"].shape == (1, 2, 5, 2)
        assert arrays["seed"] == [1]
        assert arrays["task"].tolist() == ["0 to 4", "5 to 9"]
    printed = capsys.readouterr()
    assert max(map(len, printed.out.split("Written")[0].splitlines())) <= 80
    head, sgd, ngm, _, second, *_ = printed.out.splitlines()
    assert re.split(r"\s{2,}", head) == ["method", "avg-SG", "avg-ACC", "AAA"]
    assert re.split(r"\s{2,}", second) == ["method", "min-ACC (old tasks)", "WC-ACC"]
    mean = metrics["methods"]["sgd"]["avg_sg"]["mean"]
    assert re.match(rf"sgd +{mean:.3f} \[\d+\.\d+, \d+\.\d+\]", sgd)
    anytime = metrics["methods"]["sgd"]["avg_anytime_acc"]
    assert sgd.endswith(stats.text(anytime, ".3f"))
    assert ngm.startswith("ngm ")
    text = " ".join(printed.out.split())
    assert "95 % t-intervals over 2 seeds; lower avg-SG is better, at equal avg-ACC and AAA" in text
    assert "Evaluated after every update on 20 images a task: the lowest of such" in text
    low = max(m["minimum_bias"]["at_most"] for m in metrics["methods"].values())
    assert f"may be too low by up to {low:.3f}" in text
    assert "2 of 2" in printed.err or "ngm,seed=0-1" in printed.err


def test_a_note_tells_accuracy_gap_and_gain():
    curves = TaskCurves(
        *(np.array(x, float) for x in ([[[0.9, np.nan], [0.5, 0.7]]], [[0.5, 0.7]], [[1, 2]])),
        *np.zeros((2, 1, 2)),
        np.zeros((1, 2, 2)),
        np.array([[0, 1]]),
    )
    assert module._note(0, curves) == "accuracy 0.600, gain up to 2.00"
    assert module._note(1, curves) == "accuracy 0.600, old tasks fell to 0.500, gain up to 2.00"


def test_methods_and_seeds_are_added_to_what_is_finished(ran, tmp_path):
    config = {"iterations": 4, "batch_size": 8, "eval_images": 20, "hidden": 6, "tasks": 2}

    def run(*optimizers, seeds):
        ran.clear()
        chosen = StabilityGapConfig(optimizers=optimizers, seeds=seeds, **config)
        return undrawn.run(chosen, out=tmp_path / "run", resume=True)

    undrawn = dataclasses.replace(stability_gap.EXPERIMENT, figures=None)

    run("sgd", seeds=2)
    assert ran == [("sgd", (0, 1))]
    run("sgd", "ngm", seeds=2)
    assert ran == [("ngm", (0, 1))]
    run("ngm", "sgd", "ngm:sensitivity=0.2", seeds=3)
    assert ran == [("ngm", (2,)), ("sgd", (2,)), ("ngm", (0, 1, 2))]
    result = run("ngm", "sgd", "ngm:sensitivity=0.2", seeds=3)
    assert ran == []
    assert list(result.metrics["methods"]) == ["ngm", "sgd", "ngm:sensitivity=0.2"]
    assert len(result.metrics["methods"]["sgd"]["avg_sg"]["per_seed"]) == 3
    other = StabilityGapConfig(optimizers="sgd", **config | {"hidden": 7})
    with pytest.raises(ValueError, match=r"it differs in hidden: \[6\] there, \[7\] here"):
        undrawn.run(other, out=tmp_path / "run", resume=True)


def test_a_method_of_ones_own_goes_through_the_experiment(ran, tmp_path):
    lion = Method("lion", "Lion", optax.lion, {"learning_rate": 1e-4})
    config = StabilityGapConfig(
        optimizers=("sgd", lion), seeds=1, iterations=4, batch_size=8, hidden=6, tasks=2
    )
    result = stability_gap.run(config, out=tmp_path / "run")
    assert ran == [("sgd", (0,)), ("lion", (0,))]
    assert result.metrics["methods"]["lion"]["summary"] == "Lion"
    assert result.metrics["config"]["optimizers"] == ["sgd", "lion:learning_rate=0.0001"]
    assert "[" not in result.table().splitlines()[1]  # one seed has no interval
    assert result.plot()._repr_png_().startswith(b"\x89PNG")
    table = result.to_dataframe("gain")
    assert set(table.columns) == {"part", "seed", "task", "update", "gain"}


def test_an_interrupted_method_continues_behind_its_last_task():
    stream = stability_gap.load_stream(TINY)
    method = TINY.parse_methods()["ngm"]
    kept, told = {}, []
    checkpoint = Checkpoint(lambda: dict(kept) or None, kept.update)

    def interrupt(task, curves):
        told.append(task)
        if told == [0]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stability_gap.run_method(TINY, stream, method, show=interrupt, checkpoint=checkpoint)
    found = stability_gap.run_method(TINY, stream, method, show=interrupt, checkpoint=checkpoint)
    assert told == [0, 1]
    whole = stability_gap.run_method(TINY, stream, method)
    for name, one, other in zip(TaskCurves._fields, found, whole, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    with pytest.raises(ValueError, match="a checkpoint must be of the same runs; state0 is"):
        stability_gap.run_method(TINY, stream, method, seeds=[0], checkpoint=checkpoint)


def test_methods_with_a_memory_run_in_finetuning(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are drawn above
    chosen, out = ("er:memory=20", "lwf"), tmp_path / "run"
    cli.main(arguments(out, "--regime", "finetune", optimizers=chosen, seeds=1))
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["config"]["regime"] == "finetune"
    constants = {name: m["hyperparameters"] for name, m in metrics["methods"].items()}
    assert constants["er"] == {"learning_rate": 0.001, "memory": 20}
    assert constants["lwf"] == {"learning_rate": 0.001, "distillation": 1.0, "temperature": 2.0}
    losses = []
    for name in constants:
        [path] = (out / "curves").glob(f"{name}*.npz")
        with np.load(path) as arrays:
            assert np.isfinite(arrays["loss"]).all()
            losses.append(arrays["loss"][0])
    np.testing.assert_allclose(losses[0][0, 0], losses[1][0, 0], rtol=1e-5)  # nothing kept yet
    assert (losses[0][1] != losses[1][1]).all()
    message = refused(tmp_path / "other", optimizers=("sgd", "er"))
    assert message.startswith("neurogain: `--regime` must be finetune for er, which learn from")
    assert not (tmp_path / "other").exists()


def test_missing_data_do_not_claim_the_folder(ran, tmp_path):
    data = ("--benchmark", "split-mnist", "--data-dir", str(tmp_path / "none"))
    message = refused(tmp_path / "run", *data)
    assert message.startswith("neurogain: `--data-dir` must hold 'mnist' as TensorFlow Datasets")
    assert "pip install 'neurogain[tfds,prepare]'" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--optimizers", "sdg"), "neurogain: `--optimizers` must be among sgd, msgd, adam, ngm,"),
        (("--optimizers", "ngm:decay=2"), "neurogain: `decay` must be in (0, 1), per update; got"),
        (("--optimizers", "sgd:learning_rate=x"), "neurogain: `learning_rate` of 'sgd' must be a"),
        (("--tasks", "11"), "neurogain: `--tasks` must be between 1 and the 10 classes"),
        (("--eval-images", "400"), "neurogain: `--eval-images` must be at most "),
    ],
)
def test_bad_input_is_refused_in_one_line(ran, tmp_path, more, message):
    assert refused(tmp_path / "run", *more).startswith(message)
    assert not (tmp_path / "run").exists()


def test_a_gap_that_is_undefined_everywhere_still_ends_well(tmp_path, monkeypatch):
    def run_method(config, stream, method, **options):
        accuracy = np.zeros((2, 2, 5, 2))
        accuracy[:, 0, :, 1:] = np.nan
        broken = np.full((2, 2, 4), np.nan)
        times = np.tile(np.arange(5), (2, 2, 1))
        return TaskCurves(accuracy, accuracy[:, :, -1], broken, broken, broken, accuracy, times)

    monkeypatch.setattr(module, "run_method", run_method)
    result = stability_gap.run(TINY, out=tmp_path / "run")
    assert re.search(r"ngm +undefined +0\.000 ", result.table())
    assert "Diverged: sgd, ngm." in result.table()
    assert result.metrics["methods"]["ngm"]["avg_sg"]["mean"] is None


def test_help_lists_the_options_streams_and_methods(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["stability-gap", "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--benchmark", "--optimizers", "--scale", "--resume", "--out", "--data-dir"):
        assert option in shown
    for name in ("domain-cifar100_subset", "schedule-free-adam", "(SAM over SGD)"):
        assert name in shown


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


def test_a_folder_of_images_end_to_end(image_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are drawn above
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
    with np.load(out / "curves" / "ema-ngm,seed=1.npz") as arrays:
        assert arrays["fast_accuracy"].shape == arrays["accuracy"].shape == (1, 2, 3, 2)
        assert arrays["gain"].max() > 1


def test_a_folder_without_images_is_refused_in_one_line(tmp_path):
    more = ("--benchmark", "image-folder", "--image-folder", str(tmp_path / "none"))
    message = refused(tmp_path / "run", *more, "--hidden", "400", "400")
    assert message.startswith("neurogain: `--image-folder` must hold train/CLASS/*.png")
    assert not (tmp_path / "run").exists()


def test_a_signal_while_the_second_method_compiles_ends_with_130(tmp_path):
    """In a process of its own: an interrupted compilation used to crash the shutdown.

    A signal that comes in a callback of the garbage collector is lost to Python, so it is repeated,
    as one would press the key again.
    """
    words = "stability-gap --optimizers sgd ngm-adam --seeds 1 --iterations 4 --tasks 2 --out"
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # in jobs too
    program = [sys.executable, "-c", f"{heard}; from neurogain.cli import script; script()"]
    call = [*program, *words.split(), str(tmp_path)]
    compiles = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=compiles) as run:
        while not (tmp_path / "curves" / "sgd,seed=0.npz").exists() and run.poll() is None:
            time.sleep(0.02)
        time.sleep(0.3)
        errors = ""
        for _ in range(6):
            run.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, errors = run.communicate(timeout=10)
                break
    assert run.returncode == 130, errors
    assert "continue with --resume" in errors
