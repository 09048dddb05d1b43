"""One person behind several identities: linked and parted by whoever operates the gateway, never by a guess.

Linking merges no histories. Of the direct conversations that the identities had with an assistant the newest goes on,
for all of them; the others stay as they are and can be read. An identity that is parted begins a new conversation:
the one that goes on holds what the others said, and stays theirs.
"""

from collections.abc import Callable

import msgspec

from quarterdeck.base.errors import BadInput, Conflict, NotFound
from quarterdeck.flow.directory import Directory
from quarterdeck.governance.audit import Auditor, Subject
from quarterdeck.governance.leaf import Actor
from quarterdeck.store import people, persons, sessions
from quarterdeck.store.database import Store
from quarterdeck.store.operations import ExpectationFailed, Riding, Statement, nothing_rides, operation
from quarterdeck.store.people import Identity
from quarterdeck.store.sessions import Session


class Person(msgspec.Struct, frozen=True):
    """What linking and parting makes: a person, and for each assistant the conversation that goes on."""

    id: str
    goes_on: dict[str, str]


class People:
    """The use cases of linking and parting."""

    def __init__(self, store: Store, directory: Directory, auditor: Auditor, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._directory = directory
        self._auditor = auditor
        self._new_id = new_id

    async def link(
        self, one: str, other: str, actor: Actor, reason: str = "", riding: Riding[Person] = nothing_rides
    ) -> str:
        """Let two identities, and all that are linked to them, be one person; its id. Raises NotFound, Conflict."""
        first, second = await self._wired(one), await self._wired(other)
        if first.id == second.id or (first.person_id and first.person_id == second.person_id):
            raise Conflict("they are one person already")
        person = first.person_id or second.person_id or self._new_id("per")
        everybody = [*await self._with(first), *await self._with(second)]
        going_on = await self._newest(everybody)
        statements = [persons.belongs(who, person) for who in everybody]  # also who stays: nobody else may move them
        if second.person_id and second.person_id != person:
            statements.append(persons.nobody_left(second.person_id))
        statements += [persons.goes_on(person, assistant, one.id) for assistant, one in going_on.items()]
        told: dict[str, object] = {
            "reason": reason,
            "identities": [who.id for who in everybody],
            "goes_on": {assistant: one.id for assistant, one in going_on.items()},
        }
        statements += riding(Person(person, {assistant: one.id for assistant, one in going_on.items()}))
        await self._commit("change.people.link", person, statements, actor, told)
        return person

    async def unlink(
        self, identity: str, actor: Actor, reason: str = "", riding: Riding[Person] = nothing_rides
    ) -> str:
        """Part an identity from those that it is linked to; the id of the person that it is now."""
        who = await self._wired(identity)
        if who.person_id is None or len(await self._with(who)) < 2:
            raise Conflict(f"{identity} is linked to nobody")
        person = self._new_id("per")
        told: dict[str, object] = {"reason": reason, "identities": [who.id], "parted_from": who.person_id}
        statements = [persons.belongs(who, person), *riding(Person(person, {}))]
        await self._commit("change.people.unlink", person, statements, actor, told)
        return person

    async def _commit(
        self, kind: str, person: str, statements: list[Statement], actor: Actor, told: dict[str, object]
    ) -> None:
        record = self._auditor.record(
            kind, actor, Subject(resource=person), outcome="done", content=msgspec.json.encode(told), person=person
        )
        try:
            await self._store.commit(operation("person", statements, record))
        except ExpectationFailed as error:
            raise Conflict("somebody else has linked or parted one of them meanwhile; look again") from error

    async def _wired(self, identity: str) -> Identity:
        found = await people.identity(self._store, identity)
        if found is None:
            raise NotFound(f"there is no identity {identity}; `quarterdeck people list` shows them")
        if self._directory.connection(found.connection).rows:
            reason = f"conversations on {found.connection} are named by whoever begins them and cannot be shared"
            raise BadInput("identity", reason, "Link identities of messengers.")
        return found

    async def _with(self, identity: Identity) -> list[Identity]:
        return await persons.identities(self._store, identity.person_id) if identity.person_id else [identity]

    async def _newest(self, everybody: list[Identity]) -> dict[str, Session]:
        """Assistant -> the newest of all direct conversations that these identities have, shared ones too."""
        found: list[Session] = []
        for who in everybody:
            found += await persons.talks(self._store, who)
        for person in {who.person_id for who in everybody if who.person_id}:
            shared = [
                await sessions.get(self._store, one)
                for one in (await persons.sessions_of(self._store, person)).values()
            ]
            found += [one for one in shared if one is not None]
        return {one.assistant: one for one in sorted(found, key=lambda one: one.updated_at)}
