"""List, run and report the benchmarks.

    python benchmarks/run.py list
    python benchmarks/run.py run NAME [--tiny] [--out DIR] [--work DIR]
                                      [OPTION ...]
    python benchmarks/run.py report

`run NAME --help` says what a benchmark measures and lists its options. It writes NAME.json and its
figures into --out (benchmarks/results), and keeps what is not finished in --work. With --tiny it
measures nothing, in seconds, into runs/tiny. `report` writes RESULTS.md, a page by subject and the
README's table from the kept results. `registry.py` says what a new benchmark is.
"""

import argparse
import dataclasses
import os
import shlex
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

sys.path[:1] = [str(Path(__file__).resolve().parents[1])]

from benchmarks.registry import Benchmark, benchmarks, duration  # noqa: E402
from neurogain._words import page  # noqa: E402

if TYPE_CHECKING:
    from benchmarks.record import Record

HELP = {"-h", "--help"}


def listing(known: dict[str, Benchmark]) -> str:
    """Return names, times, titles and needs by subject, within 80 columns."""
    lines = ["python benchmarks/run.py run NAME; times are about, on 2 CPU cores or one GPU"]
    subject = ""
    for one in known.values():
        if one.subject != subject:
            subject = one.subject
            lines += ["", subject]
        title = one.title if one.title.endswith("?") else f"{one.title}."
        text = title + (f" Needs {one.needs}." if one.needs else "")
        head = f"  {one.name:<22}{duration(one.minutes):>7}  "
        lines += textwrap.wrap(text, 80, initial_indent=head, subsequent_indent=" " * len(head))
    return "\n".join(lines)


def parsed(module: ModuleType, name: str, words: list[str], tiny: bool) -> Any:
    """Return the arguments that `run` of a benchmark takes."""
    changes, text = module.TINY if tiny else {}, (module.__doc__ or "").rstrip()
    if not hasattr(module, "Arguments"):
        if HELP & {*words}:
            command = getattr(module, "WORDS", (name,))[0]
            print(page(f"{text}\n\n`neurogain {command} --help` lists the options."))
            sys.exit(0)
        return [*words, *changes]
    from neurogain import commandline

    prog = f"python benchmarks/run.py run {name}"
    text += "\n\n--tiny, --out and --work are as `run.py --help` says."
    args = commandline.parse(module.Arguments, words, prog=prog, description=text)
    return dataclasses.replace(args, **changes)


def run(known: dict[str, Benchmark], words: list[str]) -> None:
    """Run one benchmark, and keep its record."""
    parser = argparse.ArgumentParser("run.py run", add_help=False, allow_abbrev=False)
    parser.add_argument("name", choices=known, metavar="NAME")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path)
    own, rest = parser.parse_known_args(words)
    from benchmarks.record import RESULTS, Record, anonymous

    one = known[own.name]
    module = one.module()
    args = parsed(module, one.name, rest, own.tiny)
    trial = Path("runs/tiny")
    command = ("python", "benchmarks/run.py", "run", one.name)
    record = Record(
        one.stem,
        one.title,
        shlex.join([*command, *anonymous(rest), *["--tiny"] * own.tiny]),
        own.out or (trial if own.tiny else RESULTS),
        own.work or (trial if own.tiny else Path("runs/benchmarks")) / one.stem,
    )
    from neurogain import commandline

    with commandline.option_words(args):
        _start(one, module, args, record, tiny=own.tiny)


def _start(one: Benchmark, module: ModuleType, args: Any, record: "Record", *, tiny: bool) -> None:
    """Say how long it takes, and run it."""
    minutes = module.minutes(args) if hasattr(module, "minutes") else one.minutes
    long = "less than a minute or two" if tiny else f"about {duration(minutes)}"
    needs = f"; needs {one.needs}" if one.needs else ""
    print(f"{one.title} ({long}{needs})", flush=True)
    if hasattr(module, "run"):
        module.run(args, record)
    else:
        from benchmarks.experiment import keep

        words = [*getattr(module, "WORDS", (one.name,)), *args]
        keep(record, words, getattr(module, "FIGURES", ()), getattr(module, "NOTE", ""))
    if record.table:
        record.finish()


def main() -> None:
    """Do what the first word says."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    known, words = benchmarks(), sys.argv[1:]
    if HELP & {*words[:2]}:
        print(page(__doc__ or ""))
    elif words[:1] == ["list"]:
        print(listing(known))
    elif words[:1] == ["run"] and len(words) > 1:
        try:
            run(known, words[1:])
        except (ValueError, OSError) as error:
            sys.exit(f"{words[1]}: {error}")
        except KeyboardInterrupt:
            sys.exit(f"{words[1]}: interrupted")
    elif words[:1] == ["report"]:
        from benchmarks.report import write

        write()
    else:
        print(page(__doc__ or ""), file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
