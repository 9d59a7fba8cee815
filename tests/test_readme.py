import re
from pathlib import Path

import pytest

from neurogain import experiments

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
LINKS = [target for target in re.findall(r"\]\(([^)#]+)", README) if "://" not in target]
ROWS = re.findall(r"`neurogain ([^`]+)`((?:, `[a-z-]+`)*)", README)
COMMANDS = [name for first, rest in ROWS for name in [first, *re.findall(r"`([^`]+)`", rest)]]
SCRIPTS = re.findall(r"^    (scripts/\S+)", README, re.MULTILINE)
BENCHMARKS = re.findall(r"`python (\S+) ([a-z]+)", README)


def test_there_are_examples():
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0])
def test_examples_run_as_they_are(block):
    exec(block, {})


def test_links_lead_somewhere():
    assert LINKS
    assert [target for target in LINKS if not (ROOT / target).exists()] == []


def test_commands_are_experiments():
    """All of them, so that a new one is told of."""
    assert set(COMMANDS) == set(experiments.NAMES)


def test_scripts_and_benchmarks_are_there():
    assert SCRIPTS
    assert BENCHMARKS
    paths = [*SCRIPTS, *(path for path, _ in BENCHMARKS)]
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    usage = (ROOT / "benchmarks" / "run.py").read_text()
    assert [word for _, word in BENCHMARKS if f"benchmarks/run.py {word}" not in usage] == []
