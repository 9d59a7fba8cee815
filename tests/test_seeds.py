"""Numbers of random streams come from names alone."""

import re
import zlib
from typing import NamedTuple

import numpy as np
import pytest

from neurogain import _seeds


class Pair(NamedTuple):
    left: object
    right: object


@pytest.mark.parametrize("name", ["", "current", "pyr.soma.current", "zwölf"])
def test_the_number_of_a_name_is_its_checksum(name):
    table = [0] * 256  # CRC-32 bit by bit, of the reversed polynomial
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
        table[byte] = value
    expected = 0xFFFFFFFF
    for byte in name.encode():
        expected = table[(expected ^ byte) & 0xFF] ^ (expected >> 8)
    assert _seeds.of_name(name) == expected ^ 0xFFFFFFFF


def test_a_leaf_is_named_by_keys_and_fields():
    tree = {"b": Pair(1.0, {"x": np.ones(3)}), "a.soma": (2.0, 3.0)}
    assert _seeds.leaf_names(tree) == ("a.soma.0", "a.soma.1", "b.left", "b.right.x")
    whole = _seeds.leaf_names(tree, lambda node: isinstance(node, Pair))
    assert whole == ("a.soma.0", "a.soma.1", "b")
    assert _seeds.leaf_names(1.0) == ("",)


def test_names_that_would_share_a_stream_are_refused():
    _seeds.check_distinct("`drive`", ["a", "b"])
    names = ("plumless", "buckeroo")  # of one CRC-32
    message = f"got 'plumless' and 'buckeroo', both of {zlib.crc32(b'plumless')}. Rename one."
    with pytest.raises(ValueError, match=re.escape(message)):
        _seeds.check_distinct("`drive`", ("a", *names))
    with pytest.raises(ValueError, match="`drive` must have names of different CRC-32 numbers"):
        _seeds.check_distinct("`drive`", ["a", "a"])
