import os
import re
import signal
import subprocess
import sys
import time

import pytest

import neurogain
from neurogain import cli

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
    options = ("--dendritic-current", "0:900:1", "--duration", "2000", "--repeats", "1")
    where = ("--out", str(tmp_path / "run"))
    with started("gain-curve", *options, *where, env=os.environ | {"XLA_FLAGS": ""}) as process:
        for line in process.stderr:
            if line.startswith("[2/901]"):
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert len(list((tmp_path / "run" / "curves").glob("*.npz"))) >= 2
    assert not list((tmp_path / "run").rglob("*.part"))
    (last,) = [line for line in rest if line and not line.startswith("[")]
    assert last.startswith("Interrupted. What was finished is in")
    assert last.endswith("continue with --resume.")
