# SPDX-License-Identifier: MPL-2.0
"""mpi4py.futures on OpenMPI: this program starts itself again under mpiexec."""
import os
import sys

import measure

OPTIONS = ["--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "--mca", "btl", "self,vader"]


class Pool(measure.Pool):
    n_tasks, n_items = 10000, 500000
    chunks = [1, 4, 16]

    def __init__(self, n_workers, where):
        from mpi4py.futures import MPIPoolExecutor

        self.pool = MPIPoolExecutor()  # of as many workers as mpiexec has started

    def submit(self, function, argument):
        return self.pool.submit(function, argument)

    def get(self, handle):
        return handle.result()

    def map(self, function, arguments, chunk=None):
        return list(self.pool.map(function, arguments, chunksize=chunk or 100))

    def close(self):
        self.pool.shutdown()


def start_again():
    n_processes = 5 if sys.argv[1:] == ["w4"] else 3
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    module = [sys.executable, "-m", "mpi4py.futures"]
    os.execvp("mpiexec", ["mpiexec", "-n", str(n_processes), *as_root, *OPTIONS, *module, *sys.argv])


if __name__ == "__main__":
    if "OMPI_COMM_WORLD_SIZE" in os.environ:
        measure.main(Pool)
    else:
        start_again()
