"""Drives of the gain: from what a model puts out to a finite number >= 0 per example.

`entropy`, `normalized_entropy`, `least_confidence`, `margin`, `surprise` and `energy` take logits
of shape (..., classes) and give one value per example, shape (...). `decompose` and
`mutual_information` take the logits of an ensemble or of samples of a network with dropout.
Regression has `ensemble_variance`, `predictive_variance` and `information_gain`. A differential
entropy is no drive, since it can be negative: these three are sums of squares, or the entropy above
that of the noise.

All are pure, exact and differentiable for logits of any size, and computed in float32 or wider.
`where`, a boolean mask that broadcasts to the logits, leaves classes out, whatever their logits;
-inf does so too. An example must keep at least one class.

Dtypes and shapes are checked when a function is traced, and values where they are concrete. Values
that are traced are not known: labels that are no classes, examples that keep no class and negative
variances then give NaN, without a gradient, which `batch_mean(..., where=)` can leave out and the
optimizer refuses. Logits of NaN or +inf, and examples with logits of -inf alone, give NaN.

Reduce over the batch with `batch_mean` or `token_mean`, or hand the per-example array to the
optimizer, which does that itself.
"""

from neurogain.uncertainty.free_energy import energy
from neurogain.uncertainty.labels import surprise
from neurogain.uncertainty.reduce import batch_mean, token_mean
from neurogain.uncertainty.regression import (
    ensemble_variance,
    information_gain,
    predictive_variance,
)
from neurogain.uncertainty.samples import Decomposition, decompose, mutual_information
from neurogain.uncertainty.softmax import (
    entropy,
    least_confidence,
    margin,
    normalized_entropy,
)

__all__ = [
    "Decomposition",
    "batch_mean",
    "decompose",
    "energy",
    "ensemble_variance",
    "entropy",
    "information_gain",
    "least_confidence",
    "margin",
    "mutual_information",
    "normalized_entropy",
    "predictive_variance",
    "surprise",
    "token_mean",
]
