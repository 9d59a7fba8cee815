# %% [markdown]
# # The stability gap, with your data
#
# When a new task starts, accuracy on old tasks drops and comes back, even under training on all
# data so far. This drop is the stability gap. The experiment `stability-gap` measures it for any
# optax optimizer on any stream of tasks. This file is a script and a notebook (`jupytext --to
# ipynb`).

# %%
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

from neurogain import experiments, uncertainty
from neurogain.continual import streams
from neurogain.continual.data import Dataset, Examples
from neurogain.continual.method import Method
from neurogain.continual.stream_specs import STREAMS, StreamSpec
from neurogain.continual.training import Protocol, Trainer
from neurogain.experiments.stability_gap import StabilityGapConfig

# %% [markdown]
# ## Your data
#
# A data set is arrays: images as uint8 of shape (n, height, width, channels), labels from 0 on.
# Examples of other shapes and numbers (features, tokens) reach the model as they are. Here six
# classes of noisy 6 x 6 patterns stand for yours.

# %%
rng = np.random.default_rng(0)
PATTERNS = rng.integers(60, 196, (6, 6, 6, 1))


def draw(count):
    """Return labelled images: a class's pattern and noise."""
    labels = np.arange(count) % 6
    noise = 40 * rng.normal(size=(count, 6, 6, 1))
    images = np.clip(PATTERNS[labels] + noise, 0, 255).astype(np.uint8)
    return Examples(images, labels.astype(np.int32))


mine = Dataset("patterns", classes=6, train=draw(1200), test=draw(300))

# %% [markdown]
# A `StreamSpec` says how a stream is built and what it is trained with. `streams` builds streams
# of new classes (`split`), of angles (`rotated`), and of new classes of the same superclasses
# (`superclass_domains`). `split(..., class_order=seed)` shuffles the classes, and
# `Stream.from_arrays` takes tasks that you have as arrays.

# %%
my_stream = StreamSpec(
    "patterns",
    "two new patterns in every task",
    lambda options: streams.split(mine, tasks=options.tasks, **options.evaluation),
    batch_size=32,
    tasks=3,
)
print("tasks:", my_stream.build().task_names)
print("others:", ", ".join(STREAMS))

# %% [markdown]
# Folders of image files need no code: `benchmark="image-folder"` with `image_folder=` reads
# `train/CLASS/*.png` and `test/CLASS/*.png`. MNIST and CIFAR are read from `data_dir=`, as
# TensorFlow Datasets prepares them in ArrayRecord files; where they are missing, the error says
# how to prepare them. CIFAR and folders train a slim ResNet-18.
#
# ## Run
#
# Methods are named, with constants of their own where you like; an optimizer of your own is a
# `Method`. All methods get the same initial weights and batches in a seed. The default is the
# published protocol: 5 seeds, 200 updates a task, evaluation after every update. This one is
# shorter.

# %%
lion = Method("lion", "Lion", optax.lion, {"learning_rate": 3e-4})
config = StabilityGapConfig(
    benchmark=my_stream,
    optimizers=("msgd:learning_rate=0.1,momentum=0.9", "ngm:learning_rate=0.02", lion),
    seeds=2,
    iterations=60,
    hidden=(32,),
)
result = experiments.stability_gap.run(config)
print(result)

# %% [markdown]
# `run(config, out="runs/mine", progress=True)` writes metrics.json, the curves and the figures
# into a folder and reports on the way. With `resume=True` it continues after an interruption, and
# it adds methods or seeds to what is finished: name the old ones, too, which are not run again.
#
# Evaluation takes most of the time. `dense=50, sparse=10` evaluates the first 50 updates of each
# task after every update, where the gap lies, and the others after every tenth.
#
# `regime="replay"` trains on the new task and a bounded buffer, half a batch each; `"finetune"` on
# the new task alone. `scale="small"` is a protocol for a CPU. `neurogain stability-gap --help`
# lists the rest; each default is the published protocol or is stated there.
#
# ## What was found

# %%
print(result.table())
print("figures:", ", ".join(result.figures))
result.plot()

# %% [markdown]
# `result.metrics` holds every figure per method as `{mean, ci, per_seed}`: the gap per switch
# (pooled over old tasks, and on the previous one alone), its depth, duration and area, final,
# anytime, minimum and worst-case accuracy, windowed forgetting and plasticity. Intervals of
# accuracies and gaps are cut to [0, 1].
# `help(neurogain.continual.metrics)` defines them all.

