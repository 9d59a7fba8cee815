"""Each tutorial is a script that runs, short, and a notebook in jupytext's percent format."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

FOLDER = Path(__file__).parents[1] / "scripts" / "tutorials"
TUTORIALS = sorted(FOLDER.glob("*.py"))


def test_all_are_there():
    assert [path.stem for path in TUTORIALS] == [
        "cell_and_gain",
        "extending",
        "network_and_plasticity",
        "neuromodulators",
        "optimizer_in_your_loop",
        "spiking_layers",
        "stability_gap_with_your_data",
        "where_to_place_it",
    ]


@pytest.fixture
def figures(monkeypatch):
    """Give what counts the figures that are open, and close them in the end."""
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("a figure was shown"))
    plt.switch_backend("Agg")
    plt.close("all")
    yield lambda: len(plt.get_fignums())
    plt.close("all")


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_runs(path, figures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name=path.stem)
    assert capsys.readouterr().out.count("\n") >= 5
    assert figures() >= 1 or path.stem == "extending"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_is_a_notebook(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# %% [markdown]"
    assert lines[1].startswith("# # ")
    assert all(line in ("# %%", "# %% [markdown]") for line in lines if line.startswith("# %%"))
    text = False
    for number, line in enumerate(lines, 1):
        text = line.endswith("[markdown]") if line.startswith("# %%") else text
        assert not text or not line or line.startswith("#"), f"{path.name}:{number}: {line}"
