import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import neurogain
from neurogain import cli, commandline, experiments, runner
from neurogain.continual import stream_specs
from neurogain.experiments.stability_gap.config import PRESETS
from neurogain.tasks.spikes.task import TASKS

CHILD = """
from neurogain import cli
prepare = cli._prepare
cli._prepare = lambda arguments: (print("loading", flush=True), prepare(arguments))[1]
cli.script()
"""


def started(*arguments, **options):
    """Start the command in a process of its own, which says when it begins to load."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], **pipes, **options)
    assert process.stdout.readline() == "loading\n"
    return process


def test_the_version_is_told_without_loading_anything(capsys):
    cli.main(["--version"])
    assert capsys.readouterr().out == f"neurogain {neurogain.__version__}\n"


def test_an_unknown_command_names_those_there_are(capsys):
    with pytest.raises(SystemExit):
        cli.main(["gain-curv"])
    assert "gain-curve" in capsys.readouterr().err


@pytest.fixture
def shown(capsys, monkeypatch):
    """Return a function from a command line that asks for help to the lines of the page."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/neurogain"])

    def page(*arguments):
        with contextlib.suppress(SystemExit):
            cli.main([*arguments, "--help"])
        out, error = capsys.readouterr()
        assert error == ""
        assert not re.search(r"(^|[\s(])/\w", out), "an absolute path"
        lines = re.sub(r"\x1b\[[\d;]*m", "", out).splitlines()
        assert max(map(len, lines)) <= 80
        return [line.strip(" │") for line in lines]

    return page


def test_the_help_of_the_command_lists_the_experiments(shown):
    lines = shown()
    assert lines[0].startswith("usage: neurogain [-h]")
    listed = [line.split()[0] for line in lines[1:] if line]
    assert [name for name in listed if name in experiments.NAMES] == list(experiments.NAMES)


@pytest.mark.parametrize("name", experiments.NAMES)
def test_the_help_of_an_experiment_has_its_options_and_what_applies(name, shown):
    lines = shown(name)
    assert lines[0] == f"usage: neurogain {name} [-h] [OPTIONS]"
    text = " ".join(lines)
    for field in dataclasses.fields(experiments.get(name).config):
        assert f" --{field.name.replace('_', '-')}" in text
    assert "default: None" not in text
    assert "config options" not in text


def test_lines_of_a_docstring_are_joined(shown):
    lines = shown("burst-stdp")
    start = next(i for i, line in enumerate(lines) if line.startswith("--noise"))
    assert all(len(line) > 45 for line in lines[start : start + 2])
    text = " ".join(lines[start : start + 4])
    assert "step and cell; with 0.1 ms it moves the potential at rest" in text


def test_a_default_that_follows_from_other_options_is_shown(shown):
    text = " ".join(shown("stability-gap"))
    for scale, preset in PRESETS.items():
        for number in (preset.seeds, preset.iterations, preset.eval_every, preset.eval_images):
            assert re.search(rf"{number} with [^;)]*scale {scale}\b", text)
    for name, spec in stream_specs.STREAMS.items():
        assert re.search(rf"default: [^)]*\b{spec.batch_size} with [^;)]*{name}", text)


def test_help_names_options_as_they_are_typed(shown):
    text = " ".join(line.strip("│ ") for line in shown("stability-gap"))
    assert "each task that --eval-every is for" in text
    assert "(default: none; required with --dense)" in text
    assert "The seeds are --first-seed, --first-seed + 1" in text


def test_names_among_which_an_option_must_be_are_in_its_help(shown):
    text = " ".join(line.strip("│ ") for line in shown("spiking-task"))
    assert all(f" {name}" in text for name in TASKS)


