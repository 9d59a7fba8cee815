"""The experiment `neurogain landscape` at its defaults; options are passed on to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from neurogain import stats

ABOUT = {"title": "Curvature and loss around a switch, and the gain", "minutes": 3}
TINY = (
    *("--optimizers", "ngm", "--seeds", "1", "--iterations", "10", "--window", "5"),
    *("--every", "5", "--points", "3", "--products", "5"),
)


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the curvature before and behind the switch."""
    for m in content["metrics"]["methods"].values():
        found = m["largest_eigenvalue"]["E"]
        before, after = (
            stats.text(found[when], ".3g") for when in ("old_task_learned", "new_task_arrived")
        )
        claim = f"Largest curvature at the effective weights across the switch, {m['summary']}"
        yield claim, f"{before}, then {after}"
