"""From the parts of the bridge to metrics.json."""

from typing import Any

import numpy as np

from neurogain import stats
from neurogain.continual.summary import measure
from neurogain.experiments.bridge.config import SOURCES, BridgeConfig
from neurogain.experiments.bridge.run import CURVE, best, curve_of
from neurogain.experiments.training import load_stream
from neurogain.jobs import Found

MARGIN = 0.005  # of avg-SG and of accuracies, set beforehand
COMPARED = ("avg_sg", "avg_anytime_acc", "avg_acc")
SHOWN = (*COMPARED, "max_gain", "min_acc", "new_task_accuracy", "diverged")


def summarize(config: BridgeConfig, found: Found) -> dict[str, Any]:
    """Return the content of metrics.json without versions."""
    stream = load_stream(config)
    curve = curve_of(found[CURVE])
    low, high = curve.interval()
    sources: dict[str, Any] = {}
    for name in config.sources:
        numbers = measure(found[name], stream.test_counts)
        tuning = found[f"tuning,{name}"]
        sources[name] = {
            "summary": SOURCES[name].summary,
            "learning_rate": config.learning_rates[best(tuning)],
            "mean_gain": stats.summary(found[name].gain.mean(axis=(1, 2))),
            "sd_gain": stats.summary(found[name].gain.std(axis=(1, 2))),
            **{field: numbers[field] for field in SHOWN},
        }
    return {
        "benchmark": config.spec.name,
        "tasks": list(stream.task_names),
        "margin": MARGIN,
        "curve": {
            "concentration_nM": curve.concentration.tolist(),
            "gain": curve.gain.tolist(),
            "ci": np.stack([low, high], axis=1).tolist(),
            "burst_fraction": curve.burst_fraction.mean(axis=0).tolist(),
        },
        "sources": sources,
        "differences": _differences(sources),
    }


def _differences(sources: dict[str, Any]) -> dict[str, Any]:
    """Return what each source changes, in pairs of seeds, against no gain and the integrator."""
    found: dict[str, Any] = {}
    for reference in ("none", "leaky"):
        for name in sources:
            if (
                reference in sources
                and name != reference
                and (name, reference) != ("none", "leaky")
            ):
                found[f"{name} - {reference}"] = {
                    field: _less(sources[name][field], sources[reference][field])
                    for field in COMPARED
                }
    return found


def _less(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return a paired difference with its verdict at the margin."""
    each = (np.array(x["per_seed"], float) for x in (one, other))
    change = stats.summary(np.subtract(*each))
    return change | {"verdict": verdict(change["ci"])}


def verdict(ci: list[float | None], margin: float = MARGIN) -> str:
    """Return what an interval of a difference says at a margin that was set beforehand.

    Example:
      >>> verdict([-0.001, 0.002]), verdict([0.01, 0.02]), verdict([-0.02, 0.01])
      ('equal', 'higher', 'not decided')
    """
    low, high = ci
    if low is None or high is None:
        return "not decided"
    if -margin < low and high < margin:
        return "equal"
    return "higher" if low > 0 else "lower" if high < 0 else "not decided"
