"""Runs the command under a profiler: `python -m bench.profiled FILE up --config FILE`.

SIGUSR1 begins, SIGUSR2 ends and writes FILE. It sees the main thread, and only what the event loop calls: the loop
itself runs in a frame that was entered before the profiler began. Its clock is the thread's CPU time, so that time
in which others have the CPU counts for nobody; every call costs a little more by it.
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
