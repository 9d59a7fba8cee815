"""How options are read from a command line and shown by `--help`, of whichever command.

The text of an option is the docstring under its field, or the field's metadata "help"; its default
is shown in parentheses, or in its place the field's metadata "default", words that say what applies
where the default follows from other options.
"""

import ast
import contextlib
import dataclasses
import io
import re
import shlex
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from neurogain._extras import extra
from neurogain._words import filled, page
from neurogain.options import OneOf

with extra("cli"):
    import tyro
    from tyro.constructors import (
        ConstructorRegistry,
        PrimitiveConstructorSpec,
        PrimitiveTypeInfo,
        StructConstructorSpec,
        StructFieldSpec,
        StructTypeInfo,
    )


def parse(command: Callable[..., Any], words: Sequence[str], *, prog: str, description: str) -> Any:
    """Call a function, or a dataclass, with arguments from a command line; return what it returns.

    Args:
      command: its parameters, or fields, are the options.
      words: the command line.
      prog: how the command is called, for its help.
      description: what it does, for its help; a docstring.
    """
    with _registry():
        if {"-h", "--help"} & {*words}:
            print(_help(command, prog, description))
            sys.exit(0)
        return tyro.cli(command, args=words, prog=prog)


def in_option_words(text: str, options: Mapping[str, bool]) -> str:
    """Return what is said of arguments in Python as said of the options of a command line.

    What is quoted, as the user's own words are, and what is inside a call stay as they are.

    Args:
      text: an error's, say.
      options: the arguments that are options; whether they are switches, without a value.

    Example:
      >>> print(in_option_words("`every` must be above 0. Pass every=5.", {"every": False}))
      `--every` must be above 0. Pass --every 5.
    """
    names = "|".join(map(re.escape, sorted(options, key=len, reverse=True)))
    quoted = r"""(?<!\w)(?:'[^'\n]*'|"[^"\n]*")(?!\w)"""
    several = r"\([^()]*\)|\[[^\]]*\]"
    value = rf"""(?P<value>{several}|{quoted}|[-+\w./]*\w)(?![(\w])"""
    parts = (
        rf"\b(?:Posix|Windows)Path\((?P<path>{quoted})\)",
        rf"(?<![\w.(`:,/\\'\"-])(?P<given>{names})={value}",
        rf"`(?P<name>{names})`",
        quoted,
        r"[\w.]+\((?:[^()]|\([^()]*\))*\)",  # a call
    )

    def said(found: re.Match[str]) -> str:
        if found["path"]:
            return found["path"]
        if found["name"]:
            return f"`{_option(found['name'])}`"
        if found["given"]:
            return _given(found["given"], found["value"], options) or found[0]
        return found[0]

    return re.sub("|".join(parts), said, text)


@contextlib.contextmanager
def option_words(options: Any, others: Mapping[str, bool] | None = None) -> Iterator[None]:
    """Word errors about arguments that are options as errors about the command line.

    Args:
      options: a dataclass, or one of its kind, whose fields are options; anything else has none.
      others: further options, as for `in_option_words`.
    """
    fields = dataclasses.fields(options) if dataclasses.is_dataclass(options) else ()
    named = {field.name: isinstance(field.default, bool) for field in fields}
    named |= others or {}
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        if not isinstance(error, ValueError) and not str(error).startswith("`"):  # of no argument
            raise
        raise ValueError(in_option_words(str(error), named)) from error


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _given(name: str, value: str, options: Mapping[str, bool]) -> str | None:
    """Return an option with its value as typed in a shell; None if there is no such value."""
    try:
        known = ast.literal_eval(value)
    except (ValueError, SyntaxError):  # a word
        known = value
    if options[name] and isinstance(known, bool):
        return _option(name) if known else _option(f"no_{name}")
    several = known if isinstance(known, tuple | list) else [known]
    if ... in several:
        return None
    return " ".join([_option(name), *(shlex.quote(str(one)) for one in several)])


class _Kept(io.StringIO):
    """A text in memory that is styled as one on another stream."""

    def __init__(self, other: Any):
        super().__init__()
        self._other = other

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The other stream's."""
        return str(self._other.encoding)

    def isatty(self) -> bool:
        """Whether the other stream is a terminal."""
        return bool(self._other.isatty())


