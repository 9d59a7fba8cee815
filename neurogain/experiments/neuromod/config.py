"""What `neurogain neuromod` can be told."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np

from neurogain.neuromod import systems, tables
from neurogain.neuromod.drives import check_drives, named
from neurogain.neuromod.systems import SYSTEMS, Interaction
from neurogain.options import OneOf, Options, positive

if TYPE_CHECKING:
    Texts: TypeAlias = str | tuple[float | str, ...] | Sequence[str | tuple[float | str, ...]]
else:
    Texts = tuple[str, ...]  # as a command line has it

DRIVES = ("prediction_error", "surprise", "expected_uncertainty", "aversion")
LINKS = ("modulatory", "opponent")


@dataclasses.dataclass(frozen=True)
class NeuromodConfig(Options):
    """What four neuromodulators do for a pattern of drives, with their interactions and without.

    In Python a pulse may be a tuple (500, 700, 1), a link a tuple ("serotonin", "dopamine", 1).

    Example:
      >>> NeuromodConfig(surprise=[(1500, 1501, 1)]).surprise
      ('1500:1501:1',)
    """

    prediction_error: Texts = ("500:700:1", "3000:3500:-1")
    """Drive of dopamine: start:end:height, ms and units of reward."""
    surprise: Texts = ("1500:1501:1",)
    """Trigger of the locus coeruleus, height in [0, 1]."""
    expected_uncertainty: Texts = ("2000:4000:1",)
    """Drive of acetylcholine, height at least 0."""
    aversion: Texts = ("3000:3500:1", "4500:4700:1")
    """Drive of serotonin."""
    modulatory: Texts = ("acetylcholine:dopamine:1", "noradrenaline:acetylcholine:-1")
    """acting:acted-on:strength; the acting system's level changes the other's release."""
    opponent: Texts = ("serotonin:dopamine:1",)
    """acting:acted-on:share; the acting system's activity is taken from the other's."""
    cell: Annotated[str, OneOf(tuple(tables.EFFECTS))] = dataclasses.field(
        default="l5_pyramidal",
        metadata={"help": f"The target whose effects are shown: {', '.join(tables.EFFECTS)}."},
    )
    duration: Annotated[float, positive("ms")] = 6000.0
    """ms, length of the run."""
    dt: Annotated[float, positive("ms")] = 1.0
    """ms, time step."""

    def __post_init__(self) -> None:
        """Keep pulses and links as texts."""
        for name in DRIVES + LINKS:
            object.__setattr__(self, name, _texts(name, getattr(self, name)))

    def pulses(self) -> dict[str, list[tuple[float, float, float]]]:
        """Return start and end (ms) and height of the pulses of each drive."""
        return {name: [_parsed(name, text) for text in getattr(self, name)] for name in DRIVES}

    def interactions(self) -> tuple[Interaction, ...]:
        """Return one for each text."""
        return tuple(
            Interaction(acting, acted_on, **{name: strength})
            for name in LINKS
            for acting, acted_on, strength in (_parsed(name, x) for x in getattr(self, name))
        )

    def _check_together(self) -> None:
        rule = f"be 1 to a million steps of dt = {self.dt:g} ms"
        self._require("duration", 1 <= self.duration / self.dt <= 1e6, rule, 6000.0)
        for name, pulses in self.pulses().items():
            for start, end, height in pulses:
                if not 0 <= start < end <= self.duration:
                    raise ValueError(
                        f"`{name}` must have 0 <= start < end <= {self.duration:g} ms; got "
                        f"{start:g}:{end:g}:{height:g}."
                    )
                check_drives(named({name: height}))
        systems.check(tables.standard()._replace(interactions=self.interactions()))


def _texts(name: str, given: Any) -> tuple[str, ...]:
    """Return pulses or links as texts, whether one or several, texts or tuples.

    Raises:
      TypeError: if one is neither; the message names the field.
    """
    single = isinstance(given, str) or (
        len(given) == 3 and np.ndim(given[0]) == 0 and ":" not in str(given[0])
    )
    return tuple(_text(name, one) for one in ([given] if single else given))


def _text(name: str, one: Any) -> str:
    if isinstance(one, str):
        return one
    if np.shape(one) != (3,):
        raise TypeError(
            f"`{name}` must be texts start:end:height or acting:acted-on:strength, or tuples of "
            f"three; got {one!r}."
        )
    return ":".join(part if isinstance(part, str) else f"{float(part):.12g}" for part in one)


def _system(name: str) -> str:
    """Return the name of a system; raise a ValueError for another."""
    return SYSTEMS[SYSTEMS.index(name)]


_PULSE: Any = ((float, float, float), "pulses start:end:height, ms", "500:700:1")
_LINK: Any = (
    (_system, _system, float),
    f"acting:acted-on:strength, of {', '.join(SYSTEMS)}",
    "serotonin:dopamine:1",
)


def _parsed(name: str, text: str) -> tuple[Any, Any, float]:
    """Return start, end and height of a pulse, or the names and the strength of a link."""
    kinds, form, example = _PULSE if name in DRIVES else _LINK
    try:
        one, other, size = (read(x) for read, x in zip(kinds, text.split(":"), strict=True))
    except ValueError:
        size = math.nan
    if not math.isfinite(size):
        raise ValueError(f"`{name}` must be {form}; got {text!r}. Write {example}.")
    return one, other, size