def test_the_help_of_a_file_of_ones_own_has_its_name(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/own.py"])
    with pytest.raises(SystemExit, match="0"):
        cli.run(experiments.get("cell"), ["--help"])
    assert capsys.readouterr().out.startswith("usage: own.py [-h] [OPTIONS]")


@pytest.mark.parametrize("after", [0.0, 0.5])
def test_an_interruption_while_it_loads_is_one_line(after, tmp_path):
    with started("gain-curve", "--out", str(tmp_path / "run"), "--duration", "1000000") as process:
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert re.fullmatch(r"(gain-curve: .*\n)?\n?Interrupted.*\n", error)


def test_an_interruption_of_a_run_is_one_line_and_keeps_what_is_finished(tmp_path):
    options = ("--dendritic-current", "0:900:10", "--duration", "2000", "--repeats", "1")
    where = ("--out", str(tmp_path / "run"))
    with started("gain-curve", *options, *where, env=os.environ | {"XLA_FLAGS": ""}) as process:
        for line in process.stderr:
            if line.startswith("[2/91]"):
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert len(list((tmp_path / "run" / "curves").glob("*.npz"))) >= 2
    assert not list((tmp_path / "run").rglob("*.part"))
    (last,) = [line for line in rest if line and not line.startswith("[")]
    assert last.startswith("Interrupted. What was finished is in")
    assert last.endswith("continue with --resume.")


DROPPED = """
import os, signal, time
from neurogain import cli

class Freed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            time.sleep(0.001)

def start():
    Freed()
    for _ in range(1000):
        time.sleep(0.01)

cli._prepare = lambda arguments: start
cli.script()
"""


def test_an_interruption_that_python_would_drop_comes_again():
    options = {"capture_output": True, "text": True, "timeout": 60}
    ended = subprocess.run([sys.executable, "-c", DROPPED], **options)
    assert (ended.returncode, ended.stderr) == (130, "\nInterrupted.\n")


def test_an_interruption_before_anything_is_finished_says_so(tmp_path, monkeypatch, capsys):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", stop)
    experiment, curves = experiments.get("cell"), tmp_path / "curves"
    for said in ("before anything was finished", "continue with --resume"):
        with pytest.raises(SystemExit):
            cli._run(experiment, None, tmp_path, resume=False, overwrite=False)
        assert said in capsys.readouterr().err
        curves.mkdir(exist_ok=True)
        (curves / "one.npz").touch()


KEPT = [
    "`tau` and mydt=3, adam:dt=3, f(dt=3)",
    "got '/data/dt=3/run' and 'dt=3'",
    'got "dt=3"',
    "Protocol(names=('a', 'b'), dt=1) and StreamSpec(..., dt=7)",
    "Pass band=(5, ...), dt=range(3), --dt=3 or x.dt=3",
    "it can't be `self.dt` or dt==3",
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("`dt` must be > 0. Pass dt=0.1.", "`--dt` must be > 0. Pass --dt 0.1."),
        ("`band` of two. Pass band=(5, 20).", "`--band` of two. Pass --band 5 20."),
        ("Pass names=['a b', 'c'] or dt=-1e-3", "Pass --names 'a b' c or --dt -0.001"),
        ("write by_eye=False.", "write --no-by-eye."),
        ("write by_eye=True or dt=None", "write --by-eye or --dt None"),
        ("got PosixPath('a/b'). Pass out='c d'", "got 'a/b'. Pass --out 'c d'"),
        ("Pass names=both, or out=/tmp/a.", "Pass --names both, or --out /tmp/a."),
        ('got PosixPath("it\'s")', 'got "it\'s"'),
        *((same, same) for same in KEPT),
    ],
)
def test_what_is_said_of_arguments_is_said_of_options(text, said):
    options = {"dt": False, "band": False, "names": False, "by_eye": True, "out": False}
    assert commandline.in_option_words(text, options) == said


def test_a_choice_that_may_be_left_open_is_no_switch():
    assert commandline.in_option_words("Pass fast=True.", {"fast": False}) == "Pass --fast True."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("spiking-task", "--band", "5"), r"`--band` must be .*\(5\.0,\)\. Pass --band 5 20\.$"),
        (("spiking-task", "--optimizer", "foo"), "`--optimizer` must be among sgd, .*; got 'foo'"),
        (("stability-gap", "--optimizers", "foo"), "`--optimizers` must be among sgd, .*'foo'"),
        (("stability-gap", "--eval-every", "7"), r"`--eval-every` must .*\. Pass --eval-every 1"),
        (("cell", "--pulse-end", "-1"), "`--pulse-start` must be before `--pulse-end`, -1 ms"),
    ],
)
def test_a_wrong_option_is_named_as_on_the_command_line(words, said, tmp_path):
    with pytest.raises(SystemExit, match=f"^neurogain: {said}"):
        cli.main([*words, "--out", str(tmp_path / "new")])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_option_that_is_refused_is_named_with_its_dashes(name):
    """Each option that is a number is -1 in turn."""
    experiment = experiments.get(name)
    config, refused = experiment.config(), {}
    for field in dataclasses.fields(config):
        if type(getattr(config, field.name)) in (int, float):
            try:
                with commandline.option_words(experiment.config, cli.COMMON):
                    dataclasses.replace(config, **{field.name: -1}).check()
            except ValueError as error:
                refused[field.name] = str(error)
    for option, text in refused.items():
        assert f"`--{option.replace('_', '-')}`" in text
        assert not re.search(rf"`{option}`|Pass {option}=", text)
    assert len(refused) > 1
