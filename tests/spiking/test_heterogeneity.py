import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import optimize, stats

from neurogain.spiking import (
    IzhikevichCell,
    LIFCell,
    LIFParams,
    PyramidalCell,
    cells,
    heterogeneity,
    paths,
    spreads,
)
from neurogain.spiking.heterogeneity import Spread, draw, learnable

KEY = jax.random.key(0)
N = 4000

# kind, cv, and the distribution of C / 200 pF by scipy
WHOLE = [
    (Spread("gamma", 0.5), stats.gamma(4.0, scale=0.25)),
    (Spread("gamma", 2.0), stats.gamma(0.25, scale=4.0)),
    (
        Spread("lognormal", 0.5),
        stats.lognorm(np.log(1.25) ** 0.5, scale=1.25**-0.5),
    ),
    (Spread("uniform", 0.3), stats.uniform(1 - 0.3 * 3**0.5, 0.6 * 3**0.5)),
]


@pytest.mark.parametrize(("spread", "expected"), WHOLE)
def test_what_is_drawn_has_the_distribution(spread, expected):
    drawn = draw(LIFParams(), {"C": spread}, N, KEY)
    assert drawn.C.shape == (N,)
    assert stats.kstest(np.asarray(drawn.C) / 200, expected.cdf).pvalue > 0.01


@pytest.mark.parametrize("kind", ["gamma", "lognormal", "normal"])
@pytest.mark.parametrize(("low", "high"), [(100, 1e9), (1e-9, 260.0), (150.0, 400.0)])
def test_a_cut_distribution_is_its_kind_and_keeps_the_mean(kind, low, high):
    values = np.asarray(draw(LIFParams(), {"C": Spread(kind, 0.5, low, high)}, N, KEY).C) / 200
    low, high = low / 200, high / 200
    assert low < values.min() < values.max() < high
    error = values.std() / N**0.5
    assert abs(values.mean() - 1) < 4 * error

    # of the one parameter that moves, that value is the right one whose cut mean is 1
    def parent(moved):
        return {
            "gamma": lambda: stats.gamma(4.0, scale=np.exp(moved) / 4),
            "lognormal": lambda: stats.lognorm(np.log(1.25) ** 0.5, scale=np.exp(moved)),
            "normal": lambda: stats.norm(1 + moved, 0.5),
        }[kind]()

    def cut_mean(moved):
        x = np.linspace(low, min(high, 40.0), 200_001)
        weight = parent(moved).pdf(x)
        return (x * weight).sum() / weight.sum()

    grid = np.linspace(-3, 3, 6001)
    lowest, highest = grid[0], grid[-1]
    for _ in range(40):
        middle = (lowest + highest) / 2
        lowest, highest = (middle, highest) if cut_mean(middle) < 1 else (lowest, middle)
    found = parent(lowest)
    ends = found.cdf(low), found.cdf(high)
    test = stats.kstest(values, lambda x: (found.cdf(x) - ends[0]) / (ends[1] - ends[0]))
    assert test.pvalue > 0.01


def exponential(low, mean):
    return stats.expon(low, mean - low)


def of_power(k, high):
    """Density k x^(k - 1) on (0, high): a gamma of infinite scale."""
    return stats.powerlaw(k, 0, high)


