"""Does a provider keep what ports.Provider promises? Checks for any implementation and the stand-in of its service.

Write a class with a fixture `subject` that gives a ProviderUnderTest; pytest (with asyncio_mode = "auto") does the
rest:

    class TestMine(ProviderConformance):
        @pytest.fixture
        async def subject(self) -> AsyncIterator[ProviderUnderTest]: ...

What is not asked here: tools, files, forms of answers. They differ, and belong into the provider's own tests.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, get_args

from quarterdeck.model.action import ModelCall
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.message import AssistantMessage, UserMessage
from quarterdeck.model.permit import Permit
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.ports import (
    Delta,
    Embeddings,
    FailureKind,
    ListedModel,
    ModelProfile,
    ModelRequest,
    Provider,
    ProviderFailed,
)
from quarterdeck.testing.checking import (
    PATIENCE_S,
    SECONDS,
    Broken,
    cancelled_soon,
    check,
    is_a,
    permit_for,
    refused,
    until,
)

Trouble = Literal["auth", "rate", "server", "cut", "silent"]
"""A refused key; too many requests; a server's error; a connection that breaks in the answer; no answer at all."""

KINDS: Mapping[Trouble, frozenset[FailureKind]] = {
    "auth": frozenset(("auth", "credit", "access")),
    "rate": frozenset(("rate", "overload")),
    "server": frozenset(("server", "overload")),
    "cut": frozenset(("cut", "network")),
    "silent": frozenset(("timeout",)),
}
PASSES: frozenset[Trouble] = frozenset(("rate", "server", "cut", "silent"))
TOOL = ToolSpec("look_up", "Looks up.", '{"type":"object","properties":{"q":{"type":"string"}},"required":[]}')


class ProviderUnderTest(Protocol):
    """A provider, and the stand-in that it asks."""

    @property
    def provider(self) -> Provider:
        """The provider that is checked; always the same. It waits at most 3 s for the beginning of an answer."""
        ...

    @property
    def unreachable(self) -> Provider | None:
        """Another one, at an address where nobody listens; None where nothing is asked over a network."""
        ...

    @property
    def name(self) -> str:
        """The provider's name."""
        ...

    @property
    def model(self) -> str:
        """A model that answers a plain text with a text."""
        ...

    async def asked(self) -> int:
        """How many requests for an answer have arrived at the stand-in; 0 where there is none."""
        ...

    async def meet(self, trouble: Trouble) -> str | None:
        """Let the next request meet this, and give the text to ask with; None where it cannot happen."""
        ...


