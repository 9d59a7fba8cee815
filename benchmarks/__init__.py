"""Benchmarks by subject; `python benchmarks/run.py list` names them."""
