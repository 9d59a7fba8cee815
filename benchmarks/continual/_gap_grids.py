"""Which optimizers are compared with which model; the registry knows how each is tuned."""

from neurogain.continual.methods import METHODS

FROZEN = tuple(name for name, m in METHODS.items() if m.frozen)  # by preset_search.py
FRONTS = tuple(name for name, m in METHODS.items() if m.fronts)
[PRESET] = (name for name in FROZEN if METHODS[name].against)
MAIN = tuple(name for name, m in METHODS.items() if m.main)


def names(model: str) -> tuple[str, ...]:
    """Return the methods of a comparison, the frozen ones last."""
    return (*(name for name, m in METHODS.items() if model in m.grids), *FROZEN)
