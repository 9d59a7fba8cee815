import jax
import numpy as np
import pytest

from neurogain.spiking import Drive, PyramidalCell, PyramidalDrive, cells, measures, simulate

REPEATS, DURATION = 16, 2000.0
# currents (pA), dendritic currents (pA), couplings
COARSE = np.arange(650.0, 1451.0, 200.0), np.array([0.0, 800.0]), np.array([0.5, 1.0])
FINE = (
    *(np.arange(600.0, 1501.0, 50.0), np.arange(0.0, 1001.0, 200.0)),
    np.array([0.25, 0.5, 0.75, 1.0]),
)


def rates(mode, axes, repeats):
    currents, drives, couplings = axes
    grid = np.meshgrid(couplings, drives, currents, range(repeats), indexing="ij")
    p, drive, current, _ = (x.ravel() for x in grid)
    run = simulate(
        PyramidalCell(mode),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(Drive(current), Drive(drive), p),
        n=p.size,
        duration=DURATION,
        key=jax.random.key(0),
    )
    return measures.rate(run.recorded["spikes"], DURATION).reshape(grid[0].shape).mean(axis=-1)


@pytest.fixture(scope="module", params=["coarse", pytest.param("fine", marks=pytest.mark.slow)])
def both(request):
    axes = {"coarse": COARSE, "fine": FINE}[request.param]
    return rates("stochastic", axes, REPEATS), rates("mean-field", axes, 1)


def test_curves_lie_within_ten_percent(both):
    stochastic, mean_field = both
    off = np.abs(mean_field - stochastic).mean(axis=-1) / stochastic.mean(axis=-1)
    assert off.max() <= 0.1, off


def test_points_lie_within_ten_percent_but_for_few(both):
    # rates are multiples of 0.5 Hz, so slow points count by their distance in Hz
    stochastic, mean_field = both
    off = np.abs(mean_field - stochastic) / np.maximum(stochastic, 5)
    assert np.mean(off > 0.1) <= 0.03
    assert off.max() <= 0.15


def test_full_coupling_is_the_same_with_and_without_draws(both):
    stochastic, mean_field = both
    np.testing.assert_array_equal(stochastic[-1], mean_field[-1])
