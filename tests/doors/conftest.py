"""A running gateway for every test of a door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.running import Running, running


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as found:
        yield found
