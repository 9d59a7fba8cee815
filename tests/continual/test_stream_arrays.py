"""Streams of one's own arrays."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from neurogain import _checks
from neurogain.continual.stream import Stream, check_stream

X = np.arange(12.0).reshape(4, 3)
Y = [0, 2, 1, 0]


def two(x=X, y=Y, **options):
    """Return a stream of two tasks, the second of half the examples."""
    return Stream.from_arrays([(x, y), (x[:2], y[:2])], [(x[:3], y[:3]), (x, y)], **options)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("uint8", "uint8"),
        ("float16", "float16"),
        ("float32", "float32"),
        ("float64", "float32"),
        ("int64", "int32"),
        ("uint64", "int32"),
        ("int16", "int16"),
    ],
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 1)])
def test_examples_of_any_shape_and_numbers_are_kept(dtype, kept, shape):
    x = np.arange(4 * int(np.prod(shape))).reshape(4, *shape).astype(dtype)
    stream = two(x)
    check_stream(stream)
    assert stream.images.dtype == stream.test_images.dtype == kept
    np.testing.assert_array_equal(stream.images, np.concatenate([x, x[:2]]))
    assert stream.labels.tolist() == [*Y, 0, 2]
    assert (stream.starts.tolist(), stream.classes) == ([0, 4, 6], 3)
    np.testing.assert_array_equal(stream.test_images[0, :3], x[:3])
    np.testing.assert_array_equal(stream.test_images[1], x)
    assert stream.test_labels.tolist() == [[0, 2, 1, -1], Y]


def test_names_and_sizes_are_those_given():
    names = {"task_names": ("first", "second"), "class_names": list("abcd"), "name": "mine"}
    stream = two(**names)
    assert (stream.name, stream.task_names) == ("mine", ("first", "second"))
    assert (stream.classes, stream.class_names) == (4, tuple("abcd"))
    assert two(classes=9).classes == 9
    assert two(eval_images=2).test_counts.tolist() == [2, 2]
    assert two(at_most=3).test_counts.tolist() == [3, 3]
    assert Stream.from_arrays([(X, Y)], [(X, Y)]).tasks == 1


def last(x=X, y=Y, part=0):
    """Return arguments whose last task, of training or test, is x and y."""
    parts = [[(X, Y), (X, Y)], [(X, Y), (X, Y)]]
    parts[part][1] = (x, y)
    return {"tasks": parts[0], "test": parts[1]}


INFINITE = np.where(X == 7, np.inf, X)
WRONG = {
    "labels above": (last(y=[0, 1, 3, 0]) | {"classes": 3}, r"in \[0, 3\); got 3 at example 2"),
    "labels below": (last(y=[0, -1, 0, 0]), r"in \[0, inf\); got -1 at example 1"),
    "new test labels": (last(y=[0, 1, 3, 0], part=1), r"test .* in \[0, 3\); got 3 at example 2"),
    "empty": (last(X[:0], []), "training examples of task 'task 2' must be at least one; got none"),
    "lengths": (last(X[:3]), r"one an example, \(3,\); got \(4,\)"),
    "one-hot": (last(y=np.eye(4, dtype=int)), r"one an example, \(4,\); got \(4, 4\)"),
    "nan": (
        last(np.where(X == 0, np.nan, X)),
        r"training .* finite numbers of float32; got nan at index \(0, 0\)",
    ),
    "infinite test": (last(INFINITE, part=1), r"test .* finite .* got inf at index \(2, 1\)"),
    "too large": (last(X * 1e38), "finite numbers of float32; got 4e"),
    "large tokens": (last(np.full((4, 3), 2**31)), r"integers of 32 bits; got 2147483648 at index"),
    "large labels": (last(y=np.array(Y) + 2**33), r"labels .* integers of 32 bits; got 85899345"),
    "shape": (last(X[:, :2]), r"must have the shape \(n, 3\) .*; got \(4, 2\) and float32"),
    "test shape": (last(X[..., None], part=1), r"\(n, 3\) .*; got \(4, 3, 1\)"),
    "dtype": (last(X.astype(np.uint8)), r"the dtype float32, as .*; got \(4, 3\) and uint8"),
    "no task": ({"tasks": [], "test": []}, r"`tasks` must be pairs .*; got none"),
    "few tests": (last() | {"test": [(X, Y)]}, "one pair .* for each of the 2 tasks; got 1"),
    "number": (last(3.0), r"must have the shape \(n, \.\.\.\); got a single number"),
    "task names": (last() | {"task_names": ["a"]}, "`task_names` must be 2 different texts"),
    "same names": (last() | {"task_names": ["a", "a"]}, "got 2, 1 of them different"),
    "few names": (last() | {"class_names": ["a"], "classes": 3}, "must be 3 different texts"),
    "too few names": (last() | {"class_names": ["a", "b"]}, r"in \[0, 2\); got 2 at example 1"),
    **{
        f"classes {x}": (last() | {"classes": x}, "`classes` must be a whole number of at least 1")
        for x in (0, -1, "4", 2.5, True, [4])
    },
    **{
        f"{name} {x}": (last() | {name: x}, f"`{name}` must be a whole number of at least 1")
        for name in ("eval_images", "at_most")
        for x in (0, 2.5, "4", True, [4])
    },
    "no limit": (last() | {"at_most": None}, "`at_most` must be a whole number"),
    "evaluation": (last() | {"eval_images": 9}, "`eval_images` must be at most 4"),
}
KINDS = {
    "float labels": (last(y=[0.0, 1.0, 0.0, 0.0]), "labels of .* must be integers; got float64"),
    "texts": (last(X.astype(str)), "must be real numbers: images as uint8, .*; got <U"),
    "complex": (last(X + 1j), "must be real numbers: .*; got complex128"),
    "booleans": (last(X > 3), "must be real numbers: .*; got bool"),
    "arrays": ({"tasks": np.stack([X, X]), "test": [(X, Y)]}, "got a ndarray"),
    "one pair": ({"tasks": (X, Y), "test": [(X, Y)]}, r"One task is \[\(x, y\)\]"),
    **{
        f"{name} {number}": (last() | {name: x}, f"`{name}` must be a list of texts, one a {each}")
        for name, each in (("class_names", "class"), ("task_names", "task"))
        for number, x in enumerate(("abc", 3, 2.5, True, [1, 2], {"a", "b"}, np.array("a")))
    },
    "name": (last() | {"name": None}, "`name` must be a text; got None"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_arrays_that_make_no_stream(kind):
    arguments, message = WRONG[kind]
    with pytest.raises(ValueError, match=message):
        Stream.from_arrays(**arguments)


MASKED = np.ma.masked_array([[0.1], [0.2]], mask=[[False], [True]])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[1.0, 2.0], [1.0]], [0, 1], "the training examples of task 'task 1' must be one array"),
        ([[1.0], [2.0]], [[0], [1, 2]], "the labels of the training .* must be one array; got"),
        (
            [[1.0], [2.0]],
            pd.Categorical(["a", "b"]),
            r"labels .* Pass .* or the codes of texts and",
        ),
        (np.array([[1.0], ["b"]], object), [0, 1], r"one array; got .* Pass x.astype\(float\), or"),
        (np.ones((2, 1), "m8[s]"), [0, 1], "must be real numbers: .* got timedelta64"),
        (MASKED, [0, 1], "the training examples of .* must be a plain array; got one of numpy.ma"),
        ([[1.0], [2.0]], np.ma.masked_array([0, 1]), "the labels of .* must be a plain array"),
    ],
)
def test_what_is_no_array(x, y, message):
    with pytest.raises(TypeError, match=message):
        Stream.from_arrays([(x, y)] * 2, [(x, y)] * 2)


def test_names_may_be_an_array():
    names = np.array(["a", "b", "c", "d"])
    stream = Stream.from_arrays(**last(), class_names=names, task_names=names[:2])
    assert (stream.class_names, stream.task_names) == (tuple("abcd"), ("a", "b"))


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_the_wrong_kind(kind):
    arguments, message = KINDS[kind]
    with pytest.raises(TypeError, match=message):
        Stream.from_arrays(**arguments)


def test_errors_name_the_task():
    wrong = ((INFINITE, Y), (X, [0, 1, -1, 0]), (X[:, :2], Y), (X[:0], []), (X.astype(str), Y))
    for x, y in wrong:
        for part in (0, 1):
            with pytest.raises((ValueError, TypeError), match=r"(training|test) .* of task 'late'"):
                Stream.from_arrays(**last(x, y, part), task_names=["early", "late"])


def test_a_sparse_matrix_is_no_array():
    with pytest.raises(TypeError, match=r"`x` must be one array; got .* Pass x.toarray\(\)\."):
        _checks.as_array("x", scipy.sparse.eye(2))
