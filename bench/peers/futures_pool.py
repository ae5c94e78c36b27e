# SPDX-License-Identifier: MPL-2.0
"""Python's concurrent.futures.ProcessPoolExecutor."""
import concurrent.futures

import measure


class Pool(measure.Pool):
    n_tasks = 10000
    chunks = [1, 4, 16]

    def __init__(self, n_workers, where):
        self.pool = concurrent.futures.ProcessPoolExecutor(n_workers)

    def submit(self, function, argument):
        return self.pool.submit(function, argument)

    def get(self, handle):
        return handle.result()

    def map(self, function, arguments, chunk=None):
        return list(self.pool.map(function, arguments, chunksize=chunk or 1000))

    def close(self):
        self.pool.shutdown()


if __name__ == "__main__":
    measure.main(Pool)
