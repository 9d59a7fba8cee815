import dataclasses
import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import landscape
from neurogain.experiments.landscape import LandscapeConfig, complexity, switch

FIGURES = {
    f"{name}.png" for name in ("curvature", "loss", "accuracy", "plane", "fast_slow", "complexity")
}
UNITS = {f"curves/{name},seed={s}.npz" for name in ("ngm", "classes", "domains") for s in (0, 1)}


def arguments(out, *more):
    return [
        *("landscape", "--out", str(out), "--optimizers", "ngm", "--seeds", "2"),
        *("--iterations", "8", "--batch-size", "16", "--hidden", "5", "--top", "1"),
        *("--every", "4", "--products", "20", "--images", "20", "--window", "4"),
        *("--points", "5", *more),
    ]


def made_up_complexity(config, kind, *, seeds, show):
    """Stand in for what test_landscape.py trains in earnest."""
    del show
    rng = np.random.default_rng(len(kind))
    return landscape.Complexity(*rng.uniform(1, 3, (2, len(seeds), 2, 2, 5, config.iterations)))


def made_up_switch(config, stream, method, *, seeds, show):
    """Stand in for what test_landscape.py measures in earnest."""
    del stream, show
    rng, n = np.random.default_rng(len(method.name)), len(seeds)
    lengths = {
        "seed": n, "at": 2, "task": 2, "curvature_update": 1 + config.iterations // config.every,
        "eigenvalue": config.top, "update": config.iterations, "path_update": 2 * config.window + 1,
        "line_distance": config.points, "x": config.points, "y": config.points, "direction": 2,
    }  # fmt: skip
    found = {}
    for name, annotation in landscape.Switch.__annotations__.items():
        shape = [lengths[axis] for axis in annotation.dim_str.split()]
        found[name] = rng.uniform(0.1, 0.9, shape)
    for name in ("plane_x", "plane_y"):
        found[name] = np.linspace(-1, 1, config.points)
    return landscape.Switch(**found)


@pytest.fixture
def made_up(monkeypatch):
    monkeypatch.setattr(switch, "run_method", made_up_switch)
    monkeypatch.setattr(complexity, "run_complexity", made_up_complexity)


@pytest.mark.usefixtures("made_up")
def test_the_command_writes_metrics_arrays_and_figures_and_prints_a_table(tmp_path, capsys):
    out = tmp_path / "run"
    cli.main(arguments(out))
    found = {str(p.relative_to(out)) for p in out.rglob("*.*")} - {".lock"}
    expected = FIGURES | UNITS | {"curves/fast-slow.npz", "config.json", "metrics.json"}
    assert found == expected
    metrics = json.loads((out / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s"} < metrics.keys()
    assert metrics["methods"].keys() == {"ngm"}
    assert metrics["fast_slow"]["largest_difference"]["effective"] < 1e-6
    with np.load(out / "curves" / "ngm,seed=1.npz") as arrays:
        assert arrays["curvature_update"].tolist() == [0, 4, 8]
        assert arrays["path_update"].tolist() == list(range(-4, 5))
        assert arrays["seed"].tolist() == [1]
    shown = capsys.readouterr().out.split("\nWritten")[0]
    assert max(map(len, shown.splitlines())) <= 80
    assert "largest eigenvalue at E" in shown
    assert "ngm: eigenvalue at W = g^2 x eigenvalue at E" in shown


@pytest.mark.usefixtures("made_up")
def test_methods_and_seeds_are_added_and_arrays_have_named_axes(tmp_path):
    small = {"iterations": 8, "hidden": 5, "top": 1, "every": 4, "products": 20, "window": 4}
    config = LandscapeConfig(optimizers="ngm", seeds=1, points=5, **small)
    undrawn = dataclasses.replace(landscape.EXPERIMENT, figures=None)
    undrawn.run(config, out=tmp_path / "run")
    more = LandscapeConfig(optimizers=["sgd", "ngm"], seeds=2, points=5, **small)
    result = undrawn.run(more, out=tmp_path / "run", resume=True)
    assert result.parts["ngm"].eigenvalues.shape == (2, 2, 2, 3, 1)
    assert result.to_xarray("sgd").path_loss.dims == ("seed", "path_update", "task")
    drawn = dataclasses.replace(result, experiment=landscape.EXPERIMENT).plot()
    assert drawn._repr_png_().startswith(b"\x89PNG")


def test_bad_input_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"^neurogain: `--seeds` must be a whole number"):
        cli.main(arguments(tmp_path / "run", "--seeds", "0"))
    with pytest.raises(SystemExit, match=r"^neurogain: `--products` must be at most the network's"):
        cli.main(arguments(tmp_path / "run", "--products", "400"))
    assert not (tmp_path / "run").exists()
