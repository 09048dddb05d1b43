"""Do the contents follow each other as they must: calls after a person, responses after calls, signatures in place?

Wordings: issue threads google-gemini/gemini-cli #26486, #4504 and #26682, langchain-ai/langchain #27799,
googleapis/python-genai #81. The rules of signatures: ai.google.dev/gemini-api/docs/thought-signatures ("Gemini 3
... all function calling in the current turn"; only the first of parallel calls carries one; earlier turns are not
looked at; two fixed texts are taken in place of a signature). "Unverified" marks what is from memory.
"""

import base64
import hashlib
import json

from tests.standins.gemini.errors import Refused
from tests.standins.gemini.requests import Content, FunctionCall

WAIVERS = ("context_engineering_is_the_way_to_go", "skip_thought_signature_validator")
MORE = "Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
_PREFIX = "standin/"


def check_order(contents: list[Content]) -> None:
    """Raises Refused unless every call turn has its place and its responses."""
    for index, content in enumerate(contents):
        before = contents[index - 1] if index else None
        if content.calls and content.responses:
            message = (
                "Please ensure that function call turn contains at least one function_call part which can not be mixed "
                "with function_response parts."
            )
            raise Refused(message)
        if content.calls and (before is None or before.role == "model"):
            message = "Please ensure that function call turn comes immediately after a user turn or after a function "
            raise Refused(f"{message}response turn.")
        if content.responses and not (before and before.calls):
            raise Refused("Please ensure that function response turn comes immediately after a function call turn.")
        if before and before.calls:
            _check_responses(before, content)
    last = contents[-1]
    if last.calls:
        _check_responses(last, Content())
    if last.role == "model":
        raise Refused("Please ensure that single turn requests end with a user role or the role field is empty.")


def _check_responses(turn: Content, answer: Content) -> None:
    calls, responses = turn.calls, answer.responses
    if len(calls) != len(responses):
        message = (
            "Please ensure that the number of function response parts is equal to the number of function call parts"
        )
        raise Refused(f"{message} of the function call turn.")
    for call, response in zip(calls, responses, strict=True):  # wordings unverified
        if response.response is None:
            raise Refused(
                "* GenerateContentRequest.contents.parts.function_response.response: required field missing\n"
            )
        if call.name != response.name:
            raise Refused(f"Function response {response.name!r} does not answer function call {call.name!r}.")
        if call.id and response.id and call.id != response.id:
            raise Refused(f"Function response id {response.id!r} does not match function call id {call.id!r}.")


def check_signatures(contents: list[Content], generation: int) -> None:
    """The first call of every step of the current turn carries the signature that it was given. Raises Refused.

    A signature of an earlier turn may be missing; one that is there must be whole.
    """
    current = max((index for index, content in enumerate(contents) if _from_a_person(content)), default=0)
    for index, content in enumerate(contents):
        calls = [part for part in content.parts or () if part.function_call]
        for number, part in enumerate(calls):
            call, given = part.function_call, part.thought_signature
            assert call is not None
            if given is None:
                if number == 0 and index > current and generation >= 3:
                    raise _missing(call, index)
            elif not _good(given, call):
                raise Refused("Corrupted thought signature.")


def _from_a_person(content: Content) -> bool:
    return content.role != "model" and not content.responses


def _missing(call: FunctionCall, index: int) -> Refused:
    message = (
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
        f"call `default_api:{call.name}` , position {index + 1}. {MORE}"
    )
    return Refused(message)


def signature(call: FunctionCall | None, text: str = "") -> str:
    """What is given out with a call, or with a text. It tells a call whose name or arguments were changed."""
    seed = text if call is None else call.name + json.dumps(call.args or {}, sort_keys=True)
    return base64.b64encode((_PREFIX + hashlib.sha256(seed.encode()).hexdigest()[:32]).encode()).decode()


def _good(given: str, call: FunctionCall) -> bool:
    """Signatures that were not made here belong to another model and are left alone."""
    if given in WAIVERS:
        return True
    clear = base64.b64decode(given.translate(str.maketrans("-_", "+/")))
    if clear.decode("latin-1") in WAIVERS:
        return True
    return base64.b64encode(clear).decode() == signature(call)
