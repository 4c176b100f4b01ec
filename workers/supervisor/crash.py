"""What becomes of the experiments of a runner that died: a crash counts only against one that ran alone."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.orm import Session

from workers.database import queries, results
from workers.database.session import Database
from workers.database.values import Claimed
from workers.experiments.lifecycle import StatusReason
from workers.supervisor.durable import now, until_written
from workers.supervisor.runner_process import Death

CRASHED = "crashed"  # ending of an attempt whose runner died
MOST_CRASHES = 3

log = logging.getLogger(__name__)


def settle_crash(
    database: Database, experiments: Sequence[Claimed], death: Death, *, alone: bool, given_up: Callable[[], bool]
) -> None:
    """Give suspects back to be rerun alone; count the crash against the one that ran alone, or fail it."""
    log.error(
        "runner died with %d experiments: %s",
        len(experiments),
        death.detail,
        extra={"experiments": [each.id for each in experiments]},
    )
    if not alone:
        give_back(database, experiments, ending=CRASHED, alone=True, given_up=given_up)
        return
    for each in experiments:
        until_written(database, partial(_settle_alone, claimed=each, death=death), given_up)


def give_back(
    database: Database,
    experiments: Sequence[Claimed],
    *,
    ending: str,
    given_up: Callable[[], bool],
    alone: bool = False,
) -> None:
    """Put the experiments back into the queue without counting the attempt; with `alone`, to run one by one."""
    if not experiments:
        return

    def write(session: Session) -> None:
        for each in experiments:
            results.requeue(session, each.id, each.fence, refund=True, ending=ending, now=now(), alone=alone)

    until_written(database, write, given_up)


def _settle_alone(session: Session, *, claimed: Claimed, death: Death) -> bool:
    if death.out_of_memory:
        return results.fail(session, claimed.id, claimed.fence, StatusReason.OUT_OF_MEMORY, death.detail, now())
    earlier = sum(
        attempt.ending == CRASHED and attempt.population_size == 1
        for attempt in queries.attempts_of(session, claimed.id)
    )
    if earlier + 1 >= MOST_CRASHES:
        return results.fail(session, claimed.id, claimed.fence, StatusReason.CRASH_LOOP, death.detail, now())
    return results.requeue(session, claimed.id, claimed.fence, refund=False, ending=CRASHED, now=now(), alone=True)
