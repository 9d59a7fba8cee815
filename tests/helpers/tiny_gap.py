"""The smallest configuration of the stability gap, for tests of what is made of it."""

from neurogain.experiments.stability_gap import StabilityGapConfig

TINY = StabilityGapConfig(
    optimizers=("sgd", "ngm"),
    seeds=2,
    iterations=4,
    batch_size=8,
    eval_images=20,
    hidden=(6,),
    tasks=2,
)
