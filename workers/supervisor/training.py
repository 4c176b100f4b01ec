"""What a training worker does: claim a population, drive it, settle what its end left open."""

import logging
import threading

from workers.database import claims
from workers.database.session import Database
from workers.database.values import Abilities, Claim, Queue, WorkerIdentity
from workers.experiments.spec import SPEC_VERSION
from workers.settings import Settings
from workers.supervisor.crash import CRASHED, give_back, settle_crash
from workers.supervisor.durable import now, until_written
from workers.supervisor.heart import Heart
from workers.supervisor.population import Ending, Population
from workers.supervisor.runner_process import RunnerProcess
from workers.supervisor.warm_runner import WarmRunner

RELEASED, HUNG, FENCED = "released", "hung", "fenced"  # endings of attempts that do not count

log = logging.getLogger(__name__)


class Training:
    """Runs populations one after the other."""

    def __init__(
        self,
        *,
        database: Database,
        worker: WorkerIdentity,
        queue: Queue,
        settings: Settings,
        stopping: threading.Event,
    ) -> None:
        self._database, self._worker, self._queue = database, worker, queue
        self._settings, self._stopping = settings, stopping
        self.runner = WarmRunner(stopping)

    def start(self) -> None:
        """Warm the runner."""
        self.runner.start()

    def step(self) -> bool:
        """Claim a population and run it to its end; return False when there was none."""
        runner = self.runner.ready()
        if runner is None:
            return False
        claim = self._claim(runner)
        if claim is None:
            return False
        log.info("claimed %d experiments", len(claim.experiments), extra={"lease": claim.lease_id})
        self._run(claim, runner)
        self.runner.discard_leaking()
        self.runner.start()
        return True

    def _claim(self, runner: RunnerProcess) -> Claim | None:
        abilities = Abilities(
            queue=self._queue, spec_version=SPEC_VERSION, fingerprint=runner.fingerprint(self._stopping)
        )
        with self._database.write() as session:
            return claims.claim(session, self._worker.id, abilities, now())

    def _run(self, claim: Claim, runner: RunnerProcess) -> None:
        heart = Heart(
            self._database,
            lease_id=claim.lease_id,
            worker_id=self._worker.id,
            beat_seconds=self._settings.beat_seconds,
            fence_seconds=self._settings.fence_seconds,
            on_lost=runner.kill,
        )
        population = Population(
            database=self._database,
            runner=runner,
            claim=claim,
            report_seconds=self._settings.report_seconds,
            stopping=self._stopping,
            lost=heart.lost,
        )
        heart.start()
        try:
            self._settle(population.drive(), population)
            # Only now: without a lease nobody would take back a row that is still running.
            until_written(
                self._database, lambda session: claims.close_lease(session, claim.lease_id), self._stopping.is_set
            )
        finally:
            heart.stop()

    def _settle(self, ending: Ending, population: Population) -> None:
        """Give back, or fail, every member whose row has no end yet."""
        log.info("population ended: %s", ending.name.lower(), extra={"open": len(population.unsettled)})
        given_up = self._stopping.is_set
        if ending is Ending.DONE:
            population.fail_forgotten()
            give_back(self._database, population.unsettled, ending=CRASHED, alone=True, given_up=given_up)
            return
        death = self.runner.discard()
        if ending is Ending.GONE and death is not None and not death.on_request:
            settle_crash(self._database, population.unsettled, death, alone=population.alone, given_up=given_up)
            return
        name = {Ending.HUNG: HUNG, Ending.FENCED: FENCED}.get(ending, RELEASED)
        give_back(self._database, population.unsettled, ending=name, given_up=given_up)
