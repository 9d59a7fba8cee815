"""The figures of the layer-5 cell that models of it are judged by: rheobase, gain, inhibition."""

import itertools

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    PyramidalCell,
    PyramidalDrive,
    cells,
    combine,
    measures,
    simulate,
    synapse,
)
from neurogain.spiking.recorders import Total

pytestmark = pytest.mark.optimized  # its runs cost more than what it compiles

REPEATS, DURATION = 10, 3000.0
FINE = np.arange(600.0, 841.0, 10.0)  # pA, for the rheobase
_BURSTS = Total(lambda state, info: {"spike": info.spike, "burst": info.burst})
COARSE = np.arange(700.0, 1501.0, 50.0)  # pA, for the slope


@pytest.fixture(scope="module")
def curves():
    """Return counts by (coupling, dendritic current, dendritic and somatic inhibition)."""
    conditions = [
        (p, drive, 0.0, 0.0)
        for p, drive in itertools.product(
            (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 200.0, 400.0, 600.0, 800.0, 1000.0)
        )
    ]
    conditions += [(1.0, 800.0, 10.0, 0.0), (1.0, 800.0, 0.0, 5.0), (1.0, 800.0, 0.0, 10.0)]
    current = np.union1d(FINE, COARSE)
    repeats = [1 if c[0] in (0.0, 1.0) else REPEATS for c in conditions]  # 1: nothing is random
    grid = np.array(
        [(*c, i) for c, m in zip(conditions, repeats, strict=True) for i in current
         for _ in range(m)], np.float32,
    )  # fmt: skip
    p, drive, on_dendrite, on_soma, soma = grid.T
    run = simulate(
        PyramidalCell(),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(
            soma=combine(Drive(soma), synapse(on_soma, -75.0)),
            dendrite=combine(Drive(drive), synapse(on_dendrite, -75.0)),
            coupling=p,
        ),
        n=len(grid),
        duration=DURATION,
        key=jax.random.key(0),
    )
    ends = np.cumsum(len(current) * np.array(repeats))
    counts = np.split(run.recorded["spikes"], ends[:-1])
    return {
        c: (current, spikes.reshape(len(current), -1))
        for c, spikes in zip(conditions, counts, strict=True)
    }


def rheobase(curves, *condition):
    current, counts = curves[condition]
    return measures.rheobase(current, measures.fi_curve(current, counts, DURATION).rate)


def slope(curves, *condition, low=700.0):
    current, counts = curves[condition]
    rate = measures.fi_curve(current, counts, DURATION).rate
    chosen = np.isin(current, COARSE)
    return measures.gain(current[chosen], rate[chosen], low, 1500.0)


@pytest.mark.parametrize(("p", "drive"), [(0.0, 0.0), (0.0, 800.0), (0.5, 0.0), (1.0, 800.0)])
def test_rheobase_is_640_pa(curves, p, drive):
    assert rheobase(curves, p, drive, 0.0, 0.0) == pytest.approx(640, abs=10)


@pytest.mark.parametrize("drive", [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0])
def test_slope_without_coupling(curves, drive):
    assert slope(curves, 0.0, drive, 0.0, 0.0) == pytest.approx(33.4, abs=1)


@pytest.mark.parametrize("p", [0.25, 0.5, 0.75, 1.0])
def test_slope_without_dendritic_current(curves, p):
    assert slope(curves, p, 0.0, 0.0, 0.0) == pytest.approx(33.4, abs=1)


@pytest.mark.parametrize(("p", "reference"), [(0.25, 38.2), (0.5, 43.8), (1.0, 60.7)])
def test_slope_with_coupling_at_800_pa(curves, p, reference):
    assert slope(curves, p, 800.0, 0.0, 0.0) == pytest.approx(reference, abs=2)


@pytest.mark.parametrize(("p", "reference"), [(0.25, 0.26), (0.5, 0.49), (1.0, 0.99)])
def test_share_of_spikes_reset_as_bursts_at_800_pa(p, reference):
    n = 17 * REPEATS
    run = simulate(
        PyramidalCell(),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(Drive(np.repeat(COARSE, REPEATS)), Drive(800.0), p),
        n=n,
        duration=DURATION,
        key=jax.random.key(1),
        record={"both": _BURSTS},
    )
    both = run.recorded["both"]
    share = measures.calcium_burst_fraction(both["burst"].sum(), both["spike"].sum())
    assert share == pytest.approx(reference, abs=0.02)


def test_gain_does_not_fall_with_coupling_nor_with_dendritic_current(curves):
    # in steps of 200 pA; finer ones fall from 400 to 550 pA: see benchmarks/cells/single_cell.py
    ps = (0.0, 0.25, 0.5, 0.75, 1.0)
    drives = (0.0, 200.0, 400.0, 600.0, 800.0, 1000.0)
    gains = np.array([[slope(curves, p, d, 0.0, 0.0) for d in drives] for p in ps])
    assert np.all(np.diff(gains, axis=0) >= -1e-9), gains  # slopes of equal counts: rounding only
    assert np.all(np.diff(gains, axis=1) >= -1), gains


def test_dendritic_current_does_nothing_without_coupling(curves):
    for drive in (200.0, 400.0, 600.0, 800.0, 1000.0):
        np.testing.assert_array_equal(
            curves[0.0, drive, 0.0, 0.0][1], curves[0.0, 0.0, 0.0, 0.0][1]
        )


def test_dendritic_inhibition_restores_the_low_slope_and_leaves_the_rheobase(curves):
    inhibited = (1.0, 800.0, 10.0, 0.0)
    assert slope(curves, *inhibited) == pytest.approx(slope(curves, 0.0, 0.0, 0.0, 0.0), abs=2)
    assert rheobase(curves, *inhibited) == rheobase(curves, 1.0, 800.0, 0.0, 0.0)


@pytest.mark.parametrize(("conductance", "reference"), [(5.0, 730), (10.0, 810)])
def test_somatic_inhibition_moves_the_rheobase_and_keeps_the_slope(curves, conductance, reference):
    inhibited, free = (1.0, 800.0, 0.0, conductance), (1.0, 800.0, 0.0, 0.0)
    assert rheobase(curves, *inhibited) == pytest.approx(reference, abs=15)
    kept = slope(curves, *inhibited, low=850.0) / slope(curves, *free, low=850.0)
    assert kept >= 0.9
