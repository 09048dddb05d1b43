"""Intake: who is it, was it seen, may it. Every act enters here and is committed before anybody is told.

`accept` is one durable operation (durable point 1): the inbox row, its event, its audit row, and what cannot
wait: a command's effect, a stranger's pairing code, an edit's replacement of what still waits.
"""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from quarterdeck.base.clock import Clock
from quarterdeck.base.crash import CrashPoints
from quarterdeck.base.errors import Conflict, MovedOn, Retry
from quarterdeck.flow.acquaintance import Acquaintance
from quarterdeck.flow.admission import judge
from quarterdeck.flow.arrivals import Made, arrived, row_of
from quarterdeck.flow.commands import Command, CommandCall, Commands, CutReason, parse
from quarterdeck.flow.directory import ConnectionRules, Directory
from quarterdeck.flow.hints import Hints
from quarterdeck.flow.introduction import Introductions
from quarterdeck.flow.invitations import Invitations, Joined
from quarterdeck.flow.offering import Offering
from quarterdeck.flow.outbox import Outbox
from quarterdeck.flow.pressing import NotPressed, Pressing
from quarterdeck.flow.routing import Routed, Routing, told, verdict
from quarterdeck.flow.scope import place
from quarterdeck.flow.sending import Outgoing, Sending, delivery_event
from quarterdeck.flow.strangers import Strangers
from quarterdeck.governance.audit import SYSTEM, Auditor, Subject
from quarterdeck.governance.identity import NotAdmitted
from quarterdeck.governance.leaf import Actor
from quarterdeck.model.assistant import Assistant
from quarterdeck.model.inbound import Acceptance, Accepted, Due, Duplicate, Inbound, RoomChange
from quarterdeck.model.schedule import reset_due
from quarterdeck.store import events, inbox, people, sessions, timers, turns
from quarterdeck.store.choices import Offered
from quarterdeck.store.database import Store
from quarterdeck.store.inbox import NewRow
from quarterdeck.store.operations import ExpectationFailed, Operation, Receipt, Statement, operation
from quarterdeck.store.people import Identity
from quarterdeck.words.book import say
from quarterdeck.words.languages import Language, first_of
from quarterdeck.words.sentences import Phrase, phrase

TRIES = 3
PAUSED_SECONDS = 30.0  # after which a platform may bring again what a paused connection does not take


class _Draft(msgspec.Struct, frozen=True):
    """An act on its way to its operation."""

    operation: Operation
    row: NewRow
    replies: tuple[Outgoing, ...] = ()
    cut: CutReason | None = None
    known: tuple[str, ...] = ()
    routed: Routed | None = None
    told: str = ""


