"""Do the examples in the documentation work? Configurations are loaded, commands are parsed, links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.base.config import load_config
from quarterdeck.cli.parser import find, parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"`(quarterdeck [^`]+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
MAKE = re.compile(r"`make (\w+)[^`]*`")


def blocks(page: Path, language: str) -> Iterator[str]:
    """Fenced blocks of one language."""
    for _, found, body in FENCE.findall(page.read_text()):
        if found == language:
            yield body


def commands(page: Path) -> Iterator[str]:
    """Command lines in the running text and in plain blocks."""
    text = " ".join(page.read_text().split())  # a command may be broken over two lines
    yield from COMMAND.findall(text)
    for block in (*blocks(page, ""), *blocks(page, "sh"), *blocks(page, "bash")):
        yield from (line.strip() for line in block.splitlines() if line.strip().startswith("quarterdeck "))


def parses(line: str) -> bool:
    """Whether the command line takes it as it stands."""
    words = shlex.split(line)[1:]
    command = find(words)
    if command is None:
        return words[:1] in (["--help"], ["--version"])
    rest = words[len(command.name.split()) :]
    if not rest:
        return True  # a command that is only named
    try:
        parser(command).parse_args(rest)
    except SystemExit:
        return False
    return True


TABLES = [(page.name, block) for page in PAGES for block in blocks(page, "toml")]
LINES = sorted({(page.name, line) for page in PAGES for line in commands(page)})


@pytest.mark.parametrize(("page", "block"), TABLES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(TABLES)])
def test_a_configuration_in_the_documentation_is_accepted(page: str, block: str, tmp_path: Path) -> None:
    file = tmp_path / "quarterdeck.toml"
    file.write_text(re.sub(r"^ {3}", "", block, flags=re.MULTILINE))
    load_config(file, {}, cwd=tmp_path, plugins=lambda kind: ("house-rules",) if kind == "hook" else ())


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_in_the_documentation_is_one(page: str, line: str) -> None:
    assert parses(line), f"{page}: {line}"


def test_a_command_that_is_none_is_noticed() -> None:
    assert not parses("quarterdeck pairing aprove CODE")
    assert not parses("quarterdeck status --nonsense")


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in MAKE.findall(page.read_text())}
    assert named <= targets


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in PAGES
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
