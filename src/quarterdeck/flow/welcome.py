"""What is somebody told who was let in? Who speaks, where that was not said yet, and that they may speak."""

from collections.abc import Sequence

from quarterdeck.base.clock import Clock
from quarterdeck.flow.directory import Directory
from quarterdeck.flow.introduction import Introductions
from quarterdeck.flow.sending import Outgoing, Sending
from quarterdeck.store.database import Store
from quarterdeck.store.people import Wisher
from quarterdeck.words.book import say
from quarterdeck.words.languages import first_of
from quarterdeck.words.sentences import phrase


class Welcome:
    """Composes the notices for the operation that lets somebody in. It commits nothing."""

    def __init__(self, store: Store, directory: Directory, sending: Sending, clock: Clock) -> None:
        self._directory = directory
        self._introductions = Introductions(store, sending, clock)
        self._sending = sending

    async def compose(self, who: Wisher, room_id: str) -> Sequence[Outgoing]:
        """A person is told who speaks; the people of a group are when each of them first speaks."""
        rules = self._directory.connection(who.connection)
        assistant = self._directory.assistant(rules.assistant)
        language = first_of(rules.language, assistant.language, who.language)
        group = who.kind == "group"
        first = None if group else await self._introductions.compose(rules, assistant, who.id, room_id, language)
        text = say(language, phrase("paired_group") if group else phrase("paired"))
        greeting = await self._sending.compose(rules.name, room_id, text, kind="notice", language=language)
        return (greeting,) if first is None else (first, greeting)
