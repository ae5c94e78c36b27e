# SPDX-License-Identifier: MPL-2.0
"""joblib with its default, loky. It has no single calls that can be awaited later."""
import time

import joblib
import measure
import work


class Pool(measure.Pool):
    n_calls, n_items = 300, 100000
    without = ["w2", "64k"]

    def __init__(self, n_workers, where):
        self.parallel = joblib.Parallel(n_jobs=n_workers, max_nbytes="100K")
        self.parallel.__enter__()

    def apply(self, function, argument):
        return self.map(function, [argument])[0]

    def map(self, function, arguments, chunk=None):
        if chunk:
            self.parallel.batch_size = chunk
        return self.parallel(joblib.delayed(function)(argument) for argument in arguments)

    def close(self):
        self.parallel.__exit__(None, None, None)


def run_w3(pool, counts):
    """The same array each time: joblib writes it into a file once, and the processes map that."""
    import numpy

    n = max(1, int(500 * counts))
    array = numpy.zeros(2**20, dtype=numpy.uint8)
    start = time.perf_counter()
    results = pool.map(work.identity, [array] * n)
    measure.check(all(result.nbytes == 2**20 and result[-1] == 0 for result in results))
    return n / (time.perf_counter() - start)


if __name__ == "__main__":
    measure.run_w3 = run_w3
    measure.main(Pool)
