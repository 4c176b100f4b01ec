"""One round of experiments through HTTP, as a client sees it."""

import collections
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlsplit

CONNECTIONS = 4
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 1.0  # between two looks at what is left
LEFT = "/v1/experiments?status=queued,running&limit=1&count=exact"


class Client:
    """JSON over one kept connection per thread; the least that a client can cost where it shares the processors."""

    def __init__(self, url):
        self._host, self._local = urlsplit(url).netloc, threading.local()

    def call(self, method, path, body=None):
        """Return the JSON of the reply; raise RuntimeError for a problem."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._host, timeout=60)
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._local.connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = self._local.connection.getresponse()
        content = reply.read()
        if reply.status >= 400:
            raise RuntimeError(f"{method} {path}: {reply.status} {content[:1000]!r}")
        return json.loads(content)


def serve(url, specs):
    """Post the specs, wait until none is queued or running, and return the figures of the round.

    `row_seconds` ends at the last `finished_at`, `seconds` when the client knows.
    """
    client = Client(url)
    first, started = time.time(), time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        posted = list(pool.map(lambda spec: client.call("POST", "/v1/experiments", {"spec": spec}), specs))
    submitted = time.perf_counter() - started
    while left := client.call("GET", LEFT)["total"]:
        time.sleep(_pause(time.perf_counter() - started, left, len(specs)))
    seconds = time.perf_counter() - started
    found = {each["id"]: each for each in client.call("GET", f"/v1/experiments?limit={len(specs)}")["data"]}
    experiments = [found[each["id"]] for each in posted]
    return {
        "seconds": seconds,
        "row_seconds": max(datetime.fromisoformat(each["finished_at"]).timestamp() for each in experiments) - first,
        "submit_seconds": submitted,
        **_judged(experiments),
    }


def _pause(seconds, left, count):
    """Return how long a patient client waits: a quarter of what the rest will take at the rate so far."""
    expected = seconds * left / max(1, count - left)
    return min(max(SHORTEST_PAUSE_SECONDS, 0.25 * expected), LONGEST_PAUSE_SECONDS)


def _judged(experiments):
    """Return what ran where, in populations of what size; end where one did not succeed at its first attempt."""
    statuses = collections.Counter(each["status"] for each in experiments)
    attempts = [each["attempt"] for each in experiments]
    if statuses["succeeded"] != len(experiments) or any((each["number"], each["fence"]) != (1, 1) for each in attempts):
        raise SystemExit(f"not all succeeded at their first attempt: {dict(statuses)}")
    populations = {(each["started_at"], each["worker"], each["population_size"]) for each in attempts}
    return {
        "workers": dict(collections.Counter(each["worker"] for each in attempts)),
        "populations": [[worker, size] for _, worker, size in sorted(populations)],
    }
