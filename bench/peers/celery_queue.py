# SPDX-License-Identifier: MPL-2.0
"""celery on redis. Both are started here: redis on a socket in a temporary folder."""
import os
import subprocess
import sys
import tempfile
import time

import celery
import measure
import work

app = celery.Celery("celery_queue")
app.conf.update(task_serializer="pickle", result_serializer="pickle", accept_content=["pickle"])
app.conf.worker_prefetch_multiplier = 16


def use(socket):
    app.conf.broker_url = "redis+socket://" + socket
    app.conf.result_backend = "redis+socket://" + socket


if "BENCH_REDIS" in os.environ:  # in a worker
    use(os.environ["BENCH_REDIS"])


@app.task
def call(function, argument):
    return getattr(work, function)(argument)


class Pool(measure.Pool):
    n_calls, n_tasks, n_items, n_megabytes, n_blocks, n_starts = 100, 500, 10000, 50, 400, 3
    chunks = [1, 4, 16]

    def __init__(self, n_workers, where):
        self.processes = []
        if not where:
            where = self.start(n_workers)
        self.where = where
        use(where)

    def start(self, n_workers):
        self.folder = tempfile.TemporaryDirectory()
        socket = self.folder.name + "/redis"
        redis = ["redis-server", "--port", "0", "--unixsocket", socket]
        redis += ["--save", "", "--dir", self.folder.name]
        worker = [sys.executable, "-m", "celery", "-A", "celery_queue", "-q", "worker"]
        worker += ["-c", str(n_workers), "--without-gossip", "--without-mingle", "-l", "CRITICAL"]
        environment = dict(os.environ, BENCH_REDIS=socket, C_FORCE_ROOT="1")
        self.begin(redis, None)
        while not os.path.exists(socket):
            time.sleep(0.01)
        self.begin(worker, environment)
        return socket

    def begin(self, command, environment):
        here = os.path.dirname(os.path.abspath(__file__))
        process = subprocess.Popen(command, env=environment, cwd=here, stdout=subprocess.DEVNULL)
        self.processes.append(process)

    def submit(self, function, argument):
        return call.delay(function.__name__, argument)

    def get(self, handle):
        return handle.get(timeout=60)

    def map(self, function, arguments, chunk=None):
        pairs = [(function.__name__, argument) for argument in arguments]
        chunk = chunk or min(100, max(1, len(pairs) // 16))
        results = call.chunks(pairs, chunk).apply_async().get(timeout=120)
        return [result for part in results for result in part]

    def close(self):
        for process in reversed(self.processes):
            process.kill()  # asked nicely, a worker takes seconds
            process.wait()
        if self.processes:
            self.folder.cleanup()
            os._exit(0)  # else celery looks for its redis at exit


if __name__ == "__main__":
    measure.main(Pool)