FAR = [  # the mean, and the distribution that the cut one comes close to far in its tail
    (Spread("normal", 0.5, low=199.99), 200, exponential(199.99, 200), 1e-3),
    (Spread("normal", 50.0, low=100.0), 200, exponential(100, 200), 2e-3),
    (Spread("normal", 1e4, low=0.0, high=400.0), 200, stats.uniform(0, 400), 1e-6),
    (Spread("gamma", 0.01, low=199.999), 200, exponential(199.999, 200), 1e-2),
    (Spread("lognormal", 0.5, low=199.99), 200, exponential(199.99, 200), 1e-3),
    (Spread("lognormal", 1.0, low=199.99, high=200.01), 200, stats.uniform(199.99, 0.02), 1e-4),
    (Spread("gamma", 0.5, high=250.0), 199.999, of_power(4, 250), 1e-3),
    (Spread("normal", 0.5, high=-60.0), -70, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("spread", "mean", "limit", "close"), FAR)
def test_the_mean_is_kept_far_in_a_tail(spread, mean, limit, close):
    """Where differences of cumulative probabilities are lost to rounding."""
    u = (np.arange(20_000) + 0.5) / 20_000
    ends = tuple(
        end if given is None else given
        for given, end in ((spread.low, 0.0 if mean > 0 else -np.inf), (spread.high, np.inf))
    )
    values = spreads.draw(spread.kind, spread.cv, np.full(u.shape, float(mean)), ends, u, "C")
    assert ends[0] < values.min() < values.max() < ends[1]
    assert np.all(np.diff(values) >= 0)
    width = min(abs(mean - end) for end in ends if np.isfinite(end))
    assert abs(values.mean() - mean) < 1e-3 * width
    if limit is None:  # by scipy's own root of its own mean
        moved = optimize.brentq(
            lambda m: stats.truncnorm.mean(-np.inf, (ends[1] - m) / 35, m, 35) - mean, -200, 200
        )
        limit, close = stats.truncnorm(-np.inf, (ends[1] - moved) / 35, moved, 35), 1e-7
    wanted = limit.ppf(u)
    inner = slice(200, -200)
    np.testing.assert_allclose(values[inner] - mean, wanted[inner] - mean, atol=close * width)


@pytest.mark.parametrize("cv", [0.5, 3.0, 6.0, 30.0])
def test_draws_are_never_by_chance_out_of_all_proportion(cv):
    """A uniform number of 0, or a bound by the step, gave 1e30 and more."""
    for name, constants, spread, dt in (
        ("E_leak", LIFParams(), Spread("normal", cv), 0.0),
        ("C", LIFParams(), Spread("normal", cv), 0.0),
        ("tau_w", LIFParams(tau_w=2.2), Spread("gamma", min(cv, 3.0)), 1.0),
    ):
        values = np.asarray(getattr(draw(constants, {name: spread}, N, KEY, dt=dt), name))
        mean = getattr(constants, name)
        assert np.abs(values - mean).max() < 50 * max(cv, 1) * abs(mean)
        assert abs(values.mean() - mean) < 6 * values.std() / N**0.5


def test_a_mean_that_no_cut_distribution_has_is_refused():
    for kind, cv, high in (("gamma", 10.0, 400.0), ("gamma", 0.5, 210.0)):
        with pytest.raises(ValueError, match=f"no {kind} distribution that is cut to its interval"):
            draw(LIFParams(), {"C": Spread(kind, cv, high=high)}, 10, KEY)


def test_potentials_are_drawn_around_their_value():
    drawn = draw(LIFParams(), {"E_leak": Spread("normal", 0.1)}, N, KEY)
    assert stats.kstest(np.asarray(drawn.E_leak), stats.norm(-70.0, 7.0).cdf).pvalue > 0.01


def test_each_constant_is_drawn_by_its_name():
    one, other = Spread("gamma", 0.5), Spread("uniform", 0.2)
    alone = draw(LIFParams(), {"C": one}, 5, KEY)
    both = draw(LIFParams(), {"tau_w": other, "C": one}, 5, KEY)
    np.testing.assert_array_equal(alone.C, both.C)
    assert alone.tau_w == 100.0
    assert len(set(np.asarray(both.tau_w))) == 5


def test_compartments_and_arrays_of_means_are_drawn():
    spread = {"soma.d": Spread("normal", 0.2), "dendrite.tau_w": Spread("gamma", 0.2)}
    drawn = draw(cells.L5_PYRAMIDAL, spread, 300, KEY, dt=0.1)
    assert abs(drawn.soma.d.mean() - 250) < 10
    assert abs(drawn.dendrite.tau_w.mean() - 30) < 1.5
    PyramidalCell("mean-field").check(drawn, PyramidalCell.empty_drive, dt=0.1, n=300, key=None)
    means = np.where(np.arange(4000) < 2000, 50.0, 500.0)
    values = draw(LIFParams(tau_w=means), {"tau_w": Spread("gamma", 0.3)}, 4000, KEY).tau_w
    np.testing.assert_allclose(
        [values[:2000].mean(), values[2000:].mean()], [50, 500], rtol=4 * 0.3 / 2000**0.5
    )


@pytest.mark.parametrize(
    ("spread", "message"),
    [
        ({"tau": Spread("gamma", 0.5)}, r"must be one of C, g_leak, .*; got 'tau'"),
        ({"C": 0.5}, r"must have a Spread for each constant; got 0\.5 for 'C'"),
        ({"E_leak": Spread("gamma", 0.5)}, r"`E_leak` must be positive .* gamma .*; got -70\. Pa"),
        ({"C": Spread("normal", 0.5, low=-1.0)}, r"must lie in \(0, inf\).*; got low=-1\.0"),
        ({"C": Spread("gamma", 0.5, low=300.0)}, r"`C` must be above 300 and below inf.*; got 200"),
        (
            {"C": Spread("uniform", 0.6)},
            r"the cv of a uniform `C` must be at most 0\.5774, .* 0\.6",
        ),
        ({"v_t": Spread("normal", 0.1, low=-90.0)}, r"`v_t` must lie in \(-70, inf\).*low=-90\.0"),
        (
            {"v_t": Spread("normal", 0.3), "v_reset": Spread("normal", 0.3)},
            r"`v_t` must be above -[\d.]+ and below inf, .*; got .*Narrow the spread",
        ),
    ],
)
def test_spreads_that_the_cell_does_not_allow_are_refused(spread, message):
    with pytest.raises((ValueError, TypeError), match=message):
        draw(LIFParams(), spread, 100, KEY)


def test_the_step_limits_time_constants():
    fast = {"tau_w": Spread("uniform", 0.3)}
    assert draw(LIFParams(tau_w=10.0), fast, 50, KEY, dt=1.0).tau_w.min() > 2
    with pytest.raises(ValueError, match=r"must be at most 0\.1155"):
        draw(LIFParams(tau_w=10.0), fast, 50, KEY, dt=4.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("beta", 0.5), r"`kind` must be one of gamma, lognormal, normal, uniform; got 'beta'"),
        (("gamma", 0.0), r"`cv` must be positive, dimensionless; got 0\.0"),
        (("gamma", np.inf), "`cv` must be positive"),
        (("gamma", 0.5, 2.0, 1.0), r"`low` must be below `high`; got 2\.0 and 1\.0"),
        (("gamma", 0.5, np.nan), "`low` must be a finite number; got nan"),
    ],
)
def test_a_spread_checks_itself(arguments, message):
    with pytest.raises(ValueError, match=message):
        Spread(*arguments)


