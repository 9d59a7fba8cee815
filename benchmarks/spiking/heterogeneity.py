"""Do cells that differ help? `neurogain heterogeneity`: run heterogeneity [VARIANT ...] [OPTION].

Variants are a task, all of them where none is named; options are passed on.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.experiment import variants
from benchmarks.record import Record
from neurogain import stats

ABOUT = {"title": "Does it help that cells differ?", "minutes": 30}
TINY = (
    "randman", "--seeds", "2", "--updates", "2", "--evaluate-every", "2", "--train", "64",
    "--test", "20",
)  # fmt: skip
VARIANTS: dict[str, tuple[str, ...]] = {
    "randman": (
        "Do cells that differ help? Randman, LIF, at matched rates", "--fields", "C",
        "synapses.tau",
    ),
    "xor": (
        "Do cells that differ help? XOR over 100 ms, adaptive LIF", "--task", "delayed-xor-100",
        "--cell", "alif", "--fields", "tau_w", "d", "--optimizer", "adam:learning_rate=0.01",
        "--updates", "1500", "--evaluate-every", "150", "--band",
    ),
}  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what learned and drawn constants add."""
    found = content["metrics"]["difference_to_first"]
    for noise in ("none", "background"):
        shown = "; ".join(f"{n} {stats.text(x, '+.3f')}" for n, x in found[noise].items())
        under = "" if noise == "none" else ", under background spikes"
        yield f"{content['title']}: accuracy less that of cells all alike{under}", shown


def run(words: list[str], record: Record) -> None:
    """Run variants one after the other."""
    variants("heterogeneity", VARIANTS, words, record)
