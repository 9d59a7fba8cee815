"""The experiment `neurogain bac-firing` at its defaults; options are passed on to it."""

from benchmarks.experiment import keep
from benchmarks.record import Record

ABOUT = {
    "title": "BAC firing: calcium events when a somatic spike meets dendritic input",
    "minutes": 1,
    "needs": "",
}
TINY = ("--repeats", "1", "--coupling", "0", "1")


def run(words: list[str], record: Record) -> None:
    """Run the experiment."""
    keep(record, ["bac-firing", *words])
