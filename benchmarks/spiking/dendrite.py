"""The experiment `neurogain dendrite`, in variants: run dendrite [VARIANT ...] [OPTION ...].

Variants are delays, with the networks that are trained in minutes at them; options are passed on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.experiment import variants
from benchmarks.record import Record
from neurogain import stats

ABOUT = {"title": "Does a dendrite carry memory? Exclusive or over delays", "minutes": 60}
TINY = (
    "100", "--seeds", "2", "--updates", "2", "--evaluate-every", "2", "--train", "64", "--test",
    "20", "--hidden", "6",
)  # fmt: skip
VARIANTS: dict[str, tuple[str, ...]] = {
    "100": ("Does a dendrite carry memory? Exclusive or over 100 ms", "--delays", "100"),
    "100-long": (
        "Exclusive or over 100 ms, L5 cells, twice as long", "--delays", "100", "--networks",
        "dendrite", "soma", "--updates", "2000", "--evaluate-every", "200",
    ),
    "250": (
        "Exclusive or over 250 ms, point cells", "--delays", "250", "--networks", "LIF",
        "adaptive LIF",
    ),
    "250-long": (
        "Exclusive or over 250 ms, adaptive LIF, twice as long", "--delays", "250", "--networks",
        "adaptive LIF", "--updates", "2000", "--evaluate-every", "200",
    ),
}  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the accuracies at each delay."""
    for own in content["metrics"]["delays"]:
        networks = own["networks"].items()
        shown = "; ".join(f"{n} {stats.text(x['test_accuracy'], '.3f')}" for n, x in networks)
        yield f"Exclusive or of cues {own['delay_ms']} ms apart: accuracy", shown


def run(words: list[str], record: Record) -> None:
    """Run variants one after the other."""
    variants("dendrite", VARIANTS, words, record)
