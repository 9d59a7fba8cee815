"""The experiment `neurogain spiking-task`: run spiking-task [VARIANT ...] [OPTION ...].

Variants are a task and a cell, all of them where none is named; options are passed on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.experiment import variants
from benchmarks.record import Record
from neurogain import stats

ABOUT = {"title": "Networks of spiking cells learn tasks", "minutes": 30}
TINY = (
    "randman-lif", "--seeds", "2", "--updates", "2", "--evaluate-every", "2", "--train", "64",
    "--test", "20",
)  # fmt: skip
FAST = ("--optimizer", "adam:learning_rate=0.01")
LONG = ("--updates", "1500", "--evaluate-every", "150")
LONGER = ("--updates", "2000", "--evaluate-every", "200")  # behind 1,000 they still learn
VARIANTS: dict[str, tuple[str, ...]] = {
    "randman-lif": ("Randman, LIF",),
    "randman-learned": ("Randman, LIF, learned time constants", "--learn", "C", "synapses.tau"),
    "randman-alif": ("Randman, adaptive LIF", "--cell", "alif"),
    "randman-izhikevich": ("Randman, Izhikevich", "--cell", "izhikevich", *FAST),
    "randman-l5": ("Randman, L5 pyramidal cells", "--cell", "l5", *FAST, *LONGER),
    "xor": (
        "Multi-timescale XOR, recurrent adaptive LIF", "--task", "multi-timescale-xor", "--cell",
        "alif", "--constants", "d=1000", "--learn", "tau_w", "d", "--recurrent", *FAST, *LONG,
    ),
    "digits-rows": (
        "Digits row by row, recurrent adaptive LIF", "--task", "digits-rows", "--cell", "alif",
        "--constants", "d=1000", "--learn", "tau_w", "d", "--recurrent", *LONG,
    ),
}  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the accuracy on test examples."""
    accuracy = content["metrics"]["test_accuracy"]
    yield f"Accuracy on test examples: {content['title']}", stats.text(accuracy, ".3f")


def run(words: list[str], record: Record) -> None:
    """Run variants one after the other."""
    variants("spiking-task", VARIANTS, words, record)
