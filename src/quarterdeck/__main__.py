"""The command `quarterdeck`."""

import sys

from quarterdeck.base.errors import ConfigRefused, Locked, NewerSchema, QuarterdeckError

STATUS = ((ConfigRefused, 78), (Locked, 3), (NewerSchema, 4))


def main() -> int:
    """Run the command line; the exit status."""
    arguments = sys.argv[1:]
    try:
        if arguments[:1] == ["up"]:
            from quarterdeck.cli.up import up

            return up(arguments[2] if arguments[1:2] == ["--config"] else None)
        if arguments[:1] == ["crash-points"]:
            from quarterdeck.cli.crash_points import crash_points

            return crash_points()
    except QuarterdeckError as error:
        print(f"quarterdeck: {error}", file=sys.stderr)
        return next((status for kind, status in STATUS if isinstance(error, kind)), 1)
    print("usage: quarterdeck up [--config FILE]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
