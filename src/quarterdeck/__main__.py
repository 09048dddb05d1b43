"""The command `quarterdeck`. What goes wrong is one line on stderr, or a traceback with QUARTERDECK_DEBUG=1."""

import os
import sys
from types import TracebackType

from quarterdeck.base.errors import QuarterdeckError


def main() -> int:
    """Run the command line; the exit status."""
    debugging = os.environ.get("QUARTERDECK_DEBUG") == "1"
    if not debugging:
        sys.excepthook = _unexpected
    try:
        from quarterdeck.cli.parser import run

        return run(sys.argv[1:])
    except QuarterdeckError as error:
        if debugging:
            raise
        return _told(error)
    except BrokenPipeError:  # `quarterdeck ... | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if debugging:
            raise
        print(f"quarterdeck: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _told(error: QuarterdeckError) -> int:
    from quarterdeck.api.control.wire import status_of
    from quarterdeck.cli.control import CommandFailed

    for line in str(error).splitlines():
        print(f"quarterdeck: {line}", file=sys.stderr)
    return error.status if isinstance(error, CommandFailed) else status_of(error)


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error that nobody foresaw, in one line; the interpreter ends with status 1."""
    del trace
    print(
        f"quarterdeck: something went wrong inside ({kind.__name__}: {error}); "
        "run it again with QUARTERDECK_DEBUG=1 for the whole story",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
