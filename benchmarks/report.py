"""Write RESULTS.md, a page by subject and the README's table from the kept results.

`python benchmarks/run.py report`; nothing is measured.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.continual._gap_readme import preset_table, readme_table
from benchmarks.record import RESULTS, markdown
from benchmarks.registry import ROOT, Benchmark, benchmarks, owner

BEGIN, END = "<!-- results: written by benchmarks/report.py -->", "<!-- end of results -->"
COMMAND = "python benchmarks/run.py report"
GONE = ("--json", "--out", "--work", "--experiments")
"""Options of the commands by which results were measured before `run.py`, which took them over."""


class Result(NamedTuple):
    """A kept result: the file's name and content, and the benchmark that wrote it."""

    name: str
    content: dict[str, Any]
    benchmark: Benchmark
    piece: bool = False  # whether `accelerator` ran the benchmark

    @property
    def subject(self) -> str:
        """Return on which page it stands."""
        return "accelerator" if self.piece else self.benchmark.subject

    @property
    def title(self) -> str:
        """Return its heading."""
        if "title" in self.content:
            return self.content["title"]
        protocol = self.content["config"]["scale"]  # of schema 3
        scale = "" if protocol == "default" else f", {protocol} protocol"
        return f"The stability gap on {self.content['benchmark']}{scale}, joint training"


def kept(known: Mapping[str, Benchmark]) -> Iterator[Result]:
    """Yield the kept results by name, then what was measured on an accelerator."""
    for path in [*sorted(RESULTS.glob("*.json")), *sorted(RESULTS.glob("accelerator/*.json"))]:
        content, piece = json.loads(path.read_text()), path.parent != RESULTS
        if piece and (content["result"] is None or content["tiny"]):
            continue
        one = script(content["command"], known) if piece else owner(path.stem, dict(known))
        if one is None:
            raise ValueError(f"{path} is of no benchmark that there is.")
        yield Result(path.stem, content, one, piece)


def script(command: str, known: Mapping[str, Benchmark]) -> Benchmark | None:
    """Return the benchmark that a command runs, of either form; None for another command."""
    words = shlex.split(command)
    name = words[3] if words[1].endswith("/run.py") else Path(words[1]).stem
    return known.get(name.replace("_", "-"))


def measured(command: str, stem: str, one: Benchmark) -> str:
    """Return by which command a result was measured, and by which it is measured now."""
    words = shlex.split(command)
    if words[0] != "python" or words[1] == "benchmarks/run.py":
        return f"`{command}`"
    options: list[str] = []
    gone = False
    for word in words[2:]:
        gone = word in GONE or (gone and not word.startswith("--"))
        options += [] if gone else [word]
    part = stem[len(one.stem) + 1 :]
    if "--name" in options:
        at = options.index("--name")
        options[at : at + 2] = ["--part", part]
    if words[1].endswith("experiments.py") and part:
        options = [part]
    now = shlex.join(["python", "benchmarks/run.py", "run", one.name, *options])
    return f"`{command}`, now `{now}`"


