"""From the results of all units of the Go/No-Go experiment to `metrics.json`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain import stats
from neurogain.experiments.go_nogo import measures
from neurogain.experiments.go_nogo.conditions import CONDITIONS
from neurogain.experiments.go_nogo.config import GoNoGoConfig, Unit
from neurogain.experiments.go_nogo.run import Runs
from neurogain.jobs import Found
from neurogain.stats import summary, text

REFERENCE = "da"  # that others are compared with, in pairs of seeds

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


def median_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the order-statistics interval of a median; infinite values may be its end.

    Source: Conover, Practical Nonparametric Statistics (1999), section 3.2.
    """
    from scipy import stats

    ordered = np.sort(values)
    low = int(stats.binom.ppf((1 - level) / 2, len(values), 0.5))
    if low < 1:
        return float("nan"), float("nan")
    return float(ordered[low - 1]), float(ordered[len(values) - low])


def _criterion(values: np.ndarray) -> dict[str, Any]:
    counted = np.where(np.isnan(values), np.inf, values)
    return {
        "median": stats.or_null(np.median(counted)),
        "ci": [stats.or_null(x) for x in median_interval(counted)],
        "per_seed": stats.or_null(values),
    }


def share(successes: np.ndarray) -> dict[str, Any]:
    """Return a share of seeds with its Wilson interval, and all seeds."""
    from scipy import stats

    found = stats.binomtest(int(successes.sum()), len(successes)).proportion_ci(method="wilson")
    return {
        "mean": float(np.mean(successes)),
        "ci": [float(found.low), float(found.high)],
        "per_seed": [int(x) for x in successes],
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
    curves = [summary(x) for x in mean.T]
    return {
        "summary": CONDITIONS[unit.condition].summary,
        "validity": unit.validity,
        "overtraining": unit.overtraining,
        "seeds": len(runs.correct),
        "pre_shift_success": share(found["pre_shift_success"]),
        "post_shift_success": share(found["post_shift_success"]),
        "lucky": [int(x) for x in lucky],
        "pre_shift_accuracy": summary(found["pre_shift_accuracy"]),
        "detector": {
            "latency": summary(found["latency"], known_only=True),
            "misses": share(found["misses"] > 0),
            "false_alarms": summary(found["false_alarms"]),
        },
        "trials_to_criterion": _criterion(found["trials_to_criterion"]),
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
    from scipy import stats

    mine, its = (np.array(x["post_shift_success"]["per_seed"]) for x in (one, other))
    gained, lost = int(((mine == 1) & (its == 0)).sum()), int(((mine == 0) & (its == 1)).sum())
    p = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    accuracy = [np.array(x["pre_shift_accuracy"]["per_seed"], float) for x in (one, other)]
    trials = [np.array(x["trials_to_criterion"]["per_seed"], float) for x in (one, other)]
    return {
        "post_shift_success": summary(mine.astype(float) - its),
        "only": {"first": gained, "second": lost, "p": float(p)},
        "pre_shift_accuracy": summary(accuracy[0] - accuracy[1]),
        "trials_to_criterion_where_both_do": summary(trials[0] - trials[1], known_only=True),
    }


def name_of(unit: Unit, config: GoNoGoConfig) -> str:
    """Return the name of a unit in `conditions`: plain at the first validity."""
    first = config.levels()[0][0]
    name = unit.condition
    if unit.validity != first:
        name += f"@{unit.validity:g}"
    return name + (f"+{unit.overtraining} trials" if unit.overtraining else "")


def verdicts(metrics: Mapping[str, Any]) -> list[str]:
    """Return in words whether the fair controls do as well as DA + NA, a line for each validity."""
    found = []
    conditions = metrics["conditions"]
    for name, own in conditions.items():
        if not name.startswith("da+na") or own["overtraining"]:
            continue
        if own["summary"] != CONDITIONS["da+na"].summary:
            continue
        suffix = name.removeprefix("da+na")
        parts = []
        for control in ("da-tuned", "da+forgetting"):
            other = conditions.get(control + suffix)
            if other is None:
                continue
            difference = metrics["differences"][f"{control}{suffix} - {name}"]
            p = difference["only"]["p"]
            word = "as well" if p >= 0.05 else "better" if _more(other, own) else "worse"
            trials = text(difference["trials_to_criterion_where_both_do"], "+.0f")
            parts.append(
                f"{other['summary']}: {word} ({other['post_shift_success']['mean']:.2f}, "
                f"p = {p:.2g}; {trials} trials to it than DA + NA where both do, accuracy before "
                f"the shift {other['pre_shift_accuracy']['mean']:.3f})"
            )
        if parts:
            found.append(
                f"Feedback valid in {own['validity']:.0%}: DA + NA learns the shift in "
                f"{own['post_shift_success']['mean']:.2f} of seeds (accuracy before it "
                f"{own['pre_shift_accuracy']['mean']:.3f}). " + "; ".join(parts) + "."
            )
    return found


def _more(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one["post_shift_success"]["mean"] > other["post_shift_success"]["mean"]


ABLATIONS = {
    "DA": "no-da",
    "NA": "da",
    "the predictive network": "no-prediction",
    "the eligibility trace": "no-eligibility",
    "NA's gain": "no-gain",
    "NA's bursts": "no-bursts",
    "NA's plasticity": "no-plasticity",
    "NA's reset": "no-reset",
}
"""What is removed from DA + NA, and the condition that is left."""


def ablations(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each part that is removed from DA + NA, at each validity."""
    conditions, differences = metrics["conditions"], metrics["differences"]
    rows = []
    for name, whole in conditions.items():
        suffix = name.removeprefix("da+na")
        if name not in ("da+na", f"da+na@{whole['validity']:g}"):
            continue
        for removed, condition in ABLATIONS.items():
            left = conditions.get(condition + suffix)
            if left is not None:
                change = differences[f"{condition}{suffix} - {name}"]
                rows.append(
                    {
                        "removed": removed,
                        "validity": whole["validity"],
                        "first": left["pre_shift_success"]["mean"],
                        "second": left["post_shift_success"]["mean"],
                        "whole": whole["post_shift_success"]["mean"],
                        "only_whole": change["only"]["second"],
                        "only_ablated": change["only"]["first"],
                        "p": change["only"]["p"],
                    }
                )
    return rows


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


def differences(config: GoNoGoConfig, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return what sets each condition apart from DA and from DA + NA at the same place."""
    pairs: dict[str, Any] = {}
    by_place: dict[tuple[float, int], dict[str, str]] = {}
    for unit in config.units():
        place = by_place.setdefault((unit.validity, unit.overtraining), {})
        place[unit.condition] = name_of(unit, config)
    for place in by_place.values():
        for reference in (REFERENCE, "da+na"):
            for other, name in place.items():
                if reference in place and other != reference:
                    key = f"{name} - {place[reference]}"
                    pairs[key] = compare(conditions[name], conditions[place[reference]])
    return pairs
