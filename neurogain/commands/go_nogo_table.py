"""What `neurogain go-nogo` prints."""

from neurogain import stats
from neurogain.experiments import go_nogo_summary

_WHEN = ("before", "at", "after")
_LEGEND = """\
Learned: the rule's last 100 trials at least 85 % correct, 75 % with each pair of cues.
Trials to it: of the last rule, in windows of 40; median over seeds, its 95 % interval (from 6 seeds
on); never: not within it. A seed may meet this criterion once and not have learned in the end.
Entropies in bits: the last 40 trials before the shift / the first 40 after it / the last 40 of all.
Less DA + NA: share that learned the last rule, and trials to it where both do, in pairs of seeds.
Only with, only without: seeds that learned the shift in one alone; p of McNemar's exact test."""


def table(metrics: dict) -> str:
    """Return what the fair controls say, then one line per condition."""
    lines = [*go_nogo_summary.verdicts(metrics), ""]
    lines += [
        f"{'condition':<24}{'validity':>9}{'learned 1':>11}{'learned 2':>11}"
        f"{'  [95 %]':<16}{'trials to it':<23}{'accuracy 1':<22}{'latency':>8}{'missed':>8}"
        f"{'false':>7}"
    ]
    for name, c in metrics["conditions"].items():
        low, high = c["post_shift_success"]["ci"]
        trials = c["trials_to_criterion"]
        detector = c["detector"]
        lines.append(
            f"{name:<24}{c['validity']:>9g}{c['pre_shift_success']['mean']:>11.2f}"
            f"{c['post_shift_success']['mean']:>11.2f}  [{low:.2f}, {high:.2f}]  "
            f"{_trials(trials):<23}{stats.text(c['pre_shift_accuracy'], '.3f'):<22}"
            f"{_number(detector['latency']['mean']):>8}{detector['misses']['mean']:>8.2f}"
            f"{detector['false_alarms']['mean']:>7.2f}"
        )
    lines += ["", *_exploration(metrics)]
    if metrics["ablations"]:
        lines.append(
            f"\n{'removed from DA + NA':<26}{'validity':>9}{'learned 1':>11}{'learned 2':>11}"
            f"{'with it':>9}{'only with':>11}{'only without':>14}{'p':>10}"
        )
    for row in metrics["ablations"]:
        lines.append(
            f"{row['removed']:<26}{row['validity']:>9g}{row['first']:>11.2f}{row['second']:>11.2f}"
            f"{row['whole']:>9.2f}{row['only_whole']:>11}{row['only_ablated']:>14}{row['p']:>10.2g}"
        )
    seeds = metrics["config"]["seeds"]
    lines.append(f"\n{seeds} seeds. {_LEGEND}")
    return "\n".join(lines)


def _exploration(metrics: dict) -> list[str]:
    """Return entropies, and differences to DA + NA in pairs of seeds, a line per condition."""
    head = "H(action | Go cue)", "H(action | pair)"
    lines = [
        f"{'condition':<24}{head[0]:<23}{head[1]:<23}{'less DA + NA: share':<24}{'p':>8}"
        "  trials to it"
    ]
    for name, c in metrics["conditions"].items():
        cells = [
            " / ".join(_number(c[f"entropy_{kind}_bits"][when]["mean"], ".2f") for when in _WHEN)
            for kind in ("go", "pair")
        ]
        line = f"{name:<24}{cells[0]:<23}{cells[1]:<23}"
        other = next(
            (d for key, d in metrics["differences"].items()
             if key.startswith(f"{name} - da+na")), None,
        )  # fmt: skip
        if other is not None:
            share = stats.text(other["post_shift_success"], "+.2f")
            trials = stats.text(other["trials_to_criterion_where_both_do"], "+.0f")
            line += f"{share:<24}{other['only']['p']:>8.2g}  {trials}"
        lines.append(line.rstrip())
    return lines


def _trials(value: dict) -> str:
    def one(x: float | None) -> str:
        return "never" if x is None else f"{x:g}"

    low, high = value["ci"]
    if len(value["per_seed"]) < 6:  # too few for an interval
        return one(value["median"])
    return f"{one(value['median'])} [{one(low)}, {one(high)}]"


def _number(value: float | None, form: str = ".1f") -> str:
    return "-" if value is None else f"{value:{form}}"
