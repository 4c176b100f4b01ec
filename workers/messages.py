"""The Celery app of the workers, and the ring: a message that says "look at the queue" and nothing else.

A ring may be lost, doubled or late without harm: the rows are the queue, and idle workers look by themselves.
"""

import logging
import os
import threading
import time
from typing import Any

from celery import Celery
from kombu import Queue
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from workers.settings import Settings, read_settings

QUEUES = ("cpu", "gpu", "inference")
LOOK = "whydeep.look"  # name of the one task
RING_EXPIRES_SECONDS = 10.0  # an older ring says nothing that a poll has not found out
RING_GAP_SECONDS = 0.05  # rings within it are one
MOST_WAITING = 20  # so many unheard rings say enough: no worker is idle, and a busy one looks before it sleeps
QUIET_SECONDS = 5.0  # after a failure nothing is tried for so long

log = logging.getLogger(__name__)


def worker_configuration() -> dict[str, Any]:
    """Return the configuration of a worker, as the environment says at the time of the call."""
    settings: Settings = read_settings(Settings)
    return {
        "broker_url": settings.resolved_broker_url,
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        # The doorbell is answered at once; what is lost with it, the rows deliver again.
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_pool": "threads",  # a fork would copy the supervisor's threads' locks, not its threads
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "task_create_missing_queues": False,
        "task_queues": tuple(Queue(name) for name in QUEUES),
        "task_default_queue": "cpu",
        "task_publish_retry": False,
        "task_time_limit": None,  # time belongs to the supervisor; threads ignore Celery's limits anyway
        "task_soft_time_limit": None,
        "worker_max_tasks_per_child": None,
        "worker_max_memory_per_child": None,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": 60,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        "imports": ("workers.supervisor.tasks",),  # by name: only a worker process loads it
    }


def publisher_configuration() -> dict[str, Any]:
    """Return the configuration of a process that only rings: the worker's, but it gives up within about a second."""
    configuration = worker_configuration()
    impatient = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}
    return configuration | {
        "broker_transport_options": configuration["broker_transport_options"] | impatient,
        "imports": (),
    }


# Both read the environment when they are first used, not here.
celery = Celery("whydeep")
celery.add_defaults(worker_configuration)
publisher = Celery("whydeep", set_as_current=False)
publisher.add_defaults(publisher_configuration)


def ring(queue: str) -> None:
    """Wake a worker of the queue, best effort, without waiting; raise ValueError for an unknown queue."""
    if queue not in QUEUES:
        raise ValueError(f"there is no queue {queue!r}: there are {', '.join(QUEUES)}")
    _bell.ring(queue)


class Bell:
    """Publishes rings from a daemon thread of its own, those for one queue coalesced."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self.reset()

    def reset(self) -> None:
        """Forget everything, so that a forked child starts a thread of its own."""
        self._changed = threading.Condition()
        self._waiting: set[str] = set()  # bounded by the number of queues
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0

    def ring(self, queue: str) -> None:
        """Note that the queue is to be rung."""
        with self._changed:
            self._waiting.add(queue)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._publish_all, name="bell", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _publish_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                queues = tuple(self._waiting)
                self._waiting.clear()
            if time.monotonic() >= self._quiet_until:
                self._publish_each(queues)
            time.sleep(RING_GAP_SECONDS)

    def _publish_each(self, queues: tuple[str, ...]) -> None:
        try:
            for queue in queues:
                self._publish(queue)
        except (KombuError, RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("ring not sent, workers find the rows by polling: %s", error, extra={"queues": queues})

    def _publish(self, queue: str) -> None:
        # A connection for each ring: a pooled one that broke while idle would cost the first ring after the break.
        with self._app.connection_for_write() as connection, self._app.amqp.Producer(connection) as producer:
            channel: Any = producer.channel
            if channel.queue_declare(queue).message_count >= MOST_WAITING:
                return
            self._app.send_task(
                LOOK, queue=queue, producer=producer, expires=RING_EXPIRES_SECONDS, retry=False, ignore_result=True
            )


_bell = Bell(publisher)
os.register_at_fork(after_in_child=_bell.reset)
