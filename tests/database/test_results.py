"""What a worker reports, and what is left of it."""

import hashlib
import math

import pytest
from sqlalchemy import func, select

from tests.database.scene import DIVERGED, Scene, curve, measurement, model
from workers.database import blobs, chores, queries, results
from workers.database.columns import pack_values
from workers.database.models import BlobRow, CurveRow
from workers.database.values import Claimed, Progress, RecordAnswer, Report
from workers.experiments.lifecycle import Outcome, Status, StatusReason
from workers.experiments.measurement import Artifact, Curve, Measurement, MetricSummary

HALF = Progress(phase="training", completed=1, total=2, unit="steps")
AWKWARD = (math.nan, 1.0, math.inf, -math.inf, -0.0, 5e-324)


def report(scene: Scene, held: Claimed, *curves: Curve, progress: Progress | None = None) -> RecordAnswer:
    """Send one report and return its answer."""
    sent = Report(id=held.id, fence=held.fence, progress=progress, curves=curves)
    answers = scene.write(results.record, [sent])
    return answers[held.id]


def rows_of_curves(scene: Scene) -> int:
    """Return how many rows the curves take."""
    with scene.database.read() as session:
        return session.execute(select(func.count()).select_from(CurveRow)).scalar_one()


def test_points_reported_in_parts_read_as_one_curve(scene: Scene) -> None:
    """Caught when mutated: chunks that overwrite each other, or come back in another order."""
    held = scene.running()
    for step in range(12):  # past 9: chunks are ordered as numbers, not as text
        assert report(scene, held, curve("b", step / 2, start=step), curve("a", 1.0, start=step)).held
    expected = [curve("a", *[1.0] * 12), curve("b", *[step / 2 for step in range(12)])]
    assert scene.read(queries.curves_of, held.id, None) == expected
    assert scene.read(queries.curves_of, held.id, ["b", "missing"]) == expected[1:]


def test_metrics_of_a_running_experiment_summarise_what_was_reported(scene: Scene) -> None:
    """Expected by hand. Caught when mutated: the mean of means; NaN taking part in min; argmin of the last part."""
    held = scene.running()
    report(scene, held, curve("loss", math.nan), progress=HALF)
    report(scene, held, curve("loss", 4.0, 1.0, 3.0, start=1))
    report(scene, held, curve("loss", 2.0, start=4), curve("empty"))
    view = scene.view(held.id)
    assert view.progress == HALF
    loss = view.metrics["loss"]
    assert math.isnan(loss.first)
    assert (loss.last, loss.min, loss.max, loss.mean, loss.argmin_step, loss.n) == (2.0, 1.0, 4.0, 2.5, 2, 5)
    assert set(view.metrics) == {"loss"}
    assert view.version == 2


def test_one_call_answers_for_each_experiment(scene: Scene) -> None:
    """Caught when mutated: one fence for all; unknown ids left out of the answer."""
    first, second, third = (scene.submit() for _ in range(3))
    scene.claim()
    scene.write(results.cancel, scene.project_id, second, scene.tick(), StatusReason.CANCELLED_BY_CLIENT)
    sent = [Report(id=each, fence=1) for each in (first, second, "exp_unknown")] + [Report(id=third, fence=2)]
    answers = scene.write(results.record, sent)
    assert answers == {
        first: RecordAnswer(held=True, cancel_requested=False),
        second: RecordAnswer(held=True, cancel_requested=True),
        third: RecordAnswer(held=False, cancel_requested=False),
        "exp_unknown": RecordAnswer(held=False, cancel_requested=False),
    }
    assert scene.write(results.record, []) == {}


def test_reports_of_one_experiment_in_one_call_are_joined(scene: Scene) -> None:
    """Caught when mutated: the first report lost, or two chunks of one number."""
    held = scene.running()
    sent = [
        Report(id=held.id, fence=1, progress=HALF, curves=(curve("loss", 2.0),)),
        Report(id=held.id, fence=1, curves=(curve("loss", 1.0, start=1), curve("error", 0.5))),
    ]
    scene.write(results.record, sent)
    assert scene.read(queries.curves_of, held.id) == [curve("error", 0.5), curve("loss", 2.0, 1.0)]
    assert scene.view(held.id).progress == HALF


