"""How long the tests wait: limits are written for an idle machine, and grow with what this one needs for the same work.

A limit is there so that a hang ends; it decides nothing else. `seconds(10)` is at least 10, more on a slow machine or
while other work shares its cores.
"""

import math
import os
import time
from functools import cache

LOOPS, USUAL = 300_000, 0.03  # a fixed piece of work, and the seconds it takes where the limits were chosen


@cache
def slowness():
    """How many times longer than usual a fixed piece of work takes: the worst of three, measured once in a process."""
    took = []
    for _ in range(3):
        start, total = time.perf_counter(), 0
        for number in range(LOOPS):
            total += number * number % 7
        took.append(time.perf_counter() - start)
    return max(1.0, max(took) / USUAL)


def crowd():
    """How many processes share a core just now, the last minute's mean (1 where the system does not say)."""
    if not hasattr(os, "getloadavg"):
        return 1.0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1.0, os.getloadavg()[0] / cores)


def seconds(limit):
    """So many seconds of an idle machine, in whole seconds of this one: never fewer."""
    return math.ceil(limit * max(slowness(), crowd()))


def milliseconds(limit):
    """The same `limit` in seconds as milliseconds, which Playwright counts in."""
    return 1000 * seconds(limit)
