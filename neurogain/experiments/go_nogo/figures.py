"""Figures of the Go/No-Go experiment: courses, success, entropies, neuromodulators, one trial."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain import stats
from neurogain.experiments.go_nogo.config import Unit
from neurogain.experiments.go_nogo.run import WATCHED, Runs, watched
from neurogain.plotting import draw
from neurogain.plotting.rows import Row, where
from neurogain.plotting.style import COLOURS, Figure, assign
from neurogain.runner import Figures, Result
from neurogain.tasks.go_nogo.conditions import CONDITIONS, YOKED_TO

Quantity = Callable[[Runs], np.ndarray]  # (seeds, trials), NaN where a trial does not count

BLOCK = 20  # trials of a point
LEAST = 5  # seeds with a value, or all where there are fewer, that a point takes
MAIN = ("da", "da-tuned", "da+forgetting", "da+na", "na-reset", "no-reset")
SHARE, LEARNED = f"share correct,\nblocks of {BLOCK} trials", "post_shift_success"
PERFORMANCE: dict[str, Quantity] = {SHARE: lambda r: r.correct}
CHANGED: dict[str, tuple[tuple[str, ...], dict[str, Quantity]]] = {
    "acetylcholine": (
        ("da", "da+ach", "da+na", "da+na+ach"),
        {"factor of the\nlearning rates": lambda r: r.learning_rate} | PERFORMANCE,
    ),
    "serotonin": (
        ("da", "da+5ht", "da+5ht-horizon", "da+na", "da+na+5ht"),
        {
            "third factor\nwhen punished": lambda r: np.where(r.reward < 0, r.dopamine, np.nan),
            "time constant of\neligibility (ms)": lambda r: r.tau_c,
        }
        | PERFORMANCE,
    ),
}
"""What the figure of a modulator shows: conditions, its own last, and quantities by label."""


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    ran = result.config.conditions
    possible: dict[str, tuple[bool, Callable[[Result], Figure]]] = {
        "performance": (True, performance),
        "success": (True, success),
        "entropies": (True, entropies),
        "overtraining": (any(result.config.levels()[1]), overtraining),
        "noradrenaline": (YOKED_TO in ran, noradrenaline),
        "lucky": ("da" in ran, lucky),
        "trial": (YOKED_TO in ran, one_trial),
    }
    for modulator, (names, _) in CHANGED.items():
        possible[modulator] = (names[-1] in ran, functools.partial(changes, modulator=modulator))
    return {name: figure for name, (is_there, figure) in possible.items() if is_there}


def plot(axes: Axes, result: Result) -> None:
    """Draw the share correct over trials at the first validity, a line per condition."""
    validity, ran = result.config.levels()[0][0], result.config.conditions
    names = MAIN if set(MAIN) & set(ran) else ran
    _course(axes, result, names, PERFORMANCE[SHARE], validity)
    axes.set(xlabel="trial", ylabel=SHARE, title=_title(validity))
    draw.narrow(axes, y=(0, 1.02))
    draw.legend(axes, below=True)


def _title(validity: float) -> str:
    return f"feedback valid in {validity:.0%}"


def _runs(result: Result, condition: str, validity: float) -> Runs:
    """Return what was found for a condition without over-training."""
    runs: Runs = result.parts[Unit(condition, validity, 0).label]
    return runs


def _conditions(result: Result, **fixed: Any) -> list[Row]:
    """Return the conditions of metrics.json that have the fixed values."""
    return where(list(result.metrics["conditions"].values()), **fixed)


def _course(
    axes: Axes, result: Result, names: Sequence[str], quantity: Quantity, validity: float
) -> None:
    """Draw a quantity over trials, a line for each of the conditions that were run."""
    for name, line, _ in assign(names):
        if name in result.config.conditions:
            trials, curve = blocks(quantity(_runs(result, name, validity)))
            draw.line(axes, trials, curve, label=CONDITIONS[name].summary, **line)
    draw.guides(axes, x=result.config.agent().task.starts[1:])


def blocks(values: np.ndarray) -> tuple[np.ndarray, draw.Value]:
    """Return middle trials of blocks, and mean and interval over the seeds' means in each.

    Both are undefined where fewer than 5 seeds have a value.

    Args:
      values: (seeds, trials), NaN where a trial does not count.
    """
    whole = values[:, : values.shape[1] // BLOCK * BLOCK]
    parts = whole.reshape(len(values), -1, BLOCK)
    each = np.ma.masked_invalid(parts).mean(axis=2).filled(np.nan)
    few = np.isfinite(each).sum(axis=0) < min(LEAST, len(values))
    found = [stats.summary(x, known_only=True) for x in np.where(few, np.nan, each).T]
    return BLOCK * (np.arange(len(found)) + 0.5), draw.joined(found)


def _over_trials(
    result: Result, title: str, names: Sequence[str], quantities: Mapping[str, Quantity],
    validities: Sequence[float],
) -> Figure:  # fmt: skip
    """Draw quantities over trials: a row each, a column a validity, a line a condition."""
    rows, columns = len(quantities), len(validities)
    figure, panels = draw.grid(
        rows, columns, (4.2 * columns + 0.8, 2.4 * rows + 1.6), sharex=True, sharey="row",
        x="trial", y=list(quantities), titles=[_title(validity) for validity in validities],
    )  # fmt: skip
    for row, (label, quantity) in zip(panels, quantities.items(), strict=True):
        for axes, validity in zip(row, validities, strict=True):
            _course(axes, result, names, quantity, validity)
        if label == SHARE:
            draw.narrow(row[0], y=(0, 1.02))
    return draw.finish(figure, title, draw.mean_over(result.config.seeds), letters=True, below=True)


def performance(result: Result) -> Figure:
    """Draw the share correct over trials, a panel for each validity."""
    validities = result.config.levels()[0]
    return _over_trials(result, "Performance around the shift", MAIN, PERFORMANCE, validities)


def changes(result: Result, *, modulator: str) -> Figure:
    """Draw what a modulator changes, at the first and the last validity."""
    names, quantities = CHANGED[modulator]
    first, *_, last = 2 * result.config.levels()[0]
    ends = list(dict.fromkeys((first, last)))
    return _over_trials(result, f"What {modulator} changes", names, quantities, ends)


def success(result: Result) -> Figure:
    """Draw the share of seeds that learned each rule, by condition, in a panel a validity."""
    validities = result.config.levels()[0]
    names = list(dict.fromkeys(c["summary"] for c in _conditions(result, overtraining=0)))
    figure, panels = draw.row(
        [_title(validity) for validity in validities],
        (3.0 * len(validities) + 2.6, 2.0 + 0.24 * len(names)), x="share of seeds that learned",
    )  # fmt: skip
    for axes, validity in zip(panels, validities, strict=True):
        own = _conditions(result, validity=validity, overtraining=0)
        for field, label, apart, colour, marker in (
            ("pre_shift_success", "first rule", 0.16, COLOURS[5], "o"),
            (LEARNED, "rule after the shift", -0.16, COLOURS[3], "D"),
        ):
            places = [names.index(c["summary"]) + apart for c in own]
            look = {"color": colour, "marker": marker, "linestyle": "none", "label": label}
            draw.points(axes, draw.joined(c[field] for c in own), places, **look)
        axes.set_xlim(-0.03, 1.03)
    panels[0].set_yticks(range(len(names)), names, fontsize=8)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    note = f"{draw.counted(result.config.seeds, 'seed')}, 95 % Wilson intervals"
    return draw.finish(figure, "Who learns", note, below=True)


def entropies(result: Result) -> Figure:
    """Draw both entropies of the action before, at and after the shift, at the first validity."""
    shown = [n for n in MAIN if n in result.config.conditions]
    titles = ("H(action | a Go cue)", "H(action | the pair of cues)")
    labels = {"x": "trials", "y": "entropy of the action (bits)"}
    figure, panels = draw.row(titles, (9.6, 3.6), **labels)
    for i, (name, line, marker) in enumerate(assign(shown)):
        found = result.metrics["conditions"][name]
        place = np.arange(3) + 0.06 * (i - (len(shown) - 1) / 2)
        for axes, kind in zip(panels, ("go", "pair"), strict=True):
            values = found[f"entropy_{kind}_bits"]
            bits = draw.joined(values[when] for when in ("before", "at", "after"))
            draw.points(axes, place, bits, label=found["summary"], **{"marker": marker} | line)
    for axes in panels:
        axes.set_xticks(range(3), ["last 40 before", "first 40 after", "last 40"])
    panels[0].set_ylim(0, 1.02)
    draw.legend(panels[1], beside=True)
    note = draw.mean_over(result.config.seeds)
    return draw.finish(figure, "Exploration around the shift", note, letters=True)


def overtraining(result: Result) -> Figure:
    """Draw who learns the last rule, and how soon, over the trials of over-training."""
    here = _conditions(result, validity=result.config.levels()[0][0])
    swept = sorted({c["summary"] for c in here if c["overtraining"]})
    fields = {LEARNED: "mean", "trials_to_criterion": "median"}
    x, y = "trials of over-training (points set apart)", "share of seeds that learn the shift"
    figure, panels = draw.row(2, (9.0, 3.8), x=x, y=y, sharey=False)
    for i, (name, line, marker) in enumerate(assign(swept)):
        own = sorted(where(here, summary=name), key=lambda c: c["overtraining"])
        at = [c["overtraining"] + 12 * i for c in own]
        for axes, (field, of) in zip(panels, fields.items(), strict=True):
            value = draw.joined((c[field] for c in own), of)
            draw.points(axes, at, value, label=name, **{"marker": marker} | line)
    panels[0].set_ylim(-0.03, 1.05)
    panels[1].set(ylabel="trials to it, median (no point: never)", ylim=(0, None))
    note = f"{draw.counted(result.config.seeds, 'seed')}, 95 % intervals"
    return draw.finish(figure, "Over-training", note, letters=True, below=True)


def noradrenaline(result: Result, *, around: int = 60) -> Figure:
    """Draw noradrenaline some trials around the shift: each seed, and the mean."""
    validities, shift = result.config.levels()[0], result.config.agent().task.starts[1]
    size, y = (3.6 * len(validities) + 0.4, 3.6), "noradrenaline (nM)"
    titles = [_title(validity) for validity in validities]
    figure, panels = draw.row(titles, size, x="trials from the shift", y=y)
    for axes, validity in zip(panels, validities, strict=True):
        values = _runs(result, YOKED_TO, validity).noradrenaline
        part = slice(max(0, shift - around), shift + around)
        trials = np.arange(values.shape[1])[part] - shift
        draw.each(axes, trials, values[:, part], "mean", color=COLOURS[0], faint="0.5")
        draw.guides(axes, x=[0])
    note = f"{draw.counted(result.config.seeds, 'seed')} (thin), and their mean"
    return draw.finish(figure, "Noradrenaline released by bursts, DA + NA", note, letters=True)


def lucky(result: Result) -> Figure:
    """Draw DA alone: the seeds that learned the last rule apart from those that did not."""
    correct = _runs(result, "da", result.config.levels()[0][0]).correct
    learned = np.array(result.metrics["conditions"]["da"][LEARNED]["per_seed"], bool)
    figure, axes = draw.single((6.4, 3.6), x="trial", y=SHARE)
    shares = correct.reshape(len(correct), -1, BLOCK).mean(axis=2)
    trials = BLOCK * (np.arange(shares.shape[1]) + 0.5)
    groups = {"learned the new rule": learned, "did not learn it": ~learned}
    for (name, own), colour in zip(groups.items(), COLOURS[2:4], strict=True):
        if own.any():
            label = f"{name}: {draw.counted(int(own.sum()), 'seed')}"
            draw.each(axes, trials, shares[own], label, color=colour)
    draw.guides(axes, x=result.config.agent().task.starts[1:])
    draw.legend(axes, loc="lower right")
    return draw.finish(figure, "DA alone")


def one_trial(result: Result) -> Figure:
    """Draw spikes of three trials of the first seed under DA + NA, and the weights before them."""
    shown = result.parts[f"{WATCHED},{Unit(YOKED_TO, result.config.levels()[0][0], 0).label}"]
    _, shift, end = watched(result.config)
    titles = ("last trial before the shift", "first trial after it", f"{end - shift} trials later")
    layout = result.config.agent().layout
    borders = np.cumsum([0, *layout.excitatory, *layout.inhibitory])
    groups = [f"{g}, {kind}" for kind in "EI" for g in ("Go", "No-Go", "critic")]
    size = (3.6 * len(titles) + 0.8, 6.4)
    figure, panels = draw.grid(2, len(titles), size, titles=titles, framed=True)
    for i, (above, below) in enumerate(panels.T):
        time, cell = np.nonzero(shown.spikes[i])
        above.plot(time, cell, "|", color=COLOURS[0], ms=2)
        above.set(xlabel="time (ms)", xlim=(0, shown.spikes.shape[1]))
        look = {"cmap": "cividis", "vmin": 0, "vmax": float(shown.weight.max())}
        image = below.imshow(shown.weight[i].T, aspect="auto", **look)
        below.set_xlabel("input (visual, then auditory)")
    for axes in panels.flat:
        draw.guides(axes, y=borders[1:-1] - 0.5, color="0.6")
        names = groups if axes in panels[:, 0] else []
        axes.set_yticks((borders[1:] + borders[:-1]) / 2, names, fontsize=8)
        axes.set_ylim(borders[-1] - 0.5, -0.5)
    figure.colorbar(image, ax=panels[1], label="weight (pA)")
    return draw.finish(figure, "One seed: spikes in a trial, and the weights before it")
