"""The optimizers of the comparison: each with its default constants and what it is tuned over.

Every method has the same number of configurations: eight with perceptrons ("mlp"), and five, of
learning rates alone, with the residual network ("resnet"). Frozen methods have one: that of
`benchmarks/continual/preset_search.py`. Averages over the residual network keep their constant.
Strategies have Adam inside, as `adam` has it, and their constants as in the papers or the code of
Buzzega et al. 2020 (arXiv 2004.07211; Split-MNIST, 500 examples); their grids hold the values
to which these were tuned on Split-MNIST and Split-CIFAR-10.
"""

import functools

import optax

from neurogain import optim
from neurogain.continual import builders, strategies
from neurogain.continual.builders import averaged, clipped, momentum_sgd, reset, sharpness_aware
from neurogain.continual.method import Grid, Method

_GAIN = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}
_SGD, _ADAM, _NGM = {"learning_rate": 0.1}, {"learning_rate": 1e-3}, {"learning_rate": 0.01} | _GAIN
_MSGD = {"learning_rate": 0.03, "momentum": 0.9}
_CLIP, _AVERAGE, _AHEAD = {"max_norm": 0.1}, {"consolidation": 0.97}, {"rho": 0.05}
_NO_GAIN = {"learning_rate": 1.4e-3, "b1": 0.5, "max_norm": 0.3, "consolidation": 0.88}
_TWO_TIMESCALE = _NO_GAIN | _GAIN
_UNAVERAGED = {name: x for name, x in _TWO_TIMESCALE.items() if name != "consolidation"}

_MEMORY = {"memory": 500}  # examples

