"""A5: is a secret, or anything that people or assistants wrote, in what the program wrote about itself?"""

import re
from collections.abc import Collection, Iterable, Iterator

from tests.checkers.effects import NONCE
from tests.checkers.violation import Violation

HEX = re.compile(r"[0-9a-f]{10,}")
AROUND = 60


def check_logs(log: str, texts: Iterable[str], secrets: Collection[str]) -> Iterator[Violation]:
    """`log` against `secrets`, and against the marks that scenarios put into their `texts`."""
    for secret in secrets:
        if (at := log.find(secret)) >= 0:
            yield Violation("secret_logged", f"{secret[:4]}...", f"it stands behind {log[max(0, at - AROUND) : at]!r}")
    marks = {mark.removeprefix("#") for text in texts for mark in NONCE.findall(text)}
    for line in log.splitlines():
        for mark in sorted(marks & _tens(line)):
            yield Violation("content_logged", mark, line[:300])


def _tens(line: str) -> set[str]:
    """Every ten hexadecimal digits of a line, also within longer runs."""
    return {line[at : at + 10] for found in HEX.finditer(line) for at in range(found.start(), found.end() - 9)}
