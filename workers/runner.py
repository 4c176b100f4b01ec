"""The torch process: reads populations and questions from a pipe, writes what comes of them to another.

Started as `python -m workers.runner`. Frames come in by standard input and go out by what was standard
output; all printing goes to standard error. The end of the input ends the process at once. Each population
is answered by one `done`, and so is each `stop`, also one that broke a population off; `done` says in
`after` which of the two it answers. On Linux it dies with the thread that started it.
"""

import ctypes
import gc
import io
import os
import queue
import signal
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

from workers import frames
from workers.catalogue.load import load
from workers.catalogue.problems import InvalidError
from workers.experiments.codec import decode
from workers.experiments.lifecycle import StatusReason
from workers.experiments.measurement import Curve, Measurement, to_message
from workers.settings import Settings, read_settings

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.reports import Job

KEPT_MODELS = 8
PR_SET_PDEATHSIG = 1
TINY = {
    "type": "approximation",
    "target": {"kind": "sine-sum"},
    "dataset": {"kind": "sampled", "train_size": 16, "validation_size": 0, "test_size": 16},
    "architecture": {"kind": "mlp", "width": 4},
    "training": {"kind": "gradient", "steps": 2, "batch_size": 8},
}

Question = tuple[dict[str, Any], list[bytes]]


class Inbox:
    """What the supervisor asked for: questions in order, and requests that cannot wait for their turn."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._questions: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._cancelled: frozenset[str] = frozenset()
        self._stops = 0

    def read_forever(self) -> None:
        """Read frames until the pipe closes, then end the process: nobody is left to hear a result."""
        with suppress(OSError, ValueError, EOFError):
            while (question := frames.read(self._stream)) is not None:
                self._sort(question)
        os._exit(0)

    def _sort(self, question: Question) -> None:
        header = question[0]
        with self._lock:
            if header["do"] == "cancel":
                self._cancelled |= frozenset(header["ids"])
                return
            if header["do"] == "population":
                # A cancel that came too late for an earlier attempt is not meant for this one.
                self._cancelled -= frozenset(job["id"] for job in header["jobs"])
            if header["do"] == "stop":
                self._stops += 1
        self._questions.put(question)

    def next(self) -> Question:
        """Return the next question, waiting for it."""
        return self._questions.get()

    def stopped(self) -> None:
        """Take note that a stop was obeyed."""
        with self._lock:
            self._stops -= 1

    def stopping(self) -> bool:
        """Say whether a stop waits to be obeyed."""
        return self._stops > 0

    def cancel_requested(self) -> frozenset[str]:
        """Return the jobs to give up."""
        return self._cancelled


class Outbox:
    """Writes frames; also the reporter of a population."""

    def __init__(self, stream: BinaryIO, inbox: Inbox) -> None:
        self._stream = stream
        self.stopping, self.cancel_requested = inbox.stopping, inbox.cancel_requested

    def say(self, header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Write a frame; without a reader end the process."""
        try:
            frames.write(self._stream, header, blobs)
        except OSError:
            os._exit(0)

    def progress(
        self, job_id: str, *, phase: str, completed: int, total: int, unit: str, curves: Sequence[Curve]
    ) -> None:
        """Say where a job is."""
        place = {"phase": phase, "completed": completed, "total": total, "unit": unit}
        self.say({"say": "progress", "id": job_id, **place, "curves": [asdict(curve) for curve in curves]})

    def finish(self, job_id: str, measurement: Measurement) -> None:
        """Say a result."""
        said, contents = to_message(measurement)
        self.say({"say": "finished", "id": job_id, "measurement": said}, contents)

    def fail(self, job_id: str, reason: StatusReason, detail: str) -> None:
        """Say that there is no result."""
        self.say({"say": "failed", "id": job_id, "reason": str(reason), "detail": detail})

    def cancelled(self, job_id: str) -> None:
        """Say that a job was given up."""
        self.say({"say": "cancelled", "id": job_id})


