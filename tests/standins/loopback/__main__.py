"""`python -m tests.standins.loopback`: the loopback stand-in as its own process."""

import uvloop

from tests.standins import parser, stay
from tests.standins.loopback.server import TOKEN, loopback_standin
from tests.standins.loopback.values import Settings


def main() -> None:
    """Serve until told to stop."""
    options = parser("loopback")
    options.add_argument("--token", default=TOKEN)
    options.add_argument("--keys", action="store_true", help="honour idempotency keys")
    options.add_argument("--no-edits", action="store_true", help="refuse edits")
    options.add_argument("--limit", type=int, default=Settings().limit, help="code points of a message")
    given = options.parse_args()
    settings = Settings(keys=given.keys, edits=not given.no_edits, limit=given.limit)
    running = loopback_standin(settings, token=given.token, port=given.port, record=given.record)
    uvloop.run(stay(running, given.tied))


main()