def test_what_is_traced_or_of_another_shape_is_refused():
    spread = {"C": Spread("gamma", 0.5)}
    with pytest.raises(TypeError, match="`key` must be known here, since it is read on the host"):
        jax.vmap(lambda key: draw(LIFParams(), spread, 3, key))(jax.random.split(KEY, 2))
    with pytest.raises(ValueError, match=r"`C` must be one number or have shape \(3,\); got .*2,"):
        draw(LIFParams(C=np.ones(2)), spread, 3, KEY)
    with pytest.raises(ValueError, match=r"`n` must be a whole number of at least 1; got 0"):
        draw(LIFParams(), spread, 0, KEY)
    with pytest.raises(TypeError, match=r"with a method `bounds`, such as LIFParams\(\); got 3"):
        draw(3, spread, 3, KEY)


# learned

SETS = {
    "lif": (LIFCell(), LIFParams(), 1.0),
    "izhikevich": (IzhikevichCell(), cells.RS, 0.5),
    "pyramidal": (PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, 0.2),
}


@pytest.fixture(scope="module", params=SETS)
def learned(request):
    """Return cell, step, raw values and what rebuilds two cells, compiled."""
    cell, params, dt = SETS[request.param]
    raw, rebuild = learnable(params, params.bounds(dt), n=2, dt=dt)
    return cell, params, dt, raw, jax.jit(rebuild)


