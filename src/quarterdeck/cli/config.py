"""`quarterdeck config check`: may this configuration be used?"""

import argparse
import json
import sys
from collections.abc import Iterator

from quarterdeck.base.config_docs import json_schema
from quarterdeck.base.decode import ConfigRefusals, decode_settings
from quarterdeck.base.errors import ConfigRefused
from quarterdeck.base.settings import BUILT_IN_CHANNELS, Config
from quarterdeck.cli.command import Command
from quarterdeck.cli.settings import load


def check(command: Command, given: argparse.Namespace) -> int:
    """Print what is in force, or raise ConfigRefusals with everything that is wrong."""
    if given.json_schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    loaded = load(given.config)
    problems = list(_own_settings(loaded.config))
    if problems:
        raise ConfigRefusals(problems)
    for note in loaded.notes:
        print(f"quarterdeck: {note}", file=sys.stderr)
    where = str(loaded.path) if loaded.path else None
    if given.json:
        print(json.dumps({"state": "ok", "file": where, "data_dir": loaded.config.data_dir, "digest": loaded.digest}))
    else:
        print(f"{where or 'no file: defaults and the environment'} can be used; state is in {loaded.config.data_dir}")
    return 0


def _own_settings(config: Config) -> Iterator[ConfigRefused]:
    """What is wrong with the tables that a channel, a provider or a tool reads itself."""
    from quarterdeck.channels.loopback.settings import LoopbackSettings
    from quarterdeck.channels.telegram.settings import TelegramSettings
    from quarterdeck.plugins.build import Plugins
    from quarterdeck.plugins.find import taken
    from quarterdeck.providers.anthropic.settings import read_settings as read_anthropic
    from quarterdeck.providers.gemini.settings import read_settings as read_gemini
    from quarterdeck.providers.openai_compatible.settings import read_settings as read_chat
    from quarterdeck.providers.openai_responses.settings import read_settings as read_responses
    from quarterdeck.tools.http_post.tool import HttpPostSettings

    readers = {
        "openai-compatible": read_chat,
        "openai": read_chat,
        "openai-responses": read_responses,
        "anthropic": read_anthropic,
        "gemini": read_gemini,
    }
    yield from taken()
    yield from Plugins(config).check()
    for name, one in config.connections.items():
        if one.channel not in BUILT_IN_CHANNELS:
            continue
        kind = TelegramSettings if one.channel == "telegram" else LoopbackSettings
        try:
            decode_settings(one.options, kind, f"connections.{name}")
        except ConfigRefusals as refused:
            yield from refused.problems
    try:
        for name, provider in config.providers.items():
            if (read := readers.get(provider.kind)) is not None:
                read(name, provider)
        if (table := config.tools.get("http_post")) is not None:
            decode_settings(table, HttpPostSettings, "tools.http_post")
    except ConfigRefusals as refused:
        yield from refused.problems
