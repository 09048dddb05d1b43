"""How may a route refuse? Which problems it may answer with, from what it is, each with an example."""

from collections.abc import Mapping, Sequence

from quarterdeck.api.keeping import HEADER
from quarterdeck.api.problems import (
    STATUS,
    KeyReused,
    NotSignedIn,
    NotTheSame,
    Problem,
    TooLarge,
    TooMany,
    Unguarded,
    WrongHost,
    WrongMedia,
    problem_of,
)
from quarterdeck.api.route import Route
from quarterdeck.base.errors import BadInput, Conflict, NotAllowed, NotFound, QuarterdeckError, Retry

Kind = type[QuarterdeckError]

ALWAYS: tuple[Kind, ...] = (BadInput, TooLarge, WrongHost, Retry)

EXAMPLES: tuple[QuarterdeckError, ...] = (
    BadInput("text", "expected `str`, got `int`", "See /api/v1/openapi.json."),
    NotSignedIn("there is no valid access token or sign-in"),
    NotAllowed("scope", "this needs the scope admin", "Use an access token that has it."),
    NotFound("there is no session ses_4f0c1b6de2a94c7788d0a1b2c3"),
    Conflict("no part of dlv_01999e3b5c8a is unknown; it is sent"),
    KeyReused("this Idempotency-Key was used for another request"),
    NotTheSame('it has changed since it was read; its ETag is "0c1b6de2a94c7788d0a1b2c3d4e5f607" now'),
    TooLarge("the body is larger than 1048576 bytes"),
    WrongMedia("this takes application/json, not text/plain"),
    WrongHost("this host name is not one of this gateway's"),
    Unguarded("a change needs the header If-Match with the ETag of what was read"),
    TooMany("6000 requests a minute are let in for one asker (server.requests_per_minute)", 0.01),
    Retry("intake is closed: starting or stopping", 2.0),
)


def kinds(one: Route) -> Sequence[Kind]:
    """The errors of a route, by status."""
    found: list[Kind] = [*ALWAYS, *one.raises]
    if one.scopes:
        found += [NotSignedIn, NotAllowed, TooMany]
    if "{" in one.path:
        found.append(NotFound)
    if one.has_body and not one.media:
        found.append(WrongMedia)
    if HEADER in one.headers:
        found.append(KeyReused)
    if one.guarded:
        found += [NotTheSame, Unguarded]
    return sorted(dict.fromkeys(found), key=lambda kind: (status(kind), kind.code))


def status(kind: Kind) -> int:
    """The HTTP status of an error."""
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def meaning(kind: Kind) -> str:
    """When it is given, in a sentence."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def examples() -> Mapping[str, Problem]:
    """A problem of each kind by its code, as a client gets it."""
    return {error.code: problem_of(error) for error in EXAMPLES}
