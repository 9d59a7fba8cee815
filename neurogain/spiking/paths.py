"""Constants of cells by path: the name of a field, with dots for those of parts ("soma.d")."""

from typing import Any


def get(params: Any, path: str) -> Any:
    """Return the constant under a path.

    Example:
      >>> from neurogain.spiking import cells
      >>> get(cells.L5_PYRAMIDAL, "soma.d")
      250.0
    """
    for name in path.split("."):
        params = getattr(params, name)
    return params


def replace(params: Any, path: str, value: Any) -> Any:
    """Return constants with another value under a path.

    Example:
      >>> from neurogain.spiking import cells
      >>> replace(cells.L5_PYRAMIDAL, "soma.d", 100.0).soma.d
      100.0
    """
    name, _, rest = path.partition(".")
    return params._replace(**{name: replace(getattr(params, name), rest, value) if rest else value})
