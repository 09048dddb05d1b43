"""`python -m tests.standins.gemini`: the Gemini stand-in as its own process."""

import uvloop

from tests.standins import parser, stay
from tests.standins.gemini.server import KEY, Settings, gemini_standin


def main() -> None:
    """Serve until told to stop."""
    defaults = Settings()
    options = parser("gemini")
    options.add_argument("--key", action="append", help=f"an accepted key, may be repeated (default {KEY})")
    options.add_argument("--max-body", type=int, default=defaults.max_body, help="bytes")
    options.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    given = options.parse_args()
    settings = Settings(keys=tuple(given.key or defaults.keys), max_body=given.max_body, delay=given.delay)
    uvloop.run(stay(gemini_standin(settings, port=given.port, record=given.record), given.tied))


main()
