"""What a submission shows is what a reader finds."""

from typing import Any

import pytest

from tests.builders import new_experiment, spec_json
from tests.database.scene import Scene
from workers.database import submissions
from workers.experiments.lifecycle import Status

RECORDED = {
    "type": "recorded",
    "config": {"code": "mine"},
    "metrics": {"test_loss": 0.5},
    "curves": {"loss": [[0, 1], [2.0, 1.0]]},
}
SIMULATED = {"type": "simulation", "simulation": {"kind": "goe-eigenvalues"}}
EVERYTHING = {
    "name": "sine",
    "tags": ("b", "a", "b", "Z"),
    "metadata": {"who": "me"},
    "priority": 2,
    "timeout_seconds": 1.5,
    "queue_ttl_seconds": 60.0,
    "max_attempts": 1,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        EVERYTHING,
        {"spec": spec_json(training={"optimizer": {"kind": "sgd", "learning_rate": 1e-8}})},
        {"spec": SIMULATED},
        {"spec": RECORDED, "tags": ("mine",)},
    ],
    ids=["plain", "everything", "tiny-rate", "simulated", "recorded"],
)
def test_a_submission_shows_what_a_reader_finds(scene: Scene, changes: dict[str, Any]) -> None:
    """Caught when mutated: any member of the view not set, or otherwise than the database gives it back."""
    shown = scene.write(submissions.submitted, new_experiment(**changes), project_id=scene.project_id, now=scene.tick())
    assert shown == scene.view(shown.id)


def test_a_recorded_experiment_takes_no_place_in_the_line(scene: Scene) -> None:
    """Caught when mutated: the rank counted for what does not wait, or the count of waiting ones lost."""
    recorded, first, second = scene.submit(spec=RECORDED), scene.submit(), scene.submit()
    assert scene.view(recorded).status is Status.SUCCEEDED
    assert [scene.row(each).rank for each in (recorded, first, second)] == [0, 0, 1]
    assert scene.row(scene.submit(spec=RECORDED)).rank == 0
    assert scene.row(scene.submit(priority=2)).rank == 0