def _help(command: Callable[..., Any], prog: str, description: str) -> str:
    """Return tyro's help with what it does not wrap, usage and description, wrapped."""
    kept = _Kept(sys.stdout)
    with contextlib.redirect_stdout(kept), contextlib.suppress(SystemExit):
        tyro.cli(command, args=["--help"], prog=prog, description="")
    usage, options = kept.getvalue().split("\n", 1)
    usage = filled(re.sub(r"\x1b\[[\d;]*m", "", usage), "", "  ")  # whose styles have no width
    return "\n".join([usage, "", page(description), options.rstrip("\n")])


def choose(commands: dict[str, Callable[..., Any]], words: Sequence[str], *, prog: str) -> Any:
    """Call the function that the first word names with arguments from the others."""
    with _registry():
        return tyro.extras.subcommand_cli_from_dict(commands, prog=prog, args=words)


def without_prefix(options: Any) -> Any:
    """Return the annotation of a parameter whose fields are options of the command itself."""
    return tyro.conf.OmitArgPrefixes[Annotated[options, tyro.conf.arg(name="")]]  # type: ignore[misc]


def defaulting(kind: Any, words: str) -> Any:
    """Return the annotation of an option whose default is shown in words."""
    return Annotated[kind, tyro.conf.arg(help_behavior_hint=f"(default: {words})")]


def _registry() -> ConstructorRegistry:
    registry = ConstructorRegistry()
    registry.primitive_rule(_by_name)
    registry.struct_rule(_described())
    return registry


def _by_name(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Take what is annotated `str | X` as text; its choices are those of `X.choices()`, if any."""
    kinds = typing.get_args(info.type)
    if len(kinds) != 2 or kinds[0] is not str or not dataclasses.is_dataclass(kinds[1]):
        return None
    known = getattr(kinds[1], "choices", None)
    choices = None if known is None else known()
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="STR" if choices is None else "{" + ",".join(choices) + "}",
        instance_from_str=lambda texts: texts[0],
        is_instance=lambda value: isinstance(value, kinds),
        str_from_instance=lambda value: [str(value)],
        choices=choices,
    )


def _described() -> Callable[[StructTypeInfo], StructConstructorSpec | None]:
    """Return the rule of dataclasses: tyro's own, with the texts and defaults of this module."""
    asked: list[StructTypeInfo] = []  # of tyro's own rules

    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if asked or not dataclasses.is_dataclass(info.type):
            return None
        asked.append(info)
        try:
            spec = ConstructorRegistry.get_struct_spec(info)
        finally:
            asked.clear()
        if not isinstance(spec, StructConstructorSpec):
            return None
        metadata = {field.name: field.metadata for field in dataclasses.fields(info.type)}
        hints = typing.get_type_hints(info.type, include_extras=True)
        named = _by_option(list(metadata))
        fields = tuple(
            _shown(field, metadata[field.name], _names(hints[field.name]), named)
            for field in spec.fields
        )
        return dataclasses.replace(spec, fields=fields)

    return rule


def _names(hint: Any) -> tuple[str, ...]:
    """Return the names among which an option must be, if it has a rule that says them."""
    rules = getattr(hint, "__metadata__", ())
    return next((rule.names for rule in rules if isinstance(rule, OneOf)), ())


def _by_option(names: Sequence[str]) -> Callable[[str], str]:
    """Return a function that names fields in a text as options: in backticks, or with a "_"."""
    parts = [rf"\b{re.escape(name)}\b" for name in names if "_" in name]
    parts += [f"`{re.escape(name)}`" for name in names]
    return lambda text: re.sub("|".join(parts), lambda x: _option(x[0].strip("`")), text)


def _shown(
    field: StructFieldSpec,
    metadata: Mapping[str, Any],
    names: tuple[str, ...],
    named: Callable[[str], str],
) -> StructFieldSpec:
    """Return a field whose text has the lines of a paragraph joined, and its default in words.

    Names that it must be among follow the text where this does not say them all. `named` turns
    fields in a text into options.
    """
    text = field.helptext

    def joined() -> str | None:
        whole = text() if callable(text) else text
        if whole is None:
            return None
        if not {*names} <= {*re.findall(r"[\w-]+", whole)}:
            whole = f"{whole.rstrip('.')}. One of {', '.join(names)}."
        return re.sub(r"(?<!\n)\n[ \t]*(?=\S)", " ", named(whole))

    words = metadata.get("default")
    kind = field.type if words is None else defaulting(field.type, named(words))
    return dataclasses.replace(field, type=kind, helptext=joined)
