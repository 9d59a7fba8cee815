"""What configurations share: the rule of a field is in its annotation, and is checked in one place.

    from neurogain.grids import Grid

    @dataclasses.dataclass(frozen=True)
    class OwnConfig(Options):
        current: Annotated[Grid, In("pA")] = ("300:1500:100",)
        threshold: Annotated[float, positive("mV")] = 2.0
        repeats: Count = 5

A rule is a value with `check(name, value, default)`, which raises ValueError with the argument, the
rule, the value and a way out. What several fields must obey together, `_check_together` checks.
"""

import dataclasses
import math
import typing
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from neurogain import _checks, grids, results


def by_default(words: str, value: Any = None) -> Any:
    """Return a field whose value, if it is not given, stands for what `words` say in the help.

    Example:
      >>> @dataclasses.dataclass(frozen=True)
      ... class OwnConfig(Options):
      ...     seeds: int | None = by_default("as many as there are cores")
      >>> OwnConfig().seeds is None
      True
    """
    return dataclasses.field(default=value, metadata={"default": words})


class Rule(NamedTuple):
    """Numbers for which something holds."""

    text: str  # what they must be
    holds: Callable[[np.ndarray], Any]

    def check(self, name: str, value: Any, default: Any) -> None:
        """Raise a ValueError unless it holds for the value, or for each of several."""
        way_out = f"{default:g}" if isinstance(default, float) else str(default)
        way_out = "Choose another." if default is None else way_out
        _checks.in_range(name, value, self.text, self.holds, way_out)


def positive(unit: str, below: float = math.inf) -> Rule:
    """Return the rule of numbers above 0."""
    most = "finite" if below == math.inf else f"below {below:g}"
    return Rule(f"positive and {most}, {_checks.in_unit(unit)}", lambda x: (x > 0) & (x < below))


def at_least_0(unit: str) -> Rule:
    """Return the rule of finite numbers from 0 on."""
    return Rule(f"finite and at least 0 ({unit})", lambda x: (x >= 0) & (x < np.inf))


def finite(unit: str) -> Rule:
    """Return the rule of finite numbers."""
    return Rule(f"finite, {_checks.in_unit(unit)}", np.isfinite)


class Whole(NamedTuple):
    """Whole numbers from one on."""

    least: int

    def check(self, name: str, value: Any, default: Any) -> None:
        """Raise a ValueError unless the value is a whole number of at least `least`."""
        _checks.whole(name, value, self.least)


Count = Annotated[int, Whole(1)]
Seed = Annotated[int, Rule("in [0, 2^32)", lambda x: (x >= 0) & (x < 2**32))]
_CONDUCTANCE = Rule("a finite conductance of at least 0 nS", lambda x: (x >= 0) & (x < np.inf))
_SHARE = Rule("in [0, 1], the probability (dimensionless)", lambda x: (x >= 0) & (x <= 1))
TimeStep = Annotated[float, positive("ms", below=1e3)]


class Multiple(NamedTuple):
    """Multiples of a step; several values are checked each."""

    step: float
    unit: str = "ms"
    positive: bool = False

    def check(self, name: str, value: Any, default: Any = None) -> None:
        """Raise a ValueError unless the value is a multiple of at least 0, or above it."""
        for one in value if isinstance(value, tuple) else (value,):
            count = one / self.step if math.isfinite(one) else -1.0
            least = 1 if self.positive else 0
            if round(count) < least or abs(count - round(count)) > 1e-6:
                kind = "positive multiple" if self.positive else "multiple"
                fits = max(1, math.ceil(count)) * self.step
                raise ValueError(
                    f"`{name}` must be a {kind} of {self.step:g} {self.unit}; got {one!r}. Pass "
                    f"{name}={fits:g}."
                )


class OneOf(NamedTuple):
    """One of several names; several values are checked each."""

    names: tuple[str, ...]

    def check(self, name: str, value: Any, default: Any) -> None:
        """Raise a ValueError unless the value is one of the names."""
        for one in value if isinstance(value, tuple) else (value,):
            if one not in self.names:
                raise ValueError(f"`{name}` must be one of {', '.join(self.names)}; got {one!r}.")


class In(NamedTuple):
    """A grid of numbers in a unit, each of which may have a rule."""

    unit: str
    rule: Rule | None = None
    optional: bool = False  # whether there may be no number

    def numbers(self, name: str, value: Any) -> tuple[float, ...]:
        """Return the numbers; errors as in `grids.parse`."""
        return () if self.optional and not value else grids.parse(name, value, self.unit)

    def check(self, name: str, value: Any, default: Any) -> None:
        """Raise a ValueError unless the value is a grid whose numbers keep the rule."""
        numbers = self.numbers(name, value)
        if self.rule is not None:
            self.rule.check(name, numbers, " ".join(map(str, default)))


Shares = Annotated[grids.Grid, In("dimensionless", _SHARE)]
Conductances = Annotated[grids.Grid, In("nS", _CONDUCTANCE)]


@dataclasses.dataclass(frozen=True)
class Options:
    """A configuration whose fields have rules; in Python, grids and tuples may be lists, too."""

    _rules: ClassVar[dict[str, tuple[Any, ...]]] = {}  # of each field
    _grids: ClassVar[dict[str, In]] = {}
    _numbers: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Take the rules from the annotations."""
        hints = typing.get_type_hints(cls, include_extras=True)
        cls._rules = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
        found = [(name, rule) for name, rules in cls._rules.items() for rule in rules]
        kinds = typing.get_type_hints(cls).items()
        cls._numbers = tuple(name for name, kind in kinds if kind in (int, float))
        cls._grids = {name: rule for name, rule in found if isinstance(rule, In)}

    def __post_init__(self) -> None:
        """Keep grids and lists as tuples."""
        grids.freeze(self, self._grids)
        for field in dataclasses.fields(self):
            if isinstance(field.default, tuple) and field.name not in self._grids:
                value = grids.as_tuple(getattr(self, field.name))
                object.__setattr__(self, field.name, value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the values of a field that is a grid."""
        return self._grids[name].numbers(name, getattr(self, name))

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, ranges written out."""
        return results.plain(self) | {name: list(self.numbers(name)) for name in self._grids}

    def check(self) -> None:
        """Raise ValueError for bad input; the message has the rule, the value and a way out."""
        for name in self._numbers:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise TypeError(f"`{name}` must be a number; got {value!r}.")
        for name, rules in self._rules.items():
            value, default = getattr(self, name), getattr(type(self), name, None)
            for rule in rules if value is not None or default is not None else ():
                rule.check(name, value, default)
        self._check_together()

    def _check_together(self) -> None:
        """Raise ValueError for values that don't fit each other."""

    def _require(self, name: str, holds: bool, rule: str, way_out: Any) -> None:
        """Raise a ValueError unless a rule, the words after "must", holds for a field.

        `way_out` is a value that would do, or a sentence.
        """
        if not holds:
            advice = way_out if isinstance(way_out, str) else f"Pass {name}={way_out}."
            raise ValueError(f"`{name}` must {rule}; got {getattr(self, name)!r}. {advice}")
