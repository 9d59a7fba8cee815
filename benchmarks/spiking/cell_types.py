"""The experiment `neurogain cell-types` at its defaults; options are passed on to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from neurogain import stats

ABOUT = {"title": "Types of cells: a modulator alone tells which labels hold", "minutes": 10}
TINY = (
    "--seeds", "2", "--updates", "2", "--evaluate-every", "2", "--train", "64", "--test", "20",
    "--hidden", "6", "--types", "1", "6",
)  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what types of cells add to cells that all answer alike."""
    metrics = content["metrics"]
    shown = "; ".join(
        f"{n} {stats.text(x, '+.3f')}" for n, x in metrics["difference_to_first"].items()
    )
    yield f"Context by a modulator alone: accuracy less that of {metrics['first']} cells", shown
