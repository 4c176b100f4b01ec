"""Lists of experiments: order, pages, filters."""

import pytest

from tests.database.scene import Scene, measurement
from workers.database import queries, results
from workers.database.listings import Listing, Place
from workers.experiments.filtering.typed import filter_of
from workers.experiments.lifecycle import StatusReason


def page(
    scene: Scene, limit: int = 100, *, after: Place | None = None, where: str = "", count: bool = False
) -> Listing:
    """Return one page of the project's experiments."""
    condition = filter_of(where)
    found = scene.read(
        queries.list_experiments, scene.project_id, condition=condition, after=after, limit=limit, count=count
    )
    assert isinstance(found, Listing)
    return found


def ids(found: Listing) -> list[str]:
    """Return the ids on a page."""
    return [view.id for view in found.items]


def test_newest_first_and_the_same_as_one_by_one(scene: Scene) -> None:
    """Caught when mutated: oldest first; tags, metrics or attempts of another row."""
    held = scene.running(tags=("x",))
    scene.finish(held)
    submitted = [held.id, scene.submit(tags=("y", "z")), scene.submit()]
    found = page(scene)
    assert ids(found) == submitted[::-1]
    assert list(found.items) == [scene.view(each) for each in submitted[::-1]]
    assert (found.has_more, found.total) == (False, None)


def test_pages_have_no_gap_and_no_duplicate_while_rows_come(scene: Scene) -> None:
    """Caught when mutated: OFFSET in place of the key; <= for <; ties not broken by the id.

    All rows of a pair share their created_at, so that pages break inside ties.
    """
    submitted = []
    for index in range(10):
        submitted.append(scene.submit())
        if index % 2 == 0:
            scene.now = scene.view(submitted[-1]).created_at.replace(microsecond=0)
            scene.tick(-1)
    seen: list[str] = []
    after = None
    while True:
        found = page(scene, 3, after=after)
        seen += ids(found)
        if not found.has_more:
            break
        after = found.place
        scene.tick(10)
        scene.submit()
    assert len(seen) == len(set(seen)) == 10
    assert set(seen) == set(submitted)
    assert len({scene.view(each).created_at for each in submitted}) < 10


def test_a_full_last_page_says_that_nothing_follows(scene: Scene) -> None:
    """Caught when mutated: has_more whenever the page is full."""
    for _ in range(4):
        scene.submit()
    first = page(scene, 2)
    assert first.has_more
    second = page(scene, 2, after=first.place)
    assert (len(second.items), second.has_more) == (2, False)
    assert page(scene, 2, count=True).total == 4


def test_filters_by_status_and_tags(scene: Scene) -> None:
    """Caught when mutated: any tag for all tags; filters ignored by the count."""
    held = scene.running(tags=("a",))
    scene.write(results.fail, held.id, held.fence, StatusReason.INTERNAL, None, scene.tick())
    both = scene.submit(tags=("a", "b"))
    only_b = scene.submit(tags=("b",))
    plain = scene.submit()
    assert ids(page(scene, where="tags:a")) == [both, held.id]
    assert ids(page(scene, where="tags:a AND tags:b")) == [both]
    assert ids(page(scene, where="tags:a AND status = failed")) == [held.id]
    assert ids(page(scene, where="status = (queued OR failed)")) == [plain, only_b, both, held.id]
    assert ids(page(scene, where="status = cancelled")) == []
    assert ids(page(scene, where='tags:"%"')) == []
    assert page(scene, 1, where="tags:b", count=True).total == 2


def test_another_project_sees_nothing(scene: Scene) -> None:
    """Caught when mutated: the project left out of any of the conditions."""
    held = scene.running(tags=("a",))
    scene.finish(held)
    with scene.database.write() as session:
        other = queries.ensure_project(session, "other")
    assert scene.read(queries.experiment, other, held.id) is None
    assert scene.read(queries.version_of, other, held.id) is None
    assert scene.read(queries.version_of, scene.project_id, held.id) == 3
    everything = scene.read(queries.list_experiments, other, limit=10, count=True)
    assert (everything.items, everything.total) == ((), 0)


def test_events_can_be_read_from_a_version_on(scene: Scene) -> None:
    """Caught when mutated: >= for >; newest first."""
    held = scene.running()
    scene.finish(held, measurement(1.0))
    events = scene.read(queries.events_of, held.id)
    assert [(event.version, event.kind) for event in events] == [(1, "queued"), (2, "running"), (3, "succeeded")]
    assert scene.read(queries.events_of, held.id, 1) == events[1:]
    assert events[-1].at == scene.now
    assert events[-1].data == {"outcome": "completed"}


@pytest.mark.parametrize("missing", ["exp_unknown", ""])
def test_what_does_not_exist_is_none_or_empty(scene: Scene, missing: str) -> None:
    """Caught when mutated: raising where an answer is meant."""
    assert scene.read(queries.experiment, scene.project_id, missing) is None
    assert scene.read(queries.version_of, scene.project_id, missing) is None
    assert scene.read(queries.artifact, scene.project_id, missing) is None
    for function in (queries.events_of, queries.attempts_of, queries.artifacts_of, queries.curves_of):
        assert scene.read(function, missing) == []
    assert scene.read(queries.metrics_of, missing) == {}
