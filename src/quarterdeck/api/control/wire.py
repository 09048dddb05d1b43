"""The lines of the control socket."""

import msgspec

from quarterdeck.base.errors import BadInput, ConfigRefused, Locked, NewerSchema, QuarterdeckError

LINE_BYTES = 1024 * 1024  # of one request or one row

OK, FAILED, USAGE, LOCKED, NEWER, CONFIG = 0, 1, 2, 3, 4, 78

Row = dict[str, object]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for; the arguments are checked by the command."""

    command: str
    arguments: dict[str, object] = {}


class End(msgspec.Struct, frozen=True):
    """How a command ended; `status` is the exit status of the process that asked."""

    status: int = OK
    message: str = ""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `hello` comes first and at once: our version."""

    hello: str = ""
    row: Row | None = None
    end: End | None = None


def encode(answer: Answer) -> bytes:
    """One line."""
    return msgspec.json.encode(answer) + b"\n"


def status_of(error: QuarterdeckError) -> int:
    """The exit status that an error means."""
    match error:
        case ConfigRefused():
            return CONFIG
        case Locked():
            return LOCKED
        case NewerSchema():
            return NEWER
        case BadInput():
            return USAGE
        case _:
            return FAILED