def test_learned_constants_stay_inside_what_the_check_allows(learned):
    cell, _, dt, raw, rebuild = learned
    rng = np.random.default_rng(0)
    for _ in range(100):
        extreme = rng.choice([-1e3, -9, -6, -1, 0, 1, 2, 7, 1e3], (len(raw), 2))
        moved = dict(zip(raw, np.float32(extreme + rng.normal(size=extreme.shape)), strict=True))
        built = jax.device_get(rebuild(moved))
        cell.check(built, cell.empty_drive, dt=dt, n=2, key=None)


def test_at_zeros_the_constants_are_those_given_bit_for_bit(learned):
    _, params, dt, raw, rebuild = learned
    built = rebuild(raw)
    for name in raw:
        expected = np.full(2, paths.get(params, name), np.float32)
        np.testing.assert_array_equal(paths.get(built, name), expected, err_msg=name)
    assert raw.keys() == params.bounds(dt).keys()


def test_a_step_changes_a_constant_by_about_its_share():
    raw, rebuild = learnable(LIFParams(), ["tau_w", "E_leak", "d"], dt=0.0)
    assert {x.shape for x in raw.values()} == {()}
    built = rebuild({"tau_w": 0.01, "E_leak": 0.01, "d": -0.01})
    np.testing.assert_allclose(
        [built.tau_w, built.E_leak, built.d], [101.005, -69.3, 4.95], rtol=1e-5
    )


@pytest.mark.parametrize("kind", ["lif", "izhikevich"])  # these have bounds of every form
def test_gradients_pass_through_the_rebuilding(kind):
    _, params, dt = SETS[kind]
    with jax.enable_x64():
        raw, rebuild = learnable(params, params.bounds(dt), dt=dt)
        start = {name: jnp.asarray(0.1 * (-1) ** i) for i, name in enumerate(raw)}

        def total(raw):
            return sum(jnp.log1p(paths.get(rebuild(raw), name) ** 2) for name in raw)

        check_grads(total, (start,), order=1, modes=("rev",))


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(ValueError, match=r"must be one of soma\.C, .*; got 'bap_start'"):
        learnable(cells.L5_PYRAMIDAL, ["bap_start"])
    with pytest.raises(TypeError, match=r"`fields` must be several names; got 'C'\. Pass \['C'\]"):
        learnable(LIFParams(), "C")
    with pytest.raises(ValueError, match=r"`tau_w` must be above 100 and below inf, .*; got 100"):
        learnable(LIFParams(), ["tau_w"], dt=50.0)
    with pytest.raises(TypeError, match="`C` must be known here"):
        jax.jit(lambda c: learnable(LIFParams(C=c), ["C"])[0])(1.0)


def test_a_cell_of_ones_own_without_bounds_is_refused():
    with pytest.raises(TypeError, match="with a method `bounds`"):
        heterogeneity.learnable({"C": 1.0}, ["C"])


def test_learned_constants_of_another_number_or_name_are_refused():
    five = LIFParams(C=np.full(5, 200.0))
    with pytest.raises(ValueError, match=r"`C` must be one number or have shape \(3,\); got shape"):
        learnable(five, ["C"], n=3)
    with pytest.raises(ValueError, match="`fields` must be different names; got C, C"):
        learnable(LIFParams(), ["C", "C"])
    for fields in (None, 3, [1.0]):
        with pytest.raises(TypeError, match="`fields` must hold names; got"):
            learnable(LIFParams(), fields)
    _, rebuild = learnable(LIFParams(), ["C", "tau_w"], n=3)
    with pytest.raises(
        ValueError, match="`raw` must be what init of the learned constants returns"
    ):
        rebuild({"C": jnp.zeros(3)})
    with pytest.raises(ValueError, match=r"`raw\['C'\]` must have shape \(3,\)"):
        rebuild({"C": jnp.zeros(4), "tau_w": jnp.zeros(3)})
