"""From the parts of the bridge to metrics.json."""

from typing import Any

import numpy as np

from neurogain import stats
from neurogain.continual.summary import measure
from neurogain.experiments.bridge import inside
from neurogain.experiments.bridge.config import SOURCES, BridgeConfig
from neurogain.experiments.bridge.run import CURVE, LINKS, best, curve_of
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
        "links": _links(found[LINKS]),
        "sources": sources,
        "differences": _differences(sources),
    }


def _links(found: inside.Links) -> dict[str, Any]:
    """Return the gain at a held level with the effects of each link alone, and with all."""
    measured = dict(zip(inside.LINKS, found.alone, strict=True)) | {"all": found.all}
    each = {}
    for name, slope in measured.items():
        curve = inside.gain_of(slope, found.tonic)
        low, high = curve.interval()
        each[name] = {"gain": float(curve.gain[1]), "ci": [float(low[1]), float(high[1])]}
    return {"concentration_nM": inside.LEVEL, "alone": each}


def _differences(sources: dict[str, Any]) -> dict[str, Any]:
    """Return what each source changes, in pairs of seeds.

    Against no gain and the integrator, and what the circuit changes against its controls.
    """
    controls = [x for x, kind in SOURCES.items() if kind.follows == "spikes"]
    pairs = [(name, "none") for name in sources if name != "none"]
    pairs += [(name, "leaky") for name in sources if name not in ("none", "leaky")]
    pairs += [("spikes", control) for control in controls]
    return {
        f"{name} - {reference}": {
            field: _less(sources[name][field], sources[reference][field]) for field in COMPARED
        }
        for name, reference in pairs
        if {name, reference} <= sources.keys()
    }


def _less(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return a paired difference with its verdict at the margin."""
    each = (np.array(x["per_seed"], float) for x in (one, other))
    change = stats.summary(np.subtract(*each))
    return change | {"verdict": stats.verdict(change["ci"], MARGIN)}
