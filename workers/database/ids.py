"""Identifiers: a prefix that names the noun, then 26 characters that sort by time."""

import os
import threading
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
RANDOM_BITS = 80

_lock = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """Return `prefix`_ULID: 48 bits of milliseconds, 80 random bits; ids of one process ascend strictly.

    Source: github.com/ulid/spec.
    """
    global _last
    with _lock:
        drawn = time.time_ns() // 1_000_000 << RANDOM_BITS | int.from_bytes(os.urandom(RANDOM_BITS // 8), "big")
        # Within a millisecond, and when the clock steps back, the next number after the last id is taken.
        _last = drawn if drawn >> RANDOM_BITS > _last >> RANDOM_BITS else _last + 1
        number = _last
    return f"{prefix}_" + "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