class ProviderConformance:
    """The checks."""

    # --- permits ----------------------------------------------------------------------------------------------

    async def test_a_permit_for_something_else_asks_nothing(self, subject: ProviderUnderTest) -> None:
        call, other = _call(subject, "asked for"), _call(subject, "something else")
        await refused(subject.provider.complete(call, permit_for(other), _unheard), "complete")
        check(await subject.asked() == 0, "a refused permit lets no request out")

    async def test_a_changed_call_is_refused(self, subject: ProviderUnderTest) -> None:
        call = _call(subject, "hello")
        changed = ModelCall(call.provider, call.model, call.body + b" ", call.reserve_in, call.reserve_out, call.key)
        await refused(subject.provider.complete(changed, permit_for(call), _unheard), "a changed body")
        check(await subject.asked() == 0, "a digest that does not fit lets no request out")

    async def test_a_permit_is_good_for_one_attempt(self, subject: ProviderUnderTest) -> None:
        call = _call(subject, "once")
        permit = permit_for(call)
        await _complete(subject, call, permit)
        before = await subject.asked()
        check(before <= 1, "one attempt is one request")
        await refused(subject.provider.complete(call, permit, _unheard), "a second attempt")
        check(await subject.asked() == before, "a used permit lets no request out")

    async def test_a_failed_attempt_uses_its_permit_up(self, subject: ProviderUnderTest) -> None:
        if (text := await subject.meet("server")) is None:
            return
        call = _call(subject, text)
        permit = permit_for(call)
        await _failure(subject, call, permit=permit)
        before = await subject.asked()
        await refused(subject.provider.complete(call, permit, _unheard), "an attempt after a failure")
        check(await subject.asked() == before, "there is one request for each permit, no retry inside")

    # --- preparing --------------------------------------------------------------------------------------------

    async def test_preparing_is_deterministic_and_asks_nothing(self, subject: ProviderUnderTest) -> None:
        one, again, other = _call(subject, "hello"), _call(subject, "hello"), _call(subject, "hello!")
        check(one.body == again.body and one.digest() == again.digest(), "the same request gives the same bytes")
        check(one.digest() != other.digest(), "another request gives another digest")
        check((one.provider, one.model) == (subject.name, subject.model), "a call names its provider and its model")
        check(one.reserve_in > 0 and one.reserve_out > 0, "a call reserves tokens for its request and its answer")
        check(await subject.asked() == 0, "preparing asks nothing")

    async def test_its_profile_can_be_relied_on(self, subject: ProviderUnderTest) -> None:
        profile = subject.provider.profile(subject.model)
        check(is_a(profile, ModelProfile) and profile == subject.provider.profile(subject.model), "a profile")
        check(profile.max_tokens > 0 and profile.history_messages > 0 and profile.window >= 0, "a profile's numbers")
        if profile.tools:
            with_tool = subject.provider.prepare(ModelRequest(subject.model, "", _said("hello"), (TOOL,)))
            check(with_tool.digest() != _call(subject, "hello").digest(), "tools are part of the request")

    # --- answers ----------------------------------------------------------------------------------------------

    async def test_the_pieces_add_up_to_the_answer(self, subject: ProviderUnderTest) -> None:
        answer, pieces = await _complete(subject, _call(subject, "tell me a little"))
        check(bool(answer.message.text), "a plain text is answered with a text")
        check("".join(pieces) == answer.message.text, "the pieces are the answer's text")
        check(answer.finish == "stop" and not answer.message.calls, "it ends by itself, without calls")
        check(min(answer.usage.input, answer.usage.output) >= 0 and answer.usage.output > 0, "it says what was used")

    async def test_a_conversation_is_answered(self, subject: ProviderUnderTest) -> None:
        history = (UserMessage("one"), AssistantMessage("first answer"), UserMessage("two"))
        call = subject.provider.prepare(ModelRequest(subject.model, "Be kind.", history))
        answer, _ = await _complete(subject, call)
        check(bool(answer.message.text), "a conversation is answered")

    # --- trouble ----------------------------------------------------------------------------------------------

    async def test_every_failure_is_of_a_known_kind(self, subject: ProviderUnderTest) -> None:
        for trouble in get_args(Trouble):
            if (text := await subject.meet(trouble)) is None:
                continue
            failed = await _failure(subject, _call(subject, text))
            check(failed.kind in KINDS[trouble], f"{trouble}: the failure is of kind {failed.kind}")
            check(failed.retryable == (trouble in PASSES), f"{trouble}: whether it may pass is told")
            check(failed.usage is None or is_a(failed.usage, Usage), f"{trouble}: what was used, or nothing")

    async def test_nobody_listens(self, subject: ProviderUnderTest) -> None:
        if subject.unreachable is None:
            return
        call = subject.unreachable.prepare(ModelRequest(subject.model, "", _said("hello")))
        failed = await _failure(subject, call, provider=subject.unreachable)
        check(failed.kind in ("network", "timeout") and failed.retryable, f"nobody listens: {failed.kind}")

    async def test_a_silent_service_is_not_waited_for(self, subject: ProviderUnderTest) -> None:
        if (text := await subject.meet("silent")) is None:
            return
        await _failure(subject, _call(subject, text), seconds=PATIENCE_S)

    async def test_cancellation_ends_a_call_soon(self, subject: ProviderUnderTest) -> None:
        """Cancelled while the service is silent, or else when the answer has begun."""
        text = await subject.meet("silent")
        call, growing = _call(subject, text or "tell me a little"), asyncio.Event()
        if text is not None:
            growing.set()
        going = subject.provider.complete(call, permit_for(call), lambda delta: growing.set())
        await cancelled_soon(going, _under_way(subject, growing, silent=text is not None), "a call")

    # --- the rest ---------------------------------------------------------------------------------------------

    async def test_embeddings_are_permitted_or_refused(self, subject: ProviderUnderTest) -> None:
        try:
            call = subject.provider.prepare_embedding(subject.model, ["one", "two"], None)
        except ProviderFailed as failed:
            check(failed.kind == "invalid" and not failed.retryable, "no vectors: invalid, for good")
            return
        again = subject.provider.prepare_embedding(subject.model, ["one", "two"], None)
        other = subject.provider.prepare_embedding(subject.model, ["one", "three"], None)
        check(call.digest() == again.digest() != other.digest(), "the same texts give the same bytes, others do not")
        await refused(subject.provider.embed(call, permit_for(other)), "embed")
        permit = permit_for(call)
        try:
            found = await subject.provider.embed(call, permit)
            check(is_a(found, Embeddings) and len(found.vectors) == 2, "one vector for each text")
        except ProviderFailed as failed:  # this model has none
            check(failed.kind in get_args(FailureKind), "embed fails with a known kind")
        await refused(subject.provider.embed(call, permit), "a second embed")

    async def test_models_are_listed(self, subject: ProviderUnderTest) -> None:
        async with asyncio.timeout(SECONDS):
            found: Sequence[ListedModel] = await subject.provider.models()
        check(all(is_a(one, ListedModel) and bool(one.name) for one in found), "models have names")

    async def test_closing_twice_is_harmless(self, subject: ProviderUnderTest) -> None:
        await subject.provider.close()
        await subject.provider.close()


def _unheard(delta: Delta) -> None:
    raise Broken("no piece comes without a permit")


def _said(text: str) -> tuple[UserMessage, ...]:
    return (UserMessage(text),)


def _call(subject: ProviderUnderTest, text: str) -> ModelCall:
    return subject.provider.prepare(ModelRequest(subject.model, "Be kind.", _said(text)))


async def _complete(
    subject: ProviderUnderTest, call: ModelCall, permit: Permit | None = None
) -> tuple[ModelAnswer, list[str]]:
    return await _attempt(subject.provider, call, permit or permit_for(call), SECONDS)


async def _attempt(
    provider: Provider, call: ModelCall, permit: Permit, seconds: float
) -> tuple[ModelAnswer, list[str]]:
    pieces: list[str] = []
    async with asyncio.timeout(seconds):
        answer = await provider.complete(call, permit, lambda one: pieces.append(one.text))
    return answer, pieces


async def _failure(
    subject: ProviderUnderTest,
    call: ModelCall,
    *,
    permit: Permit | None = None,
    provider: Provider | None = None,
    seconds: float = SECONDS,
) -> ProviderFailed:
    try:
        await _attempt(provider or subject.provider, call, permit or permit_for(call), seconds)
    except ProviderFailed as failed:
        return failed
    except TimeoutError:
        raise Broken(f"a call that gets no answer fails within {seconds:g} s") from None
    raise Broken("a call that gets no answer raises ProviderFailed")


async def _under_way(subject: ProviderUnderTest, growing: asyncio.Event, *, silent: bool) -> None:
    """The call has begun: its request has arrived, or its answer grows."""

    async def arrived() -> bool:
        return growing.is_set() and (not silent or await subject.asked() > 0)

    await until(arrived, "a call to begin")