_SGD_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_MOMENTUM_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
_ADAM_RATES = (5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3)
_FREE_SGD_RATES = (0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
_FREE_ADAM_RATES = (3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2)
_FEW_SGD, _FEW_MOMENTUM = (0.03, 0.1, 0.3, 1.0), (0.005, 0.02, 0.05, 0.1)
_FEW_ADAM, _FEW_NGM = (3e-4, 1e-3, 2e-3, 5e-3), (0.003, 0.01, 0.02, 0.04)
_CLIPPED_ADAM = (1e-4, 3e-4, 1e-3, 2e-3)
_GAINS, _CLIPS = {"sensitivity": (1.0, 0.5)}, {"max_norm": (0.1, 1.0)}
_AVERAGES, _AHEADS = {"consolidation": (0.99, 0.97)}, {"rho": (0.02, 0.1)}

_R_SGD = (0.01, 0.03, 0.1, 0.3, 1.0)  # with the residual network
_R_HIGH_SGD = (0.1, 0.3, 1.0, 3.0, 10.0)
_R_MOMENTUM = (0.001, 0.003, 0.01, 0.03, 0.1)
_R_ADAM = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def _tuned(
    mlp: tuple[float, ...], resnet: tuple[float, ...] | None = None, others: Grid | None = None
) -> dict[str, Grid]:
    """Return grids over learning rates, and over another constant with perceptrons."""
    grids: dict[str, Grid] = {"mlp": {**(others or {}), "learning_rate": mlp}}
    return grids if resnet is None else grids | {"resnet": {"learning_rate": resnet}}


def _published(
    split_mnist: float, rotated: float, cifar10: float, cifar100: float
) -> dict[str, float]:
    """Return avg-SG by stream: arXiv 2507.14056 v2, joint training, 5 seeds."""
    streams = ("split-mnist", "rotated-mnist", "split-cifar10", "domain-cifar100")
    return dict(zip(streams, (split_mnist, rotated, cifar10, cifar100), strict=True))


METHODS = (
    Method("sgd", "SGD", optax.sgd, _SGD, grids=_tuned(_SGD_RATES, _R_SGD),
           published=_published(0.034, 0.053, 0.241, 0.243), fronts=True, main=True),
    Method("msgd", "momentum-SGD", momentum_sgd, _MSGD, grids=_tuned(_MOMENTUM_RATES, _R_MOMENTUM),
           published=_published(0.267, 0.117, 0.425, 0.232), fronts=True, main=True),
    Method("adam", "Adam", optax.adam, _ADAM, grids=_tuned(_ADAM_RATES, _R_ADAM),
           published=_published(0.283, 0.092, 0.310, 0.256), fronts=True, main=True),
    Method("ngm", "NGM-SGD", optim.ngm_sgd, _NGM, takes_mask=True,
           grids=_tuned(_FEW_NGM, _R_SGD, _GAINS),
           published=_published(0.017, 0.054, 0.134, 0.224), fronts=True, main=True),
    Method("ngm-adam", "NGM-Adam", optim.ngm_adam, {"learning_rate": 3e-4, **_GAIN},
           takes_mask=True, grids=_tuned((3e-5, 1e-4, 3e-4, 1e-3), None, _GAINS)),
    # Controls of the gain.
    Method("fixed-gain", "fixed gain", builders.fixed_gain, {"learning_rate": 0.01, "gain": 3.0},
           takes_mask=True,
           grids=_tuned((0.003, 0.01, 0.03, 0.1), None, {"gain": (2.0, 3.0)})),
    Method("rate-matched", "rate-matched SGD", builders.rate_matched, _NGM,
           grids=_tuned((0.003, 0.01, 0.03, 0.1), None, _GAINS)),
    Method("entropy-rate", "entropy-scaled rate", builders.entropy_rate,
           {"learning_rate": 0.03, "sensitivity": 0.4},
           grids=_tuned((0.02, 0.05, 0.1, 0.3), _R_SGD, _GAINS)),
    Method("msgd-reset", "momentum-SGD, reset", reset(momentum_sgd), _MSGD,
           grids=_tuned(_MOMENTUM_RATES, _R_MOMENTUM)),
    Method("adam-reset", "Adam, reset", reset(optax.adam), _ADAM,
           grids=_tuned(_ADAM_RATES, _R_ADAM)),
    # Other ways to a smaller gap.
    Method("adamw", "AdamW", builders.adamw, {**_ADAM, "weight_decay": 0.01},
           grids=_tuned(_ADAM_RATES, _R_ADAM)),
    Method("clip-sgd", "SGD, clipped", clipped(optax.sgd), _SGD | _CLIP,
           grids=_tuned((0.1, 0.3, 1.0, 3.0), _R_HIGH_SGD, _CLIPS)),
    Method("clip-msgd", "momentum-SGD, clipped", clipped(momentum_sgd), _MSGD | _CLIP,
           grids=_tuned((0.01, 0.03, 0.1, 0.3), _R_SGD, _CLIPS)),
    Method("clip-adam", "Adam, clipped", clipped(optax.adam), _ADAM | _CLIP,
           grids=_tuned(_CLIPPED_ADAM, _R_ADAM, _CLIPS)),
    Method("ema-sgd", "SGD, averaged", averaged(optax.sgd), _SGD | _AVERAGE,
           held_weights_act=False, grids=_tuned(_FEW_SGD, _R_SGD, _AVERAGES)),
    Method("ema-msgd", "momentum-SGD, averaged", averaged(momentum_sgd), _MSGD | _AVERAGE,
           held_weights_act=False, grids=_tuned(_FEW_MOMENTUM, _R_MOMENTUM, _AVERAGES)),
    Method("ema-adam", "Adam, averaged", averaged(optax.adam), _ADAM | _AVERAGE,
           held_weights_act=False, grids=_tuned(_FEW_ADAM, _R_ADAM, _AVERAGES),
           fronts=True, main=True),
    Method("ema-clip-adam", "Adam, clipped and averaged", averaged(clipped(optax.adam)),
           _ADAM | _CLIP | _AVERAGE,
           held_weights_act=False, grids=_tuned(_FEW_ADAM, _R_ADAM, _AVERAGES), fronts=True),
    Method("ema-ngm", "NGM-SGD, averaged", averaged(optim.ngm_sgd), _NGM | _AVERAGE,
           takes_mask=True, held_weights_act=False, grids=_tuned(_FEW_NGM, _R_SGD, _AVERAGES)),
    Method("schedule-free-sgd", "schedule-free SGD", builders.schedule_free_sgd,
           _SGD | {"b1": 0.9}, held_weights_act=False, grids=_tuned(_FREE_SGD_RATES, _R_HIGH_SGD)),
    Method("schedule-free-adam", "schedule-free Adam", builders.schedule_free_adam,
           _ADAM | {"b1": 0.9}, held_weights_act=False, grids=_tuned(_FREE_ADAM_RATES, _R_ADAM)),
    Method("sam-sgd", "SAM over SGD", sharpness_aware(optax.sgd), _SGD | _AHEAD,
           held_weights_act=False, grids=_tuned((0.05, 0.1, 0.3, 1.0), _R_SGD, _AHEADS)),
    Method("sam-adam", "SAM over Adam", sharpness_aware(optax.adam), _ADAM | _AHEAD,
           held_weights_act=False, grids=_tuned(_CLIPPED_ADAM, _R_ADAM, _AHEADS)),
    # Fast weights under gain and slow weights that act; without the gain; and, with the gain on the
    # output layer alone, with a consolidation that follows it, or without an average.
    Method("two-timescale-no-gain", "two timescales, no gain", averaged(clipped(optax.adam)),
           _NO_GAIN, held_weights_act=False, frozen=True),
    Method("two-timescale", "two timescales", optim.two_timescale, _TWO_TIMESCALE,
           takes_mask=True, held_weights_act=False, frozen=True, main=True,
           against=("two-timescale-no-gain", "ema-clip-adam", "ema-adam")),
    Method("two-timescale-follow", "two timescales, rate by gain",
           builders.two_timescale_following, _TWO_TIMESCALE | {"consolidation": 0.97},
           takes_mask=True, held_weights_act=False, grids=_tuned(_FEW_ADAM, _R_ADAM, _AVERAGES),
           against=("ema-clip-adam", "ema-adam")),
    Method("clip-ngm-adam", "NGM-Adam on the output, clipped", clipped(builders.output_ngm_adam),
           _UNAVERAGED, takes_mask=True, held_weights_act=False,
           grids=_tuned(_CLIPPED_ADAM, _R_ADAM, _GAINS)),
    Method("ngm-output", "NGM-SGD on the output", builders.output_ngm, _NGM,
           held_weights_act=False, grids=_tuned(_FEW_NGM, None, _GAINS)),
    # Other methods against forgetting, around Adam; in the regime finetune alone.
    Method("er", "experience replay", optax.adam, _ADAM, grids=_tuned(_ADAM_RATES, _R_ADAM),
           strategy=strategies.er, sizes=_MEMORY),
    Method("er-balanced", "experience replay, class-balanced", optax.adam, _ADAM,
           grids=_tuned(_ADAM_RATES, _R_ADAM),
           strategy=functools.partial(strategies.er, balanced=True), sizes=_MEMORY),
    Method("agem", "A-GEM", optax.adam, _ADAM, grids=_tuned(_ADAM_RATES, _R_ADAM),
           strategy=strategies.agem, sizes=_MEMORY),
    Method("ewc", "EWC, online", optax.adam, _ADAM | {"penalty": 180.0},
           grids=_tuned(_FEW_ADAM, _R_ADAM, {"penalty": (180.0, 1800.0)}),
           strategy=strategies.ewc, sizes={"fisher_examples": 200}),
    Method("lwf", "LwF", optax.adam, _ADAM | {"distillation": 1.0, "temperature": 2.0},
           grids=_tuned(_FEW_ADAM, _R_ADAM, {"distillation": (1.0, 3.0)}),
           strategy=strategies.lwf),
    Method("der++", "DER++", optax.adam, _ADAM | {"alpha": 1.0, "beta": 0.5},
           grids=_tuned(_FEW_ADAM, _R_ADAM, {"alpha": (1.0, 0.2)}),
           strategy=strategies.der_plus_plus, sizes=_MEMORY),
    Method("er-ace", "ER-ACE", optax.adam, _ADAM, grids=_tuned(_ADAM_RATES, _R_ADAM),
           strategy=strategies.er_ace, sizes=_MEMORY),
)  # fmt: skip