def test_a_result_replaces_the_chunks_by_one_row_a_curve(scene: Scene) -> None:
    """Caught when mutated: chunks left beside the whole curve, which would double its points."""
    held = scene.running()
    for step in range(3):
        report(scene, held, curve("train_loss", 9.0 - step, start=step))
    assert rows_of_curves(scene) == 3
    assert scene.finish(held, measurement(9.0, 8.0, 7.0, 6.0))
    assert rows_of_curves(scene) == 1
    assert scene.read(queries.curves_of, held.id) == [curve("train_loss", 9.0, 8.0, 7.0, 6.0)]


def test_a_result_is_stored_whole(scene: Scene) -> None:
    """Expected by hand. Caught when mutated: any of the columns not set, or of another row."""
    held = scene.running()
    result = Measurement(
        outcome=Outcome.EARLY_STOPPED,
        stopped_at_step=2,
        curves=(curve("train_loss", 3.0, 1.0, 2.0), curve("empty")),
        artifacts=(model(b"weights"), Artifact(name="manifest.json", media_type="application/json", content=b"{}")),
        fingerprint={"backend": "written"},
    )
    assert scene.finish(held, result)
    view = scene.view(held.id)
    assert (view.status, view.outcome, view.stopped_at_step) == (Status.SUCCEEDED, Outcome.EARLY_STOPPED, 2)
    assert view.metrics == {
        "train_loss": MetricSummary(first=3.0, last=2.0, min=1.0, max=3.0, mean=2.0, argmin_step=1, n=3)
    }
    assert (view.finished_at, view.nondeterministic, view.verified) == (scene.now, False, True)
    assert scene.row(held.id).fingerprint == {"backend": "written"}
    first, second = scene.read(queries.artifacts_of, held.id)
    assert (first.name, second.name, second.size_bytes) == ("manifest.json", "model.safetensors", 7)
    assert second.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert scene.read(queries.named_content, held.id, "model.safetensors") == b"weights"
    assert scene.read(queries.named_content, held.id, "missing") is None
    assert scene.read(queries.artifact, scene.project_id, second.id) == second
    assert scene.read(queries.artifact, "prj_other", second.id) is None


