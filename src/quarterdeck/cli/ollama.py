"""Which models has the Ollama that OLLAMA_HOST names?"""

import asyncio
from collections.abc import Mapping

from quarterdeck.actions.setup.reach import Reach, Reached
from quarterdeck.base.clock import SystemClock
from quarterdeck.observe.log import Level, make_logger
from quarterdeck.wiring.alone import alone
from quarterdeck.wiring.services import services

LOOK_SECONDS = 2.0


def models(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Those that can be talked to, in its order; None where it does not say."""
    reach = Reach(alone(make_logger(Level("error"), "text")), environ, SystemClock())
    ollama = services(environ)["ollama"]

    async def look() -> Reached | None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await reach.models(ollama.name, ollama.provider(ollama.address), ollama.address)
        except TimeoutError:
            return None
        return found if isinstance(found, Reached) else None

    found = asyncio.run(look())
    return found.models if found else None
