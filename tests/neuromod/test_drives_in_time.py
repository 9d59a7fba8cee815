"""Drives of neuromodulators that change in time or are drawn, beside the systems run by hand."""

import re

import jax
import numpy as np
import pytest

from neurogain.neuromod import Modulated, ModulatedParams, systems, tables
from neurogain.neuromod.drives import Drives
from neurogain.spiking import (
    LIFCell,
    LIFParams,
    Noise,
    PoissonInput,
    Population,
    TimeSeries,
    build,
    simulate,
)

DT, STEPS = 0.5, 6


def run(drive):
    population = {"cells": Population(LIFCell(), LIFParams(), 1)}
    network, params = build(population, {}, dt=DT, key=jax.random.key(0))
    return simulate(
        Modulated(network), ModulatedParams(params, tables.standard()), drive,
        duration=STEPS * DT, dt=DT, key=jax.random.key(0),
    ).state.neuromod  # fmt: skip


def by_hand(**series):
    params = tables.standard()
    state = systems.init(params)
    for k in range(STEPS):
        now = Drives(**{name: values[k] for name, values in series.items()})
        state = systems.step(params, state, now, dt=DT)
    return state


def test_series():
    surprise, error = np.linspace(0.0, 1.0, STEPS), np.linspace(-0.5, 2.0, STEPS)
    ours = run(
        {"neuromod.surprise": TimeSeries(surprise), "neuromod.prediction_error": TimeSeries(error)}
    )
    for a, b in zip(
        *map(jax.tree.leaves, (ours, by_hand(surprise=surprise, prediction_error=error))),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_draws_of_no_spread_are_their_mean():
    ours = run({"neuromod.prediction_error": Noise(2.0, 0.0)})
    theirs = by_hand(prediction_error=np.full(STEPS, 2.0))
    np.testing.assert_allclose(
        ours.concentration["dopamine"], theirs.concentration["dopamine"], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("field", "drawn", "way_out"),
    [
        ("surprise", Noise(0.5, 0.1), "Pass a TimeSeries."),
        ("surprise", PoissonInput(10.0, 1.0), "Pass a TimeSeries."),
        ("locus_mode", Noise(0.5, 0.1), "Pass a TimeSeries."),
        ("expected_uncertainty", Noise(0.5, 0.1), "Pass PoissonInput."),
    ],
)
def test_draws_that_could_leave_the_range_are_refused(field, drawn, way_out):
    kind = type(drawn).__name__
    with pytest.raises(
        ValueError, match=rf"`{field}` must be .*drawn as {kind}; .*{re.escape(way_out)}"
    ):
        run({f"neuromod.{field}": drawn})


def test_series_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"`surprise` must be in \[0, 1\]; got 1.5 at index 3"):
        run({"neuromod.surprise": TimeSeries(np.array([0, 0, 0, 1.5, 0, 0]))})
    with pytest.raises(ValueError, match=r"`surprise` must be one number, .* got shape \(6, 2\)"):
        run({"neuromod.surprise": TimeSeries(np.zeros((6, 2)))})
