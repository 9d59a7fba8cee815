"""Four neuromodulators on one optimizer: what each adds, and how much of it two of them share.

A network learns online, from reward alone, which of ten actions each image of the embedded digits
asks for (+1 right, -1 wrong, half of it told a trial later); every so often the actions of half of
the classes change places. The update is a policy gradient whose third factor is dopamine, through
its kinetics and D1 receptors; noradrenaline is the gain, acetylcholine the rate of learning,
serotonin how far credit goes back (arXiv 2501.06762: one modulator for many tasks, many for one).
Rule: the rate is that of the highest accuracy under dopamine alone on tuning seeds, the strength of
each other modulator, added alone, that of the highest accuracy on the same seeds; results are of
other seeds, in pairs. What two modulators share is the sum of what each adds alone less what both
add.
"""

import dataclasses
import functools
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from benchmarks.record import Record, table
from neurogain import optim, results, stats
from neurogain.continual import data
from neurogain.neuromod import KineticsParams, amounts, tables
from neurogain.neuromod.amounts import AmountSource
from neurogain.neuromod.transforms import scale_by_amount, trace_by_amount
from neurogain.uncertainty import entropy

ABOUT = {"title": "Four neuromodulators on one optimizer", "minutes": 15}
TINY = {"seeds": 2, "tuning_seeds": 1, "trials": 40, "block": 20}
RATES = (0.003, 0.007, 0.015, 0.03, 0.06)
STRENGTHS = {
    "NA": (0.5, 1.0, 2.0, 4.0, 8.0),
    "ACh": (-4.0, -1.0, 1.0, 4.0, 16.0),
    "5-HT": (-16.0, -4.0, -1.0, 1.0, 4.0),
}
"""Per unit of activation: of the logarithm of the gain, of that of the rate, of the odds of the
decay."""
MODULATORS = tuple(STRENGTHS)
SETS = tuple(
    chosen
    for size in range(len(MODULATORS) + 1)
    for chosen in itertools.combinations(MODULATORS, size)
)
MS = 1500.0  # of a trial
DECAY = 0.5  # of the trace of gradients, per trial, at tonic levels
SLOW = tables.standard()._replace(
    kinetics=tables.KINETICS | {"noradrenaline": KineticsParams(tonic=30.0, tau=22_500.0)}
)
"""Noradrenaline stays for some 15 trials, as in Go/No-Go."""
MARGIN = 0.005  # of accuracy, set beforehand
FIRST_SEED = 2000  # lower ones were for tuning, and for a first look with 20 seeds
GROUP = 10  # seeds that are run side by side, and kept
BEHIND = 4  # part of a block that counts as the time behind a change: one in so many


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Four neuromodulators on one optimizer: what each adds, and what two of them share."""

    seeds: int = 100
    """Seeds of the results, from 2000 on."""
    tuning_seeds: int = 8
    """Seeds on which the rate and the strengths are chosen, from 0 on."""
    trials: int = 32_000
    """Trials of a run."""
    block: int = 8_000
    """Trials between changes."""
    hidden: int = 64
    """Units of the network."""


def scaled(source: AmountSource, by: ArrayLike) -> AmountSource:
    """Return the source whose amounts are those of another times a number, which may be traced."""

    def update(state: Any, reading: ArrayLike) -> tuple[jax.Array, Any]:
        amount, state = source.update(state, reading)
        return by * amount, state

    return source._replace(update=update)


def optimizer(rate: ArrayLike, strength: Mapping[str, ArrayLike]) -> Any:
    """Return the optimizer under all four; a strength of 0 is a modulator that does nothing."""
    na = amounts.noradrenaline(1.0, ms_per_update=MS, params=SLOW)
    ach = amounts.acetylcholine(1.0, ms_per_update=MS)
    serotonin = amounts.serotonin(1.0, ms_per_update=MS)
    inner = optax.chain(
        trace_by_amount(DECAY, scaled(serotonin, strength["5-HT"])),
        scale_by_amount(amounts.dopamine(ms_per_update=MS), signed=True),
        scale_by_amount(scaled(ach, strength["ACh"])),
        optax.sgd(rate),
    )
    return optim.with_gain_source(inner, amounts.gain_of(scaled(na, strength["NA"])))


def answers(block: int, trials: int, key: jax.Array) -> jax.Array:
    """Return the action of each class in each block, (blocks, 10): half of them move each time."""

    def change(now: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        moved = jax.random.permutation(key, 10)[:5]
        return now.at[jnp.roll(moved, 1)].set(now[moved]), now

    keys = jax.random.split(key, -(-trials // block))
    return jax.lax.scan(change, jnp.arange(10), keys)[1]


@functools.partial(jax.jit, static_argnums=0)
def learn(args: Arguments, images: Any, labels: Any, rate: Any, strength: Any, seeds: Any) -> Any:
    """Return whether each trial was right, and the gain, (runs, trials)."""

    def one(rate: jax.Array, strength: dict[str, jax.Array], seed: jax.Array) -> Any:
        for_weights, for_answers, for_trials = jax.random.split(jax.random.key(seed), 3)
        sizes = (images.shape[1], args.hidden, 10)
        keys = jax.random.split(for_weights, 2)
        init = jax.nn.initializers.lecun_normal()
        weights = [init(k, s) for k, s in zip(keys, itertools.pairwise(sizes), strict=True)]
        asked = answers(args.block, args.trials, for_answers)
        tx = optimizer(rate, strength)

        def logits_of(weights: list[jax.Array], image: jax.Array) -> jax.Array:
            return jax.nn.relu(image @ weights[0]) @ weights[1]

        def trial(carry: Any, number: jax.Array) -> Any:
            weights, state, before = carry
            own = jax.random.fold_in(for_trials, number)
            for_image, for_action = jax.random.split(own)
            place = jax.random.randint(for_image, (), 0, len(images))

            def loss(weights: list[jax.Array]) -> tuple[jax.Array, Any]:
                logits = logits_of(weights, images[place])
                action = jax.random.categorical(for_action, logits)
                return -jax.nn.log_softmax(logits)[action], (logits, action)

            (_, (logits, action)), grads = jax.value_and_grad(loss, has_aux=True)(weights)
            right = action == asked[number // args.block, labels[place]]
            reward = jnp.where(right, 1.0, -1.0)
            told = {"uncertainty": entropy(logits), "reward": (reward + before) / 2}
            updates, state = tx.update(grads, state, weights, **told)
            weights = optax.apply_updates(weights, updates)
            return (weights, state, reward), (right, optim.get_gain(state))

        start = (weights, tx.init(weights), jnp.zeros(()))
        return jax.lax.scan(trial, start, jnp.arange(args.trials))[1]

    return jax.vmap(one)(rate, strength, seeds)


def run_all(
    args: Arguments,
    settings: list[tuple[float, dict[str, float]]],
    seeds: list[int],
    folder: results.ResultFolder,
    named: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Return right answers and gains of all settings on all seeds, (settings, seeds, trials).

    Groups of seeds are units that are kept; those that an earlier start finished are read.
    """
    parts = []
    for first in range(0, len(seeds), GROUP):
        own, begun = seeds[first : first + GROUP], time.monotonic()
        unit, asked = f"{named},seed={own[0]}", results.digest({"of": settings, "seeds": own})
        arrays = folder.load_unit(unit, ("right", "gain"), digest=asked)
        if arrays is None:
            right, gain = _run_group(args, settings, own)
            arrays = {"right": right, "gain": gain}
            folder.save_unit(unit, arrays, digest=asked)
        done, took = first + len(own), time.monotonic() - begun
        print(f"{named}: {done} of {len(seeds)} seeds, {took:.0f} s", flush=True)
        parts.append((arrays["right"], arrays["gain"]))
    right, gain = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return right, gain


