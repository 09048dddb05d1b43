"""What people talk to, as one value; its digest is the release that a turn ran under."""

import msgspec

from quarterdeck.model.action import digest_of
from quarterdeck.model.asking import NO_WISHES, Options
from quarterdeck.model.inbound import QueueMode
from quarterdeck.model.schedule import ResetRules

WORKSPACE_FILES = ("AGENTS.md", "SOUL.md", "USER.md", "MEMORY.md")


class Introduction(msgspec.Struct, frozen=True):
    """What people are told at first contact: who is responsible, how to reach them; `texts`: own ones, by language."""

    owner: str = ""
    contact: str = ""
    texts: tuple[tuple[str, str], ...] = ()


class Assistant(msgspec.Struct, frozen=True):
    """Effective configuration of one assistant. `model` is `provider/model`; `files` are its workspace files' texts."""

    id: str
    model: str
    fallback: tuple[str, ...] = ()
    queue: QueueMode = "followup"
    debounce_ms: int = 0
    tools: tuple[str, ...] = ()
    max_steps: int = 20
    turn_seconds: float = 300.0
    files: tuple[tuple[str, str], ...] = ()
    options: Options = NO_WISHES
    context_tokens: int = 100_000
    resets: ResetRules = ResetRules()
    plugins: tuple[str, ...] = ()  # what others wrote and it uses, with package and version
    language: str = ""  # that people are spoken to in; empty: as their apps say
    answerable: str = ""  # who is responsible for it, and how to reach them
    introduction: Introduction | None = None  # None: it does not introduce itself

    def release(self) -> str:
        """Content address of everything that shapes behaviour."""
        return digest_of(b"release", msgspec.json.encode(self))[:32]

    @property
    def provider(self) -> str:
        """Name of the provider, the part of `model` before the first slash."""
        return self.model.partition("/")[0]

    @property
    def model_name(self) -> str:
        """The provider's name of the model, the part after the first slash."""
        return self.model.partition("/")[2]
