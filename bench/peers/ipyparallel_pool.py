# SPDX-License-Identifier: MPL-2.0
"""ipyparallel, which speaks ZeroMQ: a cluster on this machine, load-balanced."""
import logging

import ipyparallel
import measure


class Pool(measure.Pool):
    n_calls, n_tasks, n_items, n_megabytes, n_blocks, n_starts = 100, 500, 20000, 100, 400, 1
    chunks = [4, 16, 100]

    def __init__(self, n_workers, where):
        self.cluster = ipyparallel.Cluster(n=n_workers, log_level=logging.ERROR)
        self.view = self.cluster.start_and_connect_sync().load_balanced_view()

    def submit(self, function, argument):
        return self.view.apply_async(function, argument)

    def get(self, handle):
        return handle.get()

    def map(self, function, arguments, chunk=None):
        return list(self.view.map_sync(function, list(arguments), chunksize=chunk or 100))

    def close(self):
        self.cluster.stop_cluster_sync()


if __name__ == "__main__":
    measure.main(Pool)
