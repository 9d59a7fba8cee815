"""Figures of the Go/No-Go experiment: performance, success, noradrenaline, entropies, one trial."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neurogain.plotting import draw
from neurogain.plotting.style import COLOURS, Figure, assign

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Metrics = Mapping[str, Any]

SHARE = "share correct, blocks of 20 trials"
T_INTERVALS = "95 % t-intervals"


def by_validity(
    places: Sequence[float], size: tuple[float, float], rows: int = 1, **look: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels, (rows, validities), with the validity above each column."""
    figure, panels = draw.grid(rows, len(places), size, **{"sharey": "row"} | look)
    for axes, validity in zip(panels[0], places, strict=True):
        axes.set_title(f"feedback valid in {validity:.0%}")
    return figure, panels


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
    figure, [panels] = by_validity(places, (4.0 * len(places) + 0.8, 4.4))
    for axes, validity in zip(panels, places, strict=True):
        curves(axes, metrics, validity, names, shifts)
    lowest = min(0.45, *(axes.dataLim.y0 for axes in panels))
    panels[0].set(ylabel=SHARE, ylim=(lowest - 0.02, 1.02))
    note = f"{_seeds(metrics)}, {T_INTERVALS}"
    return draw.finish(figure, "Performance around the shift", note, letters=True, below=True)


def curves(
    axes: "Axes", metrics: Metrics, validity: float, names: Sequence[str], shifts: Sequence[int]
) -> None:
    """Draw the share correct over trials at one validity into given axes, a line a condition."""
    here = _at(metrics, validity)
    for name, line, _ in assign(names):
        if name in here:
            curve = here[name]["performance"]
            trials = curve["trials_per_block"] * (np.arange(len(curve["mean"])) + 0.5)
            draw.line(axes, trials, curve, label=here[name]["summary"], **line)
    draw.guides(axes, x=shifts)
    axes.set(xlabel="trial", ylim=(None, 1.02))


def success(metrics: Metrics) -> Figure:
    """Draw the share of seeds that learned the last rule, by condition, in a panel a validity."""
    places = _places(metrics)
    summaries = {n: c["summary"] for v in places for n, c in _at(metrics, v).items()}
    names = list(summaries)
    figure, [panels] = by_validity(places, (3.0 * len(places) + 2.6, 2.0 + 0.24 * len(names)))
    for axes, validity in zip(panels, places, strict=True):
        own = _at(metrics, validity)
        for field, label, apart, colour, marker in (
            ("pre_shift_success", "first rule", 0.16, COLOURS[5], "o"),
            ("post_shift_success", "rule after the shift", -0.16, COLOURS[3], "D"),
        ):
            rows = [names.index(n) + apart for n in own]
            look = {"color": colour, "marker": marker, "linestyle": "none", "label": label}
            draw.points(axes, draw.joined(c[field] for c in own.values()), rows, **look)
        axes.set(xlim=(-0.03, 1.03), xlabel="share of seeds that learned")
    panels[0].set_yticks(range(len(names)), list(summaries.values()), fontsize=8)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    note = f"{_seeds(metrics)}, 95 % Wilson intervals"
    return draw.finish(figure, "Who learns", note, below=True)


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
    figure, [panels] = by_validity(list(levels), (3.6 * len(levels) + 0.4, 3.6))
    for axes, values in zip(panels, levels.values(), strict=True):
        part = slice(max(0, shift - around), shift + around)
        trials = np.arange(values.shape[1])[part] - shift
        _seed_by_seed(axes, trials, values[:, part], color="0.7", label="a seed")
        axes.plot(trials, values[:, part].mean(axis=0), color=COLOURS[0], lw=2, label="mean")
        draw.guides(axes, x=[0])
        axes.set_xlabel("trials from the shift")
    panels[0].set_ylabel("noradrenaline (nM)")
    draw.legend(panels[0])
    title = "Noradrenaline released by bursts, DA + NA"
    return draw.finish(figure, title, _seeds(metrics), letters=True)


def _seed_by_seed(axes: "Axes", x: np.ndarray, values: np.ndarray, label: str, **look: Any) -> None:
    """Draw a thin line for each seed, one of which has the label."""
    axes.plot(x, values.T, lw=0.6, label=[label, *[None] * (len(values) - 1)], **look)


