"""Frames on the pipes between supervisor and runner: a JSON header and binary payloads."""

import json
from collections.abc import Sequence
from typing import IO, Any

LENGTH_BYTES = 4  # big-endian, of the header
LARGEST_HEADER = 2**28  # bytes; four characters of printed text, read as a length, are more


class FrameError(ValueError):
    """What stands in the pipe is no frame."""


def write(stream: IO[bytes], header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Write one frame and flush; raise FrameError for a header above the limit, OSError when nobody reads."""
    text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}, separators=(",", ":")).encode()
    if len(text) > LARGEST_HEADER:
        raise FrameError(f"a header of {len(text)} bytes is above the limit of {LARGEST_HEADER}")
    stream.write(len(text).to_bytes(LENGTH_BYTES, "big") + text)
    for blob in blobs:
        stream.write(blob)
    stream.flush()


def read(stream: IO[bytes]) -> tuple[dict[str, Any], list[bytes]] | None:
    """Return the next header, without its sizes, and its blobs; None at the end of the stream.

    Raise EOFError where the stream ends inside a frame, FrameError for what is none.
    """
    prefix = _up_to(stream, LENGTH_BYTES)
    if not prefix:
        return None
    length = int.from_bytes(_whole(prefix, LENGTH_BYTES), "big")
    if length > LARGEST_HEADER:
        raise FrameError(f"a header of {length} bytes is above the limit of {LARGEST_HEADER}: is this a frame?")
    try:
        header = json.loads(_whole(_up_to(stream, length), length))
        sizes = header.pop("blobs")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise FrameError(f"a frame without a header of ours: {error}") from error
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise FrameError(f"sizes of payloads must be whole numbers of at least 0: {sizes!r}")
    return header, [_whole(_up_to(stream, size), size) for size in sizes]


def _up_to(stream: IO[bytes], count: int) -> bytes:
    """Return `count` bytes, fewer only where the stream ends; a raw pipe gives them in pieces."""
    pieces = []
    while count and (piece := stream.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _whole(content: bytes, count: int) -> bytes:
    if len(content) < count:
        raise EOFError(f"the stream ended after {len(content)} of {count} bytes")
    return content
