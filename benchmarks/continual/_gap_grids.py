"""Which optimizers are compared with which model; the registry knows how each is tuned."""

from neurogain.continual.methods import METHODS

FROZEN = tuple(name for name, m in METHODS.items() if m.frozen)  # by preset_search.py
FRONTS = tuple(name for name, m in METHODS.items() if m.fronts)
[PRESET] = (name for name in FROZEN if METHODS[name].against)
LISTED = tuple(  # those of the main figures, what must beat others, and these others
    name
    for name, m in METHODS.items()
    if m.main or m.against or any(name in other.against for other in METHODS.values())
)


def names(model: str) -> tuple[str, ...]:
    """Return the methods of a comparison, the frozen ones last."""
    return (*(name for name, m in METHODS.items() if model in m.grids), *FROZEN)
