"""The optimizers of the comparison, by name.

A method is named on the command line by its name alone or with constants of its own,
"ngm:learning_rate=0.02,sensitivity=0.4". Those of the project stand in
`neurogain.continual.comparison`, one entry each; `register` adds another.
"""

import dataclasses
import difflib
from collections.abc import Collection, Sequence
from typing import Any

from neurogain.continual.comparison import METHODS as OURS
from neurogain.continual.method import Method, check_constants

__all__ = ["METHODS", "Method", "check_constants", "parse", "parse_all", "register", "texts"]

METHODS: dict[str, Method] = {}


def register(method: Method) -> Method:
    """Add a method to those that are known by name, and return it.

    Raises ValueError if another has its name, if the name would not be read back from a text, or
    if a constant is out of range.

    Example:
      >>> import optax
      >>> _ = register(Method("lion", "Lion", optax.lion, {"learning_rate": 1e-4}))
      >>> parse("lion:learning_rate=0.001").text
      'lion:learning_rate=0.001'
      >>> del METHODS["lion"]
    """
    if method.name in METHODS:
        raise ValueError(
            f"`name` must be new; there is a method {method.name!r} already. Take another name, or "
            f"delete METHODS[{method.name!r}] first."
        )
    if not method.name or set(method.name) & set(":,= "):
        raise ValueError(
            f"`name` must be without colons, commas, equals signs and spaces; got {method.name!r}."
        )
    check_constants(method.name, method.constants, method.sizes)
    METHODS[method.name] = method
    return method


for _method in OURS:
    register(_method)


def parse(
    text: str,
    *,
    sensitivity: float | None = None,
    argument: str = "optimizers",
    listed: Collection[str] | None = None,
) -> Method:
    """Return the method that `text` names, "name" or "name:constant=value,...".

    Args:
      text: what the user wrote.
      sensitivity: default for methods with a gain that starts from the published settings.
      argument: what errors call the option that held the text.
      listed: names that the error for an unknown one lists; by default all.

    Raises:
      ValueError: if the method or a constant is unknown, or a value is out of range.

    Example:
      >>> parse("ngm:learning_rate=0.02", sensitivity=0.5).text
      'ngm:learning_rate=0.02,decay=0.9,baseline=1,sensitivity=0.5'
      >>> parse("der++:memory=200").text
      'der++:learning_rate=0.001,alpha=1,beta=0.5,memory=200'
    """
    name, _, assignments = text.partition(":")
    if name not in METHODS:
        listed = METHODS if listed is None else listed
        near = difflib.get_close_matches(name, listed, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        if "," in name:
            hint = f" Give each for itself: {name.replace(',', ' ')}"
        raise ValueError(f"`{argument}` must be among {', '.join(listed)}; got {name!r}.{hint}")
    method = METHODS[name]
    constants = method.with_sensitivity(sensitivity)
    numbers: dict[str, Any] = {**constants, **method.sizes}
    given = [part.partition("=") for part in assignments.split(",") if part]
    for key, _, value in given:
        if key not in numbers:
            raise ValueError(
                f"`{argument}` may set {', '.join(numbers)} of {name!r}; got {key!r} in {text!r}. "
                f"Write {name}:{next(iter(numbers))}={next(iter(numbers.values())):g}"
            )
        if [k for k, _, _ in given].count(key) > 1:
            raise ValueError(
                f"`{argument}` may set each of {', '.join(numbers)} of {name!r} once; got "
                f"{key!r} again in {text!r}."
            )
        try:
            number = float(value)
        except ValueError:
            raise ValueError(
                f"`{key}` of {name!r} must be a number; got {value!r}. Write "
                f"{name}:{key}={method.hyperparameters[key]:g}"
            ) from None
        numbers[key] = int(number) if key in method.sizes and number.is_integer() else number
    constants, sizes = ({key: numbers[key] for key in of} for of in (constants, method.sizes))
    check_constants(name, constants, sizes)
    return dataclasses.replace(method, constants=constants, sizes=sizes)


def texts(chosen: Sequence[str | Method]) -> list[str]:
    """Return every choice as a text; a TypeError for what is neither a text nor a `Method`."""
    for one in chosen:
        if not isinstance(one, str | Method):
            raise TypeError(
                "`optimizers` must hold names, as 'adam:learning_rate=0.002', or methods; got "
                f"{one!r:.100}. Pass Method('mine', 'Mine', build, constants) for one of your own."
            )
    return [one.text if isinstance(one, Method) else one for one in chosen]


def parse_all(
    chosen: Sequence[str | Method],
    *,
    sensitivity: float | None = None,
    argument: str = "optimizers",
    listed: Collection[str] | None = None,
) -> dict[str, Method]:
    """Return the methods by label: the name, or the whole text of one named twice.

    Args:
      chosen: texts as for `parse`, or methods themselves, which keep their constants.
      sensitivity, argument, listed: as for `parse`.

    Raises:
      ValueError: if `chosen` is empty or names one method twice with the same constants, or if
        `parse` raises it for a text.

    Example:
      >>> list(parse_all(["sgd", "ngm:decay=0.5", "ngm:decay=0.8"]))
      ['sgd', 'ngm:decay=0.5', 'ngm:decay=0.8']
    """
    given = texts(chosen)
    names = [text.partition(":")[0] for text in given]
    labels = [
        name if names.count(name) == 1 else text for name, text in zip(names, given, strict=True)
    ]
    if len(set(labels)) < len(labels) or not labels:
        raise ValueError(
            f"`{argument}` must name at least one method, and none twice with the same constants; "
            f"got {' '.join(given) or 'none'}. Pass for instance sgd adam:learning_rate=0.002"
        )
    found = {}
    for label, one in zip(labels, chosen, strict=True):
        if isinstance(one, Method):
            check_constants(one.name, one.constants, one.sizes)
            found[label] = one
        else:
            found[label] = parse(one, sensitivity=sensitivity, argument=argument, listed=listed)
    return found


def described() -> str:
    """Return every method in words: "sgd (SGD), msgd (momentum-SGD), ..."."""
    return ", ".join(f"{m.name} ({m.summary})" for m in METHODS.values())
