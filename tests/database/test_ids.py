"""Identifiers."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

from workers.database import ids


def test_an_id_is_its_prefix_and_a_ulid() -> None:
    """Caught when mutated: a shift range that drops or repeats five bits."""
    assert re.fullmatch(r"exp_[0-7][0-9A-HJKMNP-TV-Z]{25}", ids.new_id("exp"))


def test_the_first_ten_characters_are_the_milliseconds() -> None:
    """Expected by hand from the ULID specification: 10 digits of base 32, most significant first."""
    before = time.time_ns() // 1_000_000
    digits = ids.new_id("art")[4:14]
    stamp = sum(ids.ALPHABET.index(digit) * 32**place for place, digit in enumerate(reversed(digits)))
    assert before <= stamp <= time.time_ns() // 1_000_000


def test_ids_ascend_strictly_also_within_a_millisecond_and_between_threads() -> None:
    """Caught when mutated: drawing new random bits for an id of the same millisecond."""
    one_thread = [ids.new_id("exp") for _ in range(2_000)]
    assert one_thread == sorted(set(one_thread))
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda _: ids.new_id("exp"), range(2_000)))
    assert len(set(many)) == 2_000
    assert min(many) > max(one_thread)
