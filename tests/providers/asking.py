"""Asking a provider over HTTP in tests: at an address, with a permit, and what came of it."""

from collections.abc import Sequence

import pytest

from quarterdeck.base.clock import SystemClock
from quarterdeck.base.secrets import Secret
from quarterdeck.model.action import ModelCall
from quarterdeck.model.message import Said, UserMessage
from quarterdeck.model.permit import MintingKey, Permit
from quarterdeck.model.turn import ModelAnswer
from quarterdeck.net.client import Client
from quarterdeck.net.outgoing import Timeouts
from quarterdeck.ports import Delta, Embeddings, ModelRequest, Provider, ProviderFailed
from quarterdeck.providers.http.adapter import Endpoint, HttpProvider
from quarterdeck.providers.http.wire import Wire
from tests.standins.model import KEY

PATIENT = Timeouts()  # runs out for no service that does something, however busy the machine is
QUICK = Timeouts(first_byte=0.5, idle=0.5)  # for one that falls silent


def provider_at(
    client: Client, url: str, wire: Wire, secret: str | None = KEY, timeouts: Timeouts = PATIENT
) -> HttpProvider:
    async def endpoint(key: str) -> Endpoint:
        return Endpoint(f"{url}/v1/", None if secret is None else Secret(secret))

    return HttpProvider("main", client, endpoint, SystemClock(), wire, timeouts=timeouts)


def permit_for(call: ModelCall) -> Permit:
    return Permit(MintingKey(), "int_1", call.digest(), call.route)


def history(*messages: str | Said) -> tuple[Said, ...]:
    return tuple(UserMessage(one) if isinstance(one, str) else one for one in messages)


async def asked(provider: Provider, request: ModelRequest) -> tuple[ModelAnswer, str]:
    """The answer, and what was shown of it while it grew."""
    deltas: list[Delta] = []
    call = provider.prepare(request)
    answer = await provider.complete(call, permit_for(call), deltas.append)
    return answer, "".join(delta.text for delta in deltas)


async def failed(provider: Provider, request: ModelRequest) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        await asked(provider, request)
    return raised.value


async def vectors(
    provider: Provider, texts: Sequence[str], dimensions: int | None = None, model: str = "text-embedding-3-small"
) -> Embeddings:
    call = provider.prepare_embedding(model, texts, dimensions)
    return await provider.embed(call, permit_for(call))
