"""What the front page and the page of one experiment show, from the same queries that answer the interface."""

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.context import Context
from service.plots.loss import ACCURACIES
from service.plots.pictures import Name, drawable, ending
from service.progress import progress_of
from service.schemas.experiment_replies import path_of
from service.web import words
from workers.database import queries
from workers.database.values import ArtifactView, ExperimentView

RECENT = 12
TOLD_FIRST = ("test_accuracy", "l2_error", "test_l2_error", "sup_error", "test_loss")
TOLD = 2  # metrics of one row
COMMAND = """\
curl -s {address}v1/experiments -H 'Content-Type: application/json' -H 'Prefer: wait=30' -d '{{
  "spec": {{
    "type": "approximation",
    "target": {{"kind": "expression", "expression": "abs(x)", "domain": {{"x": [-1, 1]}}}},
    "dataset": {{"kind": "sampled", "train_size": 512}},
    "architecture": {{"kind": "mlp", "width": 16, "depth": 1, "activation": "relu"}},
    "training": {{"kind": "gradient", "steps": 1000}}
  }}
}}'"""
LOSS = "The loss over the training, on every part of the data."
ACCURACY = "The loss and the accuracy over the training, on every part of the data."
FIT = "The model beside its target, and the difference between the two."
PROBES = "What its probes left, each in a panel of its own."


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An experiment in the words of a page."""

    view: ExperimentView
    now: datetime

    @property
    def title(self) -> str:
        """Return its name, or its id where it has none."""
        return self.view.name or self.view.id

    @property
    def page(self) -> str:
        """Return the path of its page."""
        return f"/experiments/{self.view.id}"

    @property
    def path(self) -> str:
        """Return its path in the interface."""
        return path_of(self.view.id)

    @property
    def state(self) -> str:
        """Return its status with what qualifies it: a run that diverged has succeeded as an experiment only."""
        view = self.view
        if view.stopped_at_step is not None:
            return f"{view.status}, {ending(view)} at step {view.stopped_at_step:,}"
        if view.cancelling:
            return f"{view.status}, cancelling"
        return str(view.status) if view.status_reason == "none" else f"{view.status}: {view.status_reason}"

    @property
    def measured(self) -> list[tuple[str, str]]:
        """Return its most telling metrics with their last values."""
        known = self.view.metrics
        names = [*(name for name in TOLD_FIRST if name in known), *sorted(known.keys() - set(TOLD_FIRST))]
        return [(name, words.figure(known[name].last)) for name in names[:TOLD]]

    @property
    def age(self) -> str:
        """Return how long ago it was submitted."""
        return words.age(self.view.created_at, self.now)

    @property
    def pictures(self) -> dict[Name, str]:
        """Return the captions of its pictures."""
        loss = ACCURACY if any(name in self.view.metrics for name in ACCURACIES) else LOSS
        captions: dict[Name, str] = {"loss": loss, "fit": FIT, "probes": PROBES}
        return {name: captions[name] for name in drawable(self.view)}

    @property
    def spec(self) -> str:
        """Return its spec, to be read by people."""
        return json.dumps(self.view.spec, indent=2, ensure_ascii=False)

    @property
    def facts(self) -> dict[str, str]:
        """Return what else there is to know, by its label."""
        view = self.view
        begun, ended = view.started_at, view.finished_at
        known = {
            "parameters": f"{view.parameters:,}" if view.parameters is not None else None,
            "waited": words.span((begun - view.created_at).total_seconds()) if begun else None,
            "ran": words.span((ended - begun).total_seconds()) if begun and ended else None,
            "device": view.attempt.device if view.attempt else None,
            "attempts": str(view.attempt.number) if view.attempt and view.attempt.number > 1 else None,
            "tags": ", ".join(view.tags) or None,
            "repeats": view.rerun_of,
            "detail": view.status_detail,
            "warning": _warning(view),
        }
        return {label: value for label, value in known.items() if value is not None}


def command(address: str) -> str:
    """Return a shell command that submits an experiment to the server at an address that ends in a slash."""
    return COMMAND.format(address=shlex.quote(address))


def front(context: Context) -> list[Shown]:
    """Return the newest experiments."""
    project_id, now = context.project_id, datetime.now(UTC)
    with context.database.read() as session:
        views = queries.list_experiments(session, project_id, limit=RECENT).items
    return [Shown(view=view, now=now) for view in views]


def evidence(context: Context, view: ExperimentView) -> dict[str, Any]:
    """Return what the page of one experiment shows, by the names that its template uses."""
    with context.database.read() as session:
        files: list[ArtifactView] = queries.artifacts_of(session, view.id)
    progress = None if view.status.is_terminal else progress_of(context, view)
    return {"shown": Shown(view=view, now=datetime.now(UTC)), "files": files, "progress": progress, "words": words}


def _warning(view: ExperimentView) -> str | None:
    if not view.verified:
        return "reported by a client, not computed here"
    return "a repeated attempt gave other bits" if view.nondeterministic else None
