"""From the results of all units of the Go/No-Go experiment to `metrics.json`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import scipy.stats

from neurogain import stats
from neurogain.experiments.go_nogo.config import GoNoGoConfig, Unit
from neurogain.experiments.go_nogo.run import Runs
from neurogain.jobs import Found
from neurogain.stats import share, summary, text
from neurogain.tasks.go_nogo import measures
from neurogain.tasks.go_nogo.conditions import ABLATIONS, CONDITIONS

REFERENCES = ("da", "da+na")  # that others are compared with, in pairs of seeds

UNITS = {
    "pre_shift_success": "share of seeds that learned the first rule (its last 100 trials)",
    "post_shift_success": "share of seeds that learned the last rule (its last 100 trials)",
    "lucky": "whether a seed learned the last rule with no burst in 100 trials of the first shift",
    "pre_shift_accuracy": "share correct in the last 100 trials of the first rule",
    "latency": "trials from the shift to the first burst within 100; undefined without one",
    "misses": "share of seeds without a burst within 100 trials of the shift",
    "false_alarms": "bursts before the first shift",
    "trials_to_criterion": "trials of the last rule until 40 in a row are 85 % correct and 75 % "
    "with each pair; median over seeds, never counting as infinite",
    "entropy_go_bits": "entropy of the action given a Go cue, over 40 trials",
    "entropy_pair_bits": "mean entropy of the action given the pair of cues, over 40 trials",
    "wall_time_s": "of the last start, without what had been finished before",
    "performance": f"share correct per trial, and in blocks of {measures.BLOCK} trials",
}


def per_seed(config: GoNoGoConfig, unit: Unit, runs: Runs) -> dict[str, np.ndarray]:
    """Return all measures, one value per seed."""
    task = config.agent(unit.overtraining).task
    shift = task.starts[1] if task.shifts else task.total
    last = slice(task.starts[-1], task.total)
    before, end = slice(shift - measures.LAST, shift), slice(task.total - measures.LAST, task.total)
    correct, pair = runs.correct, runs.pair
    found = {
        "pre_shift_success": measures.learned(correct[:, before], pair[:, before]),
        "post_shift_success": measures.learned(correct[:, end], pair[:, end]),
        "pre_shift_accuracy": correct[:, before].mean(axis=1),
        "trials_to_criterion": measures.trials_to_criterion(correct[:, last], pair[:, last]),
    }
    window = measures.WINDOW
    places = {
        "before": slice(shift - window, shift),
        "at": slice(shift, shift + window),
        "after": slice(task.total - window, task.total),
    }
    for name, part in places.items():
        action = runs.action[:, part]
        found[f"go_{name}"] = measures.entropy_given_go(action, runs.go[:, part])
        found[f"pair_{name}"] = measures.entropy_given_pair(action, pair[:, part])
    return found | measures.detection(runs.trigger, shift)


def condition(config: GoNoGoConfig, unit: Unit, runs: Runs) -> dict[str, Any]:
    """Return one entry of `conditions`."""
    found = per_seed(config, unit, runs)
    blocks = runs.correct.reshape(len(runs.correct), -1, measures.BLOCK)
    mean = blocks.mean(axis=2)
    lucky = found["post_shift_success"] & (found["misses"] > 0)
    curves = [summary(x, within=stats.SHARE) for x in mean.T]
    return {
        "summary": CONDITIONS[unit.condition].summary,
        "validity": unit.validity,
        "overtraining": unit.overtraining,
        "seeds": len(runs.correct),
        "pre_shift_success": share(found["pre_shift_success"]),
        "post_shift_success": share(found["post_shift_success"]),
        "lucky": [int(x) for x in lucky],
        "pre_shift_accuracy": summary(found["pre_shift_accuracy"], within=stats.SHARE),
        "detector": {
            "latency": summary(found["latency"], known_only=True),
            "misses": share(found["misses"] > 0),
            "false_alarms": summary(found["false_alarms"]),
        },
        "trials_to_criterion": stats.median_summary(found["trials_to_criterion"]),
        **{
            f"entropy_{name}_bits": {
                when: summary(found[f"{name}_{when}"]) for when in ("before", "at", "after")
            }
            for name in ("go", "pair")
        },
        "performance": {
            "per_trial": [float(x) for x in runs.correct.mean(axis=0)],
            "trials_per_block": measures.BLOCK,
            "mean": [c["mean"] for c in curves],
            "ci": [c["ci"] for c in curves],
        },
    }


def compare(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return differences, the first less the second, in pairs of seeds.

    `only`: number of seeds that learned the last rule in one alone, and McNemar's exact p.
    """

    def less(field: str, *, known_only: bool = False) -> dict[str, Any]:
        mine, its = (np.array(x[field]["per_seed"], float) for x in (one, other))
        return summary(mine - its, known_only=known_only)

    learned = less("post_shift_success")
    gained, lost = (learned["per_seed"].count(sign) for sign in (1, -1))
    p = scipy.stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    return {
        "post_shift_success": learned,
        "only": {"first": gained, "second": lost, "p": float(p)},
        "pre_shift_accuracy": less("pre_shift_accuracy"),
        "trials_to_criterion_where_both_do": less("trials_to_criterion", known_only=True),
    }


