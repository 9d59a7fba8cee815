"""The page and the claims of the stability gap's benchmark, from its results."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.continual._gap_units import PRESET
from benchmarks.record import Column, markdown
from neurogain import stats
from neurogain.continual.methods import METHODS
from neurogain.continual.protocol import when_evaluated
from neurogain.continual.stream_specs import STREAMS
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.stability_gap.config import PRESETS
from neurogain.experiments.stream_models import MODELS
from neurogain.plotting import fronts
from neurogain.stats import summary

DIFFERENCES = {
    "avg_sg": "avg-SG", "avg_acc": "avg-ACC", "avg_anytime_acc": "AAA", "min_acc": "min-ACC"
}  # fmt: skip
MARGIN = 0.005  # of avg-SG, below which the gain's contribution counts as none
REGIMES = {"joint": "joint training", "replay": "replay", "finetune": "finetuning"}


NOT_RECORDED = "-"


def interval(figure: Mapping[str, Any]) -> str:
    """Return mean and 95 % interval of a proportion; older results have intervals beyond [0, 1]."""
    return stats.text(stats.cut(figure), ".3f")


def recorded(names: Iterable[str], *entries: Mapping[str, Any]) -> list[str]:
    """Return which figures all entries have; older results lack some."""
    return [name for name in names if all(entry.get(name) is not None for entry in entries)]


def accuracy_of(m: Mapping[str, Any]) -> str:
    """Return avg-ACC and, where it is recorded, AAA."""
    [final, *anytime] = recorded(("avg_acc", "avg_anytime_acc"), m)
    return f"{m[final]['mean']:.3f}" + "".join(f", AAA {m[x]['mean']:.3f}" for x in anytime)


def diverged(m: Mapping[str, Any]) -> str:
    """Return in how many seeds a method diverged, nothing where in none."""
    number = sum(m["diverged"])
    return f" (diverged in {number} of {len(m['diverged'])})" if number else ""


def constants(chosen: Mapping[str, float]) -> str:
    """Return constants in words."""
    return ", ".join(f"{name} {value:g}" for name, value in chosen.items())


def figure(name: str, otherwise: str = "") -> Callable[[Mapping[str, Any]], str]:
    """Return a column's value: mean and interval of a figure, or what stands where there is none.

    `otherwise`: nothing where a method can't have it, `NOT_RECORDED` where the result lacks it.
    """
    return lambda m: interval(m[name]) if name in m else otherwise


def learned(m: Mapping[str, Any]) -> str:
    """Return the accuracy on the new task after some updates."""
    found = (m["new_task_accuracy"].get(after) for after in ("10", "50", "200"))
    return ", ".join("-" if x is None else f"{x['mean']:.3f}" for x in found)


def tried(m: Mapping[str, Any]) -> str:
    """Return how many configurations and seeds were tried, reported seeds last."""
    seeds = len(m["diverged"])
    if "search" in m:
        rungs = ", ".join(f"{n} x {own}" for n, own in m["search"])
        return f"{rungs} seeds in the search, 1 x {seeds}"
    first = [len(t["avg_sg"]["per_seed"]) for t in m["tuning"][:1]]
    return "".join(f"{len(m['tuning'])} x {n}, " for n in first) + f"{len(m['swept'])} x {seeds}"


GAP_COLUMNS: tuple[Column, ...] = (
    ("method", lambda m: f"{m['summary']} (`{m['name']}`)", ""),
    ("avg-SG", lambda m: interval(m["avg_sg"]) + diverged(m), ""),
    ("published", "published", ".3f"),
    ("SG at switch 1", lambda m: interval(m["sg_per_switch"][0]), ""),
    ("avg-ACC", figure("avg_acc"), ""),
    ("AAA", figure("avg_anytime_acc", NOT_RECORDED), ""),
    ("min-ACC", figure("min_acc"), ""),
    ("WC-ACC", figure("wc_acc"), ""),
    ("avg-SG of the weights that learn", figure("fast_avg_sg"), ""),
    ("new task after 10, 50, 200", learned, ""),
    ("configurations x seeds", tried, ""),
    ("configuration", lambda m: constants(m["hyperparameters"]), ""),
)
"""Of a method at its chosen configuration."""


def other_constants(m: Mapping[str, Any], method: str) -> str:
    """Return a note if a frozen method had other constants than it has now, else nothing."""
    found = METHODS.get(method)
    same = found is None or not found.frozen or dict(m["hyperparameters"]) == dict(found.constants)
    return "" if same else " (earlier constants)"


def named(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the methods' entries with name, published gap, and a note of earlier constants."""
    published = result["published_avg_sg"]
    return [
        {
            **m,
            "name": name,
            "published": published.get(name),
            "summary": m["summary"] + other_constants(m, name),
        }
        for name, m in result["methods"].items()
    ]


