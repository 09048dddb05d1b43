"""`python -m tests.standins.model`: the model stand-in as its own process."""

import uvloop

from tests.standins import parser, stay
from tests.standins.model.server import KEY, Settings, model_standin


def main() -> None:
    """Serve until told to stop."""
    defaults = Settings()
    options = parser("model")
    options.add_argument("--key", action="append", help=f"an accepted key, may be repeated (default {KEY})")
    options.add_argument("--model", action="append", help="a known model, may be repeated (default: any)")
    options.add_argument("--context-tokens", type=int, default=defaults.context_tokens)
    options.add_argument("--max-body", type=int, default=defaults.max_body, help="bytes")
    options.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    given = options.parse_args()
    settings = Settings(
        keys=tuple(given.key or defaults.keys),
        models=tuple(given.model or ()),
        context_tokens=given.context_tokens,
        max_body=given.max_body,
        delay=given.delay,
    )
    uvloop.run(stay(model_standin(settings, port=given.port, record=given.record), given.tied))


main()