def anchor(title: str) -> str:
    """Return the anchor of a heading.

    >>> anchor("Speed of a layer-5 network")
    'speed-of-a-layer-5-network'
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def section(one: Result) -> Iterator[str]:
    """Yield the section of one result."""
    content = one.content
    yield f"## {one.title}\n"
    by = measured(content["command"], "" if one.piece else one.name, one.benchmark)
    own = getattr(one.benchmark.module(), "section", None)
    if own is not None and not one.piece:
        yield from own(one.name, content, by)
        return
    yield f"Measured by {by}{on_accelerator(content) if one.piece else circumstances(content)}."
    yield f"\n```\n{content['table']}\n```"
    for note in content.get("notes", []):
        yield f"\n{note}"
    for figure in content.get("figures", []):
        yield f"\n![{Path(figure).stem.replace('_', ' ')}]({figure})"


def circumstances(content: Mapping[str, Any]) -> str:
    """Return on what a result was measured."""
    versions, seconds = content["versions"], content.get("wall_time_s")
    cores = f", {versions['cpus']} cores" if "cpus" in versions else ""
    time = "" if seconds is None else f", in {seconds:.0f} s"
    names = ", ".join(f"{name} {versions[name]}" for name in ("jax", "numpy", "python"))
    return f" on {versions['device']}{cores} ({names}){time}"


def on_accelerator(content: Mapping[str, Any]) -> str:
    """Return on what a piece was measured, and whether it was stopped."""
    device, versions = content["device"], content["versions"]
    commit = "no commit" if content["commit"] is None else f"commit {content['commit'][:10]}"
    exact = content["env"].get("JAX_DEFAULT_MATMUL_PRECISION") == "highest"
    parts = [
        device["kind"],
        f"jax {versions['jax']}, Python {versions['python']}, {versions['cpus']} CPUs",
        commit + (" with changes" if content["uncommitted_changes"] else ""),
        f"float32 products {'in full' if exact else 'as JAX does them by default'}",
        f"{content['wall_time_s']:.0f} s",
    ]
    if device["device_peak_mib"] is not None:
        parts.append(f"at most {device['device_peak_mib']:,.0f} MiB of device memory")
    if content["beside"]:
        parts.append(f"beside {len(content['beside'])} others, so that its time isn't its own")
    text = f".\n\n{'; '.join(parts)}"
    if content["status"] == "measured":
        return text
    return (
        f"{text}.\n\nIt {content['status']} before its end: the table holds what there was by then"
    )


def page(subject: str, results: Sequence[Result]) -> str:
    """Return the page of a subject."""
    lines = [f"# Results: {subject}\n\nWritten by `{COMMAND}`; [all subjects](../RESULTS.md).\n"]
    lines += [f"* [{one.title}](#{anchor(one.title)})" for one in results]
    for one in results:
        lines += ["", *section(one)]
    return "\n".join(lines) + "\n"


def claims(one: Result) -> Iterator[dict[str, str]]:
    """Yield what a result claims, each with its number and a link."""
    link = f"[{one.name}](results/{one.subject}.md#{anchor(one.title)})"
    link += f", {one.content['device']['kind']}" if one.piece else ""
    found = getattr(one.benchmark.module(), "claims", lambda _: ())
    for claim, number in found(one.content["result"] if one.piece else one.content):
        yield {"claim": claim, "number": number, "page": link}


def overview(pages: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """Yield RESULTS.md: claims with their numbers, a table a subject."""
    yield "# Results"
    yield f"\nWritten by `{COMMAND}`. Numbers have 95 % intervals where there are any; the"
    yield "page behind a row has the command, the device, the versions and the whole table; `python"
    yield "benchmarks/run.py list` names the benchmarks. avg-SG: mean stability gap, low is better;"
    yield "avg-ACC: accuracy at the end; AAA: average anytime accuracy, on all tasks so far."
    columns = [(name, name, "") for name in ("claim", "number", "page")]
    for subject, results in pages.items():
        yield f"\n## {subject.capitalize()}\n"
        yield from markdown(columns, [row for one in results for row in claims(one)])


def files() -> dict[Path, str]:
    """Return all that is written, by path."""
    pages: dict[str, list[Result]] = {}
    for one in kept(benchmarks()):
        pages.setdefault(one.subject, []).append(one)
    pages = dict(sorted(pages.items()))
    written = {ROOT / "benchmarks" / "RESULTS.md": "\n".join(overview(pages)) + "\n"}
    for subject, results in pages.items():
        written[RESULTS / f"{subject}.md"] = page(subject, results)
    readme = ROOT / "README.md"
    before, found, rest = readme.read_text().partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{readme} must hold the lines {BEGIN} and {END}.")
    gaps = [
        one.content
        for one in pages["continual"]
        if one.benchmark.name == "stability-gap" and _in_readme(one.content)
    ]
    presets = [r.content for r in pages["continual"] if r.benchmark.name == "preset-acceptance"]
    held = [line for content in presets for line in ("", *preset_table(content))]
    table = "\n".join([*readme_table(gaps), *held, f"\nWritten by `{COMMAND}`."])
    written[readme] = f"{before}{BEGIN}\n{table}\n{END}{after}"
    return written


def _in_readme(gap: Mapping[str, Any]) -> bool:
    """Return whether a stream stands in the README: of spiking layers only LIF cells on digits."""
    config = gap["config"]
    spiking = config.get("model") == "spiking"
    return not spiking or (config["cell"] == "lif" and gap["benchmark"].endswith("digits"))


def write() -> None:
    """Write all."""
    for path, text in files().items():
        path.write_text(text)
        print(f"Written: {path.relative_to(ROOT)}")
