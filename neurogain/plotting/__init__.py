"""Figures: arrays in, matplotlib axes out."""

from neurogain._extras import extra

with extra("plot"):
    import matplotlib as matplotlib  # all modules here need it; named once, in one line
