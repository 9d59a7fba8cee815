"""Search the constants of the two-timescale preset against an Adam that is searched as widely.

A slow learner has no stability gap, so the gap alone must not choose. The rule, fixed beforehand:

  Of the configurations that diverge in no seed, whose avg-SG is at most 0.1 of tuned Adam's (0.3 on
  rotated streams) and whose avg-ACC is at least tuned Adam's, on every stream, the one with the
  highest average anytime accuracy (AAA), mean of the streams, is the preset. One configuration
  serves all streams; Adam is tuned on each stream by itself.

Adam is tuned twice: for AAA, and for its gap (of the configurations within 0.01 of its best
avg-ACC, that of the lowest avg-SG). First come the candidates that meet the rule against both, then
those that meet it against the Adam tuned for AAA, then the others by how much they miss it. The
table says which it was.

Both contenders have equally many configurations in each of four rungs: all of them with one tuning
seed on the digits streams, the better ones of these with more seeds, the best of these on MNIST
too, and as many neighbours of the best. In the first two the limits are half as wide again, and
avg-ACC may lie 0.005 below Adam's. The neighbours are those of the finalist with the highest AAA
that meets the rule or misses it by a tenth at most, and those of both tuned Adams of each stream
(fewer where two of them coincide).
The space is that of `_search_space`: rates, momentum, clipping, consolidation, averages of
averages, and the gain (none, on the output layer, on all layers, with consolidation that follows
it).

The defaults of `neurogain.optim.two_timescale` are what it chose.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.continual import _search_space as space
from benchmarks.continual._gap_units import TOLERANCE, measure_all
from benchmarks.continual._search_space import Candidate
from benchmarks.record import Column, Record, table
from neurogain import results
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.options import by_default

ABOUT = {
    "title": "The two-timescale preset: search of its constants on tuning seeds",
    "minutes": 60,
    "needs": "MNIST (--data-dir)",
}
TINY = {
    "iterations": 4, "candidates": 6, "kept": 4, "finalists": 2, "seeds": 1, "dense": 2,
    "sparse": 2, "last": ("split-digits",),
}  # fmt: skip
FIRST_SEED = 1000
RUNS = 16  # in one batch, which is a unit of work on disk
WIDER, LOWER = 1.5, 0.005  # in the first rungs: limits of avg-SG, and of avg-ACC
NEARLY = 0.1  # that a finalist may miss to be refined
NEIGHBOURS = 12
FIGURES = ("avg_sg", "avg_acc", "avg_anytime_acc")


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Search the constants of the two-timescale preset and those of Adam on tuning seeds."""

    first: tuple[str, ...] = ("split-digits", "rotated-digits")
    """Streams of all rungs."""
    last: tuple[str, ...] = ("split-mnist", "rotated-mnist")
    """Streams of the last rung."""
    data_dir: Path | None = by_default("TFDS's own")
    """Folder of sets prepared by TensorFlow Datasets (TFDS)."""
    candidates: int = 160
    """Configurations of each contender in the first rung."""
    kept: int = 32
    """Those in the second rung."""
    finalists: int = 12
    """Those in the last rung."""
    seeds: int = 3
    """Tuning seeds 1000, 1001, ... of the second rung, of which the first has one; the last rung
    has further ones on its streams."""
    iterations: int = 200
    """Updates per task."""
    dense: int = 40
    """Updates behind each switch with an evaluation each."""
    sparse: int = 20
    """Updates between evaluations behind these."""
    jobs: int = 1
    """Batches of runs at once."""


