"""Run the stand-in alone: it prints one JSON line `{"url": ...}` and serves until SIGTERM or SIGINT."""

import asyncio
from pathlib import Path

from tests.standins import parser, stay
from tests.standins.telegram.launch import in_process
from tests.standins.telegram.state import DEFAULT_TOKEN

if __name__ == "__main__":
    options = parser("telegram")
    options.add_argument("--state", dest="record", type=Path, help="the same as --record")
    options.add_argument("--token", default=DEFAULT_TOKEN)
    options.add_argument("--strict-rates", action="store_true", help="enforce 1/s per chat and 30/s over all")
    given = options.parse_args()
    standin = in_process(token=given.token, state_file=given.record, strict_rates=given.strict_rates, port=given.port)
    asyncio.run(stay(standin, given.tied))
