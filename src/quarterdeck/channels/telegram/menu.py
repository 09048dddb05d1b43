"""Which commands does Telegram offer while somebody types? Ours, in each language, set only where they differ.

Telegram keeps a list for each two-letter language (ISO 639-1) of a person's app, and one for all others. It does not
tell apart in which characters Chinese is written.
"""

import asyncio

from quarterdeck.base.errors import Retry
from quarterdeck.base.supervise import EventLog, Life
from quarterdeck.channels.telegram import wire
from quarterdeck.channels.telegram.calls import Calls, decode
from quarterdeck.model.menu import Entry, Menu

LOOK_SECONDS = 120.0  # for all languages
AGAIN_SECONDS = 60.0
TRIES = 5


async def show(name: str, calls: Calls, log: EventLog, menu: Menu, life: Life) -> None:
    """Bring Telegram's lists to what they should be, beside the receiving. After some tries they stay as they are."""
    life.ready()
    life.spawn("lists", _bring(name, calls, log, menu))
    await life.stopping.wait()


async def _bring(name: str, calls: Calls, log: EventLog, menu: Menu) -> None:
    for _ in range(TRIES):
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                changed = [language for language, wanted in menu.items() if await _set(calls, language, wanted)]
        except (Retry, TimeoutError) as error:
            pause = (error.retry_after if isinstance(error, Retry) else None) or AGAIN_SECONDS
            log.warning("telegram.menu_failed", connection=name, reason=str(error), seconds=pause)
            await asyncio.sleep(pause)
        else:
            if changed:
                log.info("telegram.menu_set", connection=name, languages=changed)
            return


async def _set(calls: Calls, language: str, wanted: tuple[Entry, ...]) -> bool:
    """Whether the list of a language had to be changed. Raises Retry."""
    code = language.partition("-")[0].lower()
    found = decode(await calls.look("getMyCommands", wire.GetMyCommands(code)), tuple[Entry, ...])
    if found == wanted:
        return False
    await calls.look("setMyCommands", wire.SetMyCommands(wanted, code))
    return True
