"""How a model is to be asked, beside what it is shown: tools, form of the answer, sampling."""

from typing import Literal

import msgspec

Effort = Literal["", "none", "minimal", "low", "medium", "high"]


class ToolSpec(msgspec.Struct, frozen=True):
    """How a model is told of a tool. `parameters` is a JSON Schema object as JSON text.

    `strict`: arguments that do not fit are no call. Of a client's tool it is we who see to that.
    """

    name: str
    description: str
    parameters: str
    strict: bool = False


class AnswerForm(msgspec.Struct, frozen=True):
    """The answer is to be JSON; with a `schema` (JSON Schema as JSON text) JSON that fits it."""

    schema: str = ""
    name: str = "answer"
    strict: bool = True


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """Wishes of an assistant, or of the client that asks; what a model does not know is left out of its request.

    `client_tools` are the client's own: their calls are given to it and never run by us. `tool_choice` is empty (the
    model decides), `none`, `required`, or a tool's name. `effort` is how hard to think (empty: the model's default).
    `instructions` stand behind the assistant's own, for this one answer.
    """

    client_tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = ""
    parallel_calls: bool | None = None
    form: AnswerForm | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    effort: Effort = ""
    instructions: str = ""

    def over(self, base: "Options") -> "Options":
        """These wishes, and those of `base` where these say nothing."""
        blank = Options()
        mine = {
            name: getattr(self, name) for name in self.__struct_fields__ if getattr(self, name) != getattr(blank, name)
        }
        return msgspec.structs.replace(base, **mine)


NO_WISHES = Options()
