"""Many ended turns in a database, written as an earlier version left them: no index has read any of it."""

import random
import sqlite3
from pathlib import Path

import msgspec

from quarterdeck.model.message import AssistantMessage, Message, UserMessage, encode
from quarterdeck.store.migrate import migrate
from quarterdeck.store.tenancy import TENANT

WORDS = 20_000


class Vocabulary:
    """Words as often as a language has them: the n-th most frequent one n times less often than the first."""

    def __init__(self, seed: int = 1) -> None:
        chance = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(WORDS)]
        self._weights = [1 / (n + 1) for n in range(WORDS)]
        self._chance = chance

    def text(self, count: int = 30) -> str:
        return " ".join(self._chance.choices(self.words, self._weights, k=count))


def seed(path: Path, sessions: int, turns: int, vocabulary: Vocabulary) -> None:
    """`turns` ended turns of two messages each in each session, in one transaction."""
    migrate(path)
    database = sqlite3.connect(path)
    with database:
        for n in range(sessions):
            _session(database, f"ses_{n:026x}", turns, vocabulary)
    database.close()


def _session(database: sqlite3.Connection, session: str, turns: int, vocabulary: Vocabulary) -> None:
    database.execute(
        "INSERT INTO sessions (tenant, id, key, assistant, connection, room_id, identity_id, title, controller, model,"
        " head, fence, untaken_steer, stop_at, history_from, created_at, updated_at) VALUES (?, ?, ?, 'default', 'web',"
        " 'room_1', 'idy_1', '', 'assistant', '', ?, 0, 0, 0, 0, 1, 1)",
        (TENANT, session, session, turns),
    )
    for seq in range(1, turns + 1):
        turn = f"turn_{session[-8:]}{seq:08x}"
        data = msgspec.json.encode({"turn": turn, "outcome": "answered"})
        event = (TENANT, session, seq, "turn.ended", data, float(seq))
        database.execute(
            "INSERT INTO events (tenant, session_id, seq, kind, data, created_at) VALUES (?, ?, ?, ?, ?, ?)", event
        )
        said: list[Message] = [UserMessage(vocabulary.text()), AssistantMessage(vocabulary.text())]
        rows = [(TENANT, session, seq, n, seq, encode(one), turn, "", float(seq)) for n, one in enumerate(said)]
        database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.execute(
            "INSERT INTO turns VALUES (?, ?, ?, ?, 'ended', 'answered', NULL, 1, 'main/m', '', '', '', ?, ?)",
            (TENANT, turn, session, seq, float(seq), float(seq)),
        )
