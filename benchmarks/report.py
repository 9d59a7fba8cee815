"""Write RESULTS.md, a page by subject and the README's table from the kept results.

`python benchmarks/run.py report`; nothing is measured.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.continual._gap_page import readme_table
from benchmarks.record import RESULTS
from benchmarks.registry import ROOT, Benchmark, benchmarks, owner

BEGIN, END = "<!-- results: written by benchmarks/report.py -->", "<!-- end of results -->"
COMMAND = "python benchmarks/run.py report"
GONE = ("--json", "--out", "--work", "--experiments")
"""Options of the commands by which results were measured before `run.py`, which took them over."""

Results = dict[str, dict[str, Any]]
"""Contents of result files by their names."""


def kept(folder: Path) -> Results:
    """Return the kept results of a folder, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def on_devices() -> Results:
    """Return what was measured on an accelerator."""
    found = kept(RESULTS / "accelerator")
    return {n: c for n, c in found.items() if c["result"] is not None and not c["tiny"]}


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


def heading(content: Mapping[str, Any]) -> str:
    """Return the heading of a result."""
    if "title" in content:
        return content["title"]
    protocol = content["config"]["scale"]  # of schema 3
    scale = "" if protocol == "default" else f", {protocol} protocol"
    return f"The stability gap on {content['benchmark']}{scale}, joint training"


def section(stem: str, content: Mapping[str, Any], one: Benchmark) -> Iterator[str]:
    """Yield the section of one result."""
    yield f"## {heading(content)}\n"
    by = measured(content["command"], stem, one)
    own = getattr(one.module(), "section", None)
    if own is not None:
        yield from own(stem, content, by)
        return
    yield f"Measured by {by} {circumstances(content)}.\n\n```\n{content['table']}\n```"
    for note in content.get("notes", []):
        yield f"\n{note}"
    for figure in content.get("figures", []):
        yield f"\n![{Path(figure).stem.replace('_', ' ')}]({figure})"


def circumstances(content: Mapping[str, Any]) -> str:
    """Return on what a result was measured."""
    versions, seconds = content["versions"], content.get("wall_time_s")
    cores = f", {versions['cpus']} cores" if "cpus" in versions else ""
    time = "" if seconds is None else f", in {seconds:.0f} s"
    names = ("jax", "numpy", "python")
    return (
        f"on {versions['device']}{cores} ({', '.join(f'{n} {versions[n]}' for n in names)}){time}"
    )


def on_accelerator(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of a piece that was measured on an accelerator."""
    device, versions = content["device"], content["versions"]
    one = script(content["command"], benchmarks())
    by = measured(content["command"], "", one) if one else f"`{content['command']}`"
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
    yield f"## {content['title']}\n\nMeasured by {by}.\n\n{'; '.join(parts)}."
    if content["status"] != "measured":
        yield f"\nIt {content['status']} before its end: the table holds what there was by then."
    yield f"\n```\n{content['table']}\n```"
    for note in content["notes"]:
        yield f"\n{note}"


def page(subject: str, sections: Mapping[str, list[str]]) -> str:
    """Return the page of a subject from its sections by their headings."""
    lines = [
        f"# Results: {subject}\n\nWritten by `{COMMAND}`; [all subjects](../RESULTS.md).\n",
        *(f"* [{title}](#{anchor(title)})" for title in sections),
    ]
    for own in sections.values():
        lines += ["", *own]
    return "\n".join(lines) + "\n"


def by_subject(known: Mapping[str, Benchmark], results: Results) -> dict[str, dict[str, list[str]]]:
    """Return the sections of each subject by their headings."""
    pages: dict[str, dict[str, list[str]]] = {}
    for stem, content in results.items():
        one = owner(stem, dict(known))
        if one is None:
            raise ValueError(f"{RESULTS / stem}.json is of no benchmark that there is.")
        own = pages.setdefault(one.subject, {})
        own[heading(content)] = list(section(stem, content, one))
    for content in on_devices().values():
        own = pages.setdefault("accelerator", {})
        own[content["title"]] = list(on_accelerator(content))
    return dict(sorted(pages.items()))


def claims(one: Benchmark, content: Mapping[str, Any], link: str) -> Iterator[str]:
    """Yield the rows of what a result claims."""
    for claim, number in getattr(one.module(), "claims", lambda _: ())(content):
        yield f"| {claim} | {number} | {link} |"


def overview(known: Mapping[str, Benchmark], results: Results) -> Iterator[str]:
    """Yield RESULTS.md: claims with their numbers, a table a subject."""
    yield "# Results"
    yield f"\nWritten by `{COMMAND}`. Numbers have 95 % intervals where there are any; the"
    yield "page behind a row has the command, the device, the versions and the whole table."
    yield "`python benchmarks/run.py list` names the benchmarks. avg-SG is the mean stability gap,"
    yield "of which less is better; avg-ACC the accuracy at the end."
    rows: dict[str, list[str]] = {}
    for stem, content in results.items():
        one = owner(stem, dict(known))
        assert one is not None
        link = f"[{stem}](results/{one.subject}.md#{anchor(heading(content))})"
        rows.setdefault(one.subject, []).extend(claims(one, content, link))
    for name, content in on_devices().items():
        one, kind = script(content["command"], known), content["device"]["kind"]
        link = f"[{name}](results/accelerator.md#{anchor(content['title'])}), {kind}"
        if one is not None:
            own = claims(one, content["result"], link)
            rows.setdefault("accelerator", []).extend(own)
    for subject, found in sorted(rows.items()):
        yield f"\n## {subject.capitalize()}\n\n| claim | number | page |\n|---|---|---|"
        yield from found


def files() -> dict[Path, str]:
    """Return all that is written, by path."""
    known, results = benchmarks(), kept(RESULTS)
    written = {ROOT / "benchmarks" / "RESULTS.md": "\n".join(overview(known, results)) + "\n"}
    for subject, sections in by_subject(known, results).items():
        written[RESULTS / f"{subject}.md"] = page(subject, sections)
    readme = ROOT / "README.md"
    before, found, rest = readme.read_text().partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{readme} must hold the lines {BEGIN} and {END}.")
    gaps = [c for s, c in results.items() if s.startswith("stability_gap_")]
    table = "\n".join([*readme_table(gaps), f"\nWritten by `{COMMAND}`."])
    written[readme] = f"{before}{BEGIN}\n{table}\n{END}{after}"
    return written


def write() -> None:
    """Write all."""
    for path, text in files().items():
        path.write_text(text)
        print(f"Written: {path.relative_to(ROOT)}")
