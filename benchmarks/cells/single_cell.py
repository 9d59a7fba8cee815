"""Measure the layer-5 pyramidal cell: gain, bursts, inhibition; steps, precision, gradients.

The figures are those of `neurogain gain-curve`. The reference figures are those of an independent
run in NumPy. `gain-curve` and `bac-firing` run the experiments themselves.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.record import Record
from neurogain import stats
from neurogain.experiments import cell, gain_curve
from neurogain.experiments.cell import figures as cell_figures
from neurogain.experiments.gain_curve import GainCurveConfig
from neurogain.experiments.gain_curve import figures as gain_figures
from neurogain.experiments.gain_curve.run import REVERSAL
from neurogain.spiking import (
    Drive,
    PyramidalCell,
    PyramidalDrive,
    cells,
    combine,
    measures,
    rollout,
    simulate,
    synapse,
)
from neurogain.spiking.models.pyramidal import Coupling

ABOUT = {"title": "The layer-5 pyramidal cell", "minutes": 5}
TINY = {"times": 0.01, "repeats": 2}

GAIN = GainCurveConfig(
    somatic_current=("525:1500:25",),
    dendritic_current=("0:900:100",),
    coupling=("0:1:0.25",),
    repeats=20,
)
INHIBITION = dataclasses.replace(
    GAIN,
    dendritic_current=("800",),
    coupling=("1",),
    dendritic_inhibition=("0", "5", "10"),
    somatic_inhibition=("0", "5", "10"),
)
MODES: tuple[Coupling, ...] = ("stochastic", "mean-field")
COARSE = np.arange(700.0, 1501.0, 50.0)  # pA, for slopes
HALVES = {"somatic current": 25.0, "dendritic current": 50.0, "coupling": 0.125}
"""Half the finite difference along each axis."""
FINE = np.union1d(np.arange(600.0, 850.0, 5.0), COARSE)  # pA, for the rheobase


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Measure the layer-5 pyramidal cell: gain, bursts, inhibition; steps, precision, gradients."""

    times: float = 1.0
    """Factor of all simulated times."""
    repeats: int = 20
    """Cells at each point where there is randomness."""


def rates(
    args: Arguments,
    p: float,
    drive: float,
    *,
    inhibition: Sequence[float] = (0.0, 0.0),
    duration: float = 3000.0,
    dt: float = 0.1,
    mode: Any = "stochastic",
    dtype: Any = jnp.float32,
) -> np.ndarray:
    """Return the rates at the currents FINE, shape (currents, repeats).

    One cell a current where there is no randomness; `inhibition` in nS on the dendrite and on the
    soma.
    """
    repeats = args.repeats if mode == "stochastic" and 0 < p < 1 else 1
    duration = max(round(args.times * duration), 1) * 1.0
    on_dendrite, on_soma = (synapse(g, REVERSAL) for g in inhibition)
    soma, apical = Drive(np.repeat(FINE, repeats)), Drive(drive)
    drives = PyramidalDrive(combine(soma, on_soma), combine(apical, on_dendrite), p)
    run = simulate(
        PyramidalCell(mode), cells.L5_PYRAMIDAL, drives, n=FINE.size * repeats, duration=duration,
        dt=dt, key=jax.random.key(0), dtype=dtype,
    )  # fmt: skip
    return measures.rate(run.recorded["spikes"], duration).reshape(-1, repeats)


def onset_and_slopes(rate: np.ndarray, low: float = 700.0) -> tuple[float, list[float]]:
    """Return rheobase (pA) and the slope of each repeat (Hz/nA, `low` to 1500 pA, each 50 pA)."""
    chosen = np.isin(FINE, COARSE)
    slopes = [measures.gain(FINE[chosen], one[chosen], low, 1500.0) for one in rate.T]
    return measures.rheobase(FINE, rate.mean(axis=1)), slopes


REFERENCE = (
    *((p, 0.0, 0.0, 0.0, 33.4, 640) for p in (0.0, 0.5, 1.0)),
    (0.0, 800.0, 0.0, 0.0, 33.4, 640),
    *((p, 800.0, 0.0, 0.0, g, 640) for p, g in ((0.25, 38.2), (0.5, 43.8), (1.0, 60.7))),
    *((1.0, 800.0, nS, 0.0, g, 640) for nS, g in ((5.0, 48.3), (10.0, 34.4))),
    *((1.0, 800.0, 0.0, nS, g, r) for nS, g, r in ((5.0, 60.2, 730), (10.0, 56.8, 810))),
)
"""Coupling, current into the dendrite, nS on dendrite and on soma, gain and rheobase there."""


