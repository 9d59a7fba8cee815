"""The experiment `neurogain go-nogo`, in its variants too: run go-nogo [VARIANT ...] [OPTION ...].

Variants are pyramidal, izhikevich, reversal, intra, repeated and symmetric, three conditions each;
without one it runs at its defaults. Options are passed on to it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.experiment import keep
from benchmarks.record import Record
from neurogain import stats

ABOUT = {"title": "Go/No-Go with a set shift: which neuromodulators does it need?", "minutes": 15}
TINY = ("--conditions", "da", "--seeds", "2", "--trials", "100")
NOTE = (
    "DA, forgetting and NA each had 12 configurations; NA's detector was chosen among 64 settings "
    "besides, on runs of DA alone. Without eligibility traces (1 ms in place of 500) updates are "
    "smaller too; the predictive network is what NA hangs on, so removing it is removing NA. "
    "na-random may come before the shift and then costs the first rule. ACh raises the learning "
    "rates almost evenly (1.6 to 1.9 times). 5-HT at the strength that was chosen changes little; "
    "that it shortens the time horizon, where the paper's lengthens it, was decided by less than "
    "0.001 of accuracy on tuning seeds."
)
FIXED = ("--conditions", "da+na", "da", "da-tuned", "--validity", "1", "--overtraining", "0")
VARIANTS = {
    "pyramidal": ("an actor and a critic of two-compartment cells", "--cells", "pyramidal"),
    "izhikevich": ("Izhikevich cells", "--cells", "izhikevich"),
    "reversal": ("reversal", "--shift", "reversal"),
    "intra": ("intra-dimensional shift, new cues", "--shift", "intra"),
    "repeated": ("three shifts one after the other", "--shifts", "3"),
    "symmetric": ("symmetric feedback", "--feedback", "symmetric"),
}
VARIANT_NOTE = "Constants were chosen for integrate-and-fire cells and an extra-dimensional shift."


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield how many seeds learn the rule behind the shift."""
    conditions = content["metrics"]["conditions"]
    shown = (
        f"{name} {stats.text(conditions[name]['post_shift_success'], '.2f')}"
        for name in ("da+na", "da", "da-tuned")
    )
    head, _, tail = content["title"].partition(": ")
    task = tail if head == "Go/No-Go" else head
    yield f"Share of seeds that learns the last rule: {task}", "; ".join(shown)


def run(words: list[str], record: Record) -> None:
    """Run the experiment, or its variants one after the other."""
    chosen = [word for word in words if word in VARIANTS]
    options = [word for word in words if word not in VARIANTS]
    if not chosen:
        keep(record, ["go-nogo", *options], note=NOTE)
    for variant in chosen:
        title, *own = VARIANTS[variant]
        part = record.part(variant, f"Go/No-Go: {title}")
        figures = ("performance", "trial") if variant == "pyramidal" else ("performance",)
        keep(part, ["go-nogo", *FIXED, *own, *options], figures, VARIANT_NOTE)
        part.finish()
