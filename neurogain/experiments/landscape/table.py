"""What `neurogain landscape` prints."""

import textwrap
from collections.abc import Mapping
from typing import Any

from neurogain import stats
from neurogain.experiments.landscape.complexity import COMPLEXITIES, DRIVES, WAYS

WIDTH, LABEL = 80, 14  # characters, of a line and of its label


def table(metrics: Mapping[str, Any]) -> str:
    """Return curvature and loss of every method, the identity, and the gain as a read-out."""
    methods = metrics["methods"]
    lines = ["largest eigenvalue at E"]
    lines += _rows(
        "",
        ("task learned", "next arrives", "highest then"),
        {label: m["largest_eigenvalue"]["E"] for label, m in methods.items()},
        ("old_task_learned", "new_task_arrived", "highest_thereafter"),
        ".3g",
    )
    lines += ["", "accuracy on the old task"]
    lines += _rows(
        "",
        ("at the switch", "lowest on the path", "lowest on the line"),
        {label: m["old_task_accuracy"] for label, m in methods.items()},
        ("at_switch", "worst_on_path", "worst_on_line"),
        ".3f",
    )
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
    lines += ["", *(line for note in notes for line in textwrap.wrap(note, WIDTH))]
    for drive in DRIVES:
        lines += ["", *_complexity(metrics["complexity"][drive], drive)]
    return "\n".join([*lines, "", *textwrap.wrap(_basis(metrics), WIDTH)])


def _rows(
    title: str,
    columns: tuple[str, ...],
    rows: Mapping[str, Mapping[str, Any]],
    fields: tuple[str, ...],
    form: str,
) -> list[str]:
    """Return a line for each row, or two where its label is long."""
    lines = [f"{title:<{LABEL}}" + "".join(f"{column:<22}" for column in columns).rstrip()]
    for label, row in rows.items():
        cells = "".join(f"{stats.text(row[field], form):<22}" for field in fields).rstrip()
        if len(label) >= LABEL:
            lines.append(label)
        lines.append(f"{'' if len(label) >= LABEL else label:<{LABEL}}{cells}")
    return lines


def _complexity(part: Mapping[str, Any], drive: str) -> list[str]:
    """Return the settled gain at the first and the last level, and its rise."""
    lines = [f"settled gain, driven by the {drive}"]
    for way in WAYS:
        rows = {
            kind: {
                "first": part[way][kind]["gain"][0],
                "last": part[way][kind]["gain"][-1],
                "rise": part[way][kind]["rise"],
            }
            for kind in COMPLEXITIES
        }
        columns = ("first level", "last level", "rise")
        lines += [f"{way}:", *_rows("", columns, rows, ("first", "last", "rise"), ".3f")]
    return lines


def _basis(metrics: Mapping[str, Any]) -> str:
    seeds = metrics["config"]["seeds"]
    spread = f"95 % t-intervals over {seeds} seeds" if seeds > 1 else "One seed"
    tests = " and ".join(map(str, metrics["stream"]["test_images"]))
    bias = max(m["minimum_bias_at_most"] for m in metrics["methods"].values())
    return (
        f"{spread}; accuracy on {tests} fixed test images of the tasks: the lowest of such "
        f"readings is up to {bias:.3f} too low."
    )
