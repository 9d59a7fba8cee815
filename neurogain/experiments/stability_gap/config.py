"""What the stability gap is measured on, and with which protocol."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from neurogain import _checks, _words
from neurogain.continual import methods, stream_specs
from neurogain.continual.methods import Method
from neurogain.continual.protocol import Protocol, Regime
from neurogain.continual.stream_specs import StreamOptions, StreamSpec
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.stream_models import CODES, MODELS, ModelKind
from neurogain.experiments.training import Blocks, TrainingOptions, Widths
from neurogain.options import Count, OneOf, Seed, by_default

Scale = Literal["default", "paper", "small"]


class Preset(NamedTuple):
    """The numbers of a protocol."""

    seeds: int
    iterations: int  # updates per task
    batch_size: int | None  # None: the benchmark's
    eval_every: int  # updates
    eval_images: int  # a task, at most


PRESETS: dict[str, Preset] = {
    "default": Preset(5, 200, None, 1, 500),
    "paper": Preset(5, 200, None, 1, 500),  # arXiv 2507.14056; what it leaves open as by default
    "small": Preset(3, 100, 64, 5, 100),
}
_FOLDERS = ", ".join(stream_specs.owners("image_folder"))


def _of_scale(name: str) -> str:
    """Say what a number is by default, which is the scale's."""
    values = {scale: getattr(preset, name) for scale, preset in PRESETS.items()}
    own = {f"scale {scale}": value for scale, value in values.items() if value is not None}
    groups = (own,) if len(own) == len(PRESETS) else (_of_streams(name), own)
    return "; ".join(map(_words.each, groups))


def _of_streams(name: str, option: str | None = None) -> dict[str, Any]:
    """Return a number of every stream, or of those that read an option, by name."""
    names = stream_specs.STREAMS if option is None else stream_specs.owners(option)
    return {stream: getattr(stream_specs.find(stream), name) for stream in names}


