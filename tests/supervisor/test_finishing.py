"""Results on their way from a runner to the database: together where they come together, and none lost."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import event

from tests.builders import spec_json
from tests.database.scene import Scene, measurement, model
from tests.databases import copied_sqlite
from workers.database.queries import ensure_project
from workers.database.session import Database
from workers.database.values import Claim, Claimed
from workers.experiments.lifecycle import Status, StatusReason
from workers.experiments.measurement import Measurement, to_message
from workers.supervisor.finishing import MOST_BYTES, MOST_TOGETHER, WAIT_SECONDS, Finishing
from workers.supervisor.population import Ending, Population
from workers.supervisor.runner_process import Frame, RunnerGoneError, RunnerProcess

SAID: dict[str, Any] = {"phase": "training", "completed": 1, "total": 2, "unit": "steps"}


@pytest.fixture
def scene(sqlite_template: Path, tmp_path: Path) -> Iterator[Scene]:
    """A project on a migrated SQLite database."""
    database = Database(copied_sqlite(sqlite_template, tmp_path / "finishing.db"))
    with database.write() as session:
        project_id = ensure_project(session)
    yield Scene(database=database, project_id=project_id)
    database.dispose()


@pytest.fixture
def commits(scene: Scene) -> list[None]:
    """A list that gains an entry with every transaction that is committed."""
    found: list[None] = []
    event.listen(scene.database.engine, "commit", lambda connection: found.append(None))
    return found


def claimed(scene: Scene, count: int) -> Claim:
    """Return a claim of running experiments."""
    for seed in range(count):
        scene.submit(spec=spec_json(seed=seed))
    claim = scene.claim()
    assert claim is not None and len(claim.experiments) == count
    return claim


def finished(held: Claimed, found: Measurement | None = None) -> Frame:
    """Return what a runner says at the end of an experiment."""
    said, contents = to_message(found or measurement(artifacts=[model(held.id.encode())]))
    return Frame(header={"say": "finished", "id": held.id, "measurement": said}, blobs=tuple(contents))


def statuses(scene: Scene, claim: Claim) -> list[Status]:
    """Return the statuses of a claim's experiments."""
    return [scene.view(each.id).status for each in claim.experiments]


