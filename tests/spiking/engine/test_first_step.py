"""A run that begins late: lists of spikes have the times of the run."""

import jax
import numpy as np

from neurogain.neuromod import Modulated, ModulatedParams, tables
from neurogain.spiking import Population, SpikeListSource, build, rollout, simulate, spike_list
from neurogain.spiking.recorders import Spikes

DT = 0.1  # ms
REPLAYED = [3, 1004, 1006]  # steps of spikes of one source; the other spikes in step 1001


def replayed(model, params, runner=simulate, **options):
    record = {"events": Spikes()}
    return runner(model, params, duration=2.0, record=record, first_step=1000, **options)


def test_a_list_has_the_times_of_the_run_whatever_its_first_step():
    steps, source = np.array([*REPLAYED, 1001]), [0, 0, 0, 1]
    spikes = spike_list((steps + 1) * DT, source, n=2, dt=DT)
    run = replayed(SpikeListSource(), spikes, n=2)
    np.testing.assert_allclose(run.recorded["events"].time_ms, [100.2, 100.5, 100.7], rtol=1e-6)
    assert run.recorded["events"].cell.tolist() == [1, 0, 0]
    again = spike_list(*run.recorded["events"], n=2, dt=DT)
    for a, b in zip(replayed(SpikeListSource(), again, n=2).recorded["events"],
                    run.recorded["events"], strict=True):  # fmt: skip
        np.testing.assert_array_equal(a, b)

    network, params = build(
        {"in": Population(SpikeListSource(), spikes, 2)}, {}, dt=DT, key=jax.random.key(0)
    )
    modulated = ModulatedParams(params, tables.standard(), ())
    for model, own in ((network, params), (Modulated(network), modulated)):
        other = replayed(model, own)
        for a, b in zip(other.recorded["events"], run.recorded["events"], strict=True):
            np.testing.assert_array_equal(a, b)
    whole = replayed(network, params).state
    assert whole.step == whole.cells["in"].step[0] == 1020
    rolled = replayed(SpikeListSource(), spikes, n=2, runner=rollout).recorded["events"]
    assert np.argwhere(rolled).tolist() == [[1, 1], [4, 0], [6, 0]]
