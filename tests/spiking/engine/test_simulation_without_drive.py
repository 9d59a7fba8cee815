"""A drive that is left out is none, for every model; a model without an empty one says so."""

import jax
import numpy as np
import pytest

from neurogain import neuromod
from neurogain.spiking import (
    IzhikevichCell,
    LIFCell,
    LIFParams,
    Population,
    PyramidalCell,
    SpikeListSource,
    build,
    cells,
    check,
    rollout,
    simulate,
    spike_list,
)
from neurogain.spiking.recorders import Traces

SPIKES = spike_list([0.3, 0.5, 2.0], [0, 0, 1], n=2, dt=0.1)
POPULATIONS = {
    "listed": Population(SpikeListSource(), SPIKES, 2),
    "pv": Population(IzhikevichCell(), cells.PV, 2),
}
NETWORK, PARAMS = build(POPULATIONS, {}, dt=0.1, key=jax.random.key(0))
MODULATED = neuromod.ModulatedParams(PARAMS, neuromod.tables.standard())
TONIC = LIFParams(E_leak=-40.0)  # above threshold
MODELS = {
    "source": (SpikeListSource(), SPIKES, {"n": 2}, 0.0),
    "network": (NETWORK, PARAMS, {}, {}),
    "modulated": (neuromod.Modulated(NETWORK), MODULATED, {}, {}),
    "pyramidal": (
        PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, {"n": 2}, PyramidalCell().empty_drive
    ),
    "lif": (LIFCell(), TONIC, {"n": 2}, LIFCell().empty_drive),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_run_without_a_drive_is_one_with_an_empty_drive(name, compiled):
    model, params, options, empty = MODELS[name]
    options = options | {"duration": 1.0}
    expected = simulate(model, params, empty, **options)
    compiled.clear()
    for run in (simulate(model, params, **options), simulate(model, params, None, **options)):
        assert not compiled
        np.testing.assert_array_equal(run.recorded["spikes"], expected.recorded["spikes"])
    if name in ("source", "network", "modulated"):
        assert expected.recorded["spikes"].tolist()[:2] == [2, 0]
    assert check(model, params, **options, dt=0.1, key=None, record={}) == 10


def test_a_rollout_may_have_no_drive():
    count = jax.jit(lambda: rollout(LIFCell(), TONIC, n=1, duration=30.0).recorded["spikes"])()
    assert count == simulate(LIFCell(), TONIC, n=1, duration=30.0).recorded["spikes"] > 0


class Bare:
    """A model that needs its drive."""

    def init(self, *arguments, **named):
        raise AssertionError

    step = check = init


@pytest.mark.parametrize("runner", [simulate, rollout])
def test_a_model_without_an_empty_drive_asks_for_one(runner):
    with pytest.raises(TypeError, match=r"`drive` must be given, since .*Bare.* no `empty_drive`"):
        runner(Bare(), (), n=1, duration=1.0, record={"x": Traces(lambda state, info: state)})