def entropies(metrics: Metrics, names: Sequence[str]) -> Figure:
    """Draw both entropies of the action before, at and after the shift, at the first validity."""
    here = _at(metrics, _places(metrics)[0])
    shown = [n for n in names if n in here]
    figure, panels = draw.row(2, (9.6, 3.6))
    for axes, kind, given in zip(
        panels, ("go", "pair"), ("a Go cue", "the pair of cues"), strict=True
    ):
        for i, (name, line, marker) in enumerate(assign(shown)):
            values = here[name][f"entropy_{kind}_bits"]
            place = np.arange(3) + 0.06 * (i - (len(shown) - 1) / 2)
            bits = draw.joined(values[when] for when in ("before", "at", "after"))
            draw.points(axes, place, bits, marker=marker, label=here[name]["summary"], **line)
        axes.set_xticks(range(3), ["last 40 before", "first 40 after", "last 40"])
        axes.set(title=f"H(action | {given})", xlabel="trials")
    panels[0].set(ylabel="entropy of the action (bits)", ylim=(0, 1.02))
    draw.legend(panels[1], beside=True)
    note = f"{_seeds(metrics)}, {T_INTERVALS}"
    return draw.finish(figure, "Exploration around the shift", note, letters=True)


def overtraining(metrics: Metrics) -> Figure:
    """Draw who learns the last rule, and how soon, over the trials of over-training."""
    figure, panels = draw.row(2, (9.0, 3.8), sharey=False)
    rows = [c for c in metrics["conditions"].values() if c["validity"] == _places(metrics)[0]]
    swept = {c["summary"] for c in rows if c["overtraining"]}
    for i, (name, line, marker) in enumerate(assign(sorted(swept))):
        own = sorted((c for c in rows if c["summary"] == name), key=lambda c: c["overtraining"])
        at = [c["overtraining"] + 12 * i for c in own]
        fields = {"post_shift_success": "mean", "trials_to_criterion": "median"}
        for axes, (field, of) in zip(panels, fields.items(), strict=True):
            value = draw.joined((c[field] for c in own), of)
            draw.points(axes, at, value, marker=marker, label=name, **line)
    panels[0].set(ylabel="share of seeds that learn the shift", ylim=(-0.03, 1.05))
    panels[1].set(ylabel="trials to it, median (no point: never)", ylim=(0, None))
    for axes in panels:
        axes.set_xlabel("trials of over-training (points set apart)")
    note = f"{_seeds(metrics)}, 95 % intervals"
    return draw.finish(figure, "Over-training", note, letters=True, below=True)


def lucky(correct: np.ndarray, learned: np.ndarray, shift: int, title: str) -> Figure:
    """Draw performance of the seeds that learned the last rule apart from those that did not.

    Args:
      correct: (seeds, trials).
      learned: (seeds,), whether the last rule.
      shift: first trial of the new rule.
      title: which condition.
    """
    figure, axes = draw.single((6.4, 3.6))
    blocks = correct.reshape(len(correct), -1, 20).mean(axis=2)
    trials = 20 * (np.arange(blocks.shape[1]) + 0.5)
    groups = {"learned the new rule": learned, "did not learn it": ~learned}
    for (name, own), colour in zip(groups.items(), (COLOURS[2], COLOURS[3]), strict=True):
        if own.any():
            axes.plot(trials, blocks[own].T, color=colour, lw=0.5, alpha=0.4)
            mean = blocks[own].mean(axis=0)
            axes.plot(trials, mean, color=colour, lw=2, label=f"{name}: {own.sum()} seeds")
    draw.guides(axes, x=[shift])
    axes.set(xlabel="trial", ylabel=SHARE)
    draw.legend(axes, loc="lower right")
    return draw.finish(figure, title)


def one_trial(watched: Mapping[str, Any], groups: Sequence[str], borders: Sequence[int]) -> Figure:
    """Draw spikes of trials of one seed, and the weights before them.

    Args:
      watched: by title, with fields `spikes` (ms, cells) and `weight` (inputs, cells).
      groups: name of each group of cells.
      borders: last cell of each group, exclusive.
    """
    most = max(float(np.max(one.weight)) for one in watched.values())
    figure, panels = draw.grid(2, len(watched), (3.6 * len(watched) + 0.8, 6.4), framed=True)
    middles = (np.array([0, *borders[:-1]]) + np.array(borders)) / 2
    for (above, below), (title, one) in zip(panels.T, watched.items(), strict=True):
        time, cell = np.nonzero(np.asarray(one.spikes))
        above.plot(time, cell, "|", color=COLOURS[0], ms=2)
        above.set(title=title, xlabel="time (ms)", xlim=(0, len(one.spikes)))
        weight = np.asarray(one.weight).T
        image = below.imshow(weight, aspect="auto", cmap="cividis", vmin=0, vmax=most)
        below.set_xlabel("input (visual, then auditory)")
    for axes in panels.flat:
        draw.guides(axes, y=[border - 0.5 for border in borders[:-1]], color="0.6")
        axes.set_yticks(middles, groups if axes in panels[:, 0] else [], fontsize=8)
        axes.set_ylim(borders[-1] - 0.5, -0.5)
    figure.colorbar(image, ax=panels[1], label="weight (pA)")
    return draw.finish(figure, "One seed: spikes in a trial, and the weights before it")


def _seeds(metrics: Metrics) -> str:
    return f"{metrics['config']['seeds']} seeds"
