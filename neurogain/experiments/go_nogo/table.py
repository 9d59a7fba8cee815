"""What `neurogain go-nogo` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables
from neurogain.experiments.go_nogo import summary
from neurogain.tables import line, lines

_LEGEND = (
    "A name without @ is at the first validity of feedback, with @ at that one.",
    "Learned: the last 100 trials of the rule at least 85 % correct, 75 % with each pair of cues; "
    "[95 %] is of the second.",
    "Trials to it: of the last rule, in windows of 40; median over seeds, its 95 % interval (from "
    "6 seeds on); never: not within it. A seed may meet this criterion once and not have learned "
    "in the end.",
    "Accuracy 1: in the last 100 trials of the first rule. Latency, missed, false: of the bursts "
    "that the shift calls for.",
    "Entropies in bits: the last 40 trials before the shift / the first 40 after it / the last 40 "
    "of all.",
    "Less DA + NA: share that learned the last rule, and trials to it where both do, in pairs of "
    "seeds.",
    "Only w / wo: seeds that learned the shift with the part alone / without it alone; p of "
    "McNemar's exact test.",
)


_ABLATED = ("removed", "validity", "first", "second", "whole")


def table(metrics: Mapping[str, Any]) -> str:
    """Return what the fair controls say, then a line per condition in each of four tables."""
    success: list[Any] = [("condition", "learned 1", "learned 2", "[95 %]", "trials to it")]
    detection: list[Any] = [("condition", "accuracy 1", "latency", "missed", "false")]
    entropies: list[Any] = [("condition", "H(action | Go cue)", "H(action | pair)")]
    for name, c in metrics["conditions"].items():
        first, second = c["pre_shift_success"], c["post_shift_success"]
        interval = "[{:.2f}, {:.2f}]".format(*second["ci"])
        trials = _trials(c["trials_to_criterion"])
        success.append((name, first["mean"], second["mean"], interval, trials))
        bursts = (c["detector"][x]["mean"] for x in ("latency", "misses", "false_alarms"))
        detection.append((name, c["pre_shift_accuracy"], *bursts))
        both = (c[f"entropy_{kind}_bits"] for kind in ("go", "pair"))
        means = ([bits[when]["mean"] for when in ("before", "at", "after")] for bits in both)
        entropies.append((name, *(line("{:.2f} / {:.2f} / {:.2f}", row) for row in means)))
    blocks = [
        *(tables.wrapped(text) for text in summary.verdicts(metrics)),
        lines("{:<25}{:>9.2f}{:>10.2f}  {:<14}{}", success),
        lines("{:<25}{:<22.3f}{:>10.1f}{:>9.2f}{:>9.2f}", detection),
        lines("{:<25}{:<23}{:<23}", entropies),
        _paired(metrics),
        _ablations(metrics),
        tables.wrapped(f"{metrics['config']['seeds']} seeds.", *_LEGEND),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _paired(metrics: Mapping[str, Any]) -> list[str]:
    """Return differences to DA + NA in pairs of seeds, a line per condition that has them."""
    rows: list[Any] = []
    for name in metrics["conditions"]:
        for key, x in metrics["differences"].items():
            if key.startswith(f"{name} - da+na"):
                trials = x["trials_to_criterion_where_both_do"]
                rows.append((name, x["post_shift_success"], x["only"]["p"], trials))
                break
    heads = ("less DA + NA", "share", "p", "trials to it")
    return lines("{:<25}{:<20+.2f}{:>8.2g}  {:+.0f}", [heads, *rows]) if rows else []


def _ablations(metrics: Mapping[str, Any]) -> list[str]:
    """Return what is lost without each part of DA + NA."""
    heads = ("removed from DA + NA", "valid", "learned 1", "learned 2", "with it")
    rows = [
        (*map(row.get, _ABLATED), f"{row['only_whole']} / {row['only_ablated']}", row["p"])
        for row in metrics["ablations"]
    ]
    template = "{:<24}{:>6g}{:>10.2f}{:>10.2f}{:>8.2f}{:>13}{:>9.2g}"
    return lines(template, [(*heads, "only w / wo", "p"), *rows]) if rows else []


def _trials(value: Mapping[str, Any]) -> str:
    def one(x: float | None) -> str:
        return "never" if x is None else f"{x:g}"

    low, high = value["ci"]
    if len(value["per_seed"]) < 6:  # too few for an interval
        return one(value["median"])
    return f"{one(value['median'])} [{one(low)}, {one(high)}]"
