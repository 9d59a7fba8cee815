"""What `neurogain neuromod` prints."""

from collections.abc import Mapping
from typing import Any


def table(metrics: Mapping[str, Any]) -> str:
    """Return the lowest and highest value of each quantity, with interactions and without."""
    lines = [f"{'':<24}{'interactions on':>28}{'off':>28}"]
    for part in ("concentration_nM", "activation", "amount"):
        lines.append(part.replace("_nM", " (nM)"))
        for name in metrics["extremes"]["on"][part]:
            cells = []
            for kind in ("on", "off"):
                one = metrics["extremes"][kind][part][name]
                cells.append(f"{one['lowest']:.3g} to {one['highest']:.3g}")
            lines.append(f"  {name:<22}" + "".join(f"{cell:>28}" for cell in cells))
    error = metrics["dose_response_largest_error"]
    lines.append(f"\nDose-response: largest distance from the Hill curve {error:.2g}.")
    return "\n".join(lines)
