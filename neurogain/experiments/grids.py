"""Lists of numbers as they are typed on a command line: `0 600`, or `300:1500:100`, inclusive."""

import math


def parse(name: str, texts: tuple[str, ...], unit: str) -> tuple[float, ...]:
    """Return the numbers that the texts name, in order.

    Raises:
      ValueError: not a number or start:stop:step, empty, or a number twice.

    Example:
      >>> parse("coupling", ("0:1:0.5", "0.75"), "dimensionless")
      (0.0, 0.5, 1.0, 0.75)
    """
    values: list[float] = []
    for text in texts:
        values += _one(name, text, unit)
    if not values or len(set(values)) < len(values):
        raise ValueError(
            f"`{name}` must name at least one number ({unit}), and none twice; got "
            f"{' '.join(texts) or 'none'}."
        )
    return tuple(values)


def _one(name: str, text: str, unit: str) -> list[float]:
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not all(map(math.isfinite, parts)) or len(parts) not in (1, 3):
        raise ValueError(
            f"`{name}` must be numbers or ranges start:stop:step in {unit}; got {text!r}. "
            "Write for instance 0 600, or 300:1500:100."
        )
    if len(parts) == 1:
        return parts
    start, stop, step = parts
    count = (stop - start) / step if step else -1.0
    if count < -1e-9:
        raise ValueError(
            f"`{name}` must have a step that leads from start to stop ({unit}); got {text!r}."
        )
    if count > 1e6:
        raise ValueError(f"`{name}` must be at most a million numbers; got {text!r}.")
    # rounded to 12 digits, so that 0:1:0.1 holds 0.3 and not 0.30000000000000004
    return [float(f"{start + i * step:.12g}") for i in range(math.floor(count + 1e-9) + 1)]
