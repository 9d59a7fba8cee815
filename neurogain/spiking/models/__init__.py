"""Kernels of cells and sources, one model a file: parameters, state, `init`, `step`, `check`."""
