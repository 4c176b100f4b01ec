"""How much of a queue a worker takes, so that all end at about the same time."""

import pytest

from tests.builders import spec_json
from tests.database.scene import Scene, identity
from workers.database import claims

COMPILED = spec_json(backend="compiled")
WRITTEN = spec_json(backend="written")


@pytest.mark.parametrize(
    ("spec", "taken"), [(COMPILED, 10), (WRITTEN, 20)], ids=["one after the other", "step by step together"]
)
def test_the_busy_share_what_is_trained_one_after_the_other(scene: Scene, spec: dict[str, object], taken: int) -> None:
    """Twenty wait; one worker is busy, one is not. Expected by hand: half of them, or, where they train together, all.

    Caught when mutated: only idle workers counted, which leaves the busy one without work when it comes back.
    """
    scene.submit(spec=spec_json(architecture={"width": 3}))
    assert scene.claim("wrk_busy") is not None
    for _ in range(20):
        scene.submit(spec=spec)
    claim = scene.claim("wrk_a")
    assert claim is not None and len(claim.experiments) == taken


def test_shares_shrink_until_the_queue_is_empty(scene: Scene) -> None:
    """Two workers in turn take 8, 4, 2, 1 and 1 of 16: the last ends no later than one experiment after the other.

    This is guided self-scheduling (Polychronopoulos and Kuck 1987, IEEE Transactions on Computers 36, 1425-1439).
    Caught when mutated: a share rounded down, which never takes the last one, or a least number above 1.
    """
    for worker in "ab":
        scene.write(claims.register_worker, identity(f"wrk_{worker}"), scene.tick())
    for _ in range(16):
        scene.submit(spec=COMPILED)
    taken = []
    while (claim := scene.claim(f"wrk_{'ab'[len(taken) % 2]}")) is not None:
        taken.append(len(claim.experiments))
    assert taken == [8, 4, 2, 1, 1]
