"""One population from its claim to its last written row: drives the runner and writes what it says."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum, auto

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from workers.database import results
from workers.database.session import Database
from workers.database.values import Claim, Claimed, Progress
from workers.experiments.lifecycle import StatusReason
from workers.supervisor.durable import brief, is_passing, now, until_written
from workers.supervisor.finishing import Finishing
from workers.supervisor.member import Member, deadline_of, reason_of, report_of
from workers.supervisor.runner_process import Frame, RunnerGoneError, RunnerProcess

TICK_SECONDS = 0.1  # how soon a request to stop is seen
OBEY_SECONDS = 30.0  # a runner that was told to drop a member and still works on it has hung
STOP_SECONDS = 1.0  # how long a runner may take to drop a population when the worker stops
DETAIL_CHARACTERS = 4_000

log = logging.getLogger(__name__)


class Ending(Enum):
    """How the drive of a population ended."""

    DONE = auto()  # the runner said so
    GONE = auto()  # the runner ended
    HUNG = auto()  # the runner did not obey
    STOPPED = auto()  # the worker was told to stop
    FENCED = auto()  # the lease is lost


class Population:
    """Drives one claim; afterwards `unsettled` are the members whose rows still are ours and running."""

    def __init__(
        self,
        *,
        database: Database,
        runner: RunnerProcess,
        claim: Claim,
        report_seconds: float,
        stopping: threading.Event,
        lost: threading.Event,
    ) -> None:
        begun = time.monotonic()
        self._database, self._runner = database, runner
        self._report_seconds = report_seconds
        self._stopping, self._lost = stopping, lost
        self._members = {each.id: Member(claimed=each, deadline=deadline_of(each, begun)) for each in claim.experiments}
        self.alone = len(self._members) == 1
        self._finishing = Finishing(
            database,
            given_up=stopping.is_set,
            settle=lambda id, held: self._settle(self._members[id], held, "finished"),
            refuse=self._refuse_result,
        )
        self._handlers = {
            "progress": self._note,
            "finished": self._finish,
            "failed": self._fail,
            "cancelled": self._end_cancelled,
        }

    @property
    def unsettled(self) -> list[Claimed]:
        """Return the experiments whose end is not written."""
        return [member.claimed for member in self._members.values() if not member.settled]

    def drive(self) -> Ending:
        """Send the population, write what comes until its end, and say which end it was.

        A runner that died or was killed is heard to the last frame in its pipe: a result is never thrown away.
        Raise GivenUpError when the database is away and the worker stops.
        """
        try:
            self._send()
            ending = self._listen()
            if ending is Ending.STOPPED:
                self._stop_runner()
        except RunnerGoneError:
            ending = Ending.STOPPED if self._stopping.is_set() else Ending.GONE
        finally:
            self._finishing.write()
        return Ending.FENCED if self._lost.is_set() else ending

    def fail_forgotten(self) -> None:
        """Fail the members about which a runner that is done said no last word."""
        for member in self._members.values():
            if not member.settled and not member.silent:
                self._write_failure(member, StatusReason.INTERNAL, "the runner did not say how it ended")

    def _send(self) -> None:
        jobs, blobs = [], []
        for member in self._members.values():
            source = member.claimed.source
            spec = dict(source.spec) if source else None
            jobs.append({"id": member.claimed.id, "spec": dict(member.claimed.spec), "source": spec and {"spec": spec}})
            if source:
                blobs.append(source.model)
        self._runner.send({"do": "population", "jobs": jobs}, blobs)

    def _listen(self) -> Ending:
        next_report = time.monotonic() + self._report_seconds
        while not self._stopping.is_set():
            wait = min(TICK_SECONDS, next_report - time.monotonic(), self._finishing.seconds_left)
            frame = self._runner.receive(max(0.0, wait))
            if frame is not None and frame.header.get("say") == "done":
                return Ending.DONE
            if frame is not None:
                self._handle(frame)
            if self._finishing.seconds_left == 0:
                self._finishing.write()
            if time.monotonic() >= next_report:
                self._report()
                if self._enforce_times():
                    return Ending.HUNG
                next_report = time.monotonic() + self._report_seconds
        return Ending.STOPPED

    def _stop_runner(self) -> None:
        """Tell the runner to drop the population; write the results that come before it has."""
        self._runner.send({"do": "stop"})
        deadline = time.monotonic() + STOP_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            frame = self._runner.receive(left)
            if frame is None or frame.header.get("say") == "done":
                return
            self._handle(frame)

    def _handle(self, frame: Frame) -> None:
        member = self._members.get(str(frame.header.get("id")))
        handler = self._handlers.get(str(frame.header.get("say")))
        if member is None or handler is None:
            log.error("runner said what was not asked: %s", frame.header.get("say"))
        elif not member.silent:
            handler(member, frame)

    def _note(self, member: Member, frame: Frame) -> None:
        said = frame.header
        member.progress = Progress(
            phase=said["phase"], completed=said["completed"], total=said["total"], unit=said["unit"]
        )
        for curve in said.get("curves", ()):
            steps, values = member.points.setdefault(curve["name"], ([], []))
            steps += curve["steps"]
            values += curve["values"]

    def _finish(self, member: Member, frame: Frame) -> None:
        member.silent = True
        if member.settled:
            return
        self._finishing.take(member.claimed, frame.header.get("measurement"), frame.blobs)
        if all(each.settled or each.silent for each in self._members.values()):
            self._finishing.write()  # nothing is left to wait for

    def _refuse_result(self, id: str, error: Exception) -> None:
        log.error("result cannot be stored", exc_info=error, extra={"experiment": id})
        detail = f"the result cannot be stored: {brief(error)}"
        self._write_failure(self._members[id], StatusReason.INTERNAL, detail)

    def _fail(self, member: Member, frame: Frame) -> None:
        member.silent = True
        if member.settled:
            return
        reason = reason_of(frame.header.get("reason"))
        detail = str(frame.header.get("detail", ""))
        if reason is StatusReason.OUT_OF_MEMORY and not self.alone:
            return  # its companions may have taken the memory: it stays unsettled, to be rerun alone
        self._write_failure(member, reason, detail)

    def _end_cancelled(self, member: Member, _frame: Frame) -> None:
        member.silent = True
        if not member.settled:
            claimed = member.claimed
            held = self._write(lambda session: results.end_cancelled(session, claimed.id, claimed.fence, now()))
            self._settle(member, held, "cancelled")

    def _write_failure(self, member: Member, reason: StatusReason, detail: str) -> None:
        claimed, text = member.claimed, detail.replace("\0", "")[:DETAIL_CHARACTERS]
        held = self._write(lambda session: results.fail(session, claimed.id, claimed.fence, reason, text, now()))
        self._settle(member, held, f"failed: {reason}")

    def _write(self, write: Callable[[Session], bool]) -> bool:
        # A lost lease is no reason to give up: while the row was not taken back, its fence still lets us finish it.
        return until_written(self._database, write, self._stopping.is_set)

    def _settle(self, member: Member, held: bool, what: str) -> None:
        member.settled = True
        outcome = what if held else "is another's now"
        log.info("experiment %s %s", member.claimed.id, outcome, extra={"experiment": member.claimed.id})

    def _report(self) -> None:
        """Write progress and points of all members in one transaction; learn who is lost or to be cancelled."""
        waiting = [member for member in self._members.values() if not member.settled and not member.silent]
        if not waiting:
            return
        try:
            with self._database.write() as session:
                answers = results.record(session, [report_of(member) for member in waiting])
        except SQLAlchemyError as error:
            if not is_passing(error):
                raise
            log.warning("progress is reported later: %s", brief(error))
            return
        for member in waiting:
            member.points.clear()
            member.progress = None
            answer = answers.get(member.claimed.id)
            if answer is None or not answer.held:
                self._settle(member, False, "given up")
        self._drop(member for member in waiting if member.settled or answers[member.claimed.id].cancel_requested)

    def _enforce_times(self) -> bool:
        """Fail members that are over their time; say whether the runner has not obeyed for too long."""
        moment = time.monotonic()
        late = [
            member
            for member in self._members.values()
            if not member.settled and not member.silent and member.deadline is not None and moment > member.deadline
        ]
        for member in late:
            self._write_failure(
                member, StatusReason.TIMED_OUT, f"ran longer than timeout_seconds = {member.claimed.timeout_seconds:g}"
            )
        self._drop(late)
        return any(
            not member.silent and member.dropped_at is not None and moment - member.dropped_at > OBEY_SECONDS
            for member in self._members.values()
        )

    def _drop(self, members: Iterable[Member]) -> None:
        """Tell the runner, once, to drop the members."""
        fresh = [member for member in members if member.dropped_at is None]
        for member in fresh:
            member.dropped_at = time.monotonic()
        if fresh:
            self._runner.send({"do": "cancel", "ids": [member.claimed.id for member in fresh]})
