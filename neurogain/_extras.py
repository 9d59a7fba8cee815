"""What an extra brings may be missing; the error then says which command installs it."""

import contextlib
from collections.abc import Iterator


class MissingExtraError(ImportError):
    """A package of an extra is not installed; the message is one line with the command."""


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Import, within this context, what the extra `name` of pyproject.toml brings.

    Example:
      >>> with extra("plot"):
      ...     import no_such_plotter
      Traceback (most recent call last):
      neurogain._extras.MissingExtraError: no_such_plotter is not installed: \
pip install 'neurogain[plot]'

    Raises:
      MissingExtraError: if a module is missing that is not of this package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "neurogain":
            raise
        raise MissingExtraError(
            f"{missing} is not installed: pip install 'neurogain[{name}]'", name=error.name
        ) from None