def reference(args: Arguments) -> Iterator[str]:
    """Yield lines that compare with the reference figures."""
    yield (
        f"Gain: slope from 700 to 1500 pA in steps of 50, Hz/nA; rheobase to 5 pA; 3 s from rest, "
        f"{args.repeats} repeats where there is randomness"
    )
    for p, drive, *inhibition, gain, onset in REFERENCE:
        low, where, more = (
            (850.0, "soma", " (slope from 850 pA)") if inhibition[1] else (700.0, "dendrite", "")
        )
        found, slopes = onset_and_slopes(rates(args, p, drive, inhibition=inhibition), low)
        spread = stats.text(stats.summary(slopes))
        extra = f"  {sum(inhibition):g} nS on the {where}{more}" if any(inhibition) else ""
        yield (
            f"  Id = {drive:>3g} pA, p = {p:<4g}  gain {spread} (reference {gain}), rheobase "
            f"{found:g} pA (reference {onset}){extra}"
        )


def monotony(args: Arguments) -> Iterator[str]:
    """Yield lines on where the gain falls with coupling or with dendritic current."""
    couplings, drives = np.linspace(0, 1, 5), np.arange(0.0, 1001.0, 50.0)
    found = [[onset_and_slopes(rates(args, p, d))[1] for d in drives] for p in couplings]
    slopes = np.array([[np.broadcast_to(x, args.repeats) for x in row] for row in found])
    mean, variance = slopes.mean(axis=-1), slopes.var(axis=-1, ddof=1) / args.repeats
    yield "Where the gain falls (mean and standard error, Hz/nA), Id = 0 to 1000 pA in steps of 50"
    for axis, name in ((0, "coupling"), (1, "dendritic current")):
        fall = -np.diff(mean, axis=axis)
        i, j = np.unravel_index(np.argmax(fall), fall.shape)
        next_ = (i + 1, j) if axis == 0 else (i, j + 1)
        start, end = (f"p = {couplings[a]:g}, Id = {drives[b]:g} pA" for a, b in ((i, j), next_))
        yield (
            f"  along {name}: {np.sum(fall > 1)} of {fall.size} steps fall by more than 1; the "
            f"steepest by {fall[i, j]:.2f} +- {np.sqrt(variance[i, j] + variance[next_]):.2f}, "
            f"from {start} to {end}"
        )
    outside = mean[:, (drives <= 350) | (drives >= 600)]
    largest = max(-np.diff(outside, axis=0).min(), -np.diff(outside, axis=1).min())
    yield f"  without 400 to 550 pA, around the bistable range: by {largest:.2f} at most"


def steps(args: Arguments) -> Iterator[str]:
    """Yield lines on the length of the step."""
    yield "Step: rheobase (pA, to 5) and slope (Hz/nA) without randomness"
    for drive, p in ((0.0, 0.0), (800.0, 1.0)):
        found = []
        for dt in (0.1, 0.05, 0.025, 0.0125):
            onset, (slope,) = onset_and_slopes(rates(args, p, drive, dt=dt))
            found.append((dt, onset, slope))
        cells_ = "; ".join(f"dt {dt:g} ms: {onset:g}, {slope:.2f}" for dt, onset, slope in found)
        (_, first, coarse), *_, (_, last, fine) = found
        yield (
            f"  Id = {drive:g} pA, p = {p:g}: {cells_}  (change from 0.1 to 0.0125 ms: "
            f"{last - first:+g} pA, {fine - coarse:+.2f} Hz/nA = {fine / coarse - 1:+.1%})"
        )


def precision(args: Arguments) -> Iterator[str]:
    """Yield a line on float32 against float64."""
    off = []
    for p, drive in ((0.0, 0.0), (0.5, 800.0), (1.0, 600.0), (1.0, 800.0)):
        single = rates(args, p, drive, duration=10_000.0).mean(axis=1)
        with jax.enable_x64():
            double = rates(args, p, drive, duration=10_000.0, dtype=jnp.float64).mean(axis=1)
        firing = double >= 1
        off.append(np.abs(single - double)[firing] / double[firing])
    together = np.concatenate(off)
    yield (
        f"Precision: rates in float32 are off those in float64 by {together.mean():.2%} on average "
        f"and {together.max():.2%} at most, over {together.size} points of 10 s"
    )


def mean_field(args: Arguments) -> Iterator[str]:
    """Yield lines on the mean field against the mean over draws."""
    yield (
        f"Mean field against the mean of {args.repeats} stochastic cells, Id = 0 to 1000 pA in "
        "steps of 100"
    )
    for p in (0.25, 0.5, 0.75, 1.0):
        curves, points = {}, []
        for drive in np.arange(0.0, 1001.0, 100.0):
            drawn, smooth = (rates(args, p, drive, mode=m).mean(axis=1) for m in MODES)
            off = np.abs(smooth - drawn)
            curves[drive] = off.sum() / drawn.sum()
            points.append(off[drawn >= 5] / drawn[drawn >= 5])
        where, point = max(curves, key=lambda drive: curves[drive]), np.concatenate(points)
        yield (
            f"  p = {p:<4}  curves differ by {curves[where]:.1%} at most (at {where:g} pA); single "
            f"points by {point.max():.1%} at most, {np.mean(point > 0.1):.1%} of them by more than "
            "10 %"
        )


