# SPDX-License-Identifier: MPL-2.0
"""Python's multiprocessing.Pool."""
import multiprocessing

import measure


class Pool(measure.Pool):
    chunks = [None, 1, 4, 16]

    def __init__(self, n_workers, where):
        self.pool = multiprocessing.Pool(n_workers)

    def apply(self, function, argument):
        return self.pool.apply(function, (argument,))

    def submit(self, function, argument):
        return self.pool.apply_async(function, (argument,))

    def get(self, handle):
        return handle.get()

    def map(self, function, arguments, chunk=None):
        return self.pool.map(function, arguments, chunk)

    def close(self):
        self.pool.terminate()


if __name__ == "__main__":
    measure.main(Pool)
