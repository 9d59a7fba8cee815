"""The list of benchmarks, what a benchmark is, and what it leaves."""

import dataclasses
import doctest
import json
import re
import subprocess
import sys

import pytest

from benchmarks import record, registry, report
from benchmarks.accelerator._pieces import PIECES
from benchmarks.run import listing, main

KNOWN = registry.benchmarks()


def test_the_list_fits_a_terminal_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['run.py', 'list']; from benchmarks import run; run.main(); "
        "assert not {'jax', 'numpy', 'tyro', 'matplotlib'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=registry.ROOT, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert done.stdout.strip() == listing(KNOWN).strip()


@pytest.fixture
def printed(capsys, monkeypatch):
    """Return a function from words to the status, the lines and the errors of `run.py`."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = stop.code or 0
        out, error = capsys.readouterr()
        return status, re.sub(r"\x1b\[[\d;]*m", "", out).splitlines(), error

    return call


@pytest.mark.parametrize(
    "words",
    [["--help"], ["-h"], ["run", "--help"], ["list", "-h"], ["report", "--help"]]
    + [["run", name, "--help"] for name in KNOWN],
    ids=" ".join,
)
def test_help_goes_to_stdout_within_80_columns(words, printed):
    status, lines, error = printed(*words)
    assert (status, error) == (0, "")
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80
    assert not re.search(r"default:[ │]*(None|\))", " ".join(lines))


@pytest.mark.parametrize("words", [[], ["run"], ["runs"]], ids=" ".join)
def test_a_command_that_is_none_shows_the_help_as_an_error(words, printed):
    status, lines, error = printed(*words)
    assert (status, lines) == (2, [])
    assert "python benchmarks/run.py list" in error


def test_the_list_has_no_two_stops_in_a_row():
    assert not re.search(r"[?.!]\.", listing(KNOWN))


def test_every_module_without_an_underscore_is_a_benchmark():
    folders = {path.parent for path in registry.FOLDER.glob("*/*.py")}
    modules = [path for folder in folders for path in folder.glob("[!_]*.py")]
    assert {path.stem for path in modules} == {one.stem for one in KNOWN.values()}
    assert len(KNOWN) >= 20


@pytest.mark.parametrize("one", KNOWN.values(), ids=list(KNOWN))
def test_a_benchmark_has_what_the_registry_says(one):
    module = one.module()
    assert callable(getattr(module, "run", None)) or not hasattr(module, "Arguments")
    if hasattr(module, "Arguments"):
        dataclasses.replace(module.Arguments(), **module.TINY)
    else:
        assert all(isinstance(word, str) for word in module.TINY)
    assert module.__doc__


def test_every_piece_runs_a_benchmark_that_there_is():
    for piece in PIECES:
        assert piece.options.split()[0] in KNOWN
        assert report.script(piece.command, KNOWN).name == piece.options.split()[0]


def test_a_result_belongs_to_the_benchmark_with_the_longest_name():
    assert registry.owner("go_nogo", KNOWN).name == "go-nogo"
    assert registry.owner("go_nogo_reversal", KNOWN).name == "go-nogo"
    assert registry.owner("go_nogo_detector", KNOWN).name == "go-nogo-detector"
    assert registry.owner("go", KNOWN) is None


def test_a_record_holds_its_fields_and_the_data_beside_them(tmp_path):
    one = record.Record("a", "A", "python benchmarks/run.py run a", tmp_path, table="x")
    one.notes.append("")
    one.data["rows"] = [{"n": 1}]
    content = json.loads(one.write().read_text())
    assert list(content) == [*record.FIELDS, "rows"]
    assert content["notes"] == []
    assert {"device", "cpus", "jax", "numpy", "python"} <= content["versions"].keys()
    assert {"platform", "kind", "number"} <= content["device"].keys()
    assert one.earlier() == content
    part = one.part("b", "B")
    assert (part.path.name, part.title, part.command) == ("a_b.json", "B", one.command)
    assert part.notes is not one.notes


def test_a_record_refuses_data_that_would_hide_a_field_or_is_not_finite(tmp_path):
    one = record.Record("a", "A", "a", tmp_path)
    one.data["title"] = "B"
    with pytest.raises(ValueError, match=r"`data`.*title"):
        one.write()
    one.data = {"x": float("nan")}
    with pytest.raises(ValueError, match="JSON"):
        one.write()
    assert not list(tmp_path.iterdir())


def test_a_command_of_before_is_shown_with_what_replaces_it():
    shown = report.measured(
        "python benchmarks/preset_search.py --data-dir DIR --name preset_search_wide --seeds 2",
        "preset_search_wide",
        KNOWN["preset-search"],
    )
    new = "python benchmarks/run.py run preset-search --data-dir DIR --part wide --seeds 2"
    assert shown.endswith(f", now `{new}`")
    shown = report.measured(
        "python benchmarks/experiments.py --experiments go-nogo-reversal go-nogo-intra",
        "go_nogo_intra",
        KNOWN["go-nogo"],
    )
    assert shown.endswith(", now `python benchmarks/run.py run go-nogo intra`")
    new = "python benchmarks/run.py run noise-speed"
    assert report.measured(new, "noise_speed", KNOWN["noise-speed"]) == f"`{new}`"


@pytest.fixture(scope="module")
def pages():
    return report.files()


def test_the_kept_pages_are_what_the_results_say(pages):
    stale = [path.name for path, text in pages.items() if path.read_text() != text]
    assert stale == [], "run `python benchmarks/run.py report`"


def test_the_overview_is_one_page_and_the_readmes_table_a_few_lines(pages):
    files = {path.name: text for path, text in pages.items()}
    assert len(files["RESULTS.md"].splitlines()) <= 150
    table = files["README.md"].split(report.BEGIN)[1].split(report.END)[0]
    assert len(table.strip().splitlines()) <= 20


def test_links_of_the_pages_lead_somewhere(pages):
    for path, text in pages.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("module", [record, registry, report])
def test_examples_in_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
