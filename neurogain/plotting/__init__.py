"""Figures: arrays in, matplotlib axes out."""
