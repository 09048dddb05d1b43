"""What does a signed-in browser read on the console's first page?"""

import http.client
import json
from html import unescape
from urllib.parse import urlsplit

import msgspec

from quarterdeck.cli.tour.messenger import HTTP_SECONDS, StageFailed
from quarterdeck.cli.tour.stage import Stage


class Link(msgspec.Struct, frozen=True):
    """What `quarterdeck signin` prints."""

    url: str


class Home:
    """A browser that was signed in with a link, as `quarterdeck signin` makes one."""

    def __init__(self, stage: Stage) -> None:
        """Sign in. Raises StageFailed."""
        ended = stage.run("quarterdeck", "signin", "--config", str(stage.config), "--json")
        try:
            link = urlsplit(msgspec.json.decode(ended.out, type=Link).url)
        except msgspec.DecodeError as error:
            raise StageFailed(f"`quarterdeck signin` ended with status {ended.code} and gave no link") from error
        self._address = link.netloc
        body = json.dumps({"code": link.fragment})
        _, cookie = self._ask("POST", "/api/v1/signin", {"Content-Type": "application/json"}, body)
        self._headers = {"Cookie": cookie.partition(";")[0]}

    def text(self) -> str:
        """The page. Raises StageFailed."""
        return unescape(self._ask("GET", "/console", self._headers)[0])

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[str, str]:
        """(body, cookie) of an answer."""
        line = http.client.HTTPConnection(self._address, timeout=HTTP_SECONDS)
        try:
            line.request(method, path, body or None, headers)
            answer = line.getresponse()
            if answer.status >= 300:
                raise StageFailed(f"the console answered {answer.status}")
            return answer.read().decode(), answer.getheader("Set-Cookie", "")
        except (OSError, http.client.HTTPException) as error:
            raise StageFailed(f"the console does not answer: {error}") from error
        finally:
            line.close()