def name_of(unit: Unit, config: GoNoGoConfig) -> str:
    """Return the name of a unit in `conditions`: plain at the first validity."""
    first = config.levels()[0][0]
    name = unit.condition
    if unit.validity != first:
        name += f"@{unit.validity:g}"
    return name + (f"+{unit.overtraining} trials" if unit.overtraining else "")


def _compared(
    metrics: Mapping[str, Any], names: Iterable[str]
) -> Iterator[tuple[dict[str, Any], list[tuple[str, dict[str, Any], dict[str, Any]]]]]:
    """Yield DA + NA at each validity, and others there: name, entry, difference to it."""
    conditions = metrics["conditions"]
    for own, whole in conditions.items():
        at = own.removeprefix("da+na")
        if own in ("da+na", f"da+na@{whole['validity']:g}"):
            there = [name for name in names if name + at in conditions]
            less = [metrics["differences"][f"{name}{at} - {own}"] for name in there]
            entries = [conditions[name + at] for name in there]
            yield whole, list(zip(there, entries, less, strict=True))


def verdicts(metrics: Mapping[str, Any]) -> list[str]:
    """Return in words whether the fair controls do as well as DA + NA, a line for each validity."""
    found = []
    for own, controls in _compared(metrics, [n for n, c in CONDITIONS.items() if c.control]):
        parts, learned = [], own["post_shift_success"]["mean"]
        for _, other, difference in controls:
            p, its = difference["only"]["p"], other["post_shift_success"]["mean"]
            word = "as well" if p >= 0.05 else "better" if its > learned else "worse"
            trials = text(difference["trials_to_criterion_where_both_do"], "+.0f")
            parts.append(
                f"{other['summary']}: {word} ({its:.2f}, p = {p:.2g}; {trials} trials to it than "
                "DA + NA where both do, accuracy before the shift "
                f"{other['pre_shift_accuracy']['mean']:.3f})"
            )
        if parts:
            found.append(
                f"Feedback valid in {own['validity']:.0%}: DA + NA learns the shift in "
                f"{learned:.2f} of seeds (accuracy before it "
                f"{own['pre_shift_accuracy']['mean']:.3f}). " + "; ".join(parts) + "."
            )
    return found


def ablations(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each part that is removed from DA + NA, at each validity."""
    return [
        {
            "removed": ABLATIONS[condition],
            "validity": whole["validity"],
            "first": left["pre_shift_success"]["mean"],
            "second": left["post_shift_success"]["mean"],
            "whole": whole["post_shift_success"]["mean"],
            "only_whole": change["only"]["second"],
            "only_ablated": change["only"]["first"],
            "p": change["only"]["p"],
        }
        for whole, others in _compared(metrics, ABLATIONS)
        for condition, left, change in others
    ]


def differences(config: GoNoGoConfig, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return what sets each condition apart from DA and from DA + NA at the same place."""
    names = {unit: name_of(unit, config) for unit in config.units()}
    pairs: dict[str, Any] = {}
    for reference in REFERENCES:
        for unit, name in names.items():
            other = names.get(unit._replace(condition=reference), name)
            if other != name:
                pairs[f"{name} - {other}"] = compare(conditions[name], conditions[other])
    return pairs


def summarize(config: GoNoGoConfig, found: Found) -> dict[str, Any]:
    """Return the content of `metrics.json` without versions."""
    conditions = {
        name_of(unit, config): condition(config, unit, found[unit.label]) for unit in config.units()
    }
    metrics = {
        "units": UNITS,
        "conditions": conditions,
        "differences": differences(config, conditions),
        "wall_time_s": found.elapsed,
    }
    return metrics | {"ablations": ablations(metrics)}
