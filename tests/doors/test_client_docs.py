"""Do the programs in the documentation run, and print what it says? Against a real gateway, as a reader runs them."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.doors.running import Running

PAGE = Path(__file__).parents[2] / "docs/howto/api.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE.read_text())


@pytest.mark.parametrize(("program", "printed"), EXAMPLES, ids=range(len(EXAMPLES)))
async def test_an_example_prints_what_the_page_says(gateway: Running, program: str, printed: str) -> None:
    known = {"QUARTERDECK_URL": gateway.url, "QUARTERDECK_TOKEN": await gateway.token("chat", "read")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={**os.environ, **known},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(45):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, out.decode()) == (0, printed), err.decode()


def test_every_program_of_the_page_is_run() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("```python") > 1
