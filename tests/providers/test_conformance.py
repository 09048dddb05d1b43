"""Do our own providers keep what a provider promises? The kit that plugins use, over each kind."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from quarterdeck.base.settings import BUILT_IN_KINDS
from quarterdeck.plugins.guards.provider import GuardedProvider
from quarterdeck.testing.provider import ProviderConformance, ProviderUnderTest
from tests.channels.support import KeptLog
from tests.providers.subjects import SUBJECTS, Served

pytestmark = [pytest.mark.timeout(60), pytest.mark.proves("G1")]

EACH = [pytest.param(kind, marks=pytest.mark.proves(f"provider.{kind}")) for kind in BUILT_IN_KINDS]


class TestBuiltIn(ProviderConformance):
    """Every kind that can be configured; one without a subject fails every check."""

    @pytest.fixture(params=EACH)
    async def subject(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ProviderUnderTest]:
        async with SUBJECTS[request.param](tmp_path) as made:
            yield made


@pytest.mark.proves("plugin.provider")
class TestGuarded(ProviderConformance):
    """What is guarded keeps its promises: the guard is in nobody's way."""

    @pytest.fixture
    async def subject(self, tmp_path: Path) -> AsyncGenerator[ProviderUnderTest]:
        async with SUBJECTS["openai-compatible"](tmp_path) as made:
            assert isinstance(made, Served)
            made.provider = GuardedProvider(made.provider, "main", KeptLog())
            made.unreachable = GuardedProvider(made.unreachable, "main", KeptLog())
            yield made
