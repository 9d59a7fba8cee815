"""Float32 on a recorded sequence of gradients and drives, for every kind of gain group."""

import jax
import numpy as np
import optax
import pytest

from neurogain.optim import modulate_by_gain

STEPS = 200
GROUPS = {  # options; the drive's shape per leaf
    "global": ({}, None),
    "leaf": ({"per": "leaf"}, lambda shape: ()),
    "unit": ({"per": "unit"}, lambda shape: shape[-1:]),
    "first axis": ({"per": "unit", "unit_axis": 0}, lambda shape: (shape[0], *(1,) * len(shape))),
}
MASK = {"bias": False, "hidden": True, "out": True}


def _record(shapes, drive_shape):
    rng = np.random.default_rng(7)
    record = []
    for _ in range(STEPS):
        grads = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
        if drive_shape is None:
            drive = np.float32(rng.uniform(0, 2))
        else:
            drive = {
                k: rng.uniform(0, 2, size=drive_shape(s)[: len(s)]).astype(np.float32)
                for k, s in shapes.items()
            }
        record.append((grads, drive))
    return record


NAMES = ("sgd", "momentum", "adam", "adamw")
CASES = [  # any two of the three meet
    (name, group, MASK if (i + j) % 2 else None)
    for i, name in enumerate(NAMES)
    for j, group in enumerate(GROUPS)
]


@pytest.mark.parametrize(("name", "group", "mask"), CASES)
def test_recorded_run_equals_the_literal_algorithm(name, group, mask, oracle, params):
    options, drive_shape = GROUPS[group]
    make, reference = oracle.bases[name]
    record = _record(oracle.shapes, drive_shape)
    modulated = {k for k in params if mask is None or mask[k]}
    start = {k: np.asarray(v, np.float64) for k, v in params.items()}

    def recorded(E, t):
        grads, drive = record[t]
        u = drive if isinstance(drive, dict) else dict.fromkeys(E, drive)
        return grads, u

    E, g = list(oracle.literal(reference(), start, 1.0, recorded, STEPS, modulated))[-1]

    tx = modulate_by_gain(make(), mask=mask, **options)

    def step(carry, inputs):
        params, state = carry
        grads, drive = inputs
        updates, state = tx.update(grads, state, params, uncertainty=drive)
        return (optax.apply_updates(params, updates), state), None

    stacked = jax.tree.map(lambda *xs: np.stack(xs), *record)
    (params, state), _ = jax.jit(lambda c: jax.lax.scan(step, c, stacked))(
        (params, tx.init(params))
    )
    for k in params:
        assert np.abs(params[k] - E[k]).max() < 1e-5 * np.abs(E[k]).max()
    for k in modulated:
        gain = state.gain if group == "global" else state.gain[k]
        np.testing.assert_allclose(np.squeeze(gain), np.squeeze(g[k]), rtol=1e-5)
    if group != "global":
        assert len(jax.tree.leaves(state.gain)) == len(modulated)
