"""Does a tool keep what ports.Tool promises? Checks for any implementation, with whatever it acts on.

Write a class with a fixture `subject` that gives a ToolUnderTest; pytest (with asyncio_mode = "auto") does the rest:

    class TestMine(ToolConformance):
        @pytest.fixture
        async def subject(self) -> AsyncIterator[ToolUnderTest]: ...
"""

import asyncio
import re
from collections.abc import Awaitable
from typing import Protocol, get_args

import msgspec

from quarterdeck.base.errors import NotAllowed, Refused, Retry
from quarterdeck.model.action import Effect, ToolRun
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.permit import Permit
from quarterdeck.ports import Tool, ToolContext, ToolOutcomeUnknown, ToolOutput
from quarterdeck.testing.checking import PATIENCE_S, Broken, cancelled_soon, check, is_a, permit_for, refused, until

ABOUT = ToolContext("default", "ses_test", "test", "rom_test", "idy_test")


class ToolUnderTest(Protocol):
    """A tool, and what it acts on."""

    @property
    def tool(self) -> Tool:
        """The tool that is checked; always the same."""
        ...

    @property
    def arguments(self) -> str:
        """JSON text of a call that works."""
        ...

    @property
    def wrong(self) -> str | None:
        """JSON text that fits the schema and that the tool refuses; None where there is none."""
        ...

    async def effects(self) -> int:
        """How often it has acted, as far as that can be seen; 0 for a tool that only reads."""
        ...

    async def hang(self) -> bool:
        """Let the next run wait for an answer that does not come; False where it waits for nothing.

        The tool has to be set up to give up within 3 s.
        """
        ...


class ToolConformance:
    """The checks."""

    async def test_it_says_what_it_is(self, subject: ToolUnderTest) -> None:
        spec = subject.tool.spec
        check(is_a(spec, ToolSpec), "spec is a ToolSpec")
        check(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", spec.name) is not None, "its name is one that every model takes")
        check(bool(spec.description.strip()), "it says what it is for")
        schema = msgspec.json.decode(spec.parameters, type=dict[str, object])
        check(schema.get("type") == "object", "its parameters are a schema of an object")
        check(subject.tool.effect in get_args(Effect), "its effect is none, rows or external")
        check(is_a(subject.tool.repeatable, bool), "it says whether it may be run again")
        check(subject.tool.spec == spec, "it describes itself the same way each time")

    async def test_a_permit_for_something_else_does_nothing(self, subject: ToolUnderTest) -> None:
        run = _run(subject)
        for other in (
            msgspec.structs.replace(run, arguments=run.arguments + " "),
            msgspec.structs.replace(run, step="m2.t0"),
            msgspec.structs.replace(run, tool="another"),
        ):
            await refused(subject.tool.run(run, ABOUT, permit_for(other)), "run")
        check(await subject.effects() == 0, "a refused permit does nothing")

    async def test_a_permit_is_spent_first_and_once(self, subject: ToolUnderTest) -> None:
        run = _run(subject)
        permit = permit_for(run)
        await _output(subject, run, permit)
        check(permit.spent, "a run spends its permit")
        before = await subject.effects()
        await refused(subject.tool.run(run, ABOUT, permit), "a second run")
        check(await subject.effects() == before, "a used permit does nothing")

    async def test_a_run_brings_text(self, subject: ToolUnderTest) -> None:
        run = _run(subject)
        output = await _output(subject, run, permit_for(run))
        check(is_a(output, ToolOutput) and is_a(output.text, str), "a run brings a ToolOutput")
        check(output.ok and bool(output.text), "arguments that are right bring a text")
        check((output.rows is None) == (subject.tool.effect != "rows"), "rows come from tools whose effect they are")

    async def test_what_is_repeatable_may_be_run_again(self, subject: ToolUnderTest) -> None:
        if not subject.tool.repeatable:
            return
        run = _run(subject)  # the same key: it is the same call, after a crash
        for _ in range(2):
            await _output(subject, run, permit_for(run))

    async def test_wrong_arguments_are_told_to_the_model(self, subject: ToolUnderTest) -> None:
        if subject.wrong is None:
            return
        run = _run(subject, subject.wrong)
        permit = permit_for(run)
        error = await _error(subject, run, permit)
        check(isinstance(error, Refused) and not isinstance(error, NotAllowed), f"wrong arguments: {error!r}")
        check(permit.spent, "the permit is spent before anything else")

    async def test_a_silent_world_is_not_waited_for(self, subject: ToolUnderTest) -> None:
        if not await subject.hang():
            return
        run = _run(subject)
        error = await _error(subject, run, permit_for(run))
        if subject.tool.effect == "external":
            check(isinstance(error, ToolOutcomeUnknown), f"what acts may have acted: {error!r}")
        else:
            check(isinstance(error, Refused | Retry), f"no answer: {error!r}")

    async def test_cancellation_ends_a_run_soon(self, subject: ToolUnderTest) -> None:
        if not await subject.hang():
            return
        run = _run(subject)
        permit = permit_for(run)
        await cancelled_soon(
            subject.tool.run(run, ABOUT, permit), until(lambda: permit.spent, "a run to begin"), "a run"
        )


def _run(subject: ToolUnderTest, arguments: str | None = None) -> ToolRun:
    tool = subject.tool
    given = subject.arguments if arguments is None else arguments
    return ToolRun(tool.spec.name, given, "turn_test", "m1.t0", tool.effect, tool.repeatable)


async def _output(subject: ToolUnderTest, run: ToolRun, permit: Permit) -> ToolOutput:
    return await _in_time(subject.tool.run(run, ABOUT, permit))


async def _error(subject: ToolUnderTest, run: ToolRun, permit: Permit) -> Exception:
    """What a run raises, which has to be of a known kind."""
    try:
        output = await _output(subject, run, permit)
    except (Refused, Retry, ToolOutcomeUnknown) as error:
        return error
    raise Broken(f"a run that brings nothing raises BadInput, Refused, Retry or ToolOutcomeUnknown: {output}")


async def _in_time(running: Awaitable[ToolOutput]) -> ToolOutput:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await running
    except TimeoutError:
        raise Broken(f"a run ends within {PATIENCE_S:g} s") from None
