"""How does the command line speak to a running gateway? Over a Unix socket in the data directory.

A request is one line of JSON; the answer is a greeting, a line for each row, and one that says how it ended:

    {"command": "sessions.list", "arguments": {"limit": 2}}
    {"hello": "0.1.0"}
    {"row": {"id": "ses_...", ...}}
    {"end": {"status": 0}}        or {"end": {"status": 1, "message": "there is no session ses_9"}}

- `wire`     these lines, and which error is which exit status
- `server`   who may connect, how much, how long
- `parts`    what the commands work with
- `table`    every command by name
- `lists`, `shows`, `changes`, `past`, `people`, `checks`, `chat`   the commands, by what they do

Without a gateway the command line serves the same table to itself, over a pair of sockets.
"""
