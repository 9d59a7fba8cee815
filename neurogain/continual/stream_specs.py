"""The streams that optimizers are compared on, by name: how each is built, and its protocol.

A stream of one's own is one value of `StreamSpec`; experiments take it in place of a name, and
`register` gives it a name.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from neurogain import _words
from neurogain.continual import data, image_folder, randman_sets, streams
from neurogain.continual.data import Dataset
from neurogain.continual.streams import Stream

Model = Literal["mlp", "resnet", "spiking"]


@dataclasses.dataclass(frozen=True)
class StreamOptions:
    """What a run asks of a stream; each stream reads the options that it names."""

    tasks: int | None = None  # number of tasks; None: the stream's own
    angles: tuple[float, ...] = streams.ANGLES  # degrees, one a task
    data_dir: Path | None = None  # folder of sets prepared by TensorFlow Datasets
    image_folder: Path | None = None
    eval_images: int | None = None  # evaluation images a task; None: up to `at_most`
    at_most: int = 500
    class_order_seed: int | None = None  # shuffles the classes before they are dealt; None: as is

    @property
    def evaluation(self) -> dict[str, Any]:
        """The two arguments of every builder in `neurogain.continual.streams`."""
        return {"eval_images": self.eval_images, "at_most": self.at_most}


def _tasks_asked(spec: "StreamSpec", options: StreamOptions) -> int:
    asked = options.tasks if "tasks" in spec.options else None
    return spec.tasks if asked is None else asked


@dataclasses.dataclass(frozen=True)
class StreamSpec:
    """A stream of tasks, what it is trained with, and what the source states for it.

    Attributes:
      name: by which it is found.
      summary: one line for the help of commands.
      load: from the options of a run to the `Stream`.
      model: "mlp", "resnet" or "spiking", which is trained on it unless a run says another.
      batch_size: images an update, unless a run says another.
      sensitivity: of the gain; published where the source has the stream's kind.
      tasks: number of tasks, unless the options say another.
      options: those of `StreamOptions` that it reads and others may not, such as "tasks".
      required: those of them that must be given.
      count: from the spec and the options to the number of tasks.
      note: stands beside results.

    Example:
      >>> tilted = StreamSpec(
      ...     "tilted-digits",
      ...     "digits upright and tilted",
      ...     lambda options: streams.rotated(
      ...         data.load("digits"), angles=(0, 20), **options.evaluation
      ...     ),
      ...     tasks=2,
      ... )
      >>> tilted.build().task_names
      ('0°', '20°')
    """

    name: str
    summary: str
    load: Callable[[StreamOptions], Stream]
    model: Model = "mlp"
    batch_size: int = 64
    sensitivity: float = 0.4
    tasks: int = 5
    options: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    count: Callable[["StreamSpec", StreamOptions], int] = _tasks_asked
    note: str = ""

    def build(self, options: StreamOptions | None = None) -> Stream:
        """Load the data and build the stream.

        Raises:
          TypeError, ValueError: if the data or the options do not make the stream, `load` makes
            another number of tasks than the spec states, or `check_stream` raises an error.
          FileNotFoundError: if the data are not there.
        """
        options = StreamOptions() if options is None else options
        options = dataclasses.replace(options, tasks=self.count(self, options))
        stream = self.load(options)
        streams.check_stream(stream)
        if stream.tasks != options.tasks:
            raise ValueError(
                f"`load` of the stream {self.name!r} must give the {options.tasks} tasks that its "
                f"StreamSpec states; got {stream.tasks}. Pass StreamSpec(..., tasks="
                f"{stream.tasks}), or read `options.tasks` in `load`."
            )
        return stream

    @staticmethod
    def choices() -> tuple[str, ...]:
        """Return the names that are known."""
        return tuple(STREAMS)


def split(load: Callable[[StreamOptions], Dataset], options: StreamOptions) -> Stream:
    """Build the class-incremental stream of a set."""
    assert options.tasks is not None  # `build` has seen to it
    order = options.class_order_seed
    return streams.split(
        load(options), tasks=options.tasks, class_order=order, **options.evaluation
    )


def rotated(load: Callable[[StreamOptions], Dataset], options: StreamOptions) -> Stream:
    """Build the stream of a set's rotations."""
    return streams.rotated(load(options), angles=options.angles, **options.evaluation)


def domains(load: Callable[[StreamOptions], Dataset], options: StreamOptions) -> Stream:
    """Build the stream of a set's superclass domains."""
    assert options.tasks is not None
    return streams.superclass_domains(load(options), tasks=options.tasks, **options.evaluation)


def _named(name: str) -> Callable[[StreamOptions], Dataset]:
    """Return a function that loads a set without names, so that results have one kind of tasks."""
    return lambda options: data.load(name, options.data_dir)._replace(class_names=None)


