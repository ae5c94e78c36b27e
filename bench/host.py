# SPDX-License-Identifier: MPL-2.0
"""Where and of what something was measured."""
import os
import platform
import re
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = ["gcc", "libzmq3-dev", "libmsgpack-dev"]


def cpu_model():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return model.group(1) if model else platform.machine()


def version(package):
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "?"


def dpool_version():
    """With the commit, where this is a clone."""
    with open(HERE + "/../include/dpool/dpool.h") as file:
        parts = re.findall(r"#define DPOOL_VERSION_\w+ (\d+)", file.read())
    command = [shutil.which("git") or "false", "-C", HERE, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return ".".join(parts) + (" (%s)" % commit if commit else "")


def versions(packages=()):
    """Of these and of dpool's own libraries."""
    return {name: version(name) for name in sorted({*LIBRARIES, *packages})}


def facts():
    with open("/etc/os-release") as file:
        release = re.search(r'PRETTY_NAME="(.*)"', file.read())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "memory_gib": round(memory),
        "kernel": platform.release(),
        "system": release.group(1) if release else platform.system(),
        "load_at_start": os.getloadavg()[0],
        "dpool": dpool_version(),
        "packages": versions(),
    }


def line(host, n_rounds):
    """The facts as a sentence."""
    packages = ", ".join("%s %s" % item for item in host["packages"].items())
    return "%s: %d CPUs (%s), %d GiB, %s, Linux %s, medians of %d rounds, load at the start %.2f.\ndpool %s, %s." % (
        *(host[key] for key in ("date", "cpus", "cpu", "memory_gib", "system", "kernel")),
        n_rounds,
        *(host[key] for key in ("load_at_start", "dpool")),
        packages,
    )