class Intake:
    """Implements ports.IntakePort over the store."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        auditor: Auditor,
        sending: Sending,
        outbox: Outbox,
        hints: Hints,
        commands: Commands,
        timed: Commands,
        clock: Clock,
        new_id: Callable[[str], str],
        crash: CrashPoints,
    ) -> None:
        self._store = store
        self._directory = directory
        self._auditor = auditor
        self._sending = sending
        self._outbox = outbox
        self._hints = hints
        self._commands = commands
        self._timed = timed
        self._clock = clock
        self._new_id = new_id
        self._crash = crash
        self._routing = Routing(sending.hooks, store, directory) if sending.hooks is not None else None
        self._introductions = Introductions(store, sending, clock)
        self._strangers = Strangers(store, sending, clock, new_id)
        self._offering = Offering(store, directory, clock, new_id)
        self._pressing = Pressing(store, self._offering, commands, clock)
        self._invitations = Invitations(store, directory, auditor, sending, clock)
        self._known = Acquaintance()
        self.open = False

    async def accept(self, inbound: Inbound) -> Acceptance:
        """Commit an act. See IntakePort.accept."""
        if not self.open:
            raise Retry("intake is closed: starting or stopping", 2.0)
        if inbound.due is None and self._directory.pauses.of(inbound.connection):
            raise Retry(f"the connection {inbound.connection} is paused", PAUSED_SECONDS)
        if self._routing is not None and (seen := await self._seen(inbound)):  # hooks are asked once
            self._hints.wake(seen.session_id, inbound.connection)
            return seen
        for _ in range(TRIES):
            if (draft := await self._draft(inbound)) is None:
                return Accepted("", "", 0, "ignored")
            try:
                receipt = await self._store.commit(draft.operation, partial(self._hint, draft))
            except ExpectationFailed as failed:
                if failed.statement == "inbox.insert" and (seen := await self._seen(inbound)):
                    # whoever accepted it may not have lived to say so
                    self._hints.wake(seen.session_id, inbound.connection)
                    return seen
                if failed.statement == "turns.nothing_after":
                    raise MovedOn("something else was said there meanwhile") from failed
                continue  # a pairing was asked, a session changed or its lane is full meanwhile: read again
            return self._accepted(draft, receipt)
        raise Conflict("the conversation kept changing while this was accepted; send it again")

    def _hint(self, draft: _Draft, receipt: Receipt) -> None:
        """Tell those who work on what was committed, also when whoever brought it is gone."""
        if draft.row.kind == "room":
            self._hints.moved()
        for reply in draft.replies:
            self._outbox.enqueued(reply)
        if session := draft.row.session_id:
            if draft.cut:
                self._hints.cut(session, draft.cut, _position(draft, receipt))
            self._hints.committed(session)
            self._hints.wake(session, draft.row.connection)
        elif draft.replies:  # somebody asks to be let in: an event of no session
            self._hints.committed("")

    def _accepted(self, draft: _Draft, receipt: Receipt) -> Accepted:
        self._crash.reach("intake.acknowledge")
        self._known.remember(draft.known)
        row = draft.row
        if self._routing is not None and draft.routed is not None:
            self._routing.tell(draft.routed, row.outcome or "accepted")
        return Accepted(row.id, row.session_id, _position(draft, receipt), row.outcome, draft.told)

    async def _seen(self, inbound: Inbound) -> Duplicate | None:
        row = await inbox.find(self._store, inbound.connection, inbound.act_key)
        return Duplicate(row.id, row.session_id) if row else None

    async def _draft(self, inbound: Inbound) -> _Draft | None:
        """The act's operation; None where it is none of ours."""
        if inbound.due is not None:
            return await self._fell_due(inbound, inbound.due)
        identity = people.identity_id(inbound.connection, inbound.sender.native_id)
        if inbound.change is not None:
            return self._room_changed(inbound, inbound.change, identity)
        rules = self._directory.connection(inbound.connection)
        if (judged := await judge(self._store, inbound, rules)) is None:
            return None
        if (joined := await self._invitations.use(judged, identity)) is not None:
            return self._join(joined, identity)
        if isinstance(judged.verdict, NotAdmitted):
            return await self._refuse(judged.inbound, rules, judged.verdict, identity)
        if inbound.kind == "press":
            return await self._press(judged.inbound, rules, identity, judged.who)
        return await self._admit(judged.inbound, rules, identity, judged.who)

    # --- those who may not ------------------------------------------------------------------------------------

    async def _refuse(self, inbound: Inbound, rules: ConnectionRules, admission: NotAdmitted, identity: str) -> _Draft:
        now = self._clock.now()
        row = self._row(inbound, "", identity, "followup", now, admission.outcome, admission.rule)
        statements, known = self._known.who(inbound, now)
        statements.append(inbox.insert_refused(row, now))
        replies: tuple[Outgoing, ...] = ()
        language = self._language(rules, self._directory.assistant(rules.assistant), row)
        line = say(language, phrase("press_others")) if inbound.kind == "press" else ""
        asks = admission.reaction == "pairing" and not line
        if asks and (wished := await self._strangers.wish(inbound, row, language)):
            statements += wished.statements
            replies = (wished.notice,)
        statements += self._record(inbound, row, admission.outcome)
        return _Draft(operation("accept", statements), row, replies, None, known, told=line)

    async def _press(self, inbound: Inbound, rules: ConnectionRules, identity: str, who: Identity | None) -> _Draft:
        """A button: the command that it stands for, as if it had been typed; or a line for the one who pressed it."""
        assistant = self._directory.assistant(inbound.assistant or rules.assistant)
        pressed = await self._pressing.judge(inbound, rules, identity, who, assistant.id)
        if not isinstance(pressed, NotPressed):
            draft = await self._admit(msgspec.structs.replace(inbound, text=pressed.command), rules, identity, who)
            return _behind(draft, pressed.statements, pressed.ends)
        row = self._row(inbound, "", identity, "followup", self._clock.now(), "ignored", pressed.rule)
        statements, known = self._known.who(inbound, self._clock.now())
        statements += [inbox.insert_refused(row, self._clock.now()), *self._record(inbound, row, row.outcome)]
        line = say(self._language(rules, assistant, row), pressed.told)
        draft = _Draft(operation("accept", statements), row, known=known, told=line)
        return _behind(draft, (), (pressed.end,) if pressed.end else ())

    def _join(self, joined: Joined, identity: str) -> _Draft:
        """Somebody comes by an invitation, which lets them in and is used up in the same operation."""
        now, inbound = self._clock.now(), joined.inbound
        row = self._row(inbound, "", identity, "followup", now, "command", "invited")
        statements, known = self._known.who(inbound, now)
        statements += [inbox.insert_refused(row, now), *joined.statements, *self._record(inbound, row, row.outcome)]
        return _Draft(operation("accept", statements), row, joined.greetings, None, known)

    # --- those who may ----------------------------------------------------------------------------------------

    async def _admit(self, inbound: Inbound, rules: ConnectionRules, identity: str, who: Identity | None) -> _Draft:
        now, routed = self._clock.now(), None
        command = parse(inbound.text, self._commands) if inbound.kind in ("message", "press") else None
        if self._routing is not None and command is None:
            inbound, routed = await self._routing.route(inbound, rules, identity, who)
        assistant = self._directory.assistant(inbound.assistant or rules.assistant)
        found = await place(self._store, rules, inbound.room, identity, who, assistant.id)
        session_id = found.session_id
        full = command is None and await self._full(session_id)
        outcome, detail = verdict(command is not None, routed, full)
        mode = inbound.mode or assistant.queue
        row = self._row(inbound, session_id, identity, mode, now, outcome, detail)
        wait_ms = max(inbound.gather_ms, assistant.debounce_ms if mode == "collect" else 0)
        if outcome == "" and wait_ms:
            row = msgspec.structs.replace(row, not_before=now + wait_ms / 1000)
        if who is not None and not row.language:
            row = msgspec.structs.replace(row, language=who.language)
        statements, known = self._known.who(inbound, now)
        if found.new is not None and session_id not in self._known:
            statements.append(sessions.create(found.new, now))
            known = (*known, session_id)
        draft = _Draft(operation("accept", statements), row, (), None, known, routed)
        draft = await self._introduced(draft, rules, assistant)
        if command:
            return await self._command(inbound, draft, rules, assistant, command)
        if outcome == "refused":
            return await self._answer_at_once(inbound, draft, self._language(rules, assistant, row), told(routed))
        return self._taken_in(inbound, draft, assistant)

    async def _introduced(self, draft: _Draft, rules: ConnectionRules, assistant: Assistant) -> _Draft:
        """With what is said at first contact, where this is the first."""
        row = draft.row
        key = "|".join(("c", row.identity_id, assistant.id))
        if key in self._known or not self._introductions.due(rules, assistant):
            return draft
        language = self._language(rules, assistant, row)
        notice = await self._introductions.compose(
            rules, assistant, row.identity_id, row.room_id, language, row.session_id
        )
        replies = (notice,) if notice is not None else ()
        return msgspec.structs.replace(draft, replies=replies, known=(*draft.known, key))

    def _taken_in(self, inbound: Inbound, draft: _Draft, assistant: Assistant) -> _Draft:
        """An act that waits for its turn."""
        row, now, mode = draft.row, self._clock.now(), draft.row.mode
        statements = [*draft.operation.statements, *self._arrival(inbound, draft, now, steer=int(mode == "steer"))]
        if inbound.follows:
            statements.append(turns.nothing_after(inbound.follows, row.session_id, row.id))
        if inbound.kind == "edit":
            statements += events.insert_found(row.session_id, inbox.edited_told(row), now)
            statements += [inbox.uncount_steer(row), inbox.supersede_edited(row, now)]
        if row.not_before > now:
            statements.append(inbox.quieten(row.session_id, row.not_before))
        if assistant.resets.on:
            statements.append(timers.arm("reset", row.session_id, reset_due(assistant.resets, now, now), now))
        statements += self._record(inbound, row, "")
        statements += draft.routed.statements if draft.routed else ()
        cut: CutReason | None = "interrupt" if mode == "interrupt" else None
        return msgspec.structs.replace(draft, operation=operation("accept", statements), cut=cut)

    def _arrival(
        self, inbound: Inbound, draft: _Draft, now: float, *, steer: int = 0, reply: Outgoing | None = None
    ) -> list[Statement]:
        """The row under its session's new head, with the events: what is said before it, itself, its reply."""
        row, before, after = draft.row, draft.replies, (reply,) if reply is not None else ()
        count, most = len(before) + 1 + len(after), self._directory.limits.queue_per_session
        statements = [sessions.advance(row.session_id, count, now, steer=steer), inbox.insert(row, now, most)]
        for back, one in enumerate(before):
            statements += [*one.statements, delivery_event(row.session_id, count - 1 - back, one, now)]
        statements.append(arrived(inbound, row, now, back=len(after)))
        for one in after:
            statements += [*one.statements, delivery_event(row.session_id, 0, one, now)]
        return statements

    async def _full(self, session_id: str) -> bool:
        """Whether a lane holds as much as it may; one that nobody works on and nobody woke is empty."""
        if self._hints.idle(session_id):
            return False
        return await inbox.count_waiting(self._store, session_id) >= self._directory.limits.queue_per_session

    async def _command(
        self,
        inbound: Inbound,
        draft: _Draft,
        rules: ConnectionRules,
        assistant: Assistant,
        command: tuple[Command, str],
    ) -> _Draft:
        (run, argument), row = command, draft.row
        session = await sessions.get(self._store, row.session_id)
        effect = await run(CommandCall(row.session_id, session, assistant, row.id, row.identity_id, argument))
        assert effect.reply is not None  # a person typed it
        language = self._language(rules, assistant, row)
        return await self._answer_at_once(
            inbound, draft, language, effect.reply, effect.statements, effect.cut, effect.choices
        )

    async def _answer_at_once(
        self,
        inbound: Inbound,
        draft: _Draft,
        language: Language,
        said: Phrase,
        extra: Sequence[Statement] = (),
        cut: CutReason | None = None,
        offered: Offered = (),
    ) -> _Draft:
        now, row, routed = self._clock.now(), draft.row, draft.routed
        reply = await self._sending.compose(
            inbound.connection,
            row.room_id,
            say(language, said),
            kind="notice",
            language=language,
            session=row.session_id,
            reply_to=inbound.message_ref,
        )
        ended: Sequence[Outgoing] = ()
        if offered:
            reply, *ended = await self._offering.offer(reply, offered, row.identity_id)
        statements = [*draft.operation.statements, *self._arrival(inbound, draft, now, reply=reply)]
        statements += [*extra, *(routed.statements if routed else ())]
        statements += self._record(inbound, row, row.outcome)
        replies = (*draft.replies, reply)
        draft = msgspec.structs.replace(draft, operation=operation("accept", statements), replies=replies, cut=cut)
        return _behind(draft, (), ended)

    def _language(self, rules: ConnectionRules, assistant: Assistant, row: NewRow) -> Language:
        return first_of(rules.language, assistant.language, row.language)

    # --- what nobody said -------------------------------------------------------------------------------------

    async def _fell_due(self, inbound: Inbound, due: Due) -> _Draft:
        """A timer's act. Raises Conflict when the conversation has moved on: the timer is looked at again."""
        session = await sessions.get(self._store, due.session)
        if session is None:
            raise Conflict(f"there is no session {due.session} any more")
        now, assistant = self._clock.now(), self._directory.assistant(session.assistant)
        detail = f"{due.late:.0f} s late" if due.late >= 1 else ""
        row = self._row(inbound, session.id, session.identity_id, "followup", now, "command", detail)
        row = msgspec.structs.replace(row, room_id=session.room_id)
        effect = await self._timed[due.kind](CommandCall(session.id, session, assistant, row.id, "", "", due))
        statements = [sessions.count(session.id, 1), inbox.insert(row, now, 0), *effect.statements]
        statements += [arrived(inbound, row, now), *self._record(inbound, row, row.outcome)]
        return _Draft(operation("accept", statements), row)

    def _room_changed(self, inbound: Inbound, change: RoomChange, identity: str) -> _Draft:
        """What the platform says about a room; it grants nothing, so nobody has to be let in for it."""
        now, room = self._clock.now(), people.room_id(inbound.connection, inbound.room.native_id)
        row = self._row(inbound, "", identity, "followup", now, "command", change.what)
        statements, known = self._known.who(inbound, now)
        statements += [inbox.insert_refused(row, now)]
        if change.what == "moved":
            statements += people.move_room(inbound.connection, inbound.room.native_id, change.native_id, now)
        else:
            statements.append(people.set_room_absent(room, "" if change.what == "reachable" else change.what))
        return _Draft(operation("accept", [*statements, *self._record(inbound, row, row.outcome)]), row, known=known)

    # --- parts of the operation -------------------------------------------------------------------------------

    def _row(
        self, inbound: Inbound, session: str, identity: str, mode: str, now: float, outcome: str, detail: str
    ) -> NewRow:
        made = Made(self._new_id("inb"), session, identity, mode, outcome, detail)
        return row_of(inbound, made, now, self._directory.limits.message_ttl_seconds)

    def _record(self, inbound: Inbound, row: NewRow, outcome: str) -> list[Statement]:
        return self._auditor.record(
            "message.in",
            SYSTEM if inbound.due else Actor(id=row.identity_id, kind="person"),
            Subject(connection=row.connection, session=row.session_id, resource=row.id),
            outcome=outcome,
            content="\n".join((inbound.text, *(result.text for result in inbound.results))).encode(),
            person=row.identity_id,
        )


def _behind(draft: _Draft, statements: Sequence[Statement], outgoing: Sequence[Outgoing]) -> _Draft:
    """With what also belongs into its operation, and is sent when that is committed."""
    also = [*statements, *(one for sent in outgoing for one in sent.statements)]
    replies = (*draft.replies, *outgoing)
    whole = operation("accept", draft.operation.statements, also)
    return msgspec.structs.replace(draft, operation=whole, replies=replies)


def _position(draft: _Draft, receipt: Receipt) -> int:
    """The number of an act's event; 0 for one without a session."""
    return int(receipt.one("sessions.advance")[0] or 0) if draft.row.session_id else 0
