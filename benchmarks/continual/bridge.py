"""The experiment `neurogain bridge`, in variants: run bridge [VARIANT ...] [OPTION ...].

Rule for the conjecture, set beforehand, on a stream and an inner optimizer: brief gain pulses in
spikes act as a two-timescale optimizer if the gap under the circuit is smaller than without a gain,
and than under its own gains held at their mean and taken from another seed, with an average anytime
accuracy that is no lower than without a gain. Intervals of paired differences decide, at the
experiment's margin.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.experiment import keep
from benchmarks.record import Record
from neurogain import stats, tables
from neurogain.experiments.bridge.config import SOURCES

ABOUT = {
    "title": "The bridge: gain measured in spikes drives an optimizer",
    "minutes": 60,
    "needs": "MNIST (--data-dir) for split-mnist",
}
TINY = (
    "split-digits", "--seeds", "2", "--tuning-seeds", "1", "--rates", "0.1", "--iterations", "4",
    "--pyramidal", "8", "--pv", "4", "--som", "4", "--curve-seeds", "2", "--curve-duration", "100",
)  # fmt: skip
FIXED = ("--sources", *SOURCES, "--seeds", "10", "--first-seed", "5000")
VARIANTS: dict[str, tuple[str, ...]] = {
    "split-digits": ("Split-digits, SGD", "--benchmark", "split-digits"),
    "split-digits-averaged": (
        "Split-digits, clipped and averaged Adam", "--benchmark", "split-digits", "--inner",
        "averaged",
    ),
    "split-digits-strong": (
        "Split-digits, SGD, 8 times the effects of the tables", "--benchmark", "split-digits",
        "--strength", "8",
    ),
    "split-digits-spiking": (
        "Split-digits, LIF cells that learn, SGD", "--benchmark", "split-digits", "--model",
        "spiking", "--cells", "100", "--dense", "40", "--sparse", "20",
    ),
    "rotated-digits": ("Rotated digits, SGD", "--benchmark", "rotated-digits"),
    "split-mnist": ("Split-MNIST, SGD", "--benchmark", "split-mnist"),
}  # fmt: skip


def run(words: list[str], record: Record) -> None:
    """Run variants one after the other; those that need data only where they are named."""
    options = [word for word in words if word not in VARIANTS]
    for variant in [word for word in words if word in VARIANTS] or list(VARIANTS)[:-1]:
        title, *own = VARIANTS[variant]
        part = record.part(variant, f"The bridge: {title}")
        keep(part, ["bridge", *FIXED, *own, *options])
        lines = tables.wrapped(" ".join(sentences(part.data["metrics"])))
        part.table = "\n".join([*lines, "", part.table])
        part.finish()


def verdict(differences: Mapping[str, Any]) -> str:
    """Return what the rule says of the conjecture.

    Example:
      >>> change = {"avg_sg": {"verdict": "lower"}, "avg_anytime_acc": {"verdict": "equal"}}
      >>> verdict({f"spikes - {name}": change for name in ("none", "mean", "yoked")})
      'holds'
    """
    gaps = [differences[f"spikes - {x}"]["avg_sg"]["verdict"] for x in ("none", "mean", "yoked")]
    anytime = differences["spikes - none"]["avg_anytime_acc"]["verdict"]
    if set(gaps) == {"lower"} and anytime in ("equal", "higher"):
        return "holds"
    if {"equal", "higher"} & set(gaps) or anytime == "lower":
        return "does not hold"
    return "is not decided"


def sentences(metrics: Mapping[str, Any]) -> list[str]:
    """Return the conjecture's verdict in three sentences."""
    curve, sources, changes = (metrics[x] for x in ("curve", "sources", "differences"))
    top = max(range(len(curve["gain"])), key=lambda i: curve["gain"][i])
    low, high = curve["ci"][top]
    against = "; ".join(
        f"{SOURCES[name].summary}: avg-SG "
        f"{stats.text(changes[f'spikes - {name}']['avg_sg'], '+.4f')}, AAA "
        f"{stats.text(changes[f'spikes - {name}']['avg_anytime_acc'], '+.4f')}"
        for name in ("none", "leaky", "mean", "yoked")
    )
    peak, leaky = (sources[x]["max_gain"]["mean"] for x in ("spikes", "leaky"))
    return [
        f"Noradrenaline held at {curve['concentration_nM'][top]:g} nM raises the gain of the "
        f"circuit to {curve['gain'][top]:.2f} [{low:.2f}, {high:.2f}]; in the loop it reaches "
        f"{peak:.2f}, the leaky integrator {leaky:.2f}.",
        f"The circuit that runs between updates less other gains, in pairs of seeds: {against}.",
        "The conjecture that brief gain pulses in spikes act as a two-timescale optimizer "
        f"{verdict(changes)} here.",
    ]


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the gap without a gain and under the circuit, and the verdict."""
    metrics = content["metrics"]
    shown = (
        f"{name} {stats.text(metrics['sources'][name]['avg_sg'], '.3f')} @ "
        f"{metrics['sources'][name]['avg_acc']['mean']:.3f}, AAA "
        f"{metrics['sources'][name]['avg_anytime_acc']['mean']:.3f}"
        for name in ("none", "leaky", "spikes")
    )
    said = f"that brief gain pulses in spikes shrink the gap {verdict(metrics['differences'])}"
    yield f"{content['title']}: avg-SG @ avg-ACC", "; ".join((*shown, said))
