"""Figures of the Go/No-Go experiment: performance, success, noradrenaline, entropies, one trial."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurogain._extras import extra
from neurogain.plotting.style import COLOURS, Figure, assign, panel_letters, tidy

with extra("plot"):
    from matplotlib.axes import Axes

Metrics = Mapping[str, Any]


def _places(metrics: Metrics) -> list[float]:
    return list(dict.fromkeys(c["validity"] for c in metrics["conditions"].values()))


def _at(metrics: Metrics, validity: float) -> dict[str, Any]:
    """Return the conditions at one validity without over-training, by their plain name."""
    return {
        name.split("@")[0]: c
        for name, c in metrics["conditions"].items()
        if c["validity"] == validity and not c["overtraining"]
    }


def performance(metrics: Metrics, names: Sequence[str], shifts: Sequence[int]) -> Figure:
    """Draw the share correct over trials, a panel for each validity, mean and interval."""
    places = _places(metrics)
    figure = Figure(figsize=(4.0 * len(places) + 0.8, 4.4), layout="constrained")
    panels = figure.subplots(1, len(places), squeeze=False, sharey=True)[0]
    for axes, validity in zip(panels, places, strict=True):
        curves(axes, metrics, validity, names, shifts)
        axes.set(xlabel="trial", title=f"feedback valid in {validity:.0%}")
    lowest = min(0.45, *(axes.dataLim.y0 for axes in panels))
    panels[0].set(ylabel="share correct, blocks of 20 trials", ylim=(lowest - 0.02, 1.02))
    panel_letters(panels)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(3, len(places) + 1), frameon=False,
        fontsize=8,
    )  # fmt: skip
    figure.suptitle(
        f"Performance around the shift\n({_seeds(metrics)}, 95 % t-intervals)", fontsize=11
    )
    return figure


def curves(
    axes: Axes, metrics: Metrics, validity: float, names: Sequence[str], shifts: Sequence[int]
) -> None:
    """Draw the share correct over trials at one validity into given axes, a line a condition."""
    here = _at(metrics, validity)
    for name, line, _ in assign(names):
        if name not in here:
            continue
        curve = here[name]["performance"]
        block = curve["trials_per_block"]
        trials = block * (np.arange(len(curve["mean"])) + 0.5)
        axes.plot(trials, curve["mean"], **line, label=here[name]["summary"])
        low, high = np.array(curve["ci"], float).T
        axes.fill_between(trials, low, high, color=line["color"], alpha=0.2, linewidth=0)
    for shift in shifts:
        axes.axvline(shift, color="0.5", linewidth=0.8)
    tidy(axes)


def success(metrics: Metrics) -> Figure:
    """Draw the share of seeds that learned the last rule, by condition, in a panel a validity."""
    places = _places(metrics)
    names = list(dict.fromkeys(n for v in places for n in _at(metrics, v)))
    figure = Figure(
        figsize=(3.0 * len(places) + 2.6, 2.0 + 0.24 * len(names)), layout="constrained"
    )
    panels = figure.subplots(1, len(places), squeeze=False, sharey=True)[0]
    for axes, validity in zip(panels, places, strict=True):
        here = _at(metrics, validity)
        for field, place, look in (
            ("pre_shift_success", 0.16, {"color": COLOURS[5], "marker": "o"}),
            ("post_shift_success", -0.16, {"color": COLOURS[3], "marker": "D"}),
        ):
            own = [n for n in names if n in here]
            rows = np.array([names.index(n) + place for n in own])
            mean = np.array([here[n][field]["mean"] for n in own])
            ends = np.array([here[n][field]["ci"] for n in own]).T
            label = "first rule" if place > 0 else "rule after the shift"
            axes.errorbar(
                mean, rows, xerr=np.abs(ends - mean), fmt=look["marker"], color=look["color"],
                ms=4, lw=1, label=label,
            )  # fmt: skip
        axes.set(xlim=(-0.03, 1.03), xlabel="share of seeds that learned")
        axes.set_title(f"feedback valid in {validity:.0%}", fontsize=10)
        tidy(axes)
    everywhere = [next(c for v in places if (c := _at(metrics, v).get(n))) for n in names]
    panels[0].set_yticks(range(len(names)), [c["summary"] for c in everywhere], fontsize=8)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.suptitle(f"Who learns ({_seeds(metrics)}, 95 % Wilson intervals)", fontsize=11)
    return figure


def noradrenaline(
    levels: Mapping[float, np.ndarray], shift: int, metrics: Metrics, *, around: int = 60
) -> Figure:
    """Draw noradrenaline around the shift: each seed, and the mean.

    Args:
      levels: nM, (seeds, trials), by validity.
      shift: first trial of the new rule.
      metrics: of the run.
      around: trials on both sides.
    """
    figure = Figure(figsize=(3.6 * len(levels) + 0.4, 3.4), layout="constrained")
    panels = figure.subplots(1, len(levels), squeeze=False, sharey=True)[0]
    for axes, (validity, values) in zip(panels, levels.items(), strict=True):
        part = slice(max(0, shift - around), shift + around)
        trials = np.arange(values.shape[1])[part] - shift
        axes.plot(trials, values[:, part].T, color="0.7", lw=0.6)
        axes.plot(trials, values[:, part].mean(axis=0), color=COLOURS[0], lw=2, label="mean")
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set(xlabel="trials from the shift", title=f"feedback valid in {validity:.0%}")
        tidy(axes)
    panels[0].set_ylabel("noradrenaline (nM)")
    panels[0].plot([], [], color="0.7", lw=0.6, label="a seed")
    panels[0].legend(frameon=False, fontsize=8)
    panel_letters(panels)
    figure.suptitle(f"Noradrenaline released by bursts,\nDA + NA ({_seeds(metrics)})", fontsize=11)
    return figure


def entropies(metrics: Metrics, names: Sequence[str]) -> Figure:
    """Draw both entropies of the action before, at and after the shift, at the first validity."""
    here = _at(metrics, _places(metrics)[0])
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = ("given a Go cue, as published", "given the pair of cues")
    for axes, kind, title in zip(panels, ("go", "pair"), titles, strict=True):
        shown = [n for n in names if n in here]
        for i, (name, line, marker) in enumerate(assign(shown)):
            values = here[name][f"entropy_{kind}_bits"]
            mean = np.array([values[w]["mean"] for w in ("before", "at", "after")], float)
            ends = np.array([values[w]["ci"] for w in ("before", "at", "after")], float).T
            place = np.arange(3) + 0.06 * (i - (len(shown) - 1) / 2)
            axes.errorbar(
                place, mean, yerr=np.abs(ends - mean), marker=marker, ms=4, lw=1.2, **line,
                label=here[name]["summary"],
            )  # fmt: skip
        axes.set_xticks(range(3), ["last 40 before", "first 40 after", "last 40"])
        axes.set(title=f"H(action | {title.split(',')[0].removeprefix('given ')})", xlabel="trials")
        tidy(axes)
    panels[0].set(ylabel="entropy of the action (bits)", ylim=(0, 1.02))
    panel_letters(panels)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    figure.suptitle(
        f"Exploration around the shift ({_seeds(metrics)}, 95 % t-intervals)", fontsize=11
    )
    return figure


def overtraining(metrics: Metrics) -> Figure:
    """Draw who learns the last rule, and how soon, over the trials of over-training."""
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    panels = figure.subplots(1, 2)
    rows = [c for c in metrics["conditions"].values() if c["validity"] == _places(metrics)[0]]
    swept = {c["summary"] for c in rows if c["overtraining"]}
    for i, (name, line, marker) in enumerate(assign(sorted(swept))):
        own = sorted((c for c in rows if c["summary"] == name), key=lambda c: c["overtraining"])
        at = np.array([c["overtraining"] for c in own]) + 12 * i
        for axes, values in (
            (
                panels[0],
                [(c["post_shift_success"]["mean"], *c["post_shift_success"]["ci"]) for c in own],
            ),
            (
                panels[1],
                [
                    (c["trials_to_criterion"]["median"], *c["trials_to_criterion"]["ci"])
                    for c in own
                ],
            ),
        ):
            mean, low, high = np.array(values, float).T
            known = np.isfinite(mean)
            ends = np.abs(np.array([low, high]) - mean)
            ends = np.where(np.isfinite(ends), ends, 0)
            axes.errorbar(
                at[known], mean[known], yerr=ends[:, known], marker=marker, ms=4, lw=1.2, **line,
                label=name,
            )  # fmt: skip
    panels[0].set(ylabel="share of seeds that learn the shift", ylim=(-0.03, 1.05))
    panels[1].set(ylabel="trials to it, median (no point: never)", ylim=(0, None))
    for axes in panels:
        axes.set_xlabel("trials of over-training (points set apart)")
        tidy(axes)
    panel_letters(panels)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.suptitle(f"Over-training ({_seeds(metrics)}, 95 % intervals)", fontsize=11)
    return figure


def lucky(correct: np.ndarray, learned: np.ndarray, shift: int, title: str) -> Figure:
    """Draw performance of the seeds that learned the last rule apart from those that did not.

    Args:
      correct: (seeds, trials).
      learned: (seeds,), whether the last rule.
      shift: first trial of the new rule.
      title: which condition.
    """
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    blocks = correct.reshape(len(correct), -1, 20).mean(axis=2)
    trials = 20 * (np.arange(blocks.shape[1]) + 0.5)
    groups = {"learned the new rule": learned, "did not learn it": ~learned}
    for (name, own), colour in zip(groups.items(), (COLOURS[2], COLOURS[3]), strict=True):
        if own.any():
            axes.plot(trials, blocks[own].T, color=colour, lw=0.5, alpha=0.4)
            mean = blocks[own].mean(axis=0)
            axes.plot(trials, mean, color=colour, lw=2, label=f"{name}: {own.sum()} seeds")
    axes.axvline(shift, color="0.5", linewidth=0.8)
    axes.set(xlabel="trial", ylabel="share correct, blocks of 20 trials", title=title)
    axes.legend(frameon=False, loc="lower right", fontsize=8)
    tidy(axes)
    return figure


def one_trial(watched: Mapping[str, Any], groups: Sequence[str], borders: Sequence[int]) -> Figure:
    """Draw spikes of trials of one seed, and the weights before them.

    Args:
      watched: by title, with fields `spikes` (ms, cells) and `weight` (inputs, cells).
      groups: name of each group of cells.
      borders: last cell of each group, exclusive.
    """
    figure = Figure(figsize=(3.6 * len(watched) + 0.8, 6.4), layout="constrained")
    most = max(float(np.max(one.weight)) for one in watched.values())
    panels = figure.subplots(2, len(watched), squeeze=False)
    middles = (np.array([0, *borders[:-1]]) + np.array(borders)) / 2
    image = None
    for (above, below), (title, one) in zip(panels.T, watched.items(), strict=True):
        time, cell = np.nonzero(np.asarray(one.spikes))
        above.plot(time, cell, "|", color=COLOURS[0], ms=2)
        above.set(title=title, xlabel="time (ms)", xlim=(0, len(one.spikes)))
        image = below.imshow(
            np.asarray(one.weight).T, aspect="auto", cmap="cividis", vmin=0, vmax=most
        )
        below.set_xlabel("input (visual, then auditory)")
        for axes in (above, below):
            for border in borders[:-1]:
                axes.axhline(border - 0.5, color="0.6", lw=0.6)
            axes.set_yticks(middles, groups if axes in panels[:, 0] else [], fontsize=8)
            axes.set_ylim(borders[-1] - 0.5, -0.5)
    if image is not None:
        figure.colorbar(image, ax=panels[1], label="weight (pA)")
    figure.suptitle("One seed: spikes in a trial, and the weights before it", fontsize=11)
    return figure


def _seeds(metrics: Metrics) -> str:
    return f"{metrics['config']['seeds']} seeds"
