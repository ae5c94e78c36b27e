# SPDX-License-Identifier: MPL-2.0
"""Runs the workloads of dpool-bench on a pool in Python.

usage: <peer>.py WORKLOAD...      prints a line of JSON: the figure of each, in the unit of dpool-bench; w4,
                                  which wants four workers, must be asked for alone
       <peer>.py --first [WHERE]  opens the pool (at WHERE, if it says so), prints one result and ends
"""
import json
import os
import statistics
import subprocess
import sys
import time

import work

WARM_UP = 0.2  # part of a run


class Pool:
    """What a peer is: it defines __init__ (n_workers, where), and submit and get, or apply and map."""

    n_calls, n_tasks, n_items, n_megabytes, n_blocks, n_starts = 1000, 20000, 1000000, 500, 4000, 3
    chunks = [None]  # of uneven work: the best of these counts
    where = ""  # how another program reaches what this one has started
    without = []  # workloads that it cannot do

    def submit(self, function, argument):
        raise NotImplementedError

    def get(self, handle):
        raise NotImplementedError

    def apply(self, function, argument):
        return self.get(self.submit(function, argument))

    def map(self, function, arguments, chunk=None):
        return [self.get(handle) for handle in [self.submit(function, argument) for argument in arguments]]

    def close(self):
        pass


def check(is_right):
    if not is_right:
        sys.exit("a result is not what was sent")


def run_w1(pool, counts):
    times = []
    for i in range(max(1, int(pool.n_calls * counts))):
        start = time.perf_counter()
        result = pool.apply(work.identity, i)
        times.append(time.perf_counter() - start)
        check(result == i)
    return statistics.median(times) * 1e6


def run_w2(pool, counts):
    n = max(1, int(pool.n_tasks * counts))
    start = time.perf_counter()
    handles = [pool.submit(work.identity, i) for i in range(n)]
    check(sum(pool.get(handle) for handle in handles) == n * (n - 1) // 2)
    return n / (time.perf_counter() - start)


def run_map(pool, counts):
    n = max(1, int(pool.n_items * counts))
    start = time.perf_counter()
    check(sum(pool.map(work.identity, range(n))) == n * (n - 1) // 2)
    return n / (time.perf_counter() - start)


def run_payload(pool, size, n, window):
    payload = bytes(size)
    handles = []
    start = time.perf_counter()
    for i in range(n + window):
        if i >= window and i - window < n:
            check(len(pool.get(handles[i - window])) == size)
            handles[i - window] = None
        if i < n:
            handles.append(pool.submit(work.identity, payload))
    return n * size / 2**20 / (time.perf_counter() - start)


def run_w3(pool, counts):
    return run_payload(pool, 2**20, max(1, int(pool.n_megabytes * counts)), 16)


def run_64k(pool, counts):
    return run_payload(pool, 2**16, max(1, int(pool.n_blocks * counts)), 64)


def run_w4(pool, counts):
    """The calls of the table: one and three sleeps, three times each in dpool's, by what the peer has."""
    unit = 0.1 * counts
    start = time.perf_counter()
    for n in (1, 3, 1, 3, 3, 3):
        if n == 1:
            pool.apply(work.sleep, unit)
        else:
            pool.map(work.sleep, [3 * unit, unit, 2 * unit], 1)
    return (time.perf_counter() - start - 14 * unit) * 1e3


def run_w6(pool, counts):
    # A program that MPI has started could start no other one by MPI.
    environment = {n: value for n, value in os.environ.items() if not n.startswith(("OMPI_", "PMIX_"))}
    times = []
    for _ in range(max(1, int(pool.n_starts * counts))):
        start = time.perf_counter()
        command = [sys.executable, sys.argv[0], "--first", pool.where]
        program = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        check(program.stdout.readline().strip() == b"42")
        times.append(time.perf_counter() - start)
        program.wait()
    return statistics.median(times) * 1e3


def run_uneven(pool, function, arguments, counts):
    arguments = arguments[: max(1, int(len(arguments) * counts))]
    times = []
    for chunk in pool.chunks:
        start = time.perf_counter()
        check(len(pool.map(function, arguments, chunk)) == len(arguments))
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def run_mandelbrot(pool, counts):
    return run_uneven(pool, work.mandelbrot_row, range(work.PICTURE_HEIGHT), counts)


def run_words(pool, counts):
    return run_uneven(pool, work.count_words, work.text_paths(), counts)


def run_sleeps(pool, counts):
    return run_uneven(pool, work.sleep, work.nap_seconds(), counts)


def main(open_pool):
    if sys.argv[1] == "--first":
        pool = open_pool(2, sys.argv[2])
        print(pool.apply(work.identity, 42), flush=True)
        pool.close()
        return
    figures = {}
    pool = open_pool(4 if sys.argv[1:] == ["w4"] else 2, "")
    for name in sys.argv[1:]:
        if name not in open_pool.without:
            run = globals()["run_" + name]
            run(pool, WARM_UP)
            figures[name] = run(pool, 1)
    print(json.dumps(figures), flush=True)
    pool.close()
