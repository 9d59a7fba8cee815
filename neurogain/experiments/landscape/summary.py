"""The numbers of `metrics.json` from the arrays of all units."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain import stats
from neurogain.continual import metrics
from neurogain.experiments.landscape import complexity
from neurogain.experiments.landscape.complexity import COMPLEXITIES, Complexity
from neurogain.experiments.landscape.config import LandscapeConfig
from neurogain.experiments.landscape.fast_slow import FastSlow
from neurogain.experiments.landscape.run import DEMONSTRATION
from neurogain.experiments.landscape.switch import Switch, distances
from neurogain.experiments.training import load_stream
from neurogain.stats import POSITIVE, SHARE, summary

TAIL = 50  # updates at the end of a stretch over which the settled gain is averaged


def summarize(config: LandscapeConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    stream = load_stream(config)
    measured = {}
    for label, name, method in config.labelled():
        switch = found[label]
        measured[name] = {
            "summary": method.summary,
            "hyperparameters": dict(method.constants),
            "diverged": [not np.isfinite(loss).all() for loss in switch.train_loss],
            **_curvature(switch),
            **_around(config, switch, stream.test_counts[:2]),
        }
    images = np.diff(stream.starts)[:2]
    return {
        "stream": {
            "tasks": list(stream.task_names[:2]),
            "training_images": images.tolist(),
            "curvature_images": np.minimum(images, config.images).tolist(),
            "test_images": stream.test_counts[:2].tolist(),
        },
        "methods": measured,
        "fast_slow": _differences(found[DEMONSTRATION]),
        "complexity": _complexity({kind: found[kind] for kind in COMPLEXITIES}),
    }


def _curvature(found: Switch) -> dict[str, Any]:
    """Return the largest eigenvalue at E and W at chosen times, and how exact it all is."""
    values, g = found.eigenvalues, found.modulation
    largest: dict[str, Any] = {}
    for at, top in zip("EW", np.moveaxis(values[..., 0], 1, 0), strict=True):
        old, new = top[:, 0], top[:, 1]
        largest[at] = {
            "first": summary(old[:, 0]),
            "old_task_learned": summary(old[:, -1]),
            "new_task_arrived": summary(new[:, 0]),
            "highest_thereafter": summary(new[:, 1:].max(axis=1)),
            "new_task_learned": summary(new[:, -1]),
        }
    with np.errstate(divide="ignore", invalid="ignore"):  # a dead network has no curvature
        identity = np.abs(values[:, 1] / (g**2)[..., None] / values[:, 0] - 1)
        residuals = np.max(found.residuals / np.abs(values), axis=(0, 1, 2, 3))
    return {
        "largest_eigenvalue": largest,
        "largest_modulation": stats.or_null(g.max()),
        "identity_largest_relative_error": (
            stats.or_null(identity.max()) if np.any(g != 1) else None
        ),
        "eigenvalues_largest_relative_residual": stats.or_null(residuals),
    }


def _around(config: LandscapeConfig, found: Switch, test_images: np.ndarray) -> dict[str, Any]:
    """Return loss and accuracy on the old task on the way from the switch, and straight ahead."""
    after_switch = distances(config) >= 0
    after: dict[str, Any] = {}
    for kind, worst, ends in (("loss", np.max, POSITIVE), ("accuracy", np.min, SHARE)):
        path = getattr(found, f"path_{kind}")[:, config.window :]
        line = getattr(found, f"line_{kind}")[:, after_switch]
        after[f"old_task_{kind}"] = {
            "at_switch": summary(path[:, 0, 0], within=ends),
            "worst_on_path": summary(worst(path[:, :, 0], axis=1), within=ends),
            "worst_on_line": summary(worst(line[:, :, 0], axis=1), within=ends),
            "at_end_of_window": summary(path[:, -1, 0], within=ends),
        }
        new = summary(path[:, -1, 1], within=ends)
        after[f"new_task_{kind}"] = {"at_end_of_window": new}
    path, line = found.path_accuracy[:, config.window :], found.line_accuracy[:, after_switch]
    after["minimum_bias_at_most"] = max(_bias(path, test_images), _bias(line, test_images))
    return after | {"trajectory_in_plane": stats.or_null(found.captured)}


def _bias(readings: np.ndarray, test_images: np.ndarray) -> float:
    """Return how far the lowest of the old task's readings may lie too low, mean over seeds."""
    # `minimum_bias` asks for the time before the switch, too, and does not read it
    biases = [metrics.minimum_bias(np.stack([one, one]), test_images) for one in readings]
    return float(np.mean([at_most for _, at_most in biases]))


def _differences(found: FastSlow) -> dict[str, Any]:
    """Return the largest differences between the two ways to the same curves."""
    differences = {
        name: np.abs(getattr(found, f"modulated_{name}") - getattr(found, f"explicit_{name}")).max()
        for name in ("slow", "fast", "gain")
    }
    both = found.modulated_slow + found.modulated_fast, found.explicit_slow + found.explicit_fast
    differences["effective"] = np.abs(both[0] - both[1]).max()
    return {
        "largest_difference": {k: stats.or_null(v) for k, v in differences.items()},
        "largest_gain": stats.or_null(found.modulated_gain.max()),
    }


def settled(curves: np.ndarray) -> np.ndarray:
    """Return the mean over the last updates, of (..., iterations)."""
    return curves[..., -TAIL:].mean(axis=-1)


def _complexity(found: Mapping[str, Complexity]) -> dict[str, Any]:
    """Return the settled gain at every level, and how much it rises from the first to the last."""
    result: dict[str, Any] = {"averaged_over_last_updates": TAIL, "drives": list(complexity.DRIVES)}
    for d, drive in enumerate(complexity.DRIVES):
        for w, way in enumerate(complexity.WAYS):
            rises, part = {}, {}
            for kind in COMPLEXITIES:
                gain, entropy = (settled(x[:, d, w]) for x in found[kind])  # (seeds, levels)
                rises[kind] = gain[:, -1] - gain[:, 0]
                part[kind] = {
                    "levels": list(complexity.LEVELS[kind]),
                    "gain": [summary(column) for column in gain.T],
                    "entropy_nats": [summary(column) for column in entropy.T],
                    "rise": summary(rises[kind]),
                    "excess_last_over_first": summary((gain[:, -1] - 1) / (gain[:, 0] - 1)),
                }
            part["rise_classes_minus_domains"] = summary(rises["classes"] - rises["domains"])
            result.setdefault(drive, {})[way] = part
    return result