def as_published(config: Mapping[str, Any]) -> bool:
    """Return whether a result's protocol is that of the published table."""
    paper = PRESETS["paper"]
    own = (config.get("iterations"), config.get("eval_every"), config.get("dense"))
    same = own == (paper.iterations, paper.eval_every, None)
    return same and config["scale"] != "small" and config.get("regime", "joint") == "joint"


def verdicts(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the published gap and ours, per method with one; a verdict under the same protocol.

    It compares means, so a wide interval can't turn a missed gap into one that is met.
    """
    for name, published in result["published_avg_sg"].items():
        if name not in result["methods"]:
            continue
        m = result["methods"][name]
        gap, verdict = m["avg_sg"]["mean"], "; another protocol, no verdict"
        if as_published(result["config"]):
            verdict = ": **met**" if gap <= published else f": **missed** by {gap - published:.3f}"
        yield (
            f"* {m['summary']}: published {published:.3f}, ours {interval(m['avg_sg'])}{verdict}."
        )


def points(entries: list[dict[str, Any]], accuracy: str = "avg_acc") -> list[tuple[float, float]]:
    """Return an accuracy and avg-SG of the configurations that have one."""
    found = ((e[accuracy]["mean"], e["avg_sg"]["mean"]) for e in entries)
    return [(accuracy, gap) for accuracy, gap in found if gap is not None]


def lowest_of_others(
    result: Mapping[str, Any], mine: str = PRESET
) -> dict[str, tuple[float | None, float | None]]:
    """Return the lowest gap of each other method at the accuracy of `mine` or above, by name.

    Of the configurations on the report's seeds. Beside it stands by how much it is above the gap of
    `mine`; None where no configuration reaches the accuracy.
    """
    gap, reach = (result["methods"][mine][name]["mean"] for name in ("avg_sg", "avg_acc"))
    found: dict[str, tuple[float | None, float | None]] = {}
    for name, m in result["methods"].items():
        reached = [sg for accuracy, sg in points(m["swept"]) if accuracy >= reach]
        if name != mine:
            found[name] = (min(reached), min(reached) - gap) if reached else (None, None)
    return found


def front_comparison(result: Mapping[str, Any], mine: str = PRESET) -> list[str]:
    """Return the lowest gap that others have at the final accuracy of `mine`, a row each."""
    if mine not in result["methods"]:
        return []
    rows = [
        {
            "method": result["methods"][name]["summary"],
            "best": "none reaches it" if lowest is None else f"{lowest:.3f}",
            "more": None if more is None else f"{more:+.3f}",
        }
        for name, (lowest, more) in lowest_of_others(result, mine).items()
    ]
    heads = {"method": "method", "best": "avg-SG", "more": "more than the preset's"}
    return markdown([(head, name, "") for name, head in heads.items()], rows)


def front_table(result: Mapping[str, Any], accuracy: str = "avg_acc") -> list[str]:
    """Return the points on the front of each method that was swept; none if it isn't recorded."""
    swept = [m for m in result["methods"].values() if len(m["front"]) > 1]
    if not recorded((accuracy,), *(point for m in swept for point in m["front"])):
        return []
    rows = []
    for m in swept:
        measured = points(m["front"], accuracy)
        found = [f"{gap:.3f} @ {acc:.3f}" for acc, gap in fronts.front(measured)]
        rows += [m | {"front": ", ".join(found)}] if len(measured) > 1 else []
    seeds = " and ".join(sorted({m["front_seeds"] for m in swept}))
    head = f"front, {seeds} seeds: avg-SG @ {fronts.SHORT[accuracy]}"
    return markdown([("method", "summary", ""), (head, "front", "")], rows)


def contribution(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what gain and slow weights together have over plain averages of Adam."""
    pairs = ((m, n, c) for m, found in result["contribution"].items() for n, c in found.items())
    called = {n: m["summary"] + other_constants(m, n) for n, m in result["methods"].items()}
    for mine, name, change in pairs:
        how = "" if change["matched"] else ", which is less accurate"
        differences = ", ".join(
            f"{DIFFERENCES[field]} {stats.text(change[field], '+.4f')}"
            for field in recorded(("avg_sg", "avg_acc", "avg_anytime_acc"), change)
        )
        yield (
            f"* {called[mine]} less {called[name]} "
            f"({constants(change['hyperparameters'])}{how}): {differences}: **{word(change)}** "
            f"(margin {MARGIN})."
        )


def word(change: Mapping[str, Any]) -> str:
    """Return what a difference of avg-SG is called."""
    low, high = (np.nan if x is None else x for x in change["avg_sg"]["ci"])
    if high < -MARGIN:
        return "smaller"
    if low > MARGIN:
        return "larger"
    equal = low > -MARGIN and high < MARGIN
    return "equal within the margin" if equal else "not decided at this number of seeds"


def against_adam(result: Mapping[str, Any], mine: str = PRESET) -> Iterator[str]:
    """Yield what the preset has over tuned Adam, in pairs of seeds."""
    if not {mine, "adam"} <= result["methods"].keys():
        return
    own, adam = result["methods"][mine], result["methods"]["adam"]
    ratio = own["avg_sg"]["mean"] / adam["avg_sg"]["mean"]
    yield f"\nThe preset's avg-SG is {ratio:.3f} of tuned Adam's; less Adam's, in pairs of seeds:"
    for field in recorded(DIFFERENCES, own, adam):
        both = (np.array(m[field]["per_seed"], float) for m in (own, adam))
        difference = stats.text(summary(np.subtract(*both)), "+.4f")
        yield f"{DIFFERENCES[field]} {difference}{',' if field != 'min_acc' else '.'}"


def section(stem: str, content: Mapping[str, Any], measured: str) -> Iterator[str]:
    """Yield the lines on one stream, under its heading; `measured`: by which command."""
    benchmark, config, stream = content["benchmark"], content["config"], content["stream"]
    seeds, images = len(content["report_seeds"]), stream["evaluation_images"]
    budget = max(len(m["tuning"]) for m in content["methods"].values())
    tuned = len(content["tuning_seeds"])
    number = f"{min(images)} to {max(images)}" if min(images) < max(images) else str(max(images))
    if "note" in stream:
        yield f"{stream['note']}\n"
    yield (
        f"Measured by {measured} {measured_on(content)}: protocol `{config['scale']}`, "
        f"{config['iterations']} iterations a task in batches of {config['batch_size']}, evaluated "
        f"{when_evaluated(config)} on {number} fixed test images a task. {budget} configurations a "
        f"method on {tuned} tuning seed{'s' if tuned > 1 else ''}; rule: {content['rule']}. "
        f"Reported on {seeds} fresh seeds with 95 % t-intervals, cut to [0, 1], on the images that "
        "served the tuning. Lower avg-SG is better, at equal avg-ACC and AAA, the average "
        "anytime accuracy (on all tasks so far, mean over training; - where it was not recorded). "
        "A minimum over noisy evaluations reads low: "
        f"{bias(content)}\n"
    )
    yield from markdown(GAP_COLUMNS, named(content))
    yield ""
    yield from at_the_edge(content)
    if content["published_avg_sg"]:
        small = "; its protocol is 200 to 800 iterations in batches of 256, 5 seeds"
        yield "\nAgainst the published table (arXiv 2507.14056 v2, whose learning rates and"
        yield f"final accuracies are not given{small if config['scale'] == 'small' else ''}):\n"
        yield from verdicts(content)
    yield from against_adam(content)
    if content["contribution"]:
        yield "\nGain and slow weights against plain averages of Adam: of the configurations on the"
        yield "same seeds that are no less accurate (by 0.002 at most), the one of lowest avg-SG,"
        yield "in pairs of seeds:\n"
        yield from contribution(content)
    yield "\nThe lowest avg-SG that others have at the preset's avg-ACC or above, of their"
    yield "configurations on the report's seeds:\n"
    yield from front_comparison(content)
    yield ""
    yield from front_table(content)
    anytime = front_table(content, "avg_anytime_acc")
    yield from ["", *anytime] if anytime else []
    own = {n: m["hyperparameters"] for n, m in content["methods"].items()}
    earlier = [n for n, c in content.get("drawn", {}).items() if c != own.get(n)]
    if earlier:
        yield f"\nSwitches and gain are drawn with earlier constants of {', '.join(earlier)}."
    for drawn in ("fronts", "fronts_anytime", "switches", "gain"):
        if f"{stem}_{drawn}.png" in content["figures"]:
            yield f"\n![{benchmark}, {drawn}]({stem}_{drawn}.png)"


def at_the_edge(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield for which methods the lowest or highest rate of the sweep was chosen."""
    ends: dict[str, list[str]] = {"lowest": [], "highest": []}
    for name, m in result["methods"].items():
        rates = sorted({t["hyperparameters"]["learning_rate"] for t in m["tuning"]})
        for end, rate in zip(ends, (rates[:1], rates[-1:]), strict=True):
            if rate == [m["hyperparameters"]["learning_rate"]]:
                ends[end].append(f"`{name}`")
    for end, names in ends.items():
        if names:
            yield f"The {end} rate of its sweep was chosen for {', '.join(names)}: a better one may"
            yield "lie outside."


def measured_on(content: Mapping[str, Any]) -> str:
    """Return in words which methods were measured on which device, and where else tuned."""
    reported: dict[str, list[str]] = {}
    elsewhere: dict[str, list[str]] = {}
    for name, m in content["methods"].items():
        device = device_of(m["versions"])
        reported.setdefault(device, []).append(name)
        for other in {device_of(t["versions"]) for t in m["tuning"] if "versions" in t} - {device}:
            elsewhere.setdefault(other, []).append(name)
    which = (f" ({', '.join(names)})" if len(reported) > 1 else "" for names in reported.values())
    parts = [f"on {device}{names}" for device, names in zip(reported, which, strict=True)]
    parts += [f"some rates of {', '.join(n)} tuned on {d}" for d, n in sorted(elsewhere.items())]
    return "; ".join(parts)


def device_of(versions: dict[str, str]) -> str:
    """Return in words what a unit was measured on."""
    return f"{versions['device']}, jax {versions['jax']}"


def bias(content: Mapping[str, Any]) -> str:
    """Return how much the evaluation sets may move a minimum."""
    entries = content["methods"].values()
    error = max(m["minimum_bias"]["standard_error"] for m in entries)
    most = max(m["minimum_bias"]["at_most"] for m in entries)
    gap = max(m["minimum_bias"]["at_most"] / m["avg_acc"]["mean"] for m in entries)
    return (
        f"the standard error of an evaluation on these sets is at most {error:.3f}, and the bias "
        f"of a minimum at most {most:.3f}, which could make an avg-SG of up to {gap:.2f}."
    )


def name(content: Mapping[str, Any]) -> str:
    """Return the name of a stream, with protocol, cells and regime if they aren't the default."""
    config = content["config"]
    scale, regime = config["scale"], config["regime"]
    found = content["benchmark"] + ("" if scale == "default" else f", {scale} protocol")
    usual = STREAMS[content["benchmark"]].model
    model = config.get("model", usual)  # earlier results have none
    if model == "spiking":
        found += f", {CELLS[config['cell']].summary} cells"
    elif model != usual:
        found += f", {MODELS[model].summary.partition(' ')[2]}"
    return found + ("" if regime == "joint" else f", {REGIMES[regime]}")


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the preset's gap beside tuned Adam's, and what the gain adds to averages."""
    entries, stream = content["methods"], name(content)
    shown = {m["name"]: m for m in named(content)}
    number = "; ".join(
        f"{shown[n]['summary']} {interval(shown[n]['avg_sg'])} @ {accuracy_of(shown[n])}"
        for n in ("msgd", "adam", PRESET)
        if n in shown
    )
    yield f"avg-SG @ avg-ACC on {stream}, {len(content['report_seeds'])} fresh seeds", number
    for other, change in content["contribution"].get(PRESET, {}).items():
        mine = "the preset" + other_constants(entries[PRESET], PRESET)
        claim = f"avg-SG of {mine} less {shown[other]['summary']}, {stream}, pairs of seeds"
        yield claim, f"{stats.text(change['avg_sg'], '+.4f')}: {word(change)}"
        break
