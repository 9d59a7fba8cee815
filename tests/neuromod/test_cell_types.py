import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain import neuromod
from neurogain.experiments.spiking_cells import CELLS
from neurogain.neuromod import tables
from neurogain.neuromod.cell_types import CellTypes, on_layer
from neurogain.neuromod.effects import Effect, on
from neurogain.spiking import (
    Drive,
    LIFCell,
    LIFParams,
    Population,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    surrogate,
)
from neurogain.spiking.layers import Layer

STEPS, BATCH, INPUTS, N = 40, 3, 5, 4
SPIKES = (np.random.default_rng(0).random((STEPS, BATCH, INPUTS)) < 0.1).astype(np.float32)
CELL = LIFCell(surrogate.FastSigmoid(10.0))
LAYER = Layer(CELL, LIFParams(d=40.0), INPUTS, N, scale=3000.0)
PARAMS = LAYER.init(jax.random.key(0))
INDEX = np.array([0, 1, 1, 0])
EFFECTS = (
    (Effect("m1", "soma.gain", 0.5), Effect("d1", "v_t", 2.0)),
    (Effect("m1", "adaptation", -3.0), Effect("d1", "C", 0.3)),
)


def run(types, activation, strengths=None, layer=LAYER, params=PARAMS):
    levels = jnp.broadcast_to(jnp.asarray(activation, jnp.float32), (STEPS, BATCH, len(activation)))
    modulate = types.modulate(types.init() if strengths is None else strengths)
    return np.asarray(layer.apply(params, SPIKES, modulate=modulate, levels=levels)[0])


def test_tonic_levels_equal_the_plain_network_bit_for_bit():
    types = CellTypes(CELL, LAYER.constants, INDEX, EFFECTS)
    assert types.receptors == ("m1", "d1")
    assert types.targets == ("soma.gain", "v_t", "adaptation", "C")
    plain = np.asarray(LAYER.apply(PARAMS, SPIKES)[0])
    assert plain.sum() > 10
    np.testing.assert_array_equal(run(types, [0.0, 0.0]), plain)


def test_each_type_has_the_effects_of_its_own():
    found = run(CellTypes(CELL, LAYER.constants, INDEX, EFFECTS), [0.8, 0.5])
    one, other = INDEX == 0, INDEX == 1
    changed = Layer(
        CELL,
        LIFParams(
            d=np.where(other, 40 * np.exp(-3 * 0.8), 40.0),
            v_t=np.where(one, -50 + 2.0 * 0.5, -50.0),
            C=np.where(other, 200 * np.exp(0.3 * 0.5), 200.0),
        ),
        INPUTS,
        N,
        scale=3000.0,
    )
    louder = {"in": PARAMS["in"] * np.where(one, np.exp(0.5 * 0.8), 1.0)}
    np.testing.assert_array_equal(found, changed.apply(louder, SPIKES)[0])


def test_one_type_is_a_populations_effect():
    """The table of pyramidal cells acts on a layer as it does on a population of a network."""
    cell, drive = PyramidalCell("mean-field"), PyramidalDrive(Drive(500.0), Drive(300.0), 0.3)
    table = [e for e in tables.EFFECTS["l5_pyramidal"] if e.target != "dendrite.gaba_a"]
    types = CellTypes(cell, cells.L5_PYRAMIDAL, np.zeros(3, int), (table,))
    activation = jnp.linspace(0.1, 0.4, len(types.receptors))
    constants, driven = types.modulate(types.init())(cells.L5_PYRAMIDAL, drive, activation)

    built = build({"p": Population(cell, cells.L5_PYRAMIDAL, 3)}, {}, dt=0.1, key=jax.random.key(0))
    named = neuromod.target.find(built.network, neuromod.TARGETS)
    changed = neuromod.Changed(built.network, built.params, {"p": drive})
    amounts = neuromod.effects.combine(
        on("p", table), dict(zip(types.receptors, activation, strict=True))
    )
    for name, amount in amounts.items():
        target, owner = named[name]
        changed = target.apply(changed, owner, amount)
    same = jax.tree.map(lambda x: np.broadcast_to(x, 3), (constants, driven))
    expected = (changed.params.cells["p"], changed.drive["p"])
    expected = jax.tree.map(lambda x: np.broadcast_to(x, 3), expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), same, expected)