def gradients(args: Arguments) -> Iterator[str]:
    """Yield lines on the sign of the gradient of the mean rate, over 2 s."""
    axes = (np.arange(500.0, 1501.0, 50.0), np.arange(0.0, 1001.0, 50.0), np.linspace(0, 1, 5))
    grid = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    duration = max(round(args.times * 2000.0), 1) * 1.0

    def spikes(run: Any, mode: Any, points: Any, seed: int) -> Any:
        soma, drive, p = points
        drives, key = PyramidalDrive(Drive(soma), Drive(drive), p), jax.random.key(seed)
        task = {"n": p.size, "duration": duration, "key": key}
        return run(PyramidalCell(mode), cells.L5_PYRAMIDAL, drives, **task).recorded["spikes"]

    def end(axis: int, half: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        points, repeats = grid.copy(), min(16, args.repeats)
        points[axis] += half
        points[2] = points[2].clip(0, 1)
        points = np.repeat(points, repeats, axis=1).astype(np.float32)
        found = spikes(simulate, "stochastic", points, seed).reshape(-1, repeats)
        return found.mean(axis=1), found.var(axis=1, ddof=1) / repeats

    signs = {}
    for axis, (name, half) in enumerate(HALVES.items()):
        (low, low_error), (high, high_error) = (
            end(axis, side * half, 2 * axis + i) for i, side in enumerate((-1, 1))
        )
        clear = np.abs(high - low) > 3 * np.sqrt(low_error + high_error)
        signs[name] = np.where(clear, np.sign(high - low), 0)
    yield (
        f"Gradient of the mean rate at {grid.shape[1]} points: share with the sign of the finite "
        "difference of\nthe stochastic cell's mean rate, where that exceeds 3 standard errors"
    )
    for mode in MODES[::-1]:
        total = functools.partial(spikes, rollout, mode)
        slopes = jax.jit(jax.grad(lambda points, of=total: of(points, 99).sum()))
        shares = []
        for (name, sign), slope in zip(signs.items(), slopes(grid.astype(np.float32)), strict=True):
            share = np.mean(np.sign(slope) == sign, where=sign != 0)
            finite = "" if np.isfinite(slope).all() else ", NOT FINITE"
            shares.append(f"{name} {share:.1%} of {np.sum(sign != 0)}{finite}")
        yield f"  {mode:<11} " + "; ".join(shares)


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the gain without and with calcium bursts."""
    curves = {  # the last of those at the same point are those of the inhibition
        (row["dendritic_current_pA"], row["coupling"]): row
        for row in reversed(content["curves"])
        if not row["dendritic_inhibition_nS"] and not row["somatic_inhibition_nS"]
    }
    for drive, coupling in ((0, 0.0), (800, 0.5), (800, 1.0)):
        row = curves[drive, coupling]
        gain = stats.text({"mean": row["gain_hz_per_nA"], "ci": row["gain_hz_per_nA_ci"]})
        claim = f"Gain of the pyramidal cell: {drive:g} pA into the dendrite, coupling {coupling:g}"
        yield claim, f"{gain} Hz/nA"


def run(args: Arguments, record: Record) -> None:
    """Measure all."""
    scaled = {"repeats": args.repeats, "duration": max(round(args.times * GAIN.duration), 10) * 1.0}
    configs = [dataclasses.replace(config, **scaled) for config in (GAIN, INHIBITION)]
    found = [gain_curve.run(config).metrics for config in configs]
    curves, inhibited = (metrics["curves"] for metrics in found)
    points = [len(GAIN.numbers(n)) for n in ("somatic_current", "dendritic_current", "coupling")]
    lines = [
        *reference(args),
        f"  `gain-curve`, {points[0]} x {points[1]} x {points[2]} points, {args.repeats} repeats "
        f"of {configs[0].duration / 1000:g} s, took {found[0]['wall_time_s']:.0f} s",
    ]
    for part in (monotony, steps, precision, mean_field, gradients):
        lines += ["", *part(args)]
    record.table = "\n".join(lines)
    record.notes += [
        "Intervals are 95 % t-intervals over repeats. The seeds are 0 (curves), 0 to 5 (finite "
        "differences) and 99 (gradients).",
        "Gain rises with coupling and with dendritic current, but for 400 to 550 pA: there, "
        "around the bistable range of the dendrite, whether a back-propagating spike lifts it "
        "to the plateau depends on its history, and more current can mean fewer events.",
    ]
    record.data["curves"] = [*curves, *inhibited]
    current = "dendritic_current_pA"
    for draw, chosen in (
        (gain_figures.fi_curves, [c for c in curves if c[current] in (0, 400, 500, 600, 800)]),
        (gain_figures.gain, curves),
        (gain_figures.bursts, [c for c in curves if c[current] <= 800]),
        (gain_figures.inhibition, inhibited),
    ):
        record.figure(draw(chosen, repeats=args.repeats), f"gain_{draw.__name__}")
    record.figure(cell_figures.dendrite_at_rest(cell.dendritic_ramp()), "dendrite")
