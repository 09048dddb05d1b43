"""The course from a service to a model that has answered: service, key, models, one live call."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from quarterdeck.actions.setup import draft
from quarterdeck.actions.setup.reach import Reach, Reached, priced
from quarterdeck.actions.setup.service import FIRST, Service, web_address
from quarterdeck.actions.setup.trouble import Trouble
from quarterdeck.base.clock import SystemClock
from quarterdeck.base.config import LoadedConfig
from quarterdeck.base.errors import BadInput
from quarterdeck.base.secrets import SecretRef, read_private_file
from quarterdeck.base.settings import ProviderConfig
from quarterdeck.cli.control import CommandFailed, Line, gateway
from quarterdeck.cli.settings import read
from quarterdeck.cli.wizard.asking import Asker, one_of, typed
from quarterdeck.observe.log import Level, make_logger
from quarterdeck.wiring.alone import alone
from quarterdeck.wiring.services import services

HERE_SECONDS = 3.0
SHOWN = 15
Key = tuple[SecretRef | None, str]
"""Where the key stands (None: it was typed, or none is needed), and a typed one."""


class Source(msgspec.Struct, frozen=True):
    """A provider with a model that has answered."""

    name: str
    provider: ProviderConfig
    model: str

    def assistant(self, owner: str = "", contact: str = "") -> draft.Assistant:
        """The first assistant of it."""
        return draft.Assistant(f"{self.name}/{self.model}", owner, contact)


class Course:
    """One run. `whole` makes a configuration file's text of tables; `file` is where it will stand."""

    def __init__(self, asker: Asker, environ: Mapping[str, str], file: Path, whole: Callable[[str], str]) -> None:
        self._ask = asker
        self._environ = environ
        self._file = file
        self._whole = whole
        self._reach = Reach(alone(make_logger(Level("error"), "text")), environ, SystemClock())

    def find(self) -> Source:
        """Ask until a model has answered. Raises CommandFailed with the trouble when nobody can be asked again."""
        known = services(self._environ)
        here = self._ollama(known["ollama"])
        while True:
            service = known[self._service(known, here)]
            found = self._with_key(service)
            if found is not None:
                return found

    def _ollama(self, ollama: Service) -> str:
        """How many models an Ollama on this machine has, in words; empty where there is none."""
        if not self._ask.interactive or self._ask.option("provider"):
            return ""
        found = asyncio.run(
            self._reach.models("ollama", ollama.provider(ollama.address), ollama.address, seconds=HERE_SECONDS)
        )
        return f"found here, {_models_in_words(len(found.models))}" if isinstance(found, Reached) else ""

    def _service(self, known: Mapping[str, Service], here: str) -> str:
        if self._ask.interactive and not self._ask.option("provider"):
            print("\nWho answers?\n")
            for number, name in enumerate(FIRST, 1):
                note = f" ({here})" if name == "ollama" and here else ""
                print(f"  {number}  {name:<11} {known[name].title}{note}")
            print(f"\n  or by name: {', '.join(sorted(known.keys() - set(FIRST)))}\n")
        titles = {name: one.title for name, one in known.items()}
        return self._ask.text("provider", "Number or name", "ollama" if here else "", one_of("provider", titles, FIRST))

    def _address(self, service: Service, before: str) -> str:
        """Where it is; asked again, what was said `before` stands."""
        given = self._ask.option("base-url")
        if given or not service.needs_address:
            return given or service.address
        return self._ask.text(
            "base-url", "Its address, such as https://host/v1", before, partial(web_address, "--base-url")
        )

    def _with_key(self, service: Service) -> Source | None:
        """None: another service is to be chosen."""
        url = ""
        while True:
            url = self._address(service, url)
            ref, key = self._key(service)
            table = msgspec.structs.replace(service.provider(url), api_keys=(ref,) if ref else ())
            reached = asyncio.run(self._reach.models(service.name, table, url, key))
            if isinstance(reached, Reached):
                if reached.warning:
                    print(f"  Beware: {reached.warning}.")
                if reached.url != url:
                    print(f"  It answers at {reached.url}.")
                table, url = reached.table(table, url), reached.url
                found = self._with_model(service, url, table, key, reached)
                if not isinstance(found, Trouble):
                    return found
                reached = found
            if not self._retry(reached, "key-file", *["base-url"] * service.needs_address):
                return None

    def _key(self, service: Service) -> Key:
        if not service.variable:
            return None, ""
        if file := self._ask.option("key-file"):
            absolute = str(Path(file).absolute())
            read_private_file(absolute, "--key-file")  # raises ConfigRefused
            return SecretRef(file=absolute), ""
        there = bool(self._environ.get(service.variable))
        if not self._ask.interactive:
            if there:
                return SecretRef(env=service.variable), ""
            if service.optional_key:
                return None, ""
            raise BadInput("--key-file", "this service wants a key", f"Name its file, or set {service.variable}")
        alone = f"; Enter alone takes {service.variable}" if there else "; Enter alone: none" * service.optional_key
        while not (key := self._ask.hidden(f"Key (it is not shown{alone})")):
            if there:
                return SecretRef(env=service.variable), ""
            if service.optional_key:
                return None, ""
        return None, key

    def _with_model(
        self, service: Service, url: str, table: ProviderConfig, key: str, reached: Reached
    ) -> Source | Trouble | None:
        """A Trouble: another key is to be tried. Some services list their models to everybody."""
        costs: dict[str, str] = {}
        if service.kind != "scripted":
            costs = asyncio.run(priced(service.name, table, reached.models))
        while True:
            model = self._model(reached.models, costs)
            tried = self._trial(Source(service.name, table, model), url, key)
            if isinstance(tried, Source) or tried.name == "wrong_key":
                return tried
            if not self._retry(tried, "model"):
                return None

    def _model(self, models: tuple[str, ...], costs: Mapping[str, str]) -> str:
        if not models:
            raise CommandFailed("this source has no model yet; with Ollama, `ollama pull llama3.2` fetches one")
        shown = models
        while True:
            numbered = shown[:SHOWN]
            if self._ask.interactive and not self._ask.option("model"):
                print(f"\n{_models_in_words(len(shown))} can be reached:\n" if shown is models else "")
                for number, name in enumerate(numbered, 1):
                    print(f"  {number:>2}  {name}" + (f"  ({costs[name]})" if name in costs else ""))
                if len(shown) > SHOWN:
                    print(f"      and {len(shown) - SHOWN} more; a part of a name shows those that have it")
            found = self._ask.text(
                "model", "Number or name", models[0] if len(models) == 1 else "", _models(models, numbered)
            )
            if len(found) == 1:
                return found[0]
            shown = found
            self._ask.again("model")

    def _trial(self, source: Source, url: str, key: str) -> Source | Trouble:
        """One live call, with permit and record as every other; a typed key has its file from then on."""
        with ExitStack() as undo:
            if key:
                data_dir = self._data_dir()
                file = draft.keep_key(key, source.name, data_dir)
                undo.callback(file.unlink)
                kept = msgspec.structs.replace(source.provider, api_keys=(SecretRef(file=str(file)),))
                source = msgspec.structs.replace(source, provider=kept)
            print(f"Asking {source.model} for one word ...", flush=True)
            text = self._whole(draft.tables(source.name, source.provider, source.assistant()))
            with draft.loaded(text, self._file, read) as (config, _):
                row = _probe(config, f"{source.name}/{source.model}")
            if row["state"] != "ok":
                return asyncio.run(self._reach.trouble(str(row["state"]), str(row["detail"]), url))
            print(f"  {row['detail']}.")
            undo.pop_all()
        return source

    def _data_dir(self) -> Path:
        with draft.loaded(self._whole(""), self._file, read) as (config, _):
            return Path(config.config.data_dir)

    def _retry(self, trouble: Trouble, *options: str) -> bool:
        """Say what is wrong; whether the same question is asked again. Raises CommandFailed where nobody is there."""
        if not self._ask.interactive:
            raise CommandFailed(str(trouble))
        print(f"\n  {trouble}.\n")
        for option in options:
            self._ask.again(option)
        if typed("Try that again, or choose another service? [again/other]").startswith("o"):
            for name in ("provider", "base-url", "model"):
                self._ask.again(name)
            return False
        return True


def _models_in_words(number: int) -> str:
    return "1 model" if number == 1 else f"{number} models"


def _probe(config: LoadedConfig, route: str) -> Mapping[str, object]:
    with gateway(config, acting=True) as opened, opened() as peer:
        return next(Line(peer, "models test", {"id": route}).rows())


def _models(models: tuple[str, ...], numbered: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """Reads a number, a name, or a part of names."""

    def chosen(text: str) -> tuple[str, ...]:
        if text.isdecimal() and 1 <= int(text) <= len(numbered):
            return (numbered[int(text) - 1],)
        found = (text,) if text in models else tuple(name for name in models if text and text.lower() in name.lower())
        if not found:
            some = ", ".join(numbered)
            raise BadInput("--model", f"the key reaches no {text or 'model without a name'}", f"Choose of: {some}")
        return found

    return chosen
