import numpy as np
import pytest


@pytest.fixture
def made_up():
    """Return accuracy (seeds, K, E, K), and gain and uncertainty (seeds, K, E - 1)."""

    def make(seeds, tasks, iterations=30, *, seed=0):
        rng = np.random.default_rng(seed)
        accuracy = rng.uniform(0.2, 1, (seeds, tasks, iterations + 1, tasks))
        for task in range(tasks):
            accuracy[:, task, :, task + 1 :] = np.nan
        return accuracy, *rng.uniform(1, 3, (2, seeds, tasks, iterations))

    return make


@pytest.fixture
def figures_of():
    """Return the part of `metrics.json` that the trade-off and the fronts read."""

    def make(gap, accuracy, width=0.05, seeds=5):
        def figure(mean):
            if mean is None:
                return {"mean": None, "ci": [None, None], "per_seed": [None] * seeds}
            ci = [mean - width, mean + width] if seeds > 1 else [None, None]
            return {"mean": mean, "ci": ci, "per_seed": [mean] * seeds}

        return {"avg_sg": figure(gap), "avg_acc": figure(accuracy)}

    return make