# %%
for name, found in result.metrics["methods"].items():
    gaps = [round(gap["mean"], 3) for gap in found["sg_per_switch"]]
    print(f"{name}: avg-SG {found['avg_sg']['mean']:.3f}, of each switch {gaps}")
    assert 0 <= found["avg_sg"]["mean"] <= 1

# %% [markdown]
# A method with a small gap may be a slow learner, which the average anytime accuracy (AAA,
# `avg_anytime_acc`) charges: on all tasks so far, mean over training. Read all three numbers, and
# tune all methods with the same budget. `avg_acc_slow_weights` is the accuracy at g0 W. For a
# network without biases it equals avg-ACC under one gain on all layers, unless an average acts.
#
# ## The curves
#
# `result.parts[label]` has the arrays: `accuracy` (seed, task in training, evaluation, task that
# is evaluated; the first evaluation is before the first update, NaN marks tasks to come),
# `evaluated_at` (the iteration of each evaluation), `gain`, `uncertainty` and `loss` (seed, task,
# iteration). `result.to_dataframe()` and
# `result.to_xarray(label)` name the axes.

# %%
figure, (above, below) = plt.subplots(2, 1, figsize=(5, 4), sharex=True, layout="constrained")
for label, curves in result.parts.items():
    first = curves.accuracy[:, :, 1:, 0].mean(axis=0).ravel()  # on the first task, over all updates
    above.plot(first, label=label.split(":")[0])
    below.plot(curves.gain.mean(axis=0).ravel())
    print(label, curves.accuracy.shape, curves.gain.shape)
above.set(ylabel="accuracy on task 1")
above.legend()
below.set(ylabel="gain", xlabel="update")

# %% [markdown]
# ## Your model
#
# `Trainer` is what the experiment trains with. It takes a Flax linen module, or a function from
# `nnx.Rngs` to an nnx module, with dropout and batch statistics where it has them, and a `loss`
# and an `uncertainty` of your own. `checkpoint_dir=` keeps the weights behind every task and goes
# on from there, and `on_update=` is called within a task.


# %%
class Classifier(nnx.Module):
    """A layer with batch normalisation and dropout."""

    def __init__(self, rngs):
        self.hidden = nnx.Linear(36, 32, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)
        self.output = nnx.Linear(32, 6, rngs=rngs)

    def __call__(self, images):
        """Return logits."""
        x = self.norm(self.hidden(images.reshape(len(images), -1)))
        return self.output(self.dropout(nnx.relu(x)))


trainer = Trainer(
    Classifier,
    my_stream.build(),
    Protocol(iterations=60, batch_size=32, eval_every=10),
    optax.adam(3e-3),
    uncertainty=uncertainty.least_confidence,
)
found, state = trainer.run({}, seeds=[0, 1], return_state=True)
logits = trainer.predict(state, mine.test.images)
print("accuracy of each seed:", np.mean(logits.argmax(-1) == mine.test.labels, axis=1))
print("weights:", state.params["output"]["kernel"].shape, "statistics:", list(state.stats))

# %% [markdown]
# ## What the benchmarks found
#
# `benchmarks/results/continual.md` has all methods, the fronts of avg-SG against avg-ACC and AAA,
# the search of the preset, and its goals on fresh seeds (`preset-acceptance`). A slow learner has
# no gap, so read a gap beside AAA and the accuracy on the new task.
#
# Two things make Adam's gap smaller and cost little anytime accuracy: less momentum (b1 = 0.5), and
# evaluation at an average of the weights. At an equal gap the gain increases anytime accuracy; the
# page says by how much. At equal accuracy NGM-SGD has mostly a smaller gap than SGD and
# momentum-SGD on MNIST and digits, but than Adam on rotated-digits alone; its published gap and
# that of SGD (arXiv 2507.14056, whose rates and accuracies are not given) are missed at these
# accuracies.
#
# `neurogain landscape` measures curvature and loss around a switch. The largest eigenvalue of the
# loss's Hessian rises four- to sixtyfold when the new task arrives. At W it is g^2 times that at
# E, within 1.7e-5 in the trained network, and gain-modulated and explicit fast and slow weights
# differ by 9e-16. The settled gain rises with classes learned one after the other by 0.66 [0.64,
# 0.69] and with domains by 0.22 [0.18, 0.25]; driven by entropy over ln C it rises by 0.06 with
# either; trained from scratch it rises more with domains (1.42) than with classes (1.27).
#
# Seeds train side by side, but a ResNet's one by one on a CPU, where that is nine times as fast.
# On one H100 there are 38,900 training updates a second over 64 runs side by side
# (`benchmarks/results/accelerator.md`).
