"""What reads bytes from outside must survive any bytes: coverage-guided fuzzing of the pure readers.

- `targets`  what is fed, and what has to hold for every input
- `seeds`    golden streams to begin with, and inputs that once broke something
- `engine`   one target under atheris, in a process of its own

    python -m tests.fuzz                          all targets, a few seconds
    python -m tests.fuzz --seconds 600 chat       one target, long; `--corpus FOLDER` keeps what it learns

A finding is an exception that the reader does not declare, or a broken rule; its input goes into `seeds`.
"""