def _run_group(args: Arguments, settings: list[Any], seeds: list[int]) -> tuple[Any, ...]:
    """Return right answers and gains of all settings on some seeds, (settings, seeds, trials)."""
    digits = data.load("digits")
    images = jnp.asarray(
        digits.train.images.reshape(len(digits.train.images), -1) / 255, jnp.float32
    )
    runs = [(rate, strength, seed) for rate, strength in settings for seed in seeds]
    rate = jnp.array([r for r, _, _ in runs], jnp.float32)
    strength = {m: jnp.array([s.get(m, 0.0) for _, s, _ in runs], jnp.float32) for m in MODULATORS}
    labels = jnp.asarray(digits.train.labels)
    found = learn(args, images, labels, rate, strength, jnp.array([s for _, _, s in runs]))
    shape = (len(settings), len(seeds), args.trials)
    return tuple(np.asarray(x).reshape(shape) for x in found)


def run(args: Arguments, record: Record) -> None:
    """Choose rate and strengths, run all sets of modulators, compare them in pairs of seeds."""
    tuning = list(range(args.tuning_seeds))
    record.resumed = any(record.work.glob("curves/*"))  # its time is not that of the whole then
    with results.ResultFolder(record.work, dataclasses.asdict(args), resume=True) as folder:
        of_rates = [(rate, {}) for rate in RATES]
        rates = run_all(args, of_rates, tuning, folder, "rates")[0].mean(axis=(1, 2))
        rate = RATES[int(rates.argmax())]
        singles = [(m, x) for m, values in STRENGTHS.items() for x in values]
        alone = [(rate, {m: x}) for m, x in singles]
        tried = run_all(args, alone, tuning, folder, "strengths")[0].mean(axis=(1, 2))
        best = {
            m: max((a, x) for a, (own, x) in zip(tried, singles, strict=True) if own == m)[1]
            for m in MODULATORS
        }
        seeds = list(range(FIRST_SEED, FIRST_SEED + args.seeds))
        together = [(rate, {m: best[m] for m in one}) for one in SETS]
        right, gain = run_all(args, together, seeds, folder, "sets")
    accuracy = right.mean(axis=2)
    early = right[:, :, np.arange(args.trials) % args.block < args.block // BEHIND].mean(axis=2)
    plain, rows = SETS.index(()), []
    for i, one in enumerate(SETS):
        added = stats.summary(accuracy[i] - accuracy[plain])
        rows.append({
            "modulators": name_of(one),
            "accuracy": stats.summary(accuracy[i], within=stats.SHARE),
            "early": stats.summary(early[i], within=stats.SHARE),
            "added": added,
            "verdict": "" if i == plain else stats.verdict(added["ci"], MARGIN),
            "max_gain": float(gain[i].max()),
        })  # fmt: skip
    columns = [
        ("modulators", "modulators", "<22"),
        ("accuracy", lambda row: stats.text(row["accuracy"], ".3f"), "<22"),
        ("behind a change", lambda row: stats.text(row["early"], ".3f"), "<22"),
        ("added to DA", lambda row: stats.text(row["added"], "+.3f"), "<25"),
        ("", "verdict", "<12"),
    ]
    shared = overlaps(accuracy)
    record.table = table(columns, rows)
    record.data |= {
        "rows": rows, "overlaps": shared, "rate": rate, "strengths": best,
        "tuning": {
            "rates": dict(zip(map(str, RATES), rates.tolist(), strict=True)),
            "strengths": [
                {"modulator": m, "strength": x, "accuracy": float(a)}
                for (m, x), a in zip(singles, tried, strict=True)
            ],
        },
    }  # fmt: skip
    record.notes += [
        f"{args.seeds} seeds; {args.trials} trials, a change every {args.block}; accuracy over all "
        f"of them, and over the first part, one in {BEHIND}, of each block. Rate {rate:g}; "
        + ", ".join(f"{m} {x:g}" for m, x in best.items())
        + f" per unit of activation, chosen on {args.tuning_seeds} seeds among {len(RATES)} rates "
        "and as many strengths each. equal: the interval of what is added lies within "
        f"{MARGIN:g}, set beforehand.",
        *(
            f"{pair['pair']} share {stats.text(pair['shared'], '+.4f')} of accuracy: what each "
            f"adds alone less what both add ({pair['verdict']})."
            for pair in shared
        ),
    ]


def name_of(modulators: tuple[str, ...]) -> str:
    """Return a set of modulators in words.

    Example:
      >>> name_of(("NA", "ACh"))
      'DA + NA + ACh'
    """
    return " + ".join(("DA", *modulators))


def overlaps(accuracy: np.ndarray) -> list[dict[str, Any]]:
    """Return what each two modulators share: (a_X - a) + (a_Y - a) - (a_XY - a), pairs of seeds.

    Args:
      accuracy: of the sets in `SETS`, (sets, seeds).
    """
    of = dict(zip(SETS, accuracy, strict=True))
    found = []
    for one, other in itertools.combinations(MODULATORS, 2):
        shared = stats.summary(of[one,] + of[other,] - of[()] - of[one, other])
        verdict = {"equal": "nothing", "higher": "some", "lower": "less than nothing"}
        said = stats.verdict(shared["ci"], MARGIN)
        found.append({
            "pair": f"{one} and {other}", "shared": shared, "verdict": verdict.get(said, said)
        })  # fmt: skip
    return found


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what each modulator adds, and what pairs share."""
    rows = {row["modulators"]: row for row in content["rows"]}
    added = (f"{m} {stats.text(rows[name_of((m,))]['added'], '+.3f')}" for m in MODULATORS)
    shared = (f"{x['pair']} share {stats.text(x['shared'], '+.3f')}" for x in content["overlaps"])
    head = "Accuracy that a modulator adds to dopamine alone, digits learned from reward"
    yield head, "; ".join((*added, *shared))
