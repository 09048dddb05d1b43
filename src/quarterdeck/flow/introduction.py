"""First contact: whoever talks to an assistant for the first time is told what it is, and who answers for it.

Once for each identity and assistant: the row that says so is written in the operation that accepts the message, or that
lets its sender in, together with the notice itself.
"""

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.flow.directory import ConnectionRules
from quarterdeck.flow.sending import Outgoing, Sending
from quarterdeck.model.assistant import Assistant, Introduction
from quarterdeck.store import contacts
from quarterdeck.store.database import Store
from quarterdeck.words.book import Told, joined, quoted, say
from quarterdeck.words.languages import Language
from quarterdeck.words.sentences import Phrase, phrase

UNTOLD = ("api", "terminal")
"""A program speaks over the one, whoever runs the gateway over the other."""


class Introductions:
    """Composes the notice where it is due. It commits nothing."""

    def __init__(self, store: Store, sending: Sending, clock: Clock) -> None:
        self._store = store
        self._sending = sending
        self._clock = clock

    def due(self, rules: ConnectionRules, assistant: Assistant) -> bool:
        """Whether an assistant introduces itself on a connection at all."""
        return assistant.introduction is not None and rules.name not in UNTOLD

    async def compose(
        self,
        rules: ConnectionRules,
        assistant: Assistant,
        identity: str,
        room_id: str,
        language: Language,
        session: str = "",
    ) -> Outgoing | None:
        """The notice with the row that says so, which fails where somebody was faster; None where it was told."""
        one = assistant.introduction
        if one is None or not self.due(rules, assistant) or await contacts.made(self._store, identity, assistant.id):
            return None
        text = introduction(one, language, wired=not rules.rows)
        notice = await self._sending.compose(
            rules.name, room_id, text, kind="notice", language=language, session=session, assistant=assistant.id
        )
        made = contacts.make(identity, assistant.id, notice.delivery.id, self._clock.now())
        return msgspec.structs.replace(notice, statements=(*notice.statements, made))


def introduction(one: Introduction, language: Language, *, wired: bool) -> Told:
    """The assistant's own text in this language, or our sentences. A chat can be blocked where it is `wired`."""
    if own := dict(one.texts).get(language):
        return quoted(own)
    said = [phrase("machine"), _responsible(one), phrase("how_to_stop"), phrase("how_to_block") if wired else None]
    return joined("\n", *(say(language, sentence) for sentence in said if sentence is not None))


def _responsible(one: Introduction) -> Phrase | None:
    if one.owner and one.contact:
        return phrase("responsible", owner=one.owner, contact=one.contact)
    if one.owner:
        return phrase("responsible_owner", owner=one.owner)
    return phrase("responsible_contact", contact=one.contact) if one.contact else None
