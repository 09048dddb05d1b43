"""Does anybody wait for a person when one of two gateways is killed? The other one goes on by itself."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from quarterdeck.cli.tour.account import Account
from quarterdeck.cli.tour.kill import BUSY_SECONDS, PEOPLE, TEXTS, in_the_midst, judge, seen, wait_for_all, write
from quarterdeck.cli.tour.stage import Stage, StageFailed, until

CLAIM = (
    "Of two gateways on one PostgreSQL the one that works is killed: the other goes on by itself, loses no message, "
    "answers none twice in silence, and keeps the order."
)
KEY = """
[audit]
key = {{ file = "{file}" }}
"""


def takeover(stage: Stage, account: Account, *, server: str) -> None:
    """Play it. Raises StageFailed."""
    try:
        from quarterdeck.cli.tour.database import holder, own_database
    except ImportError as error:
        raise StageFailed(f"there is no {error.name} here; pip install 'quarterdeck[postgresql]' brings it") from error
    with own_database(server) as database, pair(stage, database) as two:
        for one in two:
            one.start()
        write(two[0])
        account.did(f"Two gateways run. {len(PEOPLE)} people wrote {len(TEXTS)} messages each.")
        until(lambda: in_the_midst(seen(two[0])), BUSY_SECONDS, "the moment when some answers are half written")
        pid = holder(database)
        working = next((one for one in two if one.runs(pid)), None)
        if working is None:
            raise StageFailed("neither gateway receives for the messenger")
        killed, at = working.kill(), time.monotonic()
        before = seen(two[0])
        account.did(
            f"The one that received was killed (SIGKILL) when {len(before.half)} answers stood half written on "
            f"people's screens, {before.answered} were complete, and {before.lost - len(before.half)} had not begun. "
            "It was not started again."
        )
        account.hold(killed, "The gateway had ended before it was killed.")
        account.hold(bool(before.half), "No answer was half written when it was killed.")
        wait_for_all(two[0])
        next(one for one in two if one is not working).stop()
        after = seen(two[0])
        judge(account, before, after)
        if after.last_answer > at:
            account.took(after.last_answer - at, "from the kill to the last answer")


@contextmanager
def pair(stage: Stage, database: str) -> Generator[tuple[Stage, Stage]]:
    """Two gateways, each in a folder of its own, with one messenger, one database and one key for the record."""
    key = stage.folder / "audit.key"
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key.touch(mode=0o600)
    key.write_bytes(pem)
    messenger = stage.standin("pair")
    made = tuple(stage.beside(name, messenger, database) for name in ("first", "second"))
    try:
        for one in made:
            one.configure(KEY.format(file=key))
        yield made[0], made[1]
    finally:
        for one in made:
            one.close()
