"""What `neurogain go-nogo` prints."""

import textwrap
from collections.abc import Mapping
from typing import Any

from neurogain import stats
from neurogain.experiments.go_nogo import summary

WIDTH = 80
_WHEN = ("before", "at", "after")
_NAME = 25  # columns for the name of a condition
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


def table(metrics: Mapping[str, Any]) -> str:
    """Return what the fair controls say, then a line per condition in each of four tables."""
    blocks = [textwrap.wrap(text, WIDTH) for text in summary.verdicts(metrics)]
    blocks += [_success(metrics), _detection(metrics), _exploration(metrics), _paired(metrics)]
    blocks += [_ablations(metrics)]
    seeds = f"{metrics['config']['seeds']} seeds."
    blocks.append([line for text in (seeds, *_LEGEND) for line in textwrap.wrap(text, WIDTH)])
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks if block)


def _success(metrics: Mapping[str, Any]) -> list[str]:
    """Return who learns, a line per condition."""
    lines = [
        f"{'condition':<{_NAME}}{'learned 1':>9}{'learned 2':>10}{'  [95 %]':<16}{'trials to it'}"
    ]
    for name, c in metrics["conditions"].items():
        low, high = c["post_shift_success"]["ci"]
        lines.append(
            f"{name:<{_NAME}}{c['pre_shift_success']['mean']:>9.2f}"
            f"{c['post_shift_success']['mean']:>10.2f}{f'  [{low:.2f}, {high:.2f}]':<16}"
            f"{_trials(c['trials_to_criterion'])}"
        )
    return lines


def _detection(metrics: Mapping[str, Any]) -> list[str]:
    """Return accuracy under the first rule and how the shift is detected, a line per condition."""
    lines = [f"{'condition':<{_NAME}}{'accuracy 1':<22}{'latency':>10}{'missed':>9}{'false':>9}"]
    for name, c in metrics["conditions"].items():
        detector = c["detector"]
        lines.append(
            f"{name:<{_NAME}}{stats.text(c['pre_shift_accuracy'], '.3f'):<22}"
            f"{_number(detector['latency']['mean']):>10}{detector['misses']['mean']:>9.2f}"
            f"{detector['false_alarms']['mean']:>9.2f}"
        )
    return lines


def _exploration(metrics: Mapping[str, Any]) -> list[str]:
    """Return entropies, a line per condition."""
    heads = "H(action | Go cue)", "H(action | pair)"
    lines = [f"{'condition':<{_NAME}}" + "".join(f"{head:<23}" for head in heads)]
    for name, c in metrics["conditions"].items():
        cells = (
            " / ".join(_number(c[f"entropy_{kind}_bits"][when]["mean"], ".2f") for when in _WHEN)
            for kind in ("go", "pair")
        )
        lines.append(f"{name:<{_NAME}}" + "".join(f"{cell:<23}" for cell in cells))
    return lines


def _paired(metrics: Mapping[str, Any]) -> list[str]:
    """Return differences to DA + NA in pairs of seeds, a line per condition that has them."""
    lines = [f"{'less DA + NA':<{_NAME}}{'share':<22}{'p':>8}  trials to it"]
    for name in metrics["conditions"]:
        for key, other in metrics["differences"].items():
            if key.startswith(f"{name} - da+na"):
                share = stats.text(other["post_shift_success"], "+.2f")
                trials = stats.text(other["trials_to_criterion_where_both_do"], "+.0f")
                lines.append(f"{name:<{_NAME}}{share:<22}{other['only']['p']:>8.2g}  {trials}")
                break
    return lines if len(lines) > 1 else []


def _ablations(metrics: Mapping[str, Any]) -> list[str]:
    """Return what is lost without each part of DA + NA."""
    if not metrics["ablations"]:
        return []
    lines = [
        f"{'removed from DA + NA':<24}{'valid':>6}{'learned 1':>10}{'learned 2':>10}{'with it':>8}"
        f"{'only w / wo':>13}{'p':>9}"
    ]
    for row in metrics["ablations"]:
        only = f"{row['only_whole']} / {row['only_ablated']}"
        lines.append(
            f"{row['removed']:<24}{row['validity']:>6g}{row['first']:>10.2f}{row['second']:>10.2f}"
            f"{row['whole']:>8.2f}{only:>13}{row['p']:>9.2g}"
        )
    return lines


def _trials(value: Mapping[str, Any]) -> str:
    def one(x: float | None) -> str:
        return "never" if x is None else f"{x:g}"

    low, high = value["ci"]
    if len(value["per_seed"]) < 6:  # too few for an interval
        return one(value["median"])
    return f"{one(value['median'])} [{one(low)}, {one(high)}]"


def _number(value: float | None, form: str = ".1f") -> str:
    return "-" if value is None else f"{value:{form}}"