def test_nan_and_infinity_come_back_as_such(scene: Scene) -> None:
    """Caught when mutated: NaN stored as NULL without a flag (SQLite does so); -0.0 or a subnormal rounded."""
    held = scene.running()
    assert scene.finish(held, measurement(*AWKWARD, outcome=Outcome.DIVERGED))
    (found,) = scene.read(queries.curves_of, held.id)
    assert pack_values(found.values) == pack_values(AWKWARD)
    loss = scene.read(queries.metrics_of, held.id)["train_loss"]
    assert math.isnan(loss.first)
    assert (loss.last, loss.min, loss.max, loss.n) == (5e-324, -0.0, 1.0, 6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_nowhere_finite_says_so(scene: Scene, value: float) -> None:
    """Caught when mutated: the flag of one part used for another."""
    held = scene.running()
    scene.finish(held, measurement(value, outcome=Outcome.DIVERGED))
    loss = scene.view(held.id).metrics["train_loss"]
    assert pack_values([loss.first, loss.last]) == pack_values([value, value])
    assert all(map(math.isnan, (loss.min, loss.max, loss.mean)))
    assert loss.argmin_step is None


def test_a_diverged_experiment_has_succeeded(scene: Scene) -> None:
    """Caught when mutated: divergence stored as a failure."""
    held = scene.running()
    assert scene.finish(held, DIVERGED)
    view = scene.view(held.id)
    assert (view.status, view.outcome, view.stopped_at_step) == (Status.SUCCEEDED, Outcome.DIVERGED, 3)


@pytest.mark.parametrize(("again", "nondeterministic"), [((2.0, 1.0, 0.5), False), ((2.0, 1.0 + 2**-52, 0.5), True)])
@pytest.mark.parametrize("seen_at", ["record", "finish"])
def test_a_replay_that_differs_in_one_bit_is_marked(
    scene: Scene, again: tuple[float, ...], nondeterministic: bool, seen_at: str
) -> None:
    """Caught when mutated: values compared with a tolerance, not compared, or doubled by the replay."""
    held = scene.running()
    report(scene, held, curve("train_loss", 2.0, 1.0))
    scene.write(results.requeue, held.id, held.fence, refund=True, ending="released", now=scene.tick())
    claim = scene.claim()
    assert claim is not None
    (held,) = claim.experiments
    if seen_at == "record":
        report(scene, held, curve("train_loss", *again))
        assert scene.read(queries.curves_of, held.id)[0].steps == (0, 1, 2)
        assert scene.view(held.id).metrics["train_loss"].n == 3
    else:
        assert scene.finish(held, measurement(*again))
        assert scene.read(queries.curves_of, held.id)[0].values == again
    assert scene.view(held.id).nondeterministic is nondeterministic


def test_failing_says_why_and_keeps_what_was_reported(scene: Scene) -> None:
    """Caught when mutated: reason or detail lost; an unknown reason accepted."""
    held = scene.running()
    report(scene, held, curve("train_loss", 2.0))
    with pytest.raises(ValueError, match="bored"):
        scene.write(results.fail, held.id, held.fence, "bored", None, scene.tick())
    assert scene.write(results.fail, held.id, held.fence, "out_of_memory", "9 GB", scene.tick())
    view = scene.view(held.id)
    assert (view.status_reason, view.status_detail) == (StatusReason.OUT_OF_MEMORY, "9 GB")
    assert view.metrics["train_loss"].last == 2.0
    assert scene.read(queries.events_of, held.id, 2)[0].data == {"reason": "out_of_memory"}


def test_cancelling_what_cannot_be_found_or_is_foreign_answers_none(scene: Scene) -> None:
    """Caught when mutated: the project left out of the condition."""
    held = scene.submit()
    reason = StatusReason.CANCELLED_BY_CLIENT
    assert scene.write(results.cancel, scene.project_id, "exp_unknown", scene.tick(), reason) is None
    assert scene.write(results.cancel, "prj_other", held, scene.tick(), reason) is None
    assert scene.view(held).status is Status.QUEUED


@pytest.mark.parametrize(
    ("offset", "length", "part"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (9, 5, b"9"), (0, 0, b""), (10, None, b"")],
)
def test_content_is_read_in_parts(scene: Scene, offset: int, length: int | None, part: bytes) -> None:
    """Caught when mutated: SQL's substr counts from 1, not from 0."""
    held = scene.running()
    scene.finish(held, measurement(1.0, artifacts=[model(b"0123456789")]))
    (artifact,) = scene.read(queries.artifacts_of, held.id)
    assert scene.read(queries.content, artifact.sha256, offset, length) == part
    with pytest.raises(LookupError):
        scene.read(queries.content, "0" * 64)


def test_bytes_are_stored_once_and_dropped_when_nothing_names_them(scene: Scene) -> None:
    """Caught when mutated: shared bytes dropped with the first artifact; unused ones kept."""
    for _ in range(2):
        held = scene.running()
        scene.finish(held, measurement(1.0, artifacts=[model(b"shared"), model(b"shared", "copy")]))
    scene.write(blobs.store_blob, hashlib.sha256(b"unused").hexdigest(), b"unused")
    assert scene.write(chores.drop_unused_blobs) == 1
    assert scene.write(chores.drop_unused_blobs) == 0
    with scene.database.read() as session:
        assert session.scalars(select(BlobRow.content)).all() == [b"shared"]


def test_a_curve_near_the_largest_float_can_be_stored(scene: Scene) -> None:
    """Caught when mutated: math.fsum alone, which overflows; the mean of two equal values is that value."""
    held = scene.running()
    assert scene.finish(held, measurement(1.5e308, 1.5e308))
    assert scene.view(held.id).metrics["train_loss"].mean == 1.5e308
