"""What `neurogain landscape` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables
from neurogain.experiments.landscape.complexity import COMPLEXITIES, DRIVES, WAYS

_CURVATURE = {
    "old_task_learned": "task learned",
    "new_task_arrived": "next arrives",
    "highest_thereafter": "highest then",
}
_ACCURACY = {
    "at_switch": "at the switch",
    "worst_on_path": "lowest on the path",
    "worst_on_line": "lowest on the line",
}
_FORM = "{:<13} " + 3 * "{:<22.3f}"


def table(metrics: Mapping[str, Any]) -> str:
    """Return curvature and loss of every method, the identity, and the gain as a read-out."""
    methods = metrics["methods"]
    curvature = [(x, m["largest_eigenvalue"]["E"]) for x, m in methods.items()]
    accuracy = [(x, m["old_task_accuracy"]) for x, m in methods.items()]
    rows = [("", *_CURVATURE.values()), *((x, *map(m.get, _CURVATURE)) for x, m in curvature)]
    lines = ["largest eigenvalue at E", *tables.lines("{:<13} " + 3 * "{:<22.3g}", rows)]
    rows = [("", *_ACCURACY.values()), *((x, *map(m.get, _ACCURACY)) for x, m in accuracy)]
    lines += ["", "accuracy on the old task", *tables.lines(_FORM, rows)]
    notes = []
    for label, m in methods.items():
        if any(m["diverged"]):
            notes.append(f"{label}: diverged.")
        if (error := m["identity_largest_relative_error"]) is not None:
            notes.append(
                f"{label}: eigenvalue at W = g^2 x eigenvalue at E within {error:.1e}, for g up to "
                f"{m['largest_modulation']:.2f}."
            )
    difference = metrics["fast_slow"]["largest_difference"]["effective"]
    notes.append(f"Gain-modulated and explicit fast-slow weights differ by {difference:.1e}.")
    lines += ["", *tables.wrapped(*notes)]
    for drive in DRIVES:
        lines += ["", *_complexity(metrics["complexity"][drive], drive)]
    return "\n".join([*lines, "", *tables.wrapped(_basis(metrics))])


def _complexity(part: Mapping[str, Any], drive: str) -> list[str]:
    """Return the settled gain at the first and the last level, and its rise."""
    lines = [f"settled gain, driven by the {drive}"]
    for way in WAYS:
        rows = [("", "first level", "last level", "rise")]
        for kind in COMPLEXITIES:
            gain = part[way][kind]["gain"]
            rows.append((kind, gain[0], gain[-1], part[way][kind]["rise"]))
        lines += [f"{way}:", *tables.lines(_FORM, rows)]
    return lines


def _basis(metrics: Mapping[str, Any]) -> str:
    spread = tables.intervals_over(metrics["config"]["seeds"], "seed")
    tests = " and ".join(map(str, metrics["stream"]["test_images"]))
    bias = max(m["minimum_bias_at_most"] for m in metrics["methods"].values())
    return (
        f"{spread}; accuracy on {tests} fixed test images of the tasks: the lowest of such "
        f"readings is up to {bias:.3f} too low."
    )
