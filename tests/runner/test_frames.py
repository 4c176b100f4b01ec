"""Frames: what goes in comes out, and what is no frame is refused."""

import io
import json
import math
import os
import threading

import pytest

from workers import frames
from workers.frames import LARGEST_HEADER, FrameError

HEADER = {"say": "progress", "id": "exp_1", "values": [0.1, 1e-300, 2.0**-1074], "text": 'é "\n'}


def written(header: dict[str, object], blobs: list[bytes]) -> bytes:
    stream = io.BytesIO()
    frames.write(stream, header, blobs)
    return stream.getvalue()


def framed(text: bytes) -> io.BytesIO:
    return io.BytesIO(len(text).to_bytes(4, "big") + text)


@pytest.mark.parametrize("blobs", [[], [b""], [b"\0\xff" * 1000, b"", b"x"]])
def test_frames_come_out_as_they_went_in(blobs: list[bytes]) -> None:
    """Several in a row; catches a length that counts characters instead of bytes."""
    stream = io.BytesIO(written(HEADER, blobs) + written({"do": "stop"}, []))
    assert frames.read(stream) == (HEADER, blobs)
    assert frames.read(stream) == ({"do": "stop"}, [])
    assert frames.read(stream) is None


def test_numbers_that_are_not_finite_pass() -> None:
    found = frames.read(io.BytesIO(written({"values": [math.inf, -math.inf, math.nan]}, [])))
    assert found is not None and repr(found[0]["values"]) == "[inf, -inf, nan]"


def test_a_frame_cut_anywhere_is_no_frame() -> None:
    """Catches a truncated result taken for a whole one."""
    whole = written(HEADER, [b"payload"])
    for length in range(1, len(whole)):
        with pytest.raises(EOFError):
            frames.read(io.BytesIO(whole[:length]))


@pytest.mark.parametrize("length", [LARGEST_HEADER + 1, 2**32 - 1, int.from_bytes(b"Trai", "big")])
def test_a_header_too_long_to_be_one_is_refused(length: int) -> None:
    """Printed text in the pipe reads as a length of more than 500 MB."""
    with pytest.raises(FrameError, match="is this a frame"):
        frames.read(io.BytesIO(length.to_bytes(4, "big") + b"{}"))


def test_a_header_above_the_limit_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LARGEST_HEADER", 50)
    with pytest.raises(FrameError, match="above the limit of 50"):
        written({"text": "x" * 50}, [])


@pytest.mark.parametrize(
    "text", [b"no json", b"[]", b"1", b"{}", b'{"blobs":3}', b'{"blobs":[-1]}', b'{"blobs":[true]}']
)
def test_a_header_of_another_kind_is_refused(text: bytes) -> None:
    with pytest.raises(FrameError):
        frames.read(framed(text))


def test_a_slow_unbuffered_pipe_gives_whole_frames() -> None:
    """A raw pipe returns what is there; catches a single read taken for all of it."""
    source, sink = os.pipe()
    blob = os.urandom(300_000)  # more than a pipe holds
    writer = threading.Thread(target=lambda: _drip(sink, written({"do": "x"}, [blob])))
    writer.start()
    with os.fdopen(source, "rb", buffering=0) as stream:
        assert frames.read(stream) == ({"do": "x"}, [blob])  # type: ignore[arg-type]
        assert frames.read(stream) is None  # type: ignore[arg-type]
    writer.join()


def _drip(sink: int, content: bytes) -> None:
    with os.fdopen(sink, "wb", buffering=0) as stream:
        for start in range(0, len(content), 7001):
            stream.write(content[start : start + 7001])


def test_the_length_is_big_endian_and_the_header_compact_json() -> None:
    """The format by hand, for a reader in another language."""
    content = written({"say": "done"}, [b"ab"])
    text = b'{"say":"done","blobs":[2]}'
    assert content == bytes([0, 0, 0, len(text)]) + text + b"ab"
    assert json.loads(text) == {"say": "done", "blobs": [2]}
