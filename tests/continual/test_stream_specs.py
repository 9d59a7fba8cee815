import dataclasses

import numpy as np
import pytest

from neurogain.continual import data, stream_specs, streams
from neurogain.continual.stream_specs import STREAMS, StreamOptions, StreamSpec, find
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap import StabilityGapConfig


@pytest.mark.parametrize(
    ("benchmark", "sensitivity"),
    [
        ("split-digits", 0.4),
        ("split-mnist", 0.4),
        ("rotated-digits", 0.5),
        ("rotated-mnist", 0.5),
        ("split-cifar10", 0.2),
        ("domain-cifar100", 0.1),
        ("domain-cifar100_subset", 0.1),
        ("image-folder", 0.1),
    ],
)
def test_published_sensitivity_by_kind_and_data(benchmark, sensitivity):
    assert find(benchmark).sensitivity == sensitivity


def test_an_unknown_stream_is_refused_by_name():
    with pytest.raises(ValueError, match=r"must be one of split-mnist, .*; got 'permuted-mnist'"):
        find("permuted-mnist")


def test_builders_get_the_options_and_the_number_of_tasks():
    shuffled = find("split-digits").build(StreamOptions(class_order_seed=3))
    assert shuffled.task_names == streams.split(data.load("digits"), class_order=3).task_names
    split = find("split-digits").build(StreamOptions(tasks=2, eval_images=30))
    assert (split.tasks, split.test_counts.tolist()) == (2, [30, 30])
    rotated = find("rotated-digits").build(StreamOptions(angles=(0.0, 45.0), at_most=40))
    assert (rotated.task_names, rotated.test_counts.tolist()) == (("0°", "45°"), [40, 40])
    assert find("split-digits").build().tasks == 5


@pytest.fixture
def tilted(digits):
    """Return the spec of a stream that is in no registry."""

    def load(options):
        return streams.rotated(digits, angles=(0, 20), **options.evaluation)

    return StreamSpec("tilted", "digits upright and tilted", load, tasks=2, sensitivity=0.3)


def test_a_stream_of_ones_own_goes_through_the_experiment(tilted):
    config = StabilityGapConfig(
        benchmark=tilted, optimizers=("ngm",), seeds=1, iterations=2, hidden=(4,), eval_images=20
    )
    config.check()
    [method] = config.parse_methods().values()
    assert method.constants["sensitivity"] == 0.3
    assert config.as_json()["benchmark"] == "tilted"
    assert config.as_json()["tasks"] == 2
    assert stability_gap.load_stream(config).task_names == ("0°", "20°")
    with pytest.raises(ValueError, match=r"`tasks` belongs to split-mnist, .*, not to tilted; got"):
        dataclasses.replace(config, tasks=3).check()
    with pytest.raises(ValueError, match=r"`angles` belongs to rotated-mnist, .*, not to tilted"):
        dataclasses.replace(config, angles=(0.0, 20.0)).check()


def test_a_stream_of_ones_own_gets_a_name(tilted):
    assert stream_specs.register(tilted) is tilted
    try:
        StabilityGapConfig(benchmark="tilted").check()
        assert "tilted" in StreamSpec.choices()
        with pytest.raises(ValueError, match="there is a stream 'tilted' already"):
            stream_specs.register(tilted)
    finally:
        del STREAMS["tilted"]


def test_another_number_of_tasks_than_stated_is_refused(tilted):
    with pytest.raises(ValueError, match=r"must give the 5 tasks .*; got 2\. Pass StreamSpec\("):
        dataclasses.replace(tilted, tasks=5).build()


def test_an_option_that_is_none_is_refused(tilted):
    with pytest.raises(ValueError, match=r"must be among angles, .*; got permutations\. Bind"):
        stream_specs.register(dataclasses.replace(tilted, options=("permutations",)))


WRONG = {
    "floats": ({"images": lambda x: x / 255.0}, ValueError, "and the dtype float32, as the first"),
    "texts": ({"images": lambda x: x.astype(str)}, TypeError, "must be real numbers: .* got <U3"),
    "names": ({"class_names": lambda _: ("a", "b")}, ValueError, "`class_names` must be 10 diff"),
    "labels": ({"labels": lambda x: x + 4}, ValueError, r"must be in \[0, 10\); got 1"),
    "test labels": ({"test_labels": lambda x: x + 1}, ValueError, r"in \[0, 10\); got 10"),
    "few labels": ({"labels": lambda x: x[:-1]}, ValueError, "must be one an example"),
    "order": ({"starts": lambda x: x[::-1]}, ValueError, "must rise from 0 to the"),
    "end": ({"starts": lambda x: x + np.array([0, 0, 1])}, ValueError, "must rise from 0 to the"),
    "number": ({"starts": lambda x: x[:-1]}, ValueError, "must rise from 0 to the"),
    "shape": ({"test_labels": np.ravel}, ValueError, r"shapes \(2, m, \.\.\.\)"),
    "empty": ({"test_labels": lambda x: np.where([[True], [False]], x, -1)}, ValueError, "'20°'"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_a_load_returns_is_checked(tilted, kind):
    changes, error, message = WRONG[kind]
    right = tilted.build()
    changed = {name: change(getattr(right, name)) for name, change in changes.items()}
    spec = dataclasses.replace(tilted, load=lambda options: dataclasses.replace(right, **changed))
    with pytest.raises(error, match=message):
        spec.build()
    with pytest.raises(TypeError, match="must be a Stream; got a str"):
        dataclasses.replace(tilted, load=lambda options: "digits").build()
