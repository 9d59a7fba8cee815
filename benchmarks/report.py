"""Write RESULTS.md and the README's table from the JSON files in benchmarks/results.

python benchmarks/report.py
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _accelerator_pieces import PIECES

from neurogain.plotting.fronts import front

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- results: written by benchmarks/report.py -->", "<!-- end of results -->"
MAIN = ("sgd", "msgd", "adam", "ngm")
PRINTED = (  # each where it was measured
    "optimizer_overhead",
    "continual_throughput",
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


def interval(figure: dict[str, Any], digits: int = 3) -> str:
    """Return mean and 95 % interval."""
    low, high = figure["ci"]
    if figure["mean"] is None or low is None:
        return "undefined" if figure["mean"] is None else f"{figure['mean']:.{digits}f}"
    return f"{figure['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def gap_table(result: dict[str, Any]) -> Iterator[str]:
    """Yield one row per method at its chosen configuration."""
    yield "| method | avg-SG | published | SG at switch 1 | avg-ACC | min-ACC | configuration |"
    yield "|---|---|---|---|---|---|---|"
    for name, m in result["methods"].items():
        published = result["published_avg_sg"].get(name)
        constants = ", ".join(f"{k} {v:g}" for k, v in m["hyperparameters"].items())
        first = m["sg_per_switch"][0]
        yield (
            f"| {m['summary']} (`{name}`) | {interval(m['avg_sg'])} | "
            f"{'' if published is None else f'{published:.3f}'} | {interval(first)} | "
            f"{interval(m['avg_acc'])} | {interval(m['min_acc'])} | {constants} |"
        )


def verdicts(result: dict[str, Any]) -> Iterator[str]:
    """Yield whether the published number is met, per method with one."""
    for name, published in result["published_avg_sg"].items():
        m = result["methods"][name]
        low, high = m["avg_sg"]["ci"]
        word = "beaten" if high < published else "missed" if low > published else "met"
        yield (
            f"* {m['summary']}: published {published:.3f}, ours {interval(m['avg_sg'])}: "
            f"**{word}** ({'the interval holds it' if word == 'met' else 'outside the interval'})."
        )


def lowest_gap(entries: list[dict[str, Any]], accuracy: float) -> float:
    """Return the lowest avg-SG among configurations that reach the accuracy; infinite if none."""
    points = [(e["avg_acc"]["mean"], e["avg_sg"]["mean"]) for e in entries]
    return min((g for a, g in points if g is not None and a >= accuracy), default=np.inf)


def front_comparison(result: dict[str, Any], mine: str = "ngm") -> Iterator[str]:
    """Yield, per other method, at which final accuracies the front of `mine` lies below."""
    own = result["methods"][mine]["front"]
    summary = result["methods"][mine]["summary"]
    for name in (n for n in MAIN if n != mine):
        other = result["methods"][name]["front"]
        reach = [max(e["avg_acc"]["mean"] for e in entries) for entries in (own, other)]
        lead = f"* against {result['methods'][name]['summary']}: "
        tail = f" (best avg-ACC: {summary} {reach[0]:.3f}, the other {reach[1]:.3f})."
        levels = np.arange(LOWEST, min(reach), 0.002)  # both reach these
        if len(levels) == 0:
            yield f"{lead}no avg-ACC above {LOWEST:.3f} that both reach{tail}"
            continue
        below = np.array([lowest_gap(own, a) < lowest_gap(other, a) for a in levels])
        span = f"{levels[0]:.3f} to {levels[-1]:.3f}"
        if below.all():
            yield f"{lead}below at every avg-ACC from {span}{tail}"
        elif not below.any():
            yield f"{lead}at no avg-ACC below, from {span}{tail}"
        else:
            where = ", ".join(f"{a:.3f} to {b:.3f}" for a, b in runs(levels, below))
            yield f"{lead}below at avg-ACC {where}, not elsewhere in {span}{tail}"


def runs(levels: np.ndarray, mask: np.ndarray) -> Iterator[tuple[float, float]]:
    """Yield first and last level of each stretch where the mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield levels[start], levels[stop - 1]


def front_table(result: dict[str, Any]) -> Iterator[str]:
    """Yield the points on each main method's front."""
    yield "| method | front on the fresh seeds: avg-SG @ avg-ACC |"
    yield "|---|---|"
    for name in MAIN:
        m = result["methods"][name]
        points = [
            (e["avg_acc"]["mean"], e["avg_sg"]["mean"])
            for e in m["front"]
            if e["avg_sg"]["mean"] is not None
        ]
        cells = ", ".join(f"{gap:.3f} @ {acc:.3f}" for acc, gap in front(points))
        yield f"| {m['summary']} | {cells} |"


def stability_gap(content: dict[str, Any]) -> Iterator[str]:
    """Yield the section on the stability gap."""
    seeds = content["report_seeds"]
    yield "## The stability gap on MNIST, joint training"
    yield ""
    first = next(iter(content["benchmarks"].values()))
    config, grid = first["config"], next(iter(first["methods"].values()))["tuning"]
    yield (
        f"`{content['command']}`: the whole training set, {config['iterations']} iterations a task "
        f"in batches of {config['batch_size']}, evaluated every {config['eval_every']} update on "
        f"{config['eval_images']} fixed test images a task. {len(grid)} configurations a method on "
        f"{len(content['tuning_seeds'])} tuning seeds; rule: {content['rule']}. Reported on "
        f"{len(seeds)} fresh seeds with 95 % t-intervals. Lower avg-SG is better, at equal avg-ACC."
    )
    for benchmark, result in content["benchmarks"].items():
        yield f"\n### {benchmark}\n"
        yield from gap_table(result)
        yield "\nAgainst the published table (arXiv 2507.14056 v2, whose learning rates and"
        yield "final accuracies are not given):\n"
        yield from verdicts(result)
        yield "\nFronts: the lowest mean avg-SG of NGM-SGD among configurations that reach an"
        yield "avg-ACC, against the same of the others (means over the fresh seeds, no interval):\n"
        yield from front_comparison(result)
        yield ""
        yield from front_table(result)
        for figure in ("fronts", "switches", "gain"):
            name = f"stability_gap_{benchmark}_{figure}.png"
            yield f"\n![{benchmark}, {figure}](results/{name})"


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
        "By `python benchmarks/accelerator.py`, which runs each of these in a process of its own. "
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


def readme_table(content: dict[str, Any]) -> Iterator[str]:
    """Yield the README's table: the main methods and the strongest control on both streams."""
    benchmarks = content["benchmarks"]
    yield "| avg-SG @ avg-ACC | " + " | ".join(f"{b} | published" for b in benchmarks) + " |"
    yield "|---|" + "---|---|" * len(benchmarks)
    for name in (*MAIN, "adam-reset"):
        cells = []
        for result in benchmarks.values():
            m = result["methods"][name]
            sg, acc = m["avg_sg"], m["avg_acc"]["mean"]
            published = result["published_avg_sg"].get(name)
            cells += [f"{interval(sg)} @ {acc:.3f}", "" if published is None else str(published)]
        summary = benchmarks[next(iter(benchmarks))]["methods"][name]["summary"]
        yield f"| {summary} | " + " | ".join(cells) + " |"


def main() -> None:
    """Write both files."""
    gap = json.loads((RESULTS / "stability_gap.json").read_text())
    lines = ["# Results\n\nWritten by `python benchmarks/report.py` from `benchmarks/results`.\n"]
    lines += stability_gap(gap)
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
    table = "\n".join(readme_table(gap))
    (ROOT / "README.md").write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
