"""Kill the gateway at every durable point, in every scenario, and let an independent judge look at what is left.

    python -m tests.crash                      1,000 kills at random times
    python -m tests.crash --random N --seed S  N of them
    python -m tests.crash --all --seed S       every point x every scenario

The real command runs as a child process between two stand-ins that outlive it. A run kills it with SIGKILL at
a point, starts it again, waits until nothing is left to do, stops it with SIGTERM, and judges the stand-ins'
records and the database file with `tests.checkers`. Both long runs go on where they were interrupted.

- `gateway`   the child process: start, crash settings, ready, stop
- `world`     one gateway between its stand-ins: what people do in it, and whether it is at rest
- `configuration` the file that a scenario's gateway is started with
- `scenario`  what a scenario is, and what it expects beside the judge's rules
- `chats`, `troubles`, `repeats`, `doors`, `bots`, `behind`, `hooks`  the scenarios
- `telegram`  the platform of the bots
- `rules`  what the hooks of scenarios say; `rules_plugin` in the gateway's process, `rules_peer` over signed HTTP
- `catalogue` the list of them
- `run`       one scenario with its crashes, judged
- `points`    which points there are, and which of them a scenario reaches
- `load`      twenty rooms that write all kinds of messages, for kills at random times
- `results`   figures, the state of a long run, and the result file
- `__main__`  the long form
"""
