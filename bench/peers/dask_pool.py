# SPDX-License-Identifier: MPL-2.0
"""dask.distributed: a LocalCluster."""
import logging

import distributed
import measure


class Pool(measure.Pool):
    n_calls, n_tasks, n_items, n_megabytes, n_blocks, n_starts = 100, 1000, 2000, 50, 400, 1

    def __init__(self, n_workers, where):
        logging.getLogger("distributed").setLevel(logging.ERROR)
        self.client = distributed.Client(
            n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address=None
        )

    def submit(self, function, argument):
        return self.client.submit(function, argument, pure=False)

    def get(self, handle):
        return handle.result()

    def map(self, function, arguments, chunk=None):
        return self.client.gather(self.client.map(function, list(arguments), pure=False))

    def close(self):
        self.client.shutdown()


if __name__ == "__main__":
    measure.main(Pool)
