"""Packages as an installer would leave them: modules and metadata in a folder that stands on the path."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from tests.doors.commands import Desk
from tests.standins.hooks import SECRET

ACME = '''
import asyncio
import msgspec
from quarterdeck.model.asking import ToolSpec
from quarterdeck.model.message import AssistantMessage, ToolCall, ToolResult, UserMessage
from quarterdeck.model.action import ModelCall
from quarterdeck.model.inbound import Inbound, Room, Sender
from quarterdeck.model.turn import ModelAnswer, Usage
from quarterdeck.model.hook import Deny
from quarterdeck.plugins import ChannelPlugin, HookPlugin, Kit, ProviderPlugin, ToolPlugin
from quarterdeck.ports import *
from quarterdeck.ports import Delta, ModelProfile, Capabilities, ChannelHealth, Sent, ToolOutput, ListedModel
from quarterdeck.base.secrets import SecretRef


class Empty(msgspec.Struct, frozen=True):
    """No settings."""


class Shout(msgspec.Struct, frozen=True, kw_only=True):
    mark: str = "!"
    mode: str = ""


class ShoutTool:
    spec = ToolSpec("shout", "Say it loudly.", '{"type":"object","properties":{"text":{"type":"string"}}}')
    effect = "none"
    repeatable = True

    def __init__(self, settings: Shout, kit: Kit) -> None:
        self.settings, self.kit = settings, kit

    async def run(self, run, context, permit):
        if self.settings.mode == "no permit":
            return ToolOutput("done without asking")
        permit.spend(run)
        text = msgspec.json.decode(run.arguments)["text"]
        (self.kit.folder / "said").write_text(text)
        self.kit.log.info("acme.shouted")
        return ToolOutput(text.upper() + self.settings.mark)


async def build_shout(name, settings, kit):
    if settings.mode == "late":
        await asyncio.Event().wait()
    if settings.mode == "broken":
        raise RuntimeError("no shouting here")
    if settings.mode == "half":
        return object()
    return ShoutTool(settings, kit)


shout = ToolPlugin(api=1, settings=Shout, build=build_shout)


class Brain(msgspec.Struct, frozen=True, kw_only=True):
    base_url: str
    api_keys: tuple[SecretRef, ...] = ()
    mode: str = ""


class BrainProvider:
    def __init__(self, name, settings, key):
        self.name, self.settings, self.key = name, settings, key

    def profile(self, model):
        return ModelProfile()

    def prepare(self, request):
        return ModelCall(self.name, request.model, msgspec.json.encode(request), 10, 10)

    async def complete(self, call, permit, on_delta):
        permit.spend(call)
        if self.settings.mode == "exit":
            raise SystemExit(7)
        last = msgspec.json.decode(call.body, type=ModelRequest).messages[-1]
        if isinstance(last, ToolResult):
            on_delta(Delta(last.text))
            return ModelAnswer(AssistantMessage(last.text), "stop", Usage(1, 1))
        wanted = msgspec.json.encode({"text": last.text}).decode()
        return ModelAnswer(AssistantMessage("", (ToolCall("c1", "shout", wanted),)), "tool_calls", Usage(1, 1))

    def prepare_embedding(self, model, texts, dimensions):
        raise ProviderFailed("invalid", "no vectors", retryable=False)

    async def embed(self, call, permit):
        raise ProviderFailed("invalid", "no vectors", retryable=False)

    async def models(self):
        return [ListedModel("brain")]

    async def close(self):
        return


async def build_brain(name, settings, kit):
    key = await kit.secret(settings.api_keys[0], f"providers.{name}.api_keys[0]") if settings.api_keys else None
    return BrainProvider(name, settings, key)


brain = ProviderPlugin(api=1, settings=Brain, build=build_brain)


class Post(msgspec.Struct, frozen=True, kw_only=True):
    folder: str
    mode: str = ""


class PostChannel:
    """Letters in a folder: `in/NAME` is a message, `out/N` is sent."""

    capabilities = Capabilities(text_limit=2000)

    def __init__(self, name, settings):
        import pathlib
        self.name, self.settings, self.root, self.n = name, settings, pathlib.Path(settings.folder), 0

    def cut(self, text):
        return [text]

    async def receive(self, intake):
        if self.settings.mode == "exit":
            raise SystemExit(7)
        seen = set()
        while True:
            for letter in sorted((self.root / "in").iterdir()):
                if letter.name not in seen:
                    sender = Sender("p", "P")
                    await intake.accept(Inbound(self.name, letter.name, Room("r"), sender, letter.read_text()))
                    seen.add(letter.name)
            await asyncio.sleep(0.02)

    async def send(self, part, permit):
        permit.spend(part)
        self.n += 1
        draft = self.root / f"{self.n}.sent"
        draft.write_text(part.text)
        draft.rename(self.root / "out" / str(self.n))  # whole as soon as it is seen
        return Sent(str(self.n))

    async def show(self, stream, text, native_id, permit):
        return Sent(native_id)

    async def edit(self, part, native_id, permit):
        return Sent(native_id)

    async def draft(self, room, number, text, permit):
        return False

    async def typing(self, room, permit):
        return

    async def react(self, room, native_id, permit, *, on):
        return False

    async def fetch(self, file, max_bytes):
        yield b""

    def health(self):
        return ChannelHealth(True, True)

    async def close(self):
        return


async def build_post(name, settings, kit):
    return PostChannel(name, settings)


class Words(msgspec.Struct, frozen=True, kw_only=True):
    hide: str
    mode: str = ""


class Warden:
    """Takes no bad words in, and lets hidden ones not out."""

    def __init__(self, settings):
        self.settings = settings

    async def before(self, event):
        subject = event.subject
        if self.settings.mode == "broken":
            raise RuntimeError("no idea")
        if event.on == "before_route" and "bad" in subject.text:
            return Deny("that is a bad word", "Use another one.")
        if event.on == "before_send" and "forbidden" in subject.text:
            return Deny("that is not said here")
        if event.on == "before_send":
            return msgspec.structs.replace(subject, text=subject.text.replace(self.settings.hide, "***"))
        return None

    async def after(self, event):
        return

    async def close(self):
        return


async def build_warden(name, settings, kit):
    return Warden(settings)


warden = HookPlugin(api=1, settings=Words, build=build_warden)
post = ChannelPlugin(api=1, settings=Post, build=build_post)
too_new = ToolPlugin(api=2, settings=Empty, build=build_shout)
too_old = ToolPlugin(api=0, settings=Empty, build=build_shout)
no_settings = ToolPlugin(api=1, settings=int, build=build_shout)
something_else = 5
'''
"""A package with a plugin of each kind, and some that may not be used."""

POINTS = {
    "tools": {
        "shout": "acme:shout",
        "too_new": "acme:too_new",
        "too_old": "acme:too_old",
        "no_settings": "acme:no_settings",
        "something_else": "acme:something_else",
        "absent": "acme:absent",
        "no_module": "acme_gone:shout",
        "breaks": "acme_breaks:shout",
        "leaves": "acme_leaves:shout",
        "other_name": "acme:shout",
    },
    "providers": {"brain": "acme:brain"},
    "channels": {"post": "acme:post"},
    "hooks": {"warden": "acme:warden"},
}


def install(site: Path, distribution: str, version: str, points: Mapping[str, Mapping[str, str]]) -> None:
    """The metadata of a distribution with these entry points."""
    folder = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines: list[str] = []
    for kind, named in points.items():
        lines += [f"[quarterdeck.{kind}]", *(f"{name} = {value}" for name, value in named.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")


def module(site: Path, name: str, source: str) -> None:
    """A module of a package."""
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{name}.py").write_text(dedent(source))


def install_acme(site: Path) -> None:
    """The package acme-deck 1.2."""
    install(site, "acme-deck", "1.2", POINTS)
    module(site, "acme", ACME)
    module(site, "acme_breaks", "raise ZeroDivisionError('at import')")
    module(site, "acme_leaves", "raise SystemExit(0)")


class PluginDesk(Desk):
    """A folder with a configuration, and acme-deck on the path of every command that is run in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site = folder / "site"
        install_acme(self.site)
        for box in ("in", "out"):
            (folder / "post" / box).mkdir(parents=True)

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return super().environ(more) | {"PYTHONPATH": str(self.site), "BRAIN_KEY": "sk-brain", "HOOK_SECRET": SECRET}

    def letter(self, name: str, text: str) -> None:
        """A person writes over the channel post."""
        draft = self.folder / "post" / f"{name}.new"
        draft.write_text(text)
        draft.rename(self.folder / "post" / "in" / name)

    def letters(self) -> list[str]:
        """What was sent over the channel post."""
        return [one.read_text() for one in sorted((self.folder / "post" / "out").iterdir())]
