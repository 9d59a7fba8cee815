"""Continual learning: data, streams of tasks, models, training with evaluation, metrics."""
