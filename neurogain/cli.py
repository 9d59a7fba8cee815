"""The command `neurogain <experiment>`.

This module imports nothing but the standard library, so that an interruption ends in one line from
the first moment on.
"""

import _thread
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from neurogain._extras import MissingExtraError, extra

if TYPE_CHECKING:
    from neurogain.runner import Experiment

COMMON = {"out": False, "resume": True, "overwrite": True}  # options; whether they are switches
INTERRUPTED = 130  # what a shell expects of a process that a Ctrl-C ended


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, run, and turn errors of the user's input into one clear line."""
    _prepare(sys.argv[1:] if arguments is None else arguments)()


def run(experiment: "Experiment", arguments: list[str] | None = None) -> None:
    """Run one experiment with the options of a command line; for experiments of your own.

    In a file of yours, `if __name__ == "__main__": neurogain.cli.run(EXPERIMENT)`.
    """
    given = sys.argv[1:] if arguments is None else arguments
    with _one_line():
        _start(experiment, given, Path(sys.argv[0]).name)()


def _prepare(arguments: list[str]) -> Callable[[], None]:
    """Import what the arguments ask for, and return it ready to be run."""
    if arguments[:1] in (["--version"], ["-V"]):
        from neurogain import __version__

        return lambda: print(f"neurogain {__version__}")
    with _one_line():
        with extra("cli"):
            import tyro  # noqa: F401  (what a command needs first is told first)
        from neurogain import commandline, experiments

        if arguments and arguments[0] in experiments.NAMES:
            name, *given = arguments
            start = _start(experiments.get(name), given, f"neurogain {name}")
        elif {"-h", "--help"} & {*arguments}:
            return lambda: print(_overview())
        else:
            commands = {name: _command(experiments.get(name)) for name in experiments.NAMES}
            start = commandline.choose(commands, arguments, prog="neurogain")
    return lambda: _guarded(start)


def _overview() -> str:
    """Return the help of the command itself."""
    from neurogain import _words, experiments

    summaries = {name: experiments.get(name).summary for name in experiments.NAMES}
    lines = (
        "usage: neurogain [-h] [--version] EXPERIMENT [OPTION ...]",
        "",
        " Neuromodulated learning at two scales.",
        "",
        *(_words.filled(text, f" {name:<14} ", " " * 16) for name, text in summaries.items()),
        "",
        " `neurogain EXPERIMENT --help` lists the options.",
    )
    return "\n".join(lines)


def _guarded(start: Callable[[], None]) -> None:
    with _one_line():
        start()


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """Turn errors of the user's input, and a missing extra, into one line."""
    try:
        yield
    except (ValueError, OSError, FloatingPointError, MissingExtraError) as error:
        sys.exit(f"neurogain: {error}")


def _start(experiment: "Experiment", words: list[str], prog: str) -> Callable[[], None]:
    """Return what a command line asks of an experiment, ready to be run."""
    from neurogain import commandline

    start: Callable[[], None] = commandline.parse(
        _command(experiment), words, prog=prog, description=experiment.summary
    )
    return start


def _command(experiment: "Experiment") -> Callable[..., Callable[[], None]]:
    """Return the experiment as a function whose arguments are the options of its command."""
    from neurogain import commandline

    default = experiment.default_folder(None) if experiment.folder is None else None

    def command(
        config: Any, out: Any = default, resume: bool = False, overwrite: bool = False
    ) -> Callable[[], None]:
        with commandline.option_words(experiment.config, COMMON):
            folder = experiment.default_folder(config) if out is None else out
        return lambda: _run(experiment, config, folder, resume=resume, overwrite=overwrite)

    command.__annotations__["out"] = _out(experiment)
    command.__doc__ = f"""{experiment.summary}

    Args:
      out: Folder for metrics.json, curves/ and the figures.
      resume: Continue the run in the folder; what is finished is not run again. metrics.json is
        written anew, for what these options name.
      overwrite: Delete the run in the folder first.
    """
    command.__annotations__["config"] = commandline.without_prefix(experiment.config)
    return command


def _out(experiment: "Experiment") -> Any:
    """Return the annotation of the option `out`."""
    from neurogain import commandline

    if experiment.folder is None:
        return Path
    words = "follows from the options"
    with contextlib.suppress(TypeError):  # options without a default
        words = f"{experiment.default_folder(experiment.config())}; {words}"
    return commandline.defaulting(Path | None, words)


def _run(experiment: "Experiment", config: Any, out: Any, *, resume: bool, overwrite: bool) -> None:
    """Run with progress, and print the table and where everything is."""
    from neurogain import commandline, runner

    try:
        with commandline.option_words(experiment.config, COMMON):
            result = runner.run(
                experiment, config, out=out, resume=resume, overwrite=overwrite, progress=True
            )
    except KeyboardInterrupt:
        some = any((out / "curves").glob("*.npz"))
        kept = f". What was finished is in {out}; continue with --resume."
        _say("\nInterrupted" + (kept if some else " before anything was finished."))
        sys.exit(INTERRUPTED)
    print(result.table())
    print(f"\nWritten: {out / 'metrics.json'}; arrays in curves/, figures beside it.")


def script() -> None:
    """Run `main` as the installed command.

    A signal before anything runs ends the process on the spot. Where one interrupts a compilation
    or a thread, the interpreter's own shutdown would wait or crash; all results are on disk by
    then, so the process ends without it.
    """
    signal.signal(signal.SIGINT, _stop_at_once)
    sys.unraisablehook = _interrupt_again
    start = _prepare(sys.argv[1:])  # imports, which take seconds
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        start()
    except KeyboardInterrupt:
        _say("\nInterrupted.")
        _leave()
    except SystemExit as stop:
        if stop.code != INTERRUPTED:
            raise
        _leave()


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    del number, frame
    _say("\nInterrupted before anything was run.")
    _leave()


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeat an interruption that came while objects were freed, where Python would drop it.

    A thread raises it a little later, since Python would drop it again if this function raised it.
    """
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    with contextlib.suppress(RuntimeError):  # the interpreter is ending
        _thread.start_new_thread(_interrupt_soon, ())


def _interrupt_soon() -> None:
    time.sleep(0.05)  # s, in which the hook returns
    _thread.interrupt_main()


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)
