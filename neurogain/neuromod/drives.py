"""What neuromodulatory neurons respond to: drives by name, and the rules of their numbers."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks
from neurogain.spiking.engine import drives
from neurogain.spiking.engine.drives import Rule


class Drives(NamedTuple):
    """What the systems respond to in a step; each is a scalar, or of the shape of `tonic`."""

    prediction_error: ArrayLike = 0.0  # any sign, in units of reward
    surprise: ArrayLike = 0.0  # in [0, 1], trigger of a burst of the locus coeruleus, per ms
    expected_uncertainty: ArrayLike = 0.0  # >= 0
    aversion: ArrayLike = 0.0  # any sign
    locus_mode: ArrayLike = 0.0  # in [0, 1], from phasic to tonic
    other: Mapping[str, ArrayLike] = {}  # finite, of sources of your own, by name

    def of(self, name: str) -> Any:
        """Return a drive by its name; 0 for one of your own that is not given."""
        return getattr(self, name) if name in RULES else self.other.get(name, 0.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Source:
    """What the neurons that release a neuromodulator follow; static.

    Attributes:
      drive: name of a field of `Drives`, or one of your own, which is then among `Drives.other`.
      bursts: whether they are the locus coeruleus, which fires bursts at a surprise.

    Example:
      >>> SOURCES["dopamine"] == Source("prediction_error")
      True
    """

    drive: str = dataclasses.field(metadata={"static": True})
    bursts: bool = dataclasses.field(default=False, metadata={"static": True})


SOURCES: dict[str, Source] = {
    "dopamine": Source("prediction_error"),
    "noradrenaline": Source("surprise", bursts=True),
    "acetylcholine": Source("expected_uncertainty"),
    "serotonin": Source("aversion"),
}


_UNIT = "in [0, 1]"
_in_unit = lambda x: (x >= 0) & (x <= 1)  # noqa: E731
DRAWN = (drives.Noise, drives.PoissonInput)
RULES = {
    "prediction_error": Rule("finite, in units of reward", np.isfinite, "0.0", DRAWN),
    "surprise": Rule(_UNIT, _in_unit, "0.0"),
    "expected_uncertainty": Rule(
        "finite and at least 0", lambda x: (x >= 0) & (x < np.inf), "0.0", (drives.PoissonInput,)
    ),
    "aversion": Rule("finite", np.isfinite, "0.0", DRAWN),
    "locus_mode": Rule(f"{_UNIT}, from phasic to tonic", _in_unit, "0.0"),
}
ANY = Rule("finite", np.isfinite, "0.0", DRAWN)  # of drives of your own


def check_drives(values: Drives) -> None:
    """Raise ValueError for drives outside their range; as `check` does."""
    for name in (*RULES, *values.other):
        rule = RULES.get(name, ANY)
        _checks.in_range(name, values.of(name), rule.text, rule.holds, rule.suggestion)


def named(values: Mapping[str, Any]) -> Drives:
    """Return drives from their names.

    Example:
      >>> named({"surprise": 1.0, "arousal": 2.0}).other
      {'arousal': 2.0}
    """
    own = {name: value for name, value in values.items() if name in RULES}
    return Drives(**own, other={k: x for k, x in values.items() if k not in RULES})
