"""What the workloads share: clocks, a leak when argv[2] is "leaking", and what was measured as JSON to argv[1]."""

import json
import sys
import time

LEAKING = sys.argv[2:] == ["leaking"]
KEPT = []


def now():
    """Where the clocks of the wall and of this process stand."""
    return time.perf_counter(), time.process_time()


def turn():
    """Keep a hundred kilobytes more, in a run that is to leak: called once in each turn of the measured loop."""
    if LEAKING:
        KEPT.append(b"x" * 100_000)


def write(started):
    wall, processor = (after - before for before, after in zip(started, now()))
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    peak = int(fields["VmHWM"].split()[0]) * 1024
    with open(sys.argv[1], "w") as out:
        json.dump({"loop_seconds": wall, "loop_processor_seconds": processor, "peak_rss": peak}, out)
