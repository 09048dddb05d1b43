"""How are the bytes of a file that a person sent fetched?"""

from collections.abc import AsyncIterator
from urllib.parse import quote

from quarterdeck.base.errors import NotFound, Refused, Retry
from quarterdeck.channels.telegram import wire
from quarterdeck.channels.telegram.calls import Calls, decode, retry_after
from quarterdeck.model.message import Attachment
from quarterdeck.net import client as net


async def fetch(calls: Calls, client: net.Client, file: Attachment, max_bytes: int) -> AsyncIterator[bytes]:
    """See ports.Channel.fetch. Telegram gives files of up to 20 MB (api, getFile)."""
    given = await calls.call("getFile", wire.GetFile(file.native_id))
    if not isinstance(given, wire.Answer):
        raise Retry(given.reason)
    if given.code == 400:  # "file is too big" (server, do_get_file), "invalid file_id" (seen)
        raise Refused(f"Telegram does not give {file.name}: {given.reason}")
    if not given.ok:
        raise Retry(given.reason, retry_after(given))
    out = calls.file(quote(decode(given, wire.FilePath).file_path), max_bytes)
    try:
        async with client.stream(out) as answer:
            if answer.status == 404:
                raise NotFound(f"the file {file.name} is gone")
            if answer.status != 200:
                raise Retry(f"Telegram's file server answered {answer.status}")
            async for chunk in answer.chunks():
                yield chunk
    except net.TooLarge:
        raise Refused(f"the file {file.name} is larger than {max_bytes} bytes") from None
    except net.NetError as error:
        raise Retry(str(error)) from error
