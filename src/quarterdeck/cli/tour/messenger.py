"""A messenger's stand-in as scenes see it: people write, it can misbehave, and its own log says what people saw."""

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from quarterdeck.base.errors import QuarterdeckError
from quarterdeck.cli.tour.chatlog import Line

HTTP_SECONDS = 10.0

Mood = Literal["silent", "speaking", "revoked", "valid"]


class StageFailed(QuarterdeckError):
    """What a scene needs did not come about, so its claim could not be shown."""

    code = "stage_failed"


@dataclass(frozen=True)
class Messenger:
    """One that runs. `address` is host and port."""

    address: str
    token: str
    log: Path

    def write(self, name: str, text: str) -> None:
        """A person writes. Raises StageFailed."""
        self._post(f"/people/{quote(name.lower())}", {"name": name, "text": text})

    def turn(self, mood: Mood) -> None:
        """From now on it is so; see quarterdeck.testing.messenger. Raises StageFailed."""
        self._post(f"/moods/{mood}", {})

    def lines(self) -> list[Line]:
        """What it has logged."""
        whole = self.log.read_bytes().rpartition(b"\n")[0]
        return [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]

    def _post(self, path: str, body: dict[str, str]) -> None:
        line = http.client.HTTPConnection(self.address, timeout=HTTP_SECONDS)
        try:
            line.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.token}"})
            status = line.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise StageFailed(f"the messenger's stand-in does not answer: {error}") from error
        finally:
            line.close()
        if status != 200:
            raise StageFailed(f"the messenger's stand-in answered {status}")
