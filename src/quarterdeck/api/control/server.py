"""The control socket: only the gateway's own user and root may connect; sizes, times and connections are bounded."""

import asyncio
import os
import socket
import struct
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import msgspec

from quarterdeck.api.control.parts import Caller, Command, Parts
from quarterdeck.api.control.wire import FAILED, LINE_BYTES, USAGE, Answer, End, Request, encode, status_of
from quarterdeck.base.errors import QuarterdeckError, Retry
from quarterdeck.base.supervise import Life

CONNECTIONS = 32
MOST = 64  # with those that are turned away
REQUEST_SECONDS = 5.0
WRITE_SECONDS = 30.0
BACKLOG = 16


class ControlServer:
    """Serves a table of commands on a socket that was bound before."""

    def __init__(self, listening: socket.socket, parts: Parts, commands: Mapping[str, Command]) -> None:
        self._listening = listening
        self._parts = parts
        self._commands = commands

    async def run(self, life: Life) -> None:
        """See base.supervise.Service; its `max_tasks` bounds the connections."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            commands = self._commands if life.running < CONNECTIONS else None
            try:
                life.spawn("connection", serve(self._parts, commands, reader, writer))
            except Retry:
                writer.close()

        server = await asyncio.start_unix_server(connected, sock=self._listening, limit=LINE_BYTES)
        async with server:
            life.ready()
            await life.stopping.wait()


def bind(path: Path) -> socket.socket:
    """A listening socket at `path`, for its owner only. Whoever calls holds the data directory's lock."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        path.unlink(missing_ok=True)  # of a process that was killed
        place = short(folder, path)
        listening.bind(place)
        os.chmod(place, 0o600)  # nobody can connect before `listen`
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    finally:
        os.close(folder)
    return listening


def short(folder: int, path: Path) -> str:
    """`path` by its open folder: an address of a Unix socket has at most 107 bytes (unix(7))."""
    return f"/proc/self/fd/{folder}/{path.name}"


async def serve(
    parts: Parts,
    commands: Mapping[str, Command] | None,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """One connection: one request, its rows, its end. Without `commands` it is turned away."""
    try:
        end = await _answer(parts, commands, reader, writer)
        await _write(writer, Answer(end=end))
    except (ConnectionError, TimeoutError):
        parts.log.debug("control.left")
    finally:
        writer.close()


async def _answer(
    parts: Parts,
    commands: Mapping[str, Command] | None,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> End:
    caller = _caller(writer)
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            line = await reader.readline()  # before any answer: what nobody reads would break that off
        if caller.uid not in (0, os.geteuid()):
            parts.log.warning("control.refused", uid=caller.uid)
            return End(FAILED, f"user {caller.uid} may not control this gateway; become the one that runs it, or root")
        if commands is None:
            return End(FAILED, "too many commands are being served; try again")
        if not line:
            return End()  # somebody looked whether anybody is here
        request = msgspec.json.decode(line, type=Request)
    except (ValueError, TimeoutError):  # too long; no JSON; not a request; not in time
        return End(USAGE, f"a request is one line of JSON, at most {LINE_BYTES} bytes, within {REQUEST_SECONDS:.0f} s")
    await _write(writer, Answer(hello=parts.version))
    command = commands.get(request.command)
    if command is None:
        return End(USAGE, f"the gateway knows no command {request.command}; both sides need the same version")
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(_until_gone(reader))
        working = group.create_task(_work(parts, command, request, caller, writer))
        leaving.add_done_callback(lambda _: working.cancel())
        working.add_done_callback(lambda _: leaving.cancel())
    if working.cancelled():
        raise ConnectionResetError("the client left")
    return working.result()


async def _work(parts: Parts, command: Command, request: Request, caller: Caller, writer: asyncio.StreamWriter) -> End:
    try:
        async with asyncio.timeout(command.seconds), aclosing(command.run(parts, caller, request.arguments)) as rows:
            async for row in rows:
                await _write(writer, Answer(row=row))
    except TimeoutError:
        return End(FAILED, f"{request.command} took longer than {command.seconds:.0f} s and was given up")
    except QuarterdeckError as error:
        return End(status_of(error), str(error))
    except ConnectionError:
        return End(FAILED, "the client left")
    return End()


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(encode(answer))
    async with asyncio.timeout(WRITE_SECONDS):
        await writer.drain()


async def _until_gone(reader: asyncio.StreamReader) -> None:
    while await reader.read(1024):
        pass


def _caller(writer: asyncio.StreamWriter) -> Caller:
    """Who connected, by the kernel's word (unix(7), SO_PEERCRED: pid, uid, gid)."""
    peer: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return Caller(uid)