@dataclasses.dataclass(frozen=True)
class StabilityGapConfig(TrainingOptions):
    """The stability gap of several optimizers on one stream of tasks.

    The defaults are the protocol of arXiv 2507.14056 with every free choice stated here.
    """

    benchmark: str | StreamSpec = dataclasses.field(
        default="split-digits", metadata={"help": f"{stream_specs.described()}."}
    )
    optimizers: tuple[str | Method, ...] = dataclasses.field(
        default=("sgd", "msgd", "adam", "ngm"),
        metadata={
            "help": f"Methods, with constants of their own as ngm:learning_rate=0.02,"
            f"sensitivity=0.4: {methods.described()}."
        },
    )
    scale: Annotated[Scale, OneOf(tuple(PRESETS))] = "default"
    """Sets the numbers of seeds, updates and images where their own options don't; paper: as
    published, where a task has 200 to 800 updates; small: for a CPU."""
    seeds: int | None = by_default(_of_scale("seeds"))
    """Number of seeds; each sets the initial weights and the batches, the same for all methods."""
    first_seed: Seed = 0
    """The seeds are first_seed, first_seed + 1, ..."""
    iterations: int | None = by_default(_of_scale("iterations"))
    """Updates per task."""
    batch_size: int | None = by_default(_of_scale("batch_size"))
    """Images per update."""
    eval_every: int | None = by_default(_of_scale("eval_every"))
    """Updates between evaluations; above 1 the gap reads too small."""
    dense: int | None = by_default("all")
    """Updates at the start of each task that eval_every is for; the gap lies there, and evaluation
    takes most of the time."""
    sparse: int | None = by_default("none; required with `dense`")
    """Updates between evaluations behind the first dense ones."""
    eval_images: int | None = by_default(_of_scale("eval_images"))
    """Evaluation images per task, fixed; refused where a task has fewer. The default takes all test
    images where there are fewer."""
    regime: Regime = "joint"
    """joint: train on all data so far; replay: on the new task and a bounded buffer, half a batch
    each; finetune: on the new task alone, as methods with a strategy must."""
    buffer_size: int = 500
    """Images of old tasks in the replay buffer."""
    model: stream_specs.Model | None = by_default(_words.each(_of_streams("model")))
    """What is trained; spiking: layers of spiking cells, whose mean read-out decides."""
    hidden: Widths = (400, 400)
    """Widths of the hidden layers of the MLP."""
    width: Count = 20
    """Channels of the first stage of the ResNet; each further one has twice as many."""
    blocks: Blocks = (2, 2, 2, 2)
    """Blocks of two convolutions in each stage of the ResNet."""
    cell: Annotated[str, OneOf(tuple(CELLS))] = "lif"
    """Kind of the spiking cells; l5: two-compartment pyramidal cells."""
    cells: Widths = (200,)
    """Numbers of spiking cells in each hidden layer."""
    steps: Count = 50
    """Steps of 1 ms that spiking cells see an example."""
    code: Annotated[str | None, OneOf(tuple(CODES))] = by_default(
        "latency for spike times (Randman), current for other streams"
    )
    """How spiking cells see a number: latency: in [0, 1], as one spike, the earlier the larger;
    current: any number, as a current all the time."""
    gain_on: Literal["output", "all"] | None = by_default(
        _words.each({name: kind.gain_on for name, kind in MODELS.items()})
    )
    """Layers that a gain modulates: the output alone, or all that the method chooses. With all of a
    ResNet the slow weights aren't evaluated."""
    augment: bool = False
    """Shift training images by up to 4 pixels and mirror half of them."""
    compute_dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the ResNet's convolutions; weights, statistics and logits are float32."""
    batched: bool | None = by_default("True; False with a ResNet on a CPU")
    """Whether seeds train side by side in one batch, with the memory of all."""
    tasks: int | None = by_default(_words.each(_of_streams("tasks", "tasks")))
    """Number of tasks, where the stream leaves it open."""
    class_order_seed: int | None = by_default("0, 1, ..., as in the set")
    """Seed that shuffles the classes before they are dealt over the tasks."""
    angles: tuple[float, ...] = StreamOptions.angles
    """Degrees, one task each, of a rotated stream."""
    data_dir: Path | None = by_default("TFDS's own")
    """Folder of sets prepared by TensorFlow Datasets (TFDS)."""
    image_folder: Path | None = by_default(
        f"none; required with {', '.join(stream_specs.owners('image_folder'))}"
    )
    """Folder of images, train/CLASS/*.png and test/CLASS/*.png, all of one size."""

    @property
    def stream_options(self) -> StreamOptions:
        """What the run asks of the stream."""
        return StreamOptions(
            tasks=self.tasks,
            class_order_seed=self.class_order_seed,
            angles=self.angles,
            data_dir=self.data_dir,
            image_folder=self.image_folder,
            eval_images=self.eval_images,
            at_most=PRESETS[self.scale].eval_images,
        )

    @property
    def preset(self) -> Preset:
        """The numbers of the protocol: those given, and else those of the scale."""
        preset = PRESETS[self.scale]
        preset = preset._replace(batch_size=preset.batch_size or self.spec.batch_size)
        given = {name: getattr(self, name) for name in Preset._fields}
        return preset._replace(**{name: x for name, x in given.items() if x is not None})

    @property
    def task_count(self) -> int:
        """Number of tasks."""
        return self.spec.count(self.spec, self.stream_options)

    @property
    def layers_with_gain(self) -> Literal["output", "all"]:
        """Layers that a gain modulates."""
        return self.gain_on or self.kind.gain_on

    @property
    def model_name(self) -> stream_specs.Model:
        """Name of what is trained."""
        return self.model or self.spec.model

    @property
    def input_code(self) -> str:
        """How spiking cells see a number."""
        return self.code or ("latency" if self.spec.model == "spiking" else "current")

    @property
    def kind(self) -> ModelKind:
        """What is trained."""
        return MODELS[self.model_name]

    @property
    def protocol(self) -> Protocol:
        """The training protocol."""
        numbers = self.preset
        assert numbers.batch_size is not None
        return Protocol(
            iterations=numbers.iterations,
            batch_size=numbers.batch_size,
            eval_every=numbers.eval_every,
            dense=self.dense,
            sparse=self.sparse,
            regime=self.regime,
            buffer_size=self.buffer_size,
        )

    @property
    def seed_range(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.preset.seeds)

    def _check_together(self) -> None:
        for name in ("iterations", "seeds", "eval_images"):
            _checks.whole(name, getattr(self.preset, name), 1)
        if self.model is not None and self.model not in MODELS:
            raise ValueError(f"`model` must be one of {', '.join(MODELS)}; got {self.model!r}.")
        self.protocol.check()
        self.parse_methods()
        if self.class_order_seed is not None:
            _checks.whole("class_order_seed", self.class_order_seed, 0)
        super()._check_together()
        if self.task_count < 2:
            raise ValueError(
                f"a stability gap needs at least 2 tasks; got {self.task_count}. Pass more "
                "`tasks`, or more `angles` to a rotated stream."
            )
        self._check_options_apply()
        self.protocol.check_tasks(self.task_count)

    def _check_options_apply(self) -> None:
        """Raise ValueError if an option would do nothing here, or one that is needed is missing."""
        for name in self.spec.required:
            if getattr(self, name) is None:
                raise ValueError(
                    f"`{name}` must be given with {self.spec.name}; got None. Pass "
                    f"--{name.replace('_', '-')}."
                )
        chosen = self.parse_methods().values()
        if self.gain_on is not None and not any(method.takes_mask for method in chosen):
            raise ValueError(
                f"`gain_on` reaches methods whose builder takes a mask; got {self.gain_on!r} with "
                f"{', '.join(method.name for method in chosen)}. Leave it out; a method of your "
                "own takes one with Method(..., takes_mask=True)."
            )
        alone = [method.name for method in chosen if method.strategy is not None]
        if alone and self.regime != "finetune":
            raise ValueError(
                f"`regime` must be finetune for {', '.join(alone)}, which learn from the new task "
                f"and what they keep; got {self.regime!r}. Pass --regime finetune."
            )
        owners = {"buffer_size": (self.regime == "replay", "the regime replay")}
        for kind in MODELS.values():
            owners |= {name: (kind is self.kind, words) for name, words in kind.options.items()}
        for name in ("tasks", "class_order_seed", "angles", "image_folder"):
            owners[name] = (name in self.spec.options, ", ".join(stream_specs.owners(name)))
        if self.tasks == self.task_count:  # says nothing new
            del owners["tasks"]
        for name, (applies, owner) in owners.items():
            value = getattr(self, name)
            if not applies and value != getattr(type(self), name):
                shown = value if isinstance(value, Path) else repr(value)
                here = self.spec.name if self.model is None else self.kind.summary
                here = self.regime if name == "buffer_size" else here
                raise ValueError(
                    f"`{name}` belongs to {owner}, not to {here}; got {shown}. Leave it out."
                )

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, with the defaults that apply filled in."""
        filled = {
            "tasks": self.task_count,
            "gain_on": self.layers_with_gain,
            "model": self.model_name,
            "code": self.input_code if self.model_name == "spiking" else None,
        }
        return super().as_json() | self.preset._asdict() | filled
