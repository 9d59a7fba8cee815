"""What `neurogain go-nogo` can be told, and the units of work that follow from it."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from neurogain import results
from neurogain.grids import Grid
from neurogain.options import Count, In, Multiple, OneOf, Options, Rule, Seed, Whole
from neurogain.tasks import go_nogo as task
from neurogain.tasks.go_nogo.conditions import CONDITIONS, YOKED_TO
from neurogain.tasks.go_nogo.environment import Feedback, Shift
from neurogain.tasks.go_nogo.measures import BLOCK, LAST

FIRST_SEED = 1000  # lower ones were for tuning
_BLOCKS = Multiple(BLOCK, "trials, over which performance is averaged")
_LIKELY = Rule("probabilities above 0.5 and at most 1", lambda x: (x > 0.5) & (x <= 1))
_WHOLE = Rule("whole numbers of trials of at least 0", lambda x: (x >= 0) & (x % 1 == 0))


@dataclasses.dataclass(frozen=True)
class GoNoGoConfig(Options):
    """Which neuromodulators a set shift needs: a spiking actor-critic in a Go/No-Go task."""

    conditions: Annotated[tuple[str, ...], OneOf(tuple(CONDITIONS))] = tuple(CONDITIONS)
    """Conditions to run."""
    validity: Annotated[Grid, In("dimensionless", _LIKELY)] = ("1", "0.93", "0.85")
    """Probabilities that feedback is valid; numbers, or start:stop:step with both ends. In Python a
    number, a list or an array."""
    overtraining: Annotated[Grid, In("trials", _WHOLE)] = ("0", "300", "900")
    """Trials that the first rule gets beside, multiples of 20; those above 0 for DA, DA + NA, tuned
    DA and forgetting alone, at the first validity."""
    shift: Shift = "extra"
    """extra: the other modality decides; reversal: the other cue; intra: new cues."""
    trials: Annotated[int, Whole(LAST), _BLOCKS] = 500
    """Trials of each rule, at least 100 and a multiple of 20."""
    shifts: Count = 1
    """How often the rule changes."""
    feedback: Feedback = "asymmetric"
    """asymmetric: hit +1, false alarm -1, No-Go 0; symmetric: +1 and -1 for both actions."""
    cells: Annotated[str, OneOf(tuple(task.KINDS))] = "lif"
    """lif, izhikevich or pyramidal (excitatory cells with a dendrite, 15 times slower)."""
    seeds: Count = 30
    """Agents of each condition. They are run as one batch, whose size decides how numbers are
    rounded: a finished folder takes other conditions, validities and over-training, but no more
    seeds."""
    seed: Seed = FIRST_SEED
    """The first seed; the others follow it. Constants were chosen on seeds 0 to 59."""

    def agent(self, overtraining: int = 0) -> task.Agent:
        """Return the agent and its task."""
        own = task.Task(self.shift, self.trials, overtraining, self.shifts, self.feedback)
        return task.Agent(own, self.cells)

    def levels(self) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Return validities and lengths of over-training."""
        return self.numbers("validity"), tuple(map(int, self.numbers("overtraining")))

    def units(self) -> Iterator["Unit"]:
        """Yield the units of work, each once; what another is yoked to comes first."""
        validities, lengths = self.levels()
        names = sorted(self.conditions, key=lambda name: name != YOKED_TO)
        found: dict[Unit, None] = {}
        for validity in validities:
            found |= {Unit(name, validity, 0): None for name in names}
        for length in lengths:
            chosen = [name for name in names if CONDITIONS[name].overtrained]
            found |= {Unit(name, validities[0], length): None for name in chosen if length}
        yield from found

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, ranges as they were given."""
        return results.plain(self)

    def _check_together(self) -> None:
        some, yoked = bool(self.conditions), "na-yoked" in self.conditions
        self._require("conditions", some, "name at least one", "Pass da da+na.")
        rule, paired = f"have {YOKED_TO}, whose bursts na-yoked gets", YOKED_TO in self.conditions
        self._require("conditions", paired or not yoked, rule, f"Add {YOKED_TO}.")
        self._require("seeds", self.seeds > 1 or not yoked, "be at least 2 for na-yoked", 2)
        _, lengths = self.levels()
        _BLOCKS.check("overtraining", lengths)
        for length in (0, *lengths):
            self.agent(length).task.check()


class Unit(NamedTuple):
    """One unit of work: a condition at one validity and one length of over-training, all seeds."""

    condition: str
    validity: float
    overtraining: int  # trials

    @property
    def label(self) -> str:
        """Name of the unit, also of its file."""
        return f"{self.condition},validity={self.validity:.12g},overtraining={self.overtraining}"