def test_levels_may_differ_between_examples_and_strengths_be_learned():
    types = CellTypes(CELL, LAYER.constants, INDEX, EFFECTS)
    levels = jnp.zeros((STEPS, BATCH, 2)).at[:, 1].set(0.7)
    plain, _ = LAYER.apply(PARAMS, SPIKES)

    def spikes(strengths):
        return LAYER.apply(PARAMS, SPIKES, modulate=types.modulate(strengths), levels=levels)[0]

    found = spikes(types.init())
    np.testing.assert_array_equal(found[:, ::2], plain[:, ::2])
    assert np.any(found[:, 1] != plain[:, 1])
    grads = jax.grad(lambda s: spikes(s).sum())(types.init())
    for name, grad in grads.items():
        assert grad.shape == (2, 2)
        assert np.all(np.isfinite(grad))
        assert np.abs(grad).max() > 0, name


@pytest.mark.parametrize(
    ("index", "effects", "message"),
    [
        ([0, 2], EFFECTS, "`index` must be from 0 to 1, as there are 2 types; got 0 to 2"),
        ([0.0, 1.0], EFFECTS, r"whole numbers of shape \(n,\)"),
        ([[0, 1]], EFFECTS, r"whole numbers of shape \(n,\)"),
        (
            [0],
            ((Effect("m1", "coupling", 1.0),),),
            "must be one of adaptation, soma.current, .*coup",
        ),
        ([0], ((Effect("m1", "soma.gain", np.nan),),), "finite"),
    ],
)
def test_what_a_layer_has_not_is_refused(index, effects, message):
    with pytest.raises((ValueError, TypeError), match=message):
        CellTypes(CELL, LIFParams(), np.array(index), effects)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": LIFCell}, "`cell` must be a kind of cell"),
        ({"constants": None}, "`constants` must be those of the cell, LIFCell; got None"),
        ({"constants": cells.RS}, "`constants` must be those of the cell, LIFCell; got Izhikevich"),
        ({"types": (Effect("m1", "v_t", 1.0),)}, "a sequence of effects for each type"),
        ({"types": Effect("m1", "v_t", 1.0)}, "a sequence of effects for each type"),
        ({"types": ("pv",)}, "a sequence of effects for each type"),
        ({"types": ()}, "at least one type"),
        ({"receptors": "m1"}, r"`receptors` must be several names; got 'm1'\. Pass \['m1'\]"),
    ],
)
def test_parts_of_another_kind_are_refused(changes, message):
    parts = {"cell": CELL, "constants": LAYER.constants, "index": INDEX, "types": EFFECTS}
    with pytest.raises(TypeError, match=message):
        CellTypes(**parts | changes)


def test_types_of_another_number_of_cells_and_levels_alone_are_refused():
    levels = jnp.zeros((STEPS, BATCH, 2))
    for index in ([0], [0] * 5):
        types = CellTypes(CELL, LAYER.constants, np.array(index), EFFECTS[:1], ("m1", "d1"))
        with pytest.raises(ValueError, match=f"each of the layer's 4 cells; got {len(index)}"):
            LAYER.apply(PARAMS, SPIKES, modulate=types.modulate(types.init()), levels=levels)
    with pytest.raises(ValueError, match=r"`modulate` must be given with `levels`, .*; got None"):
        LAYER.apply(PARAMS, SPIKES, levels=levels)
    types = CellTypes(CELL, LAYER.constants, INDEX, EFFECTS)
    modulate = types.modulate(types.init())
    with pytest.raises(ValueError, match=r"`levels` must be given with `modulate`"):
        LAYER.apply(PARAMS, SPIKES, modulate=modulate)
    with pytest.raises(ValueError, match=r"each of the 2 receptors on their last axis; got \(1,\)"):
        LAYER.apply(PARAMS, SPIKES, modulate=modulate, levels=levels[..., :1])


