"""Late in a day of model time, 864,000,000 steps of 0.1 ms: each step is still the right one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.neuromod import Modulated, ModulatedParams, tables
from neurogain.spiking import (
    Drive,
    LIFCell,
    LIFParams,
    PoissonSource,
    Population,
    Projection,
    Pulse,
    SpikeListSource,
    build,
    rollout,
    simulate,
    spike_list,
)
from neurogain.spiking.connectivity import AllToAll
from neurogain.spiking.engine.times import LAST_STEP
from neurogain.spiking.recorders import Intervals, Mean, Spikes, Total, Traces

DT = 0.1
DAY = 864_000_000  # steps
LATE = DAY - 1000


def potential(state, info):
    return state.v


RECORD = {
    "events": Spikes(), "v": Traces(potential, every=100), "total": Total(),
    "mean": Mean(potential), "intervals": Intervals(),
}  # fmt: skip


def of_pulse(first_step):
    """Return what is recorded of 1000 steps with a pulse from step 200 to 800 of them."""
    pulse = Pulse(600.0, (first_step + 200) * DT, (first_step + 800) * DT)
    settings = {"n": 1, "duration": 100.0, "dt": DT, "record": RECORD}
    return simulate(LIFCell(), LIFParams(), Drive(pulse), first_step=first_step, **settings)


def test_the_last_steps_of_a_day_are_those_of_the_first():
    early, late = of_pulse(0), of_pulse(LATE)
    assert late.step == DAY
    steps = np.rint(early.recorded["events"].time_ms / DT).astype(int)
    assert len(steps) >= 4
    assert 200 < steps[0] < steps[-1] <= 800
    np.testing.assert_array_equal(late.recorded["events"].time_ms, (LATE + steps) * DT)
    np.testing.assert_array_equal(late.recorded["v"].time_ms, (LATE + 100 * np.arange(1, 11)) * DT)
    for name in ("total", "mean", "intervals"):
        for a, b in zip(
            *map(jax.tree.leaves, (early.recorded[name], late.recorded[name])), strict=True
        ):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(early.recorded["v"].values, late.recorded["v"].values)


@pytest.mark.slow
def test_spikes_of_a_day_are_counted_and_placed_to_the_step():
    """A strong step of current every 99,991 steps makes one spike each."""
    steps, every = DAY, 99_991
    drive = Drive(lambda step, key: jnp.where(step % every == 0, 1e5, 0.0))
    run = simulate(
        LIFCell(), LIFParams(), drive, n=1, duration=steps * DT, dt=DT, chunk=1_000_000,
        record={"events": Spikes(), "total": Total()},
    )  # fmt: skip
    wanted = np.arange(0, steps, every) + 1  # a spike is at the end of its step
    np.testing.assert_array_equal(run.recorded["events"].time_ms, wanted * DT)
    assert run.recorded["total"].tolist() == [len(wanted)]


def sources():
    """Build a source whose one spike, in step 1 of its list, reaches a cell two steps later."""
    populations = {
        "in": Population(SpikeListSource(), spike_list([0.2], [0], n=1, dt=DT), 1),
        "out": Population(LIFCell(), LIFParams(), 1),
    }
    projection = Projection("in", "out", AllToAll(), 5.0, delay=2 * DT)
    key = jax.random.key(0)
    return build(populations, {"one": projection}, dt=DT, key=key, path="sparse")


def counted(step):
    """Return the network with a state that has counted `step` steps, its source none."""
    network, params = sources()
    return network, params, network.init(params)._replace(step=jnp.int32(step))


@pytest.mark.parametrize("runner", [simulate, rollout])
def test_a_network_counts_to_the_last_step(runner):
    network, params, state = counted(LAST_STEP - 4)
    run = runner(network, params, {}, duration=4 * DT, dt=DT, state=state)
    assert run.state.step == LAST_STEP
    assert run.state.synapses["out"]["soma"]["ampa"].item() == 5.0  # arrives at the fourth's end
    message = (
        rf"`state` must not count beyond {LAST_STEP}, .*`step` got {LAST_STEP}, .* has 1 steps"
    )
    with pytest.raises(ValueError, match=message):
        runner(network, params, {}, duration=DT, dt=DT, state=run.state)


def test_a_state_that_is_traced_is_not_looked_at():
    network, params, state = counted(LAST_STEP)
    more = jax.eval_shape(
        lambda state: rollout(network, params, {}, duration=DT, dt=DT, state=state), state
    )
    assert more.state.step.shape == ()


def test_all_counters_are_looked_at():
    lists = spike_list([0.1], [0], n=2, dt=DT)
    state = SpikeListSource().init(lists, 2)._replace(step=jnp.array([0, LAST_STEP - 1]))
    with pytest.raises(ValueError, match=rf"`step` got {LAST_STEP - 1}, and the run has 2 steps"):
        simulate(SpikeListSource(), lists, 0.0, n=2, duration=2 * DT, dt=DT, state=state)
    source = PoissonSource()
    state = source.init((), 1)._replace(spikes=jnp.array([LAST_STEP]))
    with pytest.raises(ValueError, match=rf"`spikes` got {LAST_STEP}, and the run has 1 steps"):
        simulate(source, (), 10.0, n=1, duration=DT, dt=DT, state=state, key=jax.random.key(0))
    network, params, state = counted(0)
    own = state.cells["in"]._replace(step=jnp.array([LAST_STEP]))
    state = state._replace(cells=state.cells | {"in": own})
    with pytest.raises(ValueError, match=r"`cells\['in'\].step` got"):
        simulate(network, params, {}, duration=DT, dt=DT, state=state)
    model, given = Modulated(network), ModulatedParams(params, tables.standard())
    start = model.init(given)
    late = start._replace(network=start.network._replace(step=jnp.int32(LAST_STEP)))
    with pytest.raises(ValueError, match=r"`network.step` got"):
        simulate(model, given, {}, duration=DT, dt=DT, state=late)
