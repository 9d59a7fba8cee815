"""Write RESULTS.md and the README's table from the JSON files in benchmarks/results.

python benchmarks/report.py
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accelerator._pieces import PIECES
from benchmarks.continual._gap_figures import file_name
from benchmarks.continual._gap_grids import LISTED, PRESET
from neurogain import stats
from neurogain.continual.stream_specs import STREAMS
from neurogain.plotting.fronts import front
from neurogain.stats import summary

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- results: written by benchmarks/report.py -->", "<!-- end of results -->"
SCHEMA = 3  # of stability_gap.py's files
MARGIN = 0.005  # of avg-SG, below which the gain's contribution counts as none
PRINTED = (  # each where it was measured
    "cifar10_paper",
    "preset_search",
    "preset_search_wide",
    "landscape",
    "optimizer_overhead",
    "continual_throughput",
    "continual_batching_cpu",
    "continual_batching_gpu",
    "single_cell",
    "cell_throughput",
    "network_speed",
    "network_scaling",
    "network_at_once",
    "noise_speed",
    "burst_stdp",
    "microcircuit",
    "go_nogo",
    "go_nogo_pyramidal",
    "go_nogo_izhikevich",
    "go_nogo_reversal",
    "go_nogo_intra",
    "go_nogo_repeated",
    "go_nogo_symmetric",
    "go_nogo_detector",
    "go_nogo_tuning",
)
LOWEST = 0.85  # avg-ACC from which fronts are compared


def interval(figure: dict[str, Any]) -> str:
    """Return mean and 95 % interval."""
    return stats.text(figure, ".3f")


def diverged(m: dict[str, Any]) -> str:
    """Return in how many seeds a method diverged, nothing where in none."""
    number = sum(m["diverged"])
    return f" (diverged in {number} of {len(m['diverged'])})" if number else ""


def gap_table(result: dict[str, Any]) -> Iterator[str]:
    """Yield one row per method at its chosen configuration."""
    yield (
        "| method | avg-SG | published | SG at switch 1 | avg-ACC | min-ACC | WC-ACC | "
        "avg-SG of the weights that learn | new task after 10, 50, 200 | configuration |"
    )
    yield "|---" * 10 + "|"
    for name, m in result["methods"].items():
        published = result["published_avg_sg"].get(name)
        constants = ", ".join(f"{k} {v:g}" for k, v in m["hyperparameters"].items())
        learned = [m["new_task_accuracy"].get(n) for n in ("10", "50", "200")]
        cells = [
            f"{m['summary']} (`{name}`)",
            interval(m["avg_sg"]) + diverged(m),
            "" if published is None else f"{published:.3f}",
            interval(m["sg_per_switch"][0]),
            *(interval(m[field]) for field in ("avg_acc", "min_acc", "wc_acc")),
            interval(m["fast_avg_sg"]) if "fast_avg_sg" in m else "",
            ", ".join("-" if x is None else f"{x['mean']:.3f}" for x in learned),
            constants,
        ]
        yield "| " + " | ".join(cells) + " |"


def verdicts(result: dict[str, Any]) -> Iterator[str]:
    """Yield whether the published number is met, per method with one."""
    for name, published in result["published_avg_sg"].items():
        if name not in result["methods"]:
            continue
        m = result["methods"][name]
        low, high = m["avg_sg"]["ci"]
        if low is None:
            yield f"* {m['summary']}: published {published:.3f}, ours {interval(m['avg_sg'])}."
            continue
        word = "beaten" if high < published else "missed" if low > published else "met"
        yield (
            f"* {m['summary']}: published {published:.3f}, ours {interval(m['avg_sg'])}: "
            f"**{word}** ({'the interval holds it' if word == 'met' else 'outside the interval'})."
        )


def lowest_gap(entries: list[dict[str, Any]], accuracy: float) -> float:
    """Return the lowest avg-SG among configurations that reach the accuracy; infinite if none."""
    points = [(e["avg_acc"]["mean"], e["avg_sg"]["mean"]) for e in entries]
    return min((g for a, g in points if g is not None and a >= accuracy), default=np.inf)


def front_comparison(result: dict[str, Any], mine: str = PRESET) -> Iterator[str]:
    """Yield, per other method, at which final accuracies `mine` has the smaller gap."""
    if mine not in result["methods"]:
        return
    own = result["methods"][mine]
    gap, reach = own["avg_sg"]["mean"], own["avg_acc"]["mean"]
    for name, other in result["methods"].items():
        if name == mine:
            continue
        best = lowest_gap(other["swept"], reach)
        cells = f"{best:.3f} | {best - gap:+.3f}" if np.isfinite(best) else "none reaches it | "
        yield f"| {other['summary']} | {cells} |"


def front_table(result: dict[str, Any]) -> Iterator[str]:
    """Yield the points on the front of each method that was swept."""
    seeds = {m["front_seeds"] for m in result["methods"].values() if len(m["front"]) > 1}
    yield f"| method | front, {' and '.join(sorted(seeds))} seeds: avg-SG @ avg-ACC |"
    yield "|---|---|"
    for m in result["methods"].values():
        points = [
            (e["avg_acc"]["mean"], e["avg_sg"]["mean"])
            for e in m["front"]
            if e["avg_sg"]["mean"] is not None
        ]
        if len(points) > 1:
            cells = ", ".join(f"{gap:.3f} @ {acc:.3f}" for acc, gap in front(points))
            yield f"| {m['summary']} | {cells} |"


def contribution(result: dict[str, Any]) -> Iterator[str]:
    """Yield what gain and slow weights together have over plain averages of Adam."""
    pairs = ((m, n, c) for m, found in result["contribution"].items() for n, c in found.items())
    for mine, name, change in pairs:
        low, high = (np.nan if x is None else x for x in change["avg_sg"]["ci"])
        word = (
            "smaller" if high < -MARGIN else "larger" if low > MARGIN
            else "equal within the margin" if low > -MARGIN and high < MARGIN
            else "not decided at this number of seeds"
        )  # fmt: skip
        constants = ", ".join(f"{k} {v:g}" for k, v in change["hyperparameters"].items())
        how = "" if change["matched"] else ", which is less accurate"
        yield (
            f"* {result['methods'][mine]['summary']} less {result['methods'][name]['summary']} "
            f"({constants}{how}): avg-SG {stats.text(change['avg_sg'], '+.4f')}, avg-ACC "
            f"{stats.text(change['avg_acc'], '+.4f')}: **{word}** (margin {MARGIN})."
        )


def against_adam(result: dict[str, Any], mine: str = PRESET) -> Iterator[str]:
    """Yield what the preset has over tuned Adam, in pairs of seeds."""
    if not {mine, "adam"} <= result["methods"].keys():
        return
    own, adam = result["methods"][mine], result["methods"]["adam"]
    ratio = own["avg_sg"]["mean"] / adam["avg_sg"]["mean"]
    yield f"\nThe preset's avg-SG is {ratio:.3f} of tuned Adam's; less Adam's, in pairs of seeds:"
    for field, title in (("avg_sg", "avg-SG"), ("avg_acc", "avg-ACC"), ("min_acc", "min-ACC")):
        both = (np.array(m[field]["per_seed"], float) for m in (own, adam))
        difference = summary(np.subtract(*both))
        yield f"{title} {stats.text(difference, '+.4f')}{',' if field != 'min_acc' else '.'}"


def stability_gap(content: dict[str, Any]) -> Iterator[str]:
    """Yield the section on the stability gap on one stream."""
    benchmark, config, stream = content["benchmark"], content["config"], content["stream"]
    seeds, images = len(content["report_seeds"]), stream["evaluation_images"]
    budget = max(len(m["tuning"]) for m in content["methods"].values())
    protocol = "" if config["scale"] == "default" else f", {config['scale']} protocol"
    every, tuned = config["eval_every"], len(content["tuning_seeds"])
    when = "after every update" if every == 1 else f"every {every} updates"
    number = f"{min(images)} to {max(images)}" if min(images) < max(images) else str(max(images))
    yield f"## The stability gap on {benchmark}{protocol}, joint training\n"
    if "note" in stream:
        yield f"{stream['note']}\n"
    yield (
        f"`{content['command']}` {measured_on(content)}: protocol `{config['scale']}`, "
        f"{config['iterations']} iterations a task in batches of {config['batch_size']}, evaluated "
        f"{when} on {number} fixed test images a task. {budget} configurations a method on {tuned} "
        f"tuning seed{'s' if tuned > 1 else ''}; rule: {content['rule']}. Reported on {seeds} "
        "fresh seeds with 95 % t-intervals, on the images that served the tuning. Lower avg-SG is "
        f"better, at equal avg-ACC. A minimum over noisy evaluations reads low: {bias(content)}\n"
    )
    yield from gap_table(content)
    yield ""
    yield from at_the_edge(content)
    if content["published_avg_sg"]:
        yield "\nAgainst the published table (arXiv 2507.14056 v2, whose learning rates and"
        yield f"final accuracies are not given{published_protocol(config)}):\n"
        yield from verdicts(content)
    yield from against_adam(content)
    if content["contribution"]:
        yield "\nGain and slow weights against plain averages of Adam: of the configurations on the"
        yield "same seeds that are no less accurate (by 0.002 at most), the one of lowest avg-SG,"
        yield "in pairs of seeds:\n"
        yield from contribution(content)
    yield "\nThe lowest avg-SG that others have at the preset's avg-ACC or above, of their"
    yield "configurations on the report's seeds:\n"
    yield "| method | avg-SG | more than the preset's |"
    yield "|---|---|---|"
    yield from front_comparison(content)
    yield ""
    yield from front_table(content)
    name = file_name(benchmark, config["scale"])
    for figure in ("fronts", "switches", "gain"):
        yield f"\n![{benchmark}, {figure}](results/{name}_{figure}.png)"


def at_the_edge(result: dict[str, Any]) -> Iterator[str]:
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


def published_protocol(config: dict[str, Any]) -> str:
    """Return that the published figures are of another protocol, where they are."""
    small = config["scale"] == "small"
    return "; its protocol is 200 to 800 iterations in batches of 256, 5 seeds" if small else ""


def measured_on(content: dict[str, Any]) -> str:
    """Return in words which methods were measured on which device, and where else tuned."""
    reported: dict[str, list[str]] = {}
    elsewhere: dict[str, list[str]] = {}
    for name, m in content["methods"].items():
        device = device_of(m["versions"])
        reported.setdefault(device, []).append(name)
        for other in {device_of(t["versions"]) for t in m["tuning"] if "versions" in t} - {device}:
            elsewhere.setdefault(other, []).append(name)
    if len(reported) == 1:
        text = f"on {next(iter(reported))}"
    else:
        text = "on " + "; on ".join(f"{d} ({', '.join(names)})" for d, names in reported.items())
    return text + "".join(
        f"; some rates of {', '.join(names)} tuned on {d}" for d, names in sorted(elsewhere.items())
    )


def device_of(versions: dict[str, str]) -> str:
    """Return in words what a unit was measured on."""
    return f"{versions['device']}, jax {versions['jax']}"


def bias(content: dict[str, Any]) -> str:
    """Return how much the evaluation sets may move a minimum."""
    entries = content["methods"].values()
    error = max(m["minimum_bias"]["standard_error"] for m in entries)
    most = max(m["minimum_bias"]["at_most"] for m in entries)
    gap = max(m["minimum_bias"]["at_most"] / m["avg_acc"]["mean"] for m in entries)
    return (
        f"the standard error of an evaluation on these sets is at most {error:.3f}, and the bias "
        f"of a minimum at most {most:.3f}, which could make an avg-SG of up to {gap:.2f}."
    )


def printed(content: dict[str, Any]) -> Iterator[str]:
    """Yield a section that holds what a benchmark printed."""
    yield f"## {content['title']}\n"
    yield f"`{content['command']}`\n\n```\n{content['table']}\n```"
    for note in content.get("notes", []):
        yield f"\n{note}"
    for figure in content.get("figures", []):
        yield f"\n![{Path(figure).stem.replace('_', ' ')}](results/{figure})"


def on_accelerator(folder: Path) -> Iterator[str]:
    """Yield the section on what was measured on an accelerator; nothing where nothing was."""
    paths = [folder / f"{piece.name}.json" for piece in PIECES]
    contents = [json.loads(path.read_text()) for path in paths if path.exists()]
    found = [c for c in contents if c["result"] is not None and not c["tiny"]]
    if not found:
        return
    yield "## On a GPU\n"
    yield (
        "By `python benchmarks/run.py run accelerator`, which runs each of these in a "
        "process of its own. "
        "Peers that compute on CPUs alone (Brian2, NEST, NumPy) are left out; their times are in "
        "the sections above, which say on what they were measured. Seconds are the process's."
    )
    for content in found:
        yield f"\n### {content['title']}\n"
        yield f"`{content['command']}`\n"
        yield f"{circumstances(content)}\n\n```\n{content['table']}\n```"
        for note in content["notes"]:
            yield f"\n{note}"


def circumstances(content: dict[str, Any]) -> str:
    """Return on what a piece was measured, and how."""
    device, versions = content["device"], content["versions"]
    commit = "no commit" if content["commit"] is None else f"commit {content['commit'][:10]}"
    changed = " with changes" if content["uncommitted_changes"] else ""
    exact = content["env"].get("JAX_DEFAULT_MATMUL_PRECISION") == "highest"
    parts = [
        device["kind"],
        f"jax {versions['jax']}, Python {versions['python']}, {versions['cpus']} CPUs",
        f"{commit}{changed}",
        f"float32 products {'in full' if exact else 'as JAX does them by default'}",
        f"{content['wall_time_s']:.0f} s",
    ]
    if device["device_peak_mib"] is not None:
        parts.append(f"at most {device['device_peak_mib']:,.0f} MiB of device memory")
    if content["beside"]:
        parts.append(f"beside {len(content['beside'])} others, so that its time isn't its own")
    text = f"{'; '.join(parts)}."
    if content["status"] != "measured":
        text += f" It {content['status']} before its end: the table holds what there was by then."
    return text


def readme_table(streams: dict[str, Any]) -> Iterator[str]:
    """Yield the README's table: the main methods on all streams."""
    columns = [
        name.replace("_small", ", small protocol").replace("_paper", ", paper's protocol")
        for name in streams
    ]
    yield "| avg-SG @ avg-ACC | " + " | ".join(columns) + " |"
    yield "|---" * (1 + len(columns)) + "|"
    for name in LISTED:
        cells, summary = [], name
        for content in streams.values():
            m, published = content["methods"].get(name), content["published_avg_sg"].get(name)
            if m is None:
                cells.append("")
                continue
            summary = m["summary"]
            cell = f"{interval(m['avg_sg'])} @ {m['avg_acc']['mean']:.3f}{diverged(m)}"
            cells.append(cell + (f"<br>published {published:.3f}" if published else ""))
        yield f"| {summary} | " + " | ".join(cells) + " |"


def main() -> None:
    """Write both files."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    names = [name + scale for name in STREAMS for scale in ("", "_paper", "_small")]
    paths = {name: RESULTS / f"stability_gap_{name}.json" for name in names}
    gaps = {n: json.loads(path.read_text()) for n, path in paths.items() if path.exists()}
    for name, content in gaps.items():
        if content["schema_version"] != SCHEMA:
            raise ValueError(f"{paths[name]} is of an older form; run {content['command']} again.")
    lines = ["# Results\n\nWritten by `python benchmarks/report.py` from `benchmarks/results`.\n"]
    for content in gaps.values():
        lines += [*stability_gap(content), ""]
    for name in PRINTED:
        path = RESULTS / f"{name}.json"
        if path.exists():
            lines += ["", *printed(json.loads(path.read_text()))]
    gpu = list(on_accelerator(RESULTS / "accelerator"))
    lines += ["", *gpu] if gpu else []
    (ROOT / "benchmarks" / "RESULTS.md").write_text("\n".join(lines) + "\n")
    readme = (ROOT / "README.md").read_text()
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    table = "\n".join(readme_table(gaps))
    (ROOT / "README.md").write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
