"""Runs the command under a profiler: `python -m bench.profiled FILE up --config FILE`.

SIGUSR1 begins, SIGUSR2 ends and writes FILE. The profiler's clock is the thread's CPU time, so that waiting costs
nothing; it sees the main thread.
"""

import cProfile
import runpy
import signal
import sys
import time
from types import FrameType


def main() -> None:
    """Run `quarterdeck` with the remaining arguments."""
    file = sys.argv[1]
    sys.argv = ["quarterdeck", *sys.argv[2:]]
    profile = cProfile.Profile(time.thread_time)

    def begin(number: int, frame: FrameType | None) -> None:
        profile.enable()

    def end(number: int, frame: FrameType | None) -> None:
        profile.disable()
        profile.dump_stats(file)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    runpy.run_module("quarterdeck", run_name="__main__", alter_sys=True)


main()
