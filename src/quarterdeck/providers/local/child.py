"""What runs in the engine process: load the model, serve it on loopback, end with the parent.

Started by path, so that nothing of the gateway is imported; the gateway never imports this file. The order
comes as one JSON line on standard input (there the key is in no process list and in no environment):

    {"engine": FOLDER, "weights": FILE, "alias": ID, "key": KEY, "parent": PID,
     "context_tokens": N, "parallel": N, "max_tokens": N}

The answer is one JSON line on standard output, `{"url": "http://127.0.0.1:PORT", "pid": PID}`, once the model
is loaded. Settings are those of xllamacpp 2026.10.11549 (`CommonParams` in its xllamacpp.pyx), seen at work.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h
MOST_THREADS = 4  # 135M parameters gain nothing from more
HTTP_THREADS = 8
ERRORS_AND_WARNINGS = 2  # at 3 the engine tells each request's figures, above that its text


def main() -> None:
    """Serve until standard input ends or a signal comes."""
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    if not _tied_to(order["parent"]):
        return
    os.nice(5)  # the gateway's own work goes first
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what people wrote
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not be taken for our answer
    os.environ["OMP_WAIT_POLICY"] = "passive"  # read when the library loads: else its threads spin at every barrier
    sys.path.insert(0, order["engine"])
    xllamacpp: Any = importlib.import_module("xllamacpp")
    server = xllamacpp.Server(_settings(xllamacpp.CommonParams(), order))
    os.write(answer, json.dumps({"url": server.listening_address, "pid": os.getpid()}).encode() + b"\n")
    os.close(answer)
    while os.read(0, 4096):
        continue
    # Not a return: destroying a server soon after its start can wait for ever, for the word to end is lost on
    # a loop that has not begun (xllamacpp, server.cpp, ~Server; 5 of 30 tries). Nothing here needs saving.
    os._exit(0)


def _tied_to(parent: int) -> bool:
    """Ask the kernel to end us with the parent; False if it is gone already. Off Linux only stdin tells.

    The signal comes when the *thread* that started us ends (prctl(2)); that is the thread of the event loop.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent


def _settings(params: Any, order: dict[str, Any]) -> Any:
    params.model.path = order["weights"]
    params.model_alias = {order["alias"]}  # the default name shows the file's full path to clients
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order["key"]]  # the default is none
    params.cors_origins = ""  # no page in a browser has business here
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.offline = True
    params.n_parallel = order["parallel"]
    params.n_ctx = order["context_tokens"] * order["parallel"]  # the engine divides it among its slots
    params.n_predict = order["max_tokens"]  # where a request names no limit
    params.n_gpu_layers = 0
    params.cache_ram_mib = 0  # kept prompts would grow to 8 GB by default; each slot still reuses its own prefix
    params.warmup = False
    params.verbosity = ERRORS_AND_WARNINGS
    params.n_threads_http = HTTP_THREADS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _threads()
    return params


def _threads() -> int:
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(usable, MOST_THREADS)


if __name__ == "__main__":
    main()
