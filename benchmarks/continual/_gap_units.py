"""What the stability gap's searches share: who is compared, units of work, the rule of choice."""

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurogain import results
from neurogain.continual import methods
from neurogain.continual.protocol import Regime
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap.config import StabilityGapConfig

FROZEN = tuple(name for name, m in methods.METHODS.items() if m.frozen)  # by preset_search.py
FRONTS = tuple(name for name, m in methods.METHODS.items() if m.fronts)
[PRESET] = (name for name in FROZEN if methods.METHODS[name].against)
MAIN = tuple(name for name, m in methods.METHODS.items() if m.main)
TOLERANCE = 0.01  # of avg-ACC, in the rule of choice


def names(model: str, regime: Regime = "joint") -> tuple[str, ...]:
    """Return the methods of a comparison, the frozen ones last.

    In finetuning these are the methods with a strategy and the main ones of the others; elsewhere
    all without a strategy.
    """
    if regime == "finetune":
        chosen = {name for name, m in methods.METHODS.items() if m.strategy is not None or m.main}
    else:
        chosen = {name for name, m in methods.METHODS.items() if m.strategy is None}
    tuned = (n for n, m in methods.METHODS.items() if model in m.grids and n in chosen)
    return (*tuned, *(name for name in FROZEN if name in chosen))


def measure_all(
    folder: results.ResultFolder,
    unit: str,
    config: StabilityGapConfig,
    stream: Stream,
    method: methods.Method,
    grid: Sequence[Mapping[str, float]],
    seeds: Sequence[int],
) -> tuple[list[TaskCurves], dict[str, str]]:
    """Train every configuration on every seed in one batch, or read what an earlier start did.

    Return the curves of each, and with which versions and on which device they were measured. What
    takes minutes a task is kept task by task, and goes on there.
    """
    what = {"grid": [dict(c) for c in grid], "seeds": list(seeds)}
    asked = results.digest(what | ({"sizes": dict(method.sizes)} if method.sizes else {}))
    arrays = folder.load_unit(unit, ("versions",), digest=asked)
    if arrays is None:
        trainer = stability_gap.make_trainer(config, stream, method)
        constants = [c for c in grid for _ in seeds]
        kept = folder.path / "checkpoints" / unit if config.kind.convolutional else None
        each = list(seeds) * len(grid)
        arrays = trainer.run(constants, each, checkpoint_dir=kept)._asdict()
        arrays["versions"] = np.array(json.dumps(results.versions()))
        folder.save_unit(unit, arrays, digest=asked)
        if kept is not None:
            shutil.rmtree(kept)
    if "evaluated_at" not in arrays:  # of before curves had it; the folder is of this protocol
        times, shape = np.array(config.protocol.evaluated_at), arrays["accuracy"].shape[:3]
        arrays["evaluated_at"] = np.broadcast_to(times, shape)
    versions = json.loads(str(arrays["versions"]))
    fields = (arrays[name] for name in TaskCurves._fields)
    shaped = [a.reshape(len(grid), len(seeds), *a.shape[1:]) for a in fields]
    return [TaskCurves(*(a[i] for a in shaped)) for i in range(len(grid))], versions


def choose(entries: Sequence[dict[str, Any]]) -> int:
    """Apply the rule of choice to the tuning figures; return the configuration's index."""
    sound = {
        i: e
        for i, e in enumerate(entries)
        if not any(e["diverged"]) and e["avg_sg"]["mean"] is not None
    }
    if not sound:
        raise ValueError("every configuration diverged; lower the rates of its grid.")
    best = max(e["avg_acc"]["mean"] for e in sound.values())
    near = [i for i, e in sound.items() if e["avg_acc"]["mean"] >= best - TOLERANCE]
    return min(near, key=lambda i: sound[i]["avg_sg"]["mean"])
