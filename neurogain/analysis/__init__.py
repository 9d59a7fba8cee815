"""The loss around a trained network: its curvature, its slices, its fast and slow weights."""

from neurogain.analysis.curvature import (
    Eigenpairs,
    hessian_vector_product,
    lanczos,
    top_eigenpairs,
)
from neurogain.analysis.fast_slow import (
    Course,
    Problem,
    explicit_fast_slow,
    gain_modulated,
    least_squares,
)
from neurogain.analysis.landscape import (
    Measure,
    Plane,
    between,
    classification,
    filter_normalized,
    frame,
    path_and_lines,
    principal_plane,
    slice_1d,
    slice_2d,
    stacked,
)

__all__ = [
    "Course",
    "Eigenpairs",
    "Measure",
    "Plane",
    "Problem",
    "between",
    "classification",
    "explicit_fast_slow",
    "filter_normalized",
    "frame",
    "gain_modulated",
    "hessian_vector_product",
    "lanczos",
    "least_squares",
    "path_and_lines",
    "principal_plane",
    "slice_1d",
    "slice_2d",
    "stacked",
    "top_eigenpairs",
]
