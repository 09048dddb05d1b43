"""A client of the native API for programs in Python; the shapes are those of the doors (`quarterdeck.api.shown`).

asks.py           what can be asked, each a function that gives a typed Ask
sync.py           Client: sends an Ask and waits, over http.client
asynchronous.py   AsyncClient: the same for asyncio, over aiohttp, which is loaded with it and not before
following.py      from events to the answer of one message; events.py: from a stream's bytes to events
failures.py       refusals as exceptions; retrying.py: what is worth another try, and when

    with Client("http://127.0.0.1:8420", token) as client:
        session = client.send(asks.begin_session(title="Plans"))
        print(client.say(session.id, "hello").text)
"""

from typing import TYPE_CHECKING

from quarterdeck.api import shown as shapes
from quarterdeck.client import asks
from quarterdeck.client.events import Event
from quarterdeck.client.failures import (
    ApiFailure,
    ChangedMeanwhile,
    Conflict,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooManyRequests,
    Unavailable,
    Unreachable,
    WrongRequest,
)
from quarterdeck.client.following import Answer, Grown
from quarterdeck.client.sync import Client

if TYPE_CHECKING:
    from quarterdeck.client.asynchronous import AsyncClient

__all__ = (
    "Answer",
    "ApiFailure",
    "AsyncClient",
    "ChangedMeanwhile",
    "Client",
    "Conflict",
    "Event",
    "Grown",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "TooManyRequests",
    "Unavailable",
    "Unreachable",
    "WrongRequest",
    "asks",
    "shapes",
)


def __getattr__(name: str) -> object:
    """AsyncClient is loaded when it is asked for."""
    if name != "AsyncClient":
        raise AttributeError(name)
    from quarterdeck.client.asynchronous import AsyncClient

    return AsyncClient
