import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import Drive, PyramidalDrive, cells
from neurogain.spiking.engine import drive_checks
from neurogain.spiking.models import izhikevich, pyramidal
from neurogain.spiking.models.pyramidal import PyramidalCell

FIELDS = ("C", "k", "v_r", "v_t", "v_peak", "a", "b", "c", "d")

# design/models.md, sections 4 and 5; RS, IB and CH from Izhikevich 2007, section 8.2
TABLE = {
    "L5_SOMA": (150, 2.5, -75, -45, 50, 0.01, 5, -65, 250),
    "PV": (20, 1, -55, -40, 25, 0.15, 8, -55, 200),
    "SOM": (100, 1, -56, -42, 40, 0.03, 8, -50, 20),
    "RS": (100, 0.7, -60, -40, 35, 0.03, -2, -50, 100),
    "IB": (150, 1.2, -75, -45, 50, 0.01, 5, -56, 130),
    "CH": (50, 1.5, -60, -40, 25, 0.03, 1, -40, 150),
}
DENDRITE = {
    "C": 170, "g_leak": 170 / 7, "E_leak": -70, "g_ca": 1200,
    "E_ca": -38, "D_ca": 6, "tau_w": 30, "a_w": -13,
}  # fmt: skip
COUPLING = {
    "c_burst": -55, "d_burst": 150, "v_calcium": -30,
    "bap_current": 2600, "bap_start": 0.5, "bap_end": 2.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def intervals(trajectory):
    """Return the intervals (ms) between the spikes of one second (or more) of constant current."""

    def intervals(cell, current, seconds=1):
        p = cells.POINT_CELLS[cell]
        with jax.enable_x64():
            start = izhikevich.init(p, 1, jnp.float64)
            drive = Drive(jnp.asarray([float(current)]))
            _, info = trajectory(
                lambda s, _: izhikevich.step(p, s, drive, dt=0.1), start, 10_000 * seconds
            )
        return np.diff(np.flatnonzero(info.spike[:, 0])) * 0.1

    return intervals


@pytest.mark.parametrize("name", TABLE)
def test_somata_have_the_published_constants(name):
    assert getattr(cells, name)._asdict() == dict(zip(FIELDS, TABLE[name], strict=True))


def test_the_pyramidal_cell_has_the_published_constants():
    p = cells.L5_PYRAMIDAL._asdict()
    assert p.pop("soma")._asdict() == dict(zip(FIELDS, TABLE["L5_SOMA"], strict=True))
    assert p.pop("dendrite")._asdict() == DENDRITE
    assert p == COUPLING


def test_point_cells_are_found_by_their_names():
    names = {"rs": "RS", "ib": "IB", "ch": "CH", "fs": "PV", "lts": "SOM", "pv": "PV", "som": "SOM"}
    assert {k: getattr(cells, v) for k, v in names.items()} == cells.POINT_CELLS
    assert cells.FS is cells.PV
    assert cells.LTS is cells.SOM


def test_all_constants_are_floats_so_that_sets_share_one_compilation():
    sets = [cells.L5_PYRAMIDAL, *cells.POINT_CELLS.values()]
    assert {type(x) for x in jax.tree.leaves(sets)} == {float}


@pytest.mark.parametrize("cell", cells.POINT_CELLS)
def test_no_cell_fires_without_current(cell, intervals):
    assert intervals(cell, 0.0).size == 0


def test_regular_spiking_cells_fire_tonically_and_adapt(intervals):
    isi = intervals("rs", 300)
    assert np.all(np.diff(isi[:4]) > 0)  # each interval is longer than the one before
    assert isi[-1] > 1.3 * isi[0]
    assert np.ptp(isi[10:]) < 0.05 * isi[-1]
    assert isi.min() > 10  # no bursts
    assert intervals("rs", 600)[-1] < 0.6 * isi[-1]


def test_intrinsically_bursting_cells_start_with_a_burst_and_go_on_tonically(intervals):
    isi = intervals("ib", 600, seconds=2)
    assert isi[0] < 0.25 * isi[5:].mean()
    assert np.ptp(isi[5:]) < 0.1 * isi[5:].mean()


@pytest.mark.parametrize("current", [200, 300, 600])
def test_chattering_cells_fire_burst_after_burst(current, intervals):
    isi = intervals("ch", current)
    within, between = isi < 10, isi > 20
    assert np.all(within | between)  # two kinds of intervals, none in the middle
    assert between.sum() >= 8
    assert not np.any(between[1:] & between[:-1])  # every burst has two spikes at least
    assert np.median(isi[between]) > 4 * np.median(isi[within])


def test_fast_spiking_cells_fire_without_adaptation_at_high_rates(intervals):
    # The first interval is set by the start from rest: adaptation shows from the second one on.
    for current in (150, 200, 400):
        isi = intervals("fs", current)[1:]
        assert np.ptp(isi) < 0.1 * isi.mean()
    assert 1000 / isi.mean() > 140  # Hz
    assert isi.mean() < 0.6 * intervals("rs", 400)[-1]


def test_low_threshold_spiking_cells_adapt_for_many_spikes(intervals):
    # Where a fast-spiking cell has settled after one interval, this one slows down spike by spike.
    isi = intervals("lts", 400)
    assert np.all(np.diff(isi[:7]) > 0.05)
    assert isi[-1] > 1.3 * isi[1]
    assert np.ptp(isi[20:]) < 0.05 * isi[-1]


P, CELL = cells.L5_PYRAMIDAL, PyramidalCell()


KEY, EMPTY = jax.random.key(0), PyramidalDrive()


def refuses(message, params=P, drive=EMPTY, dt=0.1, key=KEY, cell=CELL, error=ValueError):
    with pytest.raises(error, match=re.escape(message)):
        cell.check(params, drive, dt=dt, n=3, key=key)


def test_a_good_cell_passes_and_the_mean_field_needs_no_key():
    CELL.check(P, PyramidalDrive(), dt=0.1, n=3, key=jax.random.key(0))
    PyramidalCell(coupling="mean-field").check(P, PyramidalDrive(), dt=0.1, n=3, key=None)
    with jax.numpy_rank_promotion("raise"):
        jax.eval_shape(lambda p: pyramidal.check(p, dt=0.1, n=3), P._replace(bap_start=9.0))


def test_constants_that_make_no_cell_are_refused():
    refuses(
        "`bap_start` must not be after `bap_end` (ms); got 3.0 and 2.5", P._replace(bap_start=3.0)
    )
    refuses("`bap_start` must be positive, in ms; got 0.0", P._replace(bap_start=0.0))
    refuses("`v_calcium` must be finite, in mV; got nan", P._replace(v_calcium=float("nan")))
    refuses("`c_burst` must be below `v_peak` (mV); got 60.0 and 50", P._replace(c_burst=60.0))
    refuses("`d_burst` must be one value, or one per cell", P._replace(d_burst=np.ones(2)))
    refuses("`C` must be positive, in pF", P._replace(soma=P.soma._replace(C=-1.0)))
    refuses("`dendrite.C` must be positive", P._replace(dendrite=P.dendrite._replace(C=-1.0)))
    refuses("`dt` must be in (0, 0.25] ms, half the shortest time constant", dt=0.3)


def test_missing_keys_and_the_drives_of_other_cells_are_refused():
    refuses("`key` must be a jax.random.key for stochastic coupling; got None", key=None)
    refuses("must be a PyramidalDrive for this cell; got Drive", drive=Drive(), error=TypeError)


def test_a_coupling_strength_in_the_wrong_place_is_sent_to_the_right_one():
    for wrong in (0.5, "always"):
        message = f"got {wrong!r}. Its strength goes into PyramidalDrive(coupling=...)"
        cell = PyramidalCell()
        object.__setattr__(cell, "coupling", wrong)  # past the type checks of the tests
        with pytest.raises(ValueError, match=re.escape(message)):
            cell.__post_init__()
    with pytest.raises(ValueError, match=re.escape("`coupling` must be in [0, 1]")):
        drive_checks.check(PyramidalDrive(coupling=1.5), n=3, last_step=1, key=None)
