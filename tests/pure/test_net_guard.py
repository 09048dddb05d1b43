"""Where content may lead the outgoing client, and where a redirect may."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from tests.standins.raw_http import OK, Names, Peer, answer, serving

from quarterdeck.net.client import Blocked, Client
from quarterdeck.net.guard import is_public
from quarterdeck.net.outgoing import Outgoing, Timeouts

PATIENT = Timeouts(connect=20, first_byte=20, idle=20, total=40)  # runs out for nobody whose peer does something


def post(url: str, **changes: Any) -> Outgoing:
    out = Outgoing(method="POST", url=url, trusted=True, body=b'{"text":"hello"}', timeouts=PATIENT)
    return msgspec.structs.replace(out, **changes)


def get(url: str, **changes: Any) -> Outgoing:
    return post(url, **({"method": "GET", "body": None} | changes))


def unguarded() -> Client:
    """A client for which this machine counts as public, so that redirects can be followed."""
    return Client(may_connect=lambda address: True)


INSIDE = """
127.0.0.1 127.1 0x7f.1 0x7f000001 2130706433 0177.0.0.1 0 0.0.0.0 localhost [::1] [::]
[::ffff:127.0.0.1] [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] 10.0.0.1
172.16.0.1 192.168.1.1 169.254.169.254 [::ffff:a9fe:a9fe] [fd00:ec2::254] 100.100.100.200
168.63.129.16 192.0.0.192 224.0.0.1 255.255.255.255 [fe80::1] [fc00::1] [ff02::1] [2001:db8::1]
[fec0::1] 127.0.0.1.
""".split()
INSIDE += ["127\u30020\u30020\u30021", "\uff11\uff12\uff17.0.0.1"]  # an ideographic stop, full-width digits


@pytest.mark.parametrize("host", INSIDE)
async def test_content_may_not_name_an_address_inside(host: str) -> None:
    async with serving(answer) as peer, Client() as client:
        with pytest.raises(Blocked):
            await client.request(get(f"http://{host}:{peer.port}/", trusted=False))
        assert peer.connections == 0


async def test_content_may_not_name_a_name_that_leads_inside() -> None:
    names = Names({"rebind.example": ["127.0.0.1"], "both.example": ["10.0.0.1", "127.0.0.1"]})
    async with serving(answer) as peer, Client(resolver=names) as client:
        for name in names.known:
            with pytest.raises(Blocked):
                await client.request(get(f"http://{name}:{peer.port}/", trusted=False))
        assert (await client.request(get(f"http://rebind.example:{peer.port}/"))).status == 200  # trusted


async def test_a_trusted_connection_is_not_lent_to_content() -> None:
    async with serving(answer) as peer, Client() as client:
        await client.request(get(peer.url))
        with pytest.raises(Blocked):
            await client.request(get(peer.url, trusted=False))
        assert len(peer.requests) == 1


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/passwd", "http://", "nonsense", "http://[::1", ""])
async def test_an_address_that_is_not_http_is_blocked(url: str) -> None:
    async with Client() as client:
        with pytest.raises(Blocked):
            await client.request(get(url))


async def test_a_header_that_breaks_the_line_is_blocked() -> None:
    async with serving(answer) as peer, Client() as client:
        with pytest.raises(Blocked):
            await client.request(post(peer.url, headers={"X": "a\r\nY: b"}))
        assert peer.requests == []


def redirecting(
    location: Callable[[Peer], str],
) -> Callable[[Peer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def talk(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            if b" /end " in await peer.read(reader):
                writer.write(OK)
            else:
                head = f"HTTP/1.1 302 Go\r\nLocation: {location(peer)}\r\nContent-Length: 0\r\n\r\n"
                writer.write(head.encode())

    return talk


async def test_a_redirect_passes_the_guard_even_from_a_trusted_address() -> None:
    async with (
        serving(redirecting(lambda peer: f"http://127.0.0.1:{peer.port}/end")) as peer,
        Client() as client,
    ):
        with pytest.raises(Blocked):
            await client.request(get(peer.url, follow_redirects=3))
        assert len(peer.requests) == 1


async def test_a_redirect_is_followed_without_what_may_be_a_credential() -> None:
    headers = {"Authorization": "Bearer x", "X-Api-Key": "y", "Accept": "text/html"}
    async with (
        serving(redirecting(lambda peer: f"http://localhost:{peer.port}/end")) as peer,
        unguarded() as client,
    ):
        response = await client.request(get(peer.url, follow_redirects=1, headers=headers))
    assert response.body == b"ok"
    assert b"Bearer x" in peer.requests[0]
    assert b"Bearer x" not in peer.requests[1]
    assert b"X-Api-Key" not in peer.requests[1]
    assert b"text/html" in peer.requests[1]


async def test_a_redirect_within_the_origin_keeps_the_headers() -> None:
    async with serving(redirecting(lambda peer: "/end")) as peer, unguarded() as client:
        await client.request(get(peer.url, follow_redirects=1, headers={"Authorization": "Bearer x"}))
    assert b"Bearer x" in peer.requests[1]


async def test_redirects_are_not_followed_unless_asked_nor_for_what_has_effects() -> None:
    async with serving(redirecting(lambda peer: "/end")) as peer, unguarded() as client:
        assert (await client.request(get(peer.url))).status == 302
        assert (await client.request(post(peer.url, follow_redirects=3))).status == 302
    assert len(peer.requests) == 2


async def test_a_ring_of_redirects_ends() -> None:
    async with serving(redirecting(lambda peer: "/again")) as peer, unguarded() as client:
        assert (await client.request(get(peer.url, follow_redirects=3))).status == 302
    assert len(peer.requests) == 4


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::"]
)
def test_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["", "example.org", "8.8.8.8/32", "08.8.8.8", "8.8.8", "fe80::1%eth0"])
def test_what_is_not_one_plain_public_address_is_not_public(address: str) -> None:
    assert not is_public(address)
