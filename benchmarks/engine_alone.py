"""The engine without a service: a process that trains given specs and throws away what it hears.

Usage: python -m benchmarks.engine_alone
Takes JSON lines on standard input: {"prepare": [spec, ...]} decodes, {"go": true} trains what was prepared.
Answers each by a JSON line; the answer to `go` has the seconds of wall and CPU time and how many finished.
"""

import contextlib
import json
import subprocess
import sys
import time

from benchmarks.deployment import WORKERS
from workers.supervisor.runner_process import runner_environment


class Engines:
    """As many processes as the service has workers, warm, each with its share of the specs."""

    def __init__(self):
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.engine_alone"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=runner_environment(),  # what a runner has, threads above all
                text=True,
            )
            for _ in range(WORKERS)
        ]

    def run(self, specs):
        """Train all specs; return the wall seconds from the word to the last answer, and what the processes say."""
        share = -(-len(specs) // WORKERS)
        self._ask({"prepare": specs[number * share :][:share]} for number in range(WORKERS))
        started = time.perf_counter()
        answers = self._ask([{"go": True}] * WORKERS)
        seconds = time.perf_counter() - started
        if sum(answer["finished"] for answer in answers) != len(specs):
            raise SystemExit(f"the engine finished {[answer['finished'] for answer in answers]} of {len(specs)}")
        return {"seconds": seconds, "processes": answers}

    def close(self):
        """End the processes."""
        for process in self._processes:
            process.stdin.close()
            process.wait(timeout=30)
            process.stdout.close()

    def _ask(self, questions):
        for process, question in zip(self._processes, questions, strict=True):
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
        return [json.loads(process.stdout.readline()) for process in self._processes]


@contextlib.contextmanager
def engines():
    """Yield warm engines."""
    running = Engines()
    try:
        yield running
    finally:
        running.close()


class Deaf:
    """A reporter that counts results and keeps nothing."""

    def __init__(self):
        self.finished = 0

    def progress(self, job_id, **_):
        """Hear where a job is."""

    def finish(self, job_id, measurement):
        """Count a result."""
        self.finished += 1

    def fail(self, job_id, reason, detail):
        """Say why the figure will be refused."""
        print(f"{job_id} failed: {reason} {detail}", file=sys.stderr)

    def cancelled(self, job_id):
        """Hear what nobody asked for."""

    def stopping(self):
        """Go on."""
        return False

    def cancel_requested(self):
        """Give up none."""
        return frozenset()


def main():
    """Serve until the input ends."""
    from workers.catalogue.load import load
    from workers.engine.numerics import prepare_process
    from workers.engine.population import Job, run_population
    from workers.experiments.codec import decode

    load()
    prepare_process()
    jobs = []
    for line in sys.stdin:
        question = json.loads(line)
        if "prepare" in question:
            jobs = [Job(id=f"job-{index}", spec=decode(spec)) for index, spec in enumerate(question["prepare"])]
            answer = {"prepared": len(jobs)}
        else:
            reporter = Deaf()
            wall, cpu = time.perf_counter(), time.process_time()
            run_population(jobs, reporter)
            answer = {
                "seconds": time.perf_counter() - wall,
                "cpu_seconds": time.process_time() - cpu,
                "finished": reporter.finished,
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
