# SPDX-License-Identifier: MPL-2.0
"""Counts the instructions of the state machines (valgrind's callgrind): they do not swing with the machine's load."""
import re
import subprocess

# Which of its copying functions libc takes depends on the processor: these any has.
PLAIN = "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load,-ERMS"


class CannotCount(Exception):
    pass


def count(program, machine, n_tasks, options):
    """Instructions for a task of a run of dpool-cost."""
    command = ["env", "-i", PLAIN, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += ["--toggle-collect=cost_of_*", program, machine, "--tasks=%d" % n_tasks, *options]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not collected or int(collected.group(1)) == 0:
        raise CannotCount("'%s' failed:\n%s" % (" ".join(command), done.stderr))
    return round(int(collected.group(1)) / n_tasks, 2)
