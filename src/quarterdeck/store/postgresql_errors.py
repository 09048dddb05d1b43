"""What does an error of PostgreSQL mean for whoever asked?"""

import contextlib
from collections.abc import Generator
from typing import Final

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from quarterdeck.base.errors import ConfigRefused, Retry
from quarterdeck.store.operations import Receipt


class Unreached(Retry):
    """Nobody answers, or not in time."""


class Unwritable(Retry):
    """It answers, and takes nothing."""


class Unanswered(Unreached):
    """COMMIT was asked for and not answered; `receipt` holds if it was done."""

    def __init__(self, receipt: Receipt, reason: str) -> None:
        super().__init__(f"COMMIT was not answered: {reason}", 1.0)
        self.receipt = receipt


AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""The server gave this transaction up in favour of another one: the same may be tried at once."""
LOST: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InternalClientError,
)
"""The connection is gone, or nobody takes connections now (starting, shutting down).

A server that shuts down may speak in between, which asyncpg 0.32 answers with InternalClientError.
"""
_FULL: Final = (
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
)
_MISSPELT: Final = (asyncpg.ClientConfigurationError, asyncpg.UndefinedObjectError, asyncpg.CantChangeRuntimeParamError)
"""What stands behind the ? of an address is nothing that the driver or the server knows."""
_CLOSED: Final = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


OLDEST: Final = 13
"""The oldest server that has `pg_current_xact_id`."""
TAKEN: Final = asyncpg.UniqueViolationError
FORBIDDEN: Final = asyncpg.InsufficientPrivilegeError
SAID: Final = asyncpg.PostgresError
"""Whatever the server itself says."""


def state(error: BaseException) -> str:
    """The SQLSTATE of what the server says; empty of anything else."""
    return str(getattr(error, "sqlstate", None) or "")


@contextlib.contextmanager
def told(slow: str = "the database did not answer in time") -> Generator[None]:
    """Say it in our words: not reached, too slow, not to be written now. Anything else is what it is."""
    try:
        yield
    except _CLOSED as error:  # who was let in before waits: a password that is changed is changed in several places
        raise Unreached(f"the database is not reached: {error}", 1.0) from error
    except (asyncpg.QueryCanceledError, TimeoutError) as error:
        raise Unreached(slow, 1.0) from error
    except _FULL as error:
        raise Unwritable(f"the database cannot be written now: {error}", 5.0) from error
    except LOST as error:
        if isinstance(error, ValueError):  # a value that has no place in its column
            raise
        raise Unreached(f"the database is not reached: {error}", 1.0) from error


@contextlib.contextmanager
def entering() -> Generator[None]:
    """The same for whoever opens a database, where no way in, or too few rights, is a matter of the configuration."""
    with told():
        try:
            yield
        except _CLOSED as error:
            fix = "Correct the user, password and name in the address, or create the database"
            raise ConfigRefused("database", f"PostgreSQL refuses: {error}", fix) from error
        except FORBIDDEN as error:
            fix = "Let its user own the database (ALTER DATABASE ... OWNER TO ...), or grant what is missing"
            raise ConfigRefused("database", f"PostgreSQL refuses: {error}", fix) from error


@contextlib.contextmanager
def connecting() -> Generator[None]:
    """What a connection may be refused for, because of the options in its address."""
    try:
        yield
    except _MISSPELT as error:
        reason = f"an option in its address cannot be used: {error}"
        raise ConfigRefused("database", reason, "Correct what stands behind the ?") from error
    except asyncpg.ProtocolViolationError as error:
        if "startup parameter" not in str(error):
            raise
        reason = f"a pgbouncer answers there, which refuses to be spoken to as PostgreSQL ({error})"
        raise ConfigRefused("database", reason, "Write ?pgbouncer=true behind its address") from error


def check_server(version: int, encoding: str) -> None:
    """Raises ConfigRefused for a server or a database that nothing is to be kept in. Empty: it was not said."""
    if version < OLDEST:
        fix = f"Use PostgreSQL {OLDEST} or newer; 15 is what the tests run on"
        raise ConfigRefused("database", f"the server is PostgreSQL {version}, which is too old", fix)
    if encoding not in ("UTF8", ""):
        fix = "Make a new one: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        raise ConfigRefused("database", f"the database is kept in {encoding}, which does not take every text", fix)