def _folder(options: StreamOptions) -> Dataset:
    assert options.image_folder is not None  # it is required
    return image_folder.load(options.image_folder)


def _randman_domains(options: StreamOptions) -> Stream:
    assert options.tasks is not None  # `build` has seen to it
    return randman_sets.domains(options.tasks, **options.evaluation)


def _kind(
    build: Callable[[Callable[[StreamOptions], Dataset], StreamOptions], Stream],
    summary: str,
    **common: Any,
) -> Callable[..., StreamSpec]:
    """Return a function from a name and a set to the spec of one kind of stream."""

    def make(
        name: str, load: Callable[[StreamOptions], Dataset], model: Model, batch_size: int,
        **own: Any,
    ) -> StreamSpec:  # fmt: skip
        load_stream = functools.partial(build, load)
        return StreamSpec(name, summary, load_stream, model, batch_size, **common | own)

    return make


_split = _kind(
    split,
    "new classes in every task, one head (class-incremental)",
    sensitivity=0.4,
    options=("tasks", "class_order_seed"),
)
_rotated = _kind(
    rotated,
    "one angle a task",
    sensitivity=0.5,
    options=("angles",),
    count=lambda spec, options: len(options.angles),
)
_domains = _kind(
    domains,
    "superclasses as labels, new classes of each in every task",
    sensitivity=0.1,
    tasks=3,
    options=("tasks",),
)

STREAMS: dict[str, StreamSpec] = {}


def register(spec: StreamSpec) -> StreamSpec:
    """Add a stream to those that are known by name, and return it.

    Raises ValueError if another has its name, or if the spec names options that are none.

    Example:
      >>> def load(options: StreamOptions) -> Stream:
      ...     return streams.rotated(data.load("digits"), angles=(0, 20), **options.evaluation)
      >>> _ = register(StreamSpec("tilted-digits", "digits upright and tilted", load, tasks=2))
      >>> find("tilted-digits").tasks  # neurogain stability-gap --benchmark tilted-digits
      2
      >>> del STREAMS["tilted-digits"]
    """
    if spec.name in STREAMS:
        raise ValueError(
            f"`name` must be new; there is a stream {spec.name!r} already. Take another name, or "
            f"delete STREAMS[{spec.name!r}] first."
        )
    known = {field.name for field in dataclasses.fields(StreamOptions)}
    unknown = sorted({*spec.options, *spec.required} - known)
    if unknown:
        raise ValueError(
            f"`options` of a stream must be among {', '.join(sorted(known))}; got "
            f"{', '.join(unknown)}. Bind what is the stream's own in `load`."
        )
    STREAMS[spec.name] = spec
    return spec


for _spec in (
    _split("split-mnist", _named("mnist"), "mlp", 128),
    _rotated("rotated-mnist", _named("mnist"), "mlp", 128),
    _split("split-digits", _named("digits"), "mlp", 64),
    _rotated("rotated-digits", _named("digits"), "mlp", 64),
    _split("split-cifar10", _named("cifar10"), "resnet", 256, sensitivity=0.2),
    _domains("domain-cifar100", _named("cifar100"), "resnet", 256),
    _domains("domain-cifar100_subset", _named("cifar100_subset"), "resnet", 256,
             note=data.subset_note("cifar100_subset")),
    _split("split-randman", lambda options: randman_sets.dataset(), "spiking", 64),
    StreamSpec("domain-randman", "the same labels, new curves of spike times in every task",
               _randman_domains, "spiking", 64, options=("tasks",)),
    _split("image-folder", _folder, "resnet", 256, sensitivity=0.1,
           options=("tasks", "class_order_seed", "image_folder"), required=("image_folder",)),
):  # fmt: skip
    register(_spec)


def find(benchmark: str | StreamSpec) -> StreamSpec:
    """Return the stream of a name, or the one given.

    Raises TypeError for another kind of object, ValueError if the name is not known.

    Example:
      >>> find("split-cifar10").sensitivity
      0.2
    """
    if isinstance(benchmark, StreamSpec):
        return benchmark
    if not isinstance(benchmark, str):
        raise TypeError(
            f"`benchmark` must be the name of a stream, or a StreamSpec that loads one; got a "
            f"{type(benchmark).__name__}. Pass StreamSpec(name, summary, lambda options: stream, "
            "tasks=...), or train on it with a Trainer."
        )
    if benchmark not in STREAMS:
        raise ValueError(f"`benchmark` must be one of {', '.join(STREAMS)}; got {benchmark!r}.")
    return STREAMS[benchmark]


def owners(option: str) -> list[str]:
    """Return the names of the streams that read an option."""
    return [name for name, spec in STREAMS.items() if option in spec.options]


def described() -> str:
    """Return every kind of stream in words, with the names of its members."""
    kinds = _words.grouped({name: spec.summary for name, spec in STREAMS.items()})
    return "; ".join(f"{names}: {summary}" for summary, names in kinds.items())
