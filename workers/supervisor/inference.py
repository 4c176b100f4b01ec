"""What an inference worker does: answer one question to a model after the other."""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from workers.database import inferences
from workers.database.session import Database
from workers.database.values import Inference, WorkerIdentity
from workers.supervisor.durable import now, until_written
from workers.supervisor.runner_process import RunnerGoneError
from workers.supervisor.warm_runner import WarmRunner

PREDICT_SECONDS = 25.0  # a longer prediction ends with its runner; after 30 s another worker is given the question

Outputs = list[list[float]]

log = logging.getLogger(__name__)


class Answering:
    """Answers inferences by a runner that is kept warm, so that the first answer does not wait for torch."""

    def __init__(self, *, database: Database, worker: WorkerIdentity, stopping: threading.Event) -> None:
        self._database, self._worker, self._stopping = database, worker, stopping
        self.runner = WarmRunner(stopping)

    def start(self) -> None:
        """Warm the runner."""
        self.runner.start()

    def step(self) -> bool:
        """Answer the next inference; return False when there was none."""
        with self._database.write() as session:
            claimed = inferences.claim_inference(session, self._worker.id, now())
        if claimed is None:
            return False
        inference, spec, model = claimed
        outputs, detail = self._predict(inference, spec, model)
        until_written(
            self._database,
            lambda session: inferences.answer(session, inference.id, outputs, detail, now()),
            self._stopping.is_set,
        )
        self.runner.discard_leaking()
        self.runner.start()
        return True

    def _predict(
        self, inference: Inference, spec: Mapping[str, Any], model: bytes
    ) -> tuple[Outputs | None, str | None]:
        """Return the outputs (n, m), or why there are none."""
        runner = self.runner.ready()
        if runner is None:
            return None, "no runner starts on this worker: see its log"
        deadline = time.monotonic() + PREDICT_SECONDS
        try:
            question = {"do": "predict", "id": inference.id, "spec": dict(spec), "inputs": inference.inputs}
            runner.send(question, [model])
            while time.monotonic() < deadline and not self._stopping.is_set():
                frame = runner.receive(0.1)
                if frame is None or frame.header.get("id") != inference.id:
                    continue
                if frame.header.get("say") == "predicted":
                    return frame.header["outputs"], None
                if frame.header.get("say") == "failed":
                    return None, str(frame.header.get("detail"))
        except RunnerGoneError:
            pass
        death = self.runner.discard()
        log.error("no prediction: %s", death.detail if death else "", extra={"inference": inference.id})
        return None, "the runner ended or took too long"
