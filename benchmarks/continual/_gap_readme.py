"""What the README shows of the stability gap: tables that its results fill."""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.continual._gap_page import (
    accuracy_of,
    diverged,
    interval,
    lowest_of_others,
    name,
    other_constants,
)
from benchmarks.continual._gap_units import MAIN, PRESET
from benchmarks.record import Column, markdown
from neurogain import stats
from neurogain.continual import methods
from neurogain.continual.stream_specs import STREAMS


def readme_table(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the README's table of joint training: the main methods, and who else comes near."""
    joint = (content for content in results if content["config"]["regime"] == "joint")
    rows = sorted(joint, key=lambda content: list(STREAMS).index(content["benchmark"]))

    def cell(content: Mapping[str, Any], method: str) -> str:
        m = content["methods"].get(method)
        if m is None:
            return "not run"
        return (
            f"{interval(m['avg_sg'])} @ {accuracy_of(m)}{diverged(m)}{other_constants(m, method)}"
        )

    if not rows:
        return []
    columns: list[Column] = [("avg-SG @ avg-ACC", name, "")]
    for method in MAIN:
        if any(method in content["methods"] for content in rows):
            head = methods.METHODS[method].summary
            columns.append((head, functools.partial(cell, method=method), ""))
    if all(PRESET in content["methods"] for content in rows):
        columns.append(("lowest of all others at its avg-ACC", nearest, ""))
    return markdown(columns, rows)


def nearest(content: Mapping[str, Any]) -> str:
    """Return the lowest gap of a method beside the preset that is as accurate, and whose it is.

    Parts of the preset, and what has its constants, are not others.
    """
    found = {
        one: lowest
        for one, (lowest, _) in lowest_of_others(content).items()
        if lowest is not None and not one.startswith(PRESET)
    }
    if not found:
        return "none reaches it"
    best = min(found, key=found.__getitem__)
    return f"{found[best]:.3f}, {content['methods'][best]['summary']}"


def preset_table(content: Mapping[str, Any]) -> list[str]:
    """Return the README's table of the preset against tuned Adam, from `preset_acceptance`.

    Pairs are against the Adam tuned for anytime accuracy, and against that tuned for its gap.
    """

    def ratios(row: Mapping[str, Any]) -> str:
        return "; ".join(f"{goal['avg_sg']['ratio']:.2f}" for goal in row["goals"].values())

    def differences(row: Mapping[str, Any], figure: str) -> str:
        return "; ".join(f"{g[figure]['difference']['mean']:+.3f}" for g in row["goals"].values())

    columns: list[Column] = [
        ("preset against Adam", "stream", ""),
        ("avg-SG, ratio", ratios, ""),
        *(
            (head, functools.partial(differences, figure=figure), "")
            for head, figure in (
                ("AAA, difference", "avg_anytime_acc"),
                ("new task after 50 updates", "new_task"),
                ("avg-ACC", "avg_acc"),
            )
        ),
        (
            "AAA that the gain adds at an equal gap",
            lambda row: stats.text(row["contribution"]["without gain"]["avg_anytime_acc"], "+.4f"),
            "",
        ),
    ]
    return markdown(columns, content["rows"])
