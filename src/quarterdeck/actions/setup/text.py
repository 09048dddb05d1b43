"""What stands in a new configuration file? Every setting with its meaning, and the tables that were chosen."""

from collections.abc import Iterator, Mapping

import msgspec

from quarterdeck.base.decode import bare, description, is_struct, type_text
from quarterdeck.base.errors import BadInput
from quarterdeck.base.settings import Config

MOST = 500  # characters of an answer
EXAMPLE = """\
# A source of models. Keys are references and never stand here:
# { env = "NAME" }, { file = "/path" } or { command = ["program", "argument"] }.
#
# [providers.main]
# kind = "openai-compatible"
# base_url = "https://api.openai.com/v1"
# api_keys = [{ env = "OPENAI_API_KEY" }]
#
# [assistants.default]
# model = "main/gpt-4o-mini"
"""

MESSENGER = """
# A messenger; `quarterdeck connections add telegram` writes this and lets the first person in. Strangers get a code;
# `quarterdeck pairing approve CODE` lets them in.
#
# [connections.tg]
# channel = "telegram"
# token = { env = "TELEGRAM_BOT_TOKEN" }
"""
PICKED_UP = """
# The messenger that was picked up from the environment as long as there was no file.
[connections.tg]
channel = "telegram"
token = { env = "TELEGRAM_BOT_TOKEN" }
"""


def configuration(chosen: str = "") -> str:
    """The text of a new file: every setting with its meaning and its default, as a comment, and `chosen` tables."""
    lines = ["# Quarterdeck's configuration. Every line that is commented out shows the default.", ""]
    for field in msgspec.structs.fields(Config):
        kind = bare(field.type)
        if not is_struct(kind):
            if isinstance(field.default, str):
                lines += [*_setting(field), ""]
            continue
        assert isinstance(kind, type)
        assert issubclass(kind, msgspec.Struct)
        lines += [f"# {description(field.type)}", f"[{field.name}]"]
        for inner in msgspec.structs.fields(kind):
            lines += _setting(inner)
        lines.append("")
    return "\n".join(lines) + "\n" + (chosen or EXAMPLE) + ("" if chosen.endswith(PICKED_UP) else MESSENGER)


def _setting(field: msgspec.structs.FieldInfo) -> Iterator[str]:
    yield f"# {description(field.type)} ({type_text(field.type)})"
    value = "..." if field.default is None else msgspec.json.encode(field.default).decode()
    yield f"# {field.name} = {value}"


def picked_up(environ: Mapping[str, str]) -> str:
    """The table of a messenger that a start without a file finds in the environment, and one with a file does not."""
    return PICKED_UP if environ.get("TELEGRAM_BOT_TOKEN") else ""


def line(field: str, text: str) -> str:
    """One line of text. Raises BadInput: it goes into files where a control character means something else."""
    if len(text) > MOST or not text.isprintable():
        raise BadInput(field, f"it is no single line of at most {MOST} characters", "Shorten it")
    return text
