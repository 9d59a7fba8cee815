"""Neuromodulated learning at two scales: gain-modulated optimizers and spiking cells, in JAX."""

__version__ = "0.1.0"