def test_strengths_of_other_targets_and_shapes_are_refused():
    types = CellTypes(CELL, LAYER.constants, INDEX, EFFECTS)
    own = types.init()
    for strengths, message in (
        ({}, "`strengths` must be what init of the cell types returns, with 'soma.gain', "),
        (own | {"d": own["C"]}, "with 'soma.gain'"),
        (own | {"C": own["C"][:1]}, r"`strengths\['C'\]` must have shape \(2, 2\)"),
        (own | {"C": own["C"] * np.nan}, r"`strengths\['C'\]` must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            types.modulate(strengths)
    with pytest.raises(TypeError, match="`strengths` must be what init of the cell types returns"):
        types.modulate(EFFECTS)


def test_effects_may_come_one_by_one():
    """Iterators are used up by the first who looks."""
    given = CellTypes(
        CELL, LAYER.constants, INDEX, (iter(own) for own in EFFECTS), (x for x in ("m1", "d1"))
    )
    np.testing.assert_array_equal(
        run(given, [0.8, 0.5]), run(CellTypes(CELL, LAYER.constants, INDEX, EFFECTS), [0.8, 0.5])
    )


@pytest.mark.parametrize("kind", ["pv", "som", "l5_pyramidal"])
@pytest.mark.parametrize("cell", ["lif", "l5"])
def test_a_table_acts_on_a_layer_by_the_targets_that_it_has(kind, cell):
    own = CELLS[cell]
    table = tables.EFFECTS[kind]
    found = on_layer(table, own.cell, own.constants)
    kept = {e.target for e in found}
    has = {"soma.current", "adaptation"} | (
        {"coupling", "dendrite.gain", "dendrite.current"} if cell == "l5" else set()
    )
    assert kept == {e.target for e in table} & has
    CellTypes(own.cell, own.constants, INDEX, (found, ()))
    if len(found) < len(table):
        with pytest.raises(ValueError, match=r"`target` of an effect .*Pass cell_types.on_layer\("):
            CellTypes(own.cell, own.constants, INDEX, (table, ()))


@pytest.mark.parametrize(
    ("target", "strength"), [("v_t", -1e3), ("v_reset", 1e3), ("tau_w", -50.0), ("C", -50.0)]
)
def test_effects_leave_constants_within_what_the_cell_allows(target, strength):
    types = CellTypes(CELL, LAYER.constants, INDEX, ((Effect("m1", target, strength),),) * 2,
                      dt=1.0)  # fmt: skip
    modulate = types.modulate(types.init())
    changed, _ = modulate(LAYER.constants, Drive(), jnp.ones(1))
    CELL.check(jax.device_get(changed), Drive(), dt=1.0, n=N, key=None)
    assert np.isfinite(run(types, [1.0])).all()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"receptors": ("m1", "d1", "m1")}, ValueError, "`receptors` must be different names"),
        ({"index": [[0, 1], [1]]}, TypeError, "`index` must be one array; got"),
        (
            {"types": ((Effect("m1", "v_t", np.ones(4)),), ())},
            ValueError,
            "`strength` of m1 on v_t",
        ),
        ({"dt": -1.0}, ValueError, "`dt` must be 0 or a step in ms; got"),
    ],
)
def test_parts_that_do_not_serve_are_refused(changes, error, message):
    parts = {"cell": CELL, "constants": LAYER.constants, "index": INDEX, "types": EFFECTS}
    with pytest.raises(error, match=message):
        CellTypes(**parts | changes)


def test_types_that_are_traced_are_refused():
    def build(index):
        CellTypes(CELL, LAYER.constants, index, EFFECTS)

    with pytest.raises(TypeError, match="`index` must be known before a run is traced"):
        jax.eval_shape(build, INDEX)