class Script:
    """A runner that says what stands in its script; what is callable there is called when its turn comes."""

    def __init__(self, *lines: Frame | Callable[[], Frame | None]) -> None:
        self._lines = list(lines)

    def send(self, header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Hear what is asked."""

    def receive(self, timeout_seconds: float) -> Frame | None:
        """Return the next line; raise RunnerGoneError after the last one."""
        if not self._lines:
            raise RunnerGoneError("the script ended")
        line = self._lines.pop(0)
        return line if isinstance(line, Frame) else line()


def population(scene: Scene, claim: Claim, *lines: Frame | Callable[[], Frame | None]) -> Population:
    """Return the claim's population with a runner of this script."""
    return Population(
        database=scene.database,
        runner=cast(RunnerProcess, Script(*lines)),
        claim=claim,
        report_seconds=3600.0,
        stopping=threading.Event(),
        lost=threading.Event(),
    )


class Harvest:
    """A `Finishing` with what it tells."""

    def __init__(self, scene: Scene) -> None:
        self.settled: list[tuple[str, bool]] = []
        self.refused: list[str] = []
        self.finishing = Finishing(
            scene.database,
            given_up=lambda: False,
            settle=lambda id, held: self.settled.append((id, held)),
            refuse=lambda id, error: self.refused.append(id),
        )

    def take(self, held: Claimed, found: Measurement | None = None) -> None:
        """Take a result."""
        frame = finished(held, found)
        self.finishing.take(held, frame.header["measurement"], frame.blobs)


def test_results_wait_for_each_other_and_are_written_in_one_transaction(scene: Scene, commits: list[None]) -> None:
    """Catches a transaction per result, and a wait that begins again with each one that comes."""
    claim = claimed(scene, 5)
    harvest = Harvest(scene)
    assert harvest.finishing.seconds_left == math.inf
    before = len(commits)
    begun = time.monotonic()
    for held in claim.experiments:
        harvest.take(held)
        time.sleep(0.01)
    assert 0 < harvest.finishing.seconds_left <= begun + WAIT_SECONDS + 0.005 - time.monotonic()
    harvest.finishing.write()
    assert len(commits) == before + 1
    assert harvest.settled == [(held.id, True) for held in claim.experiments] and not harvest.refused
    assert harvest.finishing.seconds_left == math.inf
    assert set(statuses(scene, claim)) == {Status.SUCCEEDED}


@pytest.mark.parametrize(("count", "size"), [(MOST_TOGETHER, 1), (1, MOST_BYTES)], ids=["many", "large"])
def test_many_results_or_large_ones_are_due_at_once(scene: Scene, count: int, size: int) -> None:
    """Catches memory that grows with a population, and a transaction that holds the database for long."""
    claim = claimed(scene, count)
    harvest = Harvest(scene)
    for held in claim.experiments:
        assert harvest.finishing.seconds_left > 0
        harvest.take(held, measurement(artifacts=[model(b"x" * size)]))
    assert harvest.finishing.seconds_left == 0


def test_a_result_that_cannot_be_stored_spoils_no_other(scene: Scene) -> None:
    """Catches a batch that is lost with one of its members, and one that is tried again for ever.

    JSON has no NaN, so the database refuses the second's fingerprint; the third is no result at all.
    """
    claim = claimed(scene, 4)
    first, faulty, shapeless, last = claim.experiments
    harvest = Harvest(scene)
    harvest.take(first)
    harvest.take(faulty, replace(measurement(), fingerprint={"share": math.nan}))
    harvest.finishing.take(shapeless, {"outcome": "bored"}, ())
    assert harvest.refused == [shapeless.id]
    harvest.take(last)
    harvest.finishing.write()
    assert harvest.settled == [(first.id, True), (last.id, True)]
    assert harvest.refused == [shapeless.id, faulty.id]
    assert statuses(scene, claim) == [Status.SUCCEEDED, Status.RUNNING, Status.RUNNING, Status.SUCCEEDED]


def test_who_lost_an_experiment_is_told_so(scene: Scene) -> None:
    """Catches a batch that counts as written for all its members."""
    claim = claimed(scene, 2)
    kept, lost = claim.experiments
    harvest = Harvest(scene)
    for held in (replace(lost, fence=lost.fence + 1), kept):
        harvest.take(held)
    harvest.finishing.write()
    assert harvest.settled == [(lost.id, False), (kept.id, True)]


def test_a_runner_that_dies_with_results_in_its_pipe_loses_none(scene: Scene) -> None:
    """Catches results that wait for companions when the population ends."""
    claim = claimed(scene, 3)
    first, second, third = claim.experiments
    driven = population(scene, claim, finished(first), finished(second))
    assert driven.drive() is Ending.GONE
    assert statuses(scene, claim) == [Status.SUCCEEDED, Status.SUCCEEDED, Status.RUNNING]
    assert [each.id for each in driven.unsettled] == [third.id]


def test_the_last_result_is_written_before_anything_else_is_heard(scene: Scene) -> None:
    """Catches a single experiment, or the last of many, whose client waits for companions that do not come."""
    claim = claimed(scene, 2)
    first, last = claim.experiments
    seen: list[list[Status]] = []

    def look() -> None:
        seen.append(statuses(scene, claim))

    done = Frame(header={"say": "done", "after": "population"})
    assert population(scene, claim, finished(first), look, finished(last), look, done).drive() is Ending.DONE
    assert seen == [[Status.RUNNING, Status.RUNNING], [Status.SUCCEEDED, Status.SUCCEEDED]]


def test_what_waited_long_enough_is_written_while_companions_train(scene: Scene) -> None:
    """Catches a result that nobody sees until its whole population has ended."""
    claim = claimed(scene, 2)
    first, _ = claim.experiments
    seen: list[list[Status]] = []

    def wait() -> None:
        time.sleep(WAIT_SECONDS)

    def look() -> None:
        seen.append(statuses(scene, claim))

    population(scene, claim, finished(first), wait, look).drive()
    assert seen == [[Status.SUCCEEDED, Status.RUNNING]]


@pytest.mark.parametrize("word", ["finished", "failed", "cancelled"])
def test_only_the_first_last_word_counts(scene: Scene, word: str) -> None:
    """Catches a failure that overtakes the result that came before it, and a result that is stored twice."""
    claim = claimed(scene, 2)
    first, last = claim.experiments
    again = replace(finished(first), header={**finished(first).header, "say": word, "reason": "internal"})
    population(scene, claim, finished(first), again, finished(last)).drive()
    assert statuses(scene, claim) == [Status.SUCCEEDED, Status.SUCCEEDED]
    assert scene.view(first.id).status_reason is StatusReason.NONE


def test_progress_is_reported_once(scene: Scene) -> None:
    """Catches a report of every member at every tick, whether or not there is news of it."""
    claim = claimed(scene, 2)
    told, silent = claim.experiments

    def progress() -> Frame:
        return Frame(header={"say": "progress", "id": told.id, **SAID, "curves": []})

    driven = population(scene, claim, progress(), lambda: None, lambda: None)
    driven._report_seconds = 0.0
    driven.drive()
    assert [scene.row(each.id).reports for each in (told, silent)] == [1, 0]
    view = scene.view(told.id)
    assert view.progress is not None and view.progress.completed == 1
