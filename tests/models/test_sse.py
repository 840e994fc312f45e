"""Events from bytes, however they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.models import sse
from midwatch.models.sse import Decoder


def decode(*chunks: bytes) -> list[str]:
    """All data of a body that comes in these chunks."""
    decoder = Decoder()
    found = [data for chunk in chunks for data in decoder.feed(chunk)]
    return found + decoder.finish()


STREAM = (
    'event: a\ndata: {"text": "é"}\nid: 1\n\n: a comment\n\ndata:one\ndata: two\r\n\r\nnoise\n\ndata: [DONE]'.encode()
)


def test_data_is_found_among_other_fields_comments_and_noise() -> None:
    assert decode(STREAM) == ['{"text": "é"}', "one\ntwo", "[DONE]"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_where_the_bytes_are_cut_makes_no_difference(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in itertools.pairwise(places)]
    assert decode(*chunks) == decode(STREAM)


def test_a_document_comes_out_whole() -> None:
    assert decode(b" \n", b'{"a":\n\n', b"1}\n") == ['{"a":\n\n1}\n']


def test_a_byte_order_mark_is_skipped() -> None:
    assert decode(b"\xef\xbb\xbfdata: x\n\n") == ["x"]


def test_what_is_not_utf8_is_an_error() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        decode(b"data: \xff\n\n")


def test_an_endless_line_is_an_error_and_an_endless_stream_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MOST_BYTES", 1 << 20)
    decoder = Decoder()
    decoder.feed(b"x" * (1 << 20))
    with pytest.raises(ValueError, match="more than 1 MiB"):
        decoder.feed(b"x")
    decoder = Decoder()
    for _ in range(3):
        assert len(decoder.feed(b"data: " + b"x" * (1 << 19) + b"\n\n")) == 1