@dataclasses.dataclass
class Search:
    """What is measured so far."""

    args: Arguments
    work: Path
    found: dict[tuple[str, int], list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    # by stream and candidate's number: the figures of each seed

    def measure(self, stream_name: str, candidates: Mapping[int, Candidate], seeds: range) -> None:
        """Train the candidates on a stream, seeds side by side; what is on disk is read."""
        args = self.args
        config = StabilityGapConfig(
            benchmark=stream_name, iterations=args.iterations, dense=args.dense, sparse=args.sparse,
            data_dir=args.data_dir,
        )  # fmt: skip
        config.check()
        stream = stability_gap.load_stream(config)
        identity = {"config": {**config.as_json(), "data_dir": None}}
        folder = results.ResultFolder(self.work / stream_name, identity, resume=True)
        parts = []
        for how in dict.fromkeys(how for how, _ in candidates.values()):
            numbers = [i for i, (own, _) in candidates.items() if own == how]
            together = max(RUNS // len(seeds), 1)
            starts = range(0, len(numbers), together)
            parts += [(how, numbers[at : at + together]) for at in starts]

        def one(part: tuple[str, list[int]]) -> None:
            how, numbers = part
            grid = [candidates[i][1] for i in numbers]
            unit = f"{how.replace(' ', '-')}-{numbers[0]}-{numbers[-1]}-{seeds[0]}-{seeds[-1]}"
            runs, _ = measure_all(folder, unit, config, stream, space.method(how), grid, seeds)
            for i, curves in zip(numbers, runs, strict=True):
                rows = self.found.setdefault((stream_name, i), [])
                rows += figures(stability_gap.measure(curves), len(seeds))
            print(f"{stream_name}: {unit}", flush=True)

        with folder, ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(one, parts))

    def means(self, stream_name: str, i: int) -> dict[str, Any]:
        """Return a candidate's means over seeds on a stream; NaN where a seed diverged."""
        rows = self.found[stream_name, i]
        return {name: float(np.mean([row[name] for row in rows])) for name in FIGURES}


def figures(entry: Mapping[str, Any], seeds: int) -> list[dict[str, Any]]:
    """Return the figures of each seed; NaN where it diverged."""
    columns = {name: entry[name]["per_seed"] for name in FIGURES}
    return [
        {name: np.nan if entry["diverged"][s] else x[s] for name, x in columns.items()}
        for s in range(seeds)
    ]


def tuned(search: Search, stream_name: str, adams: Sequence[int]) -> dict[str, int]:
    """Return the numbers of Adam tuned on a stream: for AAA, and for its gap."""
    by_anytime, by_gap = orders(search, stream_name, adams)
    return {"for AAA": by_anytime[0], "for its gap": by_gap[0]}


def orders(search: Search, stream_name: str, adams: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the sound ones of Adam's numbers by AAA, and by gap, the accurate ones first."""
    means = {i: search.means(stream_name, i) for i in adams}
    sound = [i for i in adams if np.isfinite(means[i]["avg_acc"])]
    if not sound:
        raise ValueError(f"every configuration of Adam diverged on {stream_name}.")
    best = max(means[i]["avg_acc"] for i in sound)
    by_anytime = sorted(sound, key=lambda i: -means[i]["avg_anytime_acc"])
    by_gap = sorted(
        sound, key=lambda i: (means[i]["avg_acc"] < best - TOLERANCE, means[i]["avg_sg"])
    )
    return by_anytime, by_gap


def row_of(
    search: Search,
    number: int,
    candidate: Candidate,
    adams: Mapping[str, Mapping[str, int]],  # by stream: those of `tuned`
    *,
    last: bool,
) -> dict[str, Any]:
    """Return a candidate's row with what it misses of the rule against each Adam; 0: it meets it.

    What is missed is summed over the streams: how far avg-SG is above its limit, divided by the
    limit, and how far avg-ACC is below Adam's, divided by 0.01.
    """
    means = {name: search.means(name, number) for name in adams}
    wider, lower = (1.0, 0.0) if last else (WIDER, LOWER)
    missed = {}
    for opponent in ("for AAA", "for its gap"):
        total = 0.0
        for name, own in means.items():
            adam = search.means(name, adams[name][opponent])
            allowed = wider * space.limit(name) * adam["avg_sg"]
            total += max(own["avg_sg"] / allowed - 1, 0) if allowed else own["avg_sg"] * 100
            total += max(adam["avg_acc"] - lower - own["avg_acc"], 0) * 100
        missed[opponent] = total if np.isfinite(mean_anytime(means)) else np.inf
    return {
        "built": candidate[0],
        "constants": candidate[1],
        "anytime": mean_anytime(means),
        "missed": missed,
        **{name: [one[name] for one in means.values()] for name in FIGURES},
        "number": number,
    }


def mean_anytime(means: Mapping[str, Mapping[str, float]]) -> float:
    """Return the mean AAA over the streams, NaN where a seed diverged."""
    return float(np.mean([one["avg_anytime_acc"] for one in means.values()]))


def rank(row: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the order of the rule."""
    anytime, gap = row["missed"]["for AAA"], row["missed"]["for its gap"]
    if not np.isfinite(anytime):
        return (3.0,)
    if anytime > 0:
        return 2.0, anytime
    return float(gap > 0), -row["anytime"]


def alternating(*lists: Sequence[int]) -> list[int]:
    """Return what several orders begin with, in turn, each number once."""
    return list(dict.fromkeys(i for together in zip(*lists, strict=True) for i in together))


def run(args: Arguments, record: Record) -> None:
    """Search."""
    candidates = dict(enumerate([*_spread(space.adams(), args.candidates), *_presets(args)]))
    adams = [i for i, (how, _) in candidates.items() if how == "adam"]
    own = [i for i in candidates if i not in set(adams)]
    search = Search(args, record.work)
    many, few = (range(FIRST_SEED, FIRST_SEED + n) for n in (args.seeds, max(args.seeds - 1, 1)))
    seeds = dict.fromkeys(args.last, few) | dict.fromkeys(args.first, many)
    for of_rung, keep in ((many[:1], args.kept), (many[1:], args.finalists)):
        if of_rung:
            for name in args.first:
                search.measure(name, {i: candidates[i] for i in (*adams, *own)}, of_rung)
        rows = ordered(search, candidates, own, dict.fromkeys(args.first, adams), last=False)
        lists = [one for name in args.first for one in orders(search, name, adams)]
        shortest = min(map(len, lists))
        adams = sorted(alternating(*(one[:shortest] for one in lists))[:keep])
        own = sorted(row["number"] for row in rows[:keep])
    for name in (name for name in seeds if name not in args.first):
        search.measure(name, {i: candidates[i] for i in (*adams, *own)}, few)
    opponents = dict.fromkeys(seeds, adams)
    rows = ordered(search, candidates, own, opponents, last=True)
    found = [space.around(candidates[refined(rows)])]
    for name in seeds:
        both = [candidates[i][1] for i in tuned(search, name, opponents[name]).values()]
        found.append([one for constants in both for one in space.around_adam(constants)])
    numbers = []
    for some_candidates in found:
        start = len(candidates)
        candidates |= dict(enumerate(some_candidates, start))
        numbers.append(list(range(start, len(candidates))))
    for (name, own_seeds), of_adam in zip(seeds.items(), numbers[1:], strict=True):
        both_sides = {i: candidates[i] for i in (*of_adam, *numbers[0])}
        search.measure(name, both_sides, own_seeds)
        opponents[name] = [*opponents[name], *of_adam]
    rows = ordered(search, candidates, [*own, *numbers[0]], opponents, last=True)
    fill(record, args, search, candidates, opponents, rows)


def ordered(
    search: Search,
    candidates: Mapping[int, Candidate],
    own: Sequence[int],
    adams: Mapping[str, Sequence[int]],  # by stream
    *,
    last: bool,
) -> list[dict[str, Any]]:
    """Return the rows of candidates in the order of the rule."""
    opponents = {name: tuned(search, name, numbers) for name, numbers in adams.items()}
    rows = [row_of(search, i, candidates[i], opponents, last=last) for i in own]
    return sorted(rows, key=rank)


def refined(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return around which finalist the search goes on: of the highest AAA that nearly meets it.

    Nearly: it misses at most `NEARLY`; the first by the rule where there is none.
    """
    near = [row for row in rows if row["missed"]["for AAA"] <= NEARLY]
    best = max(near, key=lambda row: row["anytime"]) if near else rows[0]
    return int(best["number"])


def fill(
    record: Record,
    args: Arguments,
    search: Search,
    candidates: Mapping[int, Candidate],
    adams: Mapping[str, Sequence[int]],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Fill in the record."""
    record.data = {
        "streams": list(adams),
        "adam": [
            {"stream": name, "tuned": how, "constants": candidates[i][1], **search.means(name, i)}
            for name, numbers in adams.items()
            for how, i in tuned(search, name, numbers).items()
        ],
        "rows": [_plain(row) for row in rows],
        "rungs": [
            [args.candidates, 1], [args.kept, args.seeds],
            [args.finalists + NEIGHBOURS, args.seeds],
        ],
    }  # fmt: skip
    record.table = shown(record.data)
    record.notes.append(
        f"Adam and the two timescales have {args.candidates} configurations each, {args.kept} in "
        f"the second rung, {args.finalists} in the third and {NEIGHBOURS} around the best of them; "
        f"tuning seeds {FIRST_SEED} to {FIRST_SEED + args.seeds - 1} (one less on "
        f"{' and '.join(args.last)}), {args.iterations} iterations a task, evaluated after each of "
        f"the first {args.dense} and every {args.sparse} behind them. Above: Adam tuned on each "
        "stream; below: the finalists and the neighbours by the rule. missed: what a configuration "
        "misses of the rule against the Adam tuned for AAA, and against that tuned for its gap; 0: "
        "it meets it. Units that an earlier start measured are read, and their time doesn't count."
    )


def _spread(all_of_them: Sequence[Candidate], number: int) -> list[Candidate]:
    """Return that many of a list, evenly spread; all where there are no more."""
    places = np.linspace(0, len(all_of_them) - 1, min(number, len(all_of_them)))
    return [all_of_them[int(i)] for i in places]


def _presets(args: Arguments) -> list[Candidate]:
    return space.presets(args.candidates, FIRST_SEED)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with what JSON has: null where a number is not finite."""
    missed = {k: x if np.isfinite(x) else None for k, x in row["missed"].items()}
    plain = {name: [x if np.isfinite(x) else None for x in row[name]] for name in FIGURES}
    anytime = row["anytime"] if np.isfinite(row["anytime"]) else None
    return {**row, **plain, "missed": missed, "anytime": anytime}


def shown(data: Mapping[str, Any]) -> str:
    """Return both tunings of Adam on each stream, and the finalists."""
    adam: list[Column] = [
        ("Adam, tuned", "tuned", "<14"), ("stream", "stream", "<16"),
        ("rate", ("constants", "learning_rate"), "8g"), ("b1", ("constants", "b1"), "6g"),
        ("b2", ("constants", "b2"), "8g"), ("avg-SG", "avg_sg", "8.4f"),
        ("avg-ACC", "avg_acc", "9.3f"), ("AAA", "avg_anytime_acc", "7.3f"),
    ]  # fmt: skip
    own: list[Column] = [
        ("built", "built", "<13"), ("rate", ("constants", "learning_rate"), "6g"),
        ("b1", ("constants", "b1"), "5g"), ("norm", ("constants", "max_norm"), "6g"),
        ("sens.", ("constants", "sensitivity"), "7g"),
        ("consol.", ("constants", "consolidation"), "9g"),
    ]  # fmt: skip
    for i, name in enumerate(data["streams"]):
        own += [(f"SG {name}", ("avg_sg", i), "19.4f"), ("ACC", ("avg_acc", i), "7.3f")]
        own.append(("AAA", ("avg_anytime_acc", i), "7.3f"))
    own += [
        ("mean AAA", "anytime", "10.4f"), ("missed", ("missed", "for AAA"), "8.2f"),
        ("(gap)", ("missed", "for its gap"), "7.2f"),
    ]  # fmt: skip
    return table(adam, data["adam"]) + "\n\n" + table(own, data["rows"])


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the mean AAA of what was chosen, and what it misses."""
    if "adam" not in content:  # of before the rule
        return
    row = content["rows"][0]
    claim = "The chosen preset on tuning seeds: mean AAA, and what it misses of the rule"
    missed = ", ".join(f"{x:.2f} against Adam tuned {how}" for how, x in row["missed"].items())
    yield claim, f"{row['anytime']:.3f}; {missed}"
