"""Rings: fast, coalesced, and of no consequence where there is no broker."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from celery import Celery

from tests.servers import valkey_server
from tests.supervisor.laboratory import ROOT, until
from workers.messages import (
    LOOK,
    MOST_WAITING,
    QUEUES,
    QUIET_SECONDS,
    RING_EXPIRES_SECONDS,
    Bell,
    publisher_configuration,
    ring,
    worker_configuration,
)

CALL_SECONDS = 0.0005  # a call does no input or output: 5 microseconds measured; the median, as the machine is busy


@pytest.fixture
def broker() -> Iterator[str]:
    """URL of a broker of this test's own."""
    with valkey_server() as url:
        yield url


def bell_on(url: str) -> Bell:
    """Return a bell of a publisher on the broker."""
    app = Celery("rings", set_as_current=False)
    app.conf.update({**publisher_configuration(), "broker_url": url})
    return Bell(app)


def client_of(url: str) -> redis.Redis:
    """Return a client of the broker."""
    return redis.Redis(unix_socket_path=url.partition("://")[2].partition("?")[0])


def usual_call(bell: Bell, calls: int = 50) -> float:
    """Return the median of the seconds that some rings took their caller, the first and its thread apart."""
    bell.ring("cpu")
    times = []
    for _ in range(calls):
        begun = time.perf_counter()
        bell.ring("cpu")
        times.append(time.perf_counter() - begun)
        time.sleep(0.002)
    return statistics.median(times)


def test_a_storm_of_rings_becomes_a_few_messages_that_expire(broker: str) -> None:
    """Catches rings that are queued one by one, and a ring without an expiry, which would pile up for ever."""
    bell, client = bell_on(broker), client_of(broker)
    for _ in range(1000):
        bell.ring("gpu")
    until(lambda: client.llen("gpu") > 0, lambda: "no ring arrived")
    time.sleep(0.2)
    messages = [str(message) for message in client.lrange("gpu", 0, -1)]
    assert len(messages) <= 3
    assert all(f'"task": "{LOOK}"' in message for message in messages)
    assert all(f'"expiration": "{RING_EXPIRES_SECONDS * 1000:.0f}"' in message for message in messages)


def test_rings_that_nobody_hears_do_not_pile_up(broker: str) -> None:
    """Catches a list in the broker that grows for as long as all workers are busy."""
    bell, client = bell_on(broker), client_of(broker)
    client.rpush("cpu", *["unheard"] * MOST_WAITING)
    bell.ring("cpu")
    time.sleep(0.1)  # longer than the gap in which rings are one, so that this one is published first
    bell.ring("gpu")
    until(lambda: client.llen("gpu") == 1, lambda: "no ring arrived")
    assert client.llen("cpu") == MOST_WAITING
    client.lpop("cpu")
    bell.ring("cpu")
    until(lambda: client.llen("cpu") == MOST_WAITING, lambda: "no ring arrived")


def test_a_ring_on_a_dead_broker_returns_at_once_and_is_not_tried_again_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Catches publishing in the caller's thread (1 s) and a missing circuit breaker (a log line per ring)."""
    bell = bell_on(f"redis+socket://{tmp_path}/nobody.sock?virtual_host=0")
    with caplog.at_level("WARNING", logger="workers.messages"):
        assert usual_call(bell) < CALL_SECONDS
        until(lambda: bool(caplog.records), lambda: "no log line")
        time.sleep(0.3)
    assert len(caplog.records) == 1
    assert QUIET_SECONDS > 1.0


def test_a_ring_on_a_frozen_broker_returns_at_once_and_fails_within_two_seconds(
    broker: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Catches the publisher without its impatient options: `max_retries` alone makes 4 s of 1 s."""
    server = psutil.Process(int(client_of(broker).info("server")["process_id"]))
    bell = bell_on(broker)
    server.send_signal(signal.SIGSTOP)
    try:
        with caplog.at_level("WARNING", logger="workers.messages"):
            begun = time.monotonic()
            assert usual_call(bell) < CALL_SECONDS
            until(lambda: bool(caplog.records), lambda: "no log line", seconds=10)
            assert time.monotonic() - begun < 2.5
    finally:
        server.send_signal(signal.SIGCONT)


def test_an_unknown_queue_is_the_callers_mistake() -> None:
    """Catches a typing error that would ring nobody for ever."""
    with pytest.raises(ValueError, match="there is no queue 'gqu'"):
        ring("gqu")


def test_the_worker_waits_for_its_broker_and_the_publisher_does_not() -> None:
    """The settings that were measured; catches the publisher's impatience in a worker, or the worker's in an API."""
    worker, publisher = worker_configuration(), publisher_configuration()
    assert worker["broker_transport_options"] == {
        "visibility_timeout": 60, "unacked_restore_interval": 5, "unacked_restore_throttle": 1, "socket_timeout": 5,
        "socket_connect_timeout": 2, "socket_keepalive": True, "health_check_interval": 10,
    }  # fmt: skip
    changed = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}
    assert publisher["broker_transport_options"] == worker["broker_transport_options"] | changed
    assert worker["broker_connection_max_retries"] is None
    assert worker["broker_connection_retry_on_startup"] is True
    assert (worker["task_acks_late"], worker["accept_content"], worker["worker_pool"]) == (False, ["json"], "threads")
    assert tuple(queue.name for queue in worker["task_queues"]) == QUEUES


def test_the_app_reads_the_environment_when_it_is_used(tmp_path: Path) -> None:
    """Catches a broker URL that is fixed at import, before the operator's settings are there."""
    url = f"redis+socket://{tmp_path}/later.sock?virtual_host=3"
    code = (
        "import os; from workers.messages import celery, publisher\n"
        f"os.environ['WHYDEEP_BROKER_URL'] = {url!r}\n"
        "print(celery.conf.broker_url); print(publisher.conf.broker_url)"
    )
    environment = {name: text for name, text in os.environ.items() if not name.startswith("WHYDEEP_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [url, url]
