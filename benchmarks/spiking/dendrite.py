"""The experiment `neurogain dendrite` at its defaults; options are passed on to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from neurogain import stats

ABOUT = {"title": "Does a dendrite carry memory? Exclusive or over delays", "minutes": 35}
TINY = (
    "--seeds", "2", "--updates", "2", "--evaluate-every", "2", "--train", "64", "--test", "20",
    "--delays", "50", "--hidden", "6",
)  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the accuracies at each delay."""
    for own in content["metrics"]["delays"]:
        networks = own["networks"].items()
        shown = "; ".join(f"{n} {stats.text(x['test_accuracy'], '.3f')}" for n, x in networks)
        yield f"Exclusive or of cues {own['delay_ms']} ms apart: accuracy", shown