class Runner:
    """Answers one question after the other."""

    def __init__(self, outbox: Outbox, report_seconds: float) -> None:
        self._outbox, self._report_seconds = outbox, report_seconds
        self._models: OrderedDict[str, Callable[[Floats], Floats]] = OrderedDict()

    def run(self, header: dict[str, Any], blobs: list[bytes]) -> None:
        """Run a population; a job whose spec is refused fails alone."""
        from workers.engine.population import run_population

        run_population(self._jobs(header["jobs"], blobs), self._outbox, self._report_seconds)

    def _jobs(self, jobs: list[dict[str, Any]], blobs: list[bytes]) -> "list[Job]":
        from workers.engine.reports import Job

        found, models = [], iter(blobs)
        for job in jobs:
            given = job.get("source")
            model = next(models) if given else b""
            try:
                source = (decode(given["spec"]), model) if given else None
                found.append(Job(id=job["id"], spec=decode(job["spec"]), source=source))
            except InvalidError as error:
                self._outbox.fail(job["id"], StatusReason.INVALID, str(error))
        return found

    def predict(self, header: dict[str, Any], blobs: list[bytes]) -> None:
        """Answer what a model says on inputs (n, d)."""
        import numpy as np

        try:
            inputs = np.asarray(header["inputs"], dtype=np.float64)
            outputs = self._model(header["spec"], blobs[0])(inputs)
        except (InvalidError, ValueError) as error:
            self._outbox.fail(header["id"], StatusReason.INVALID, str(error))
        else:
            self._outbox.say({"say": "predicted", "id": header["id"], "outputs": outputs.tolist()})

    def _model(self, spec: Any, content: bytes) -> "Callable[[Floats], Floats]":
        from workers.engine.models import load_model

        key = sha256(content).hexdigest()
        if key not in self._models:
            self._models[key] = load_model(decode(spec), content)
        self._models.move_to_end(key)
        while len(self._models) > KEPT_MODELS:
            self._models.popitem(last=False)
        return self._models[key]


def main() -> None:
    """Serve until the input ends."""
    questions, answers = _private_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal is the supervisor's to answer
    _die_with_parent()
    inbox = Inbox(questions)
    threading.Thread(target=inbox.read_forever, name="inbox", daemon=True).start()
    settings: Settings = read_settings(Settings)
    outbox = Outbox(answers, inbox)
    runner = Runner(outbox, settings.report_seconds)
    outbox.say({"say": "ready", "fingerprint": _warm(settings, inbox)})
    while True:
        header, blobs = inbox.next()
        if header["do"] == "population":
            runner.run(header, blobs)
            outbox.say({"say": "done", "after": "population"})
        elif header["do"] == "predict":
            runner.predict(header, blobs)
        elif header["do"] == "stop":
            inbox.stopped()
            outbox.say({"say": "done", "after": "stop"})


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the two pipes away from what may read or print by itself."""
    questions, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(questions, "rb"), os.fdopen(answers, "wb")


def _die_with_parent() -> None:
    """Ask Linux for a kill when the starting thread ends: a long call into C keeps the reader from seeing the end."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _warm(settings: Settings, inbox: Inbox) -> dict[str, Any]:
    """Import, load and train what the first population would wait for; return the fingerprint."""
    from workers.engine.numerics import best_device, fingerprint, prepare_process

    prepare_process()
    load(settings.components or None)
    unheard = io.BytesIO()
    Runner(Outbox(unheard, inbox), settings.report_seconds).run({"jobs": [{"id": "warm-up", "spec": TINY}]}, [])
    if b'"failed"' in unheard.getvalue():
        raise RuntimeError("the engine does not work here: " + unheard.getvalue().decode(errors="replace"))
    gc.freeze()  # what is loaded now stays
    return fingerprint(best_device(), "any")


if __name__ == "__main__":
    main()
