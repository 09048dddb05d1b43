"""Every error that Quarterdeck raises on purpose, named by what the caller does next.

QuarterdeckError
+-- Refused                 the request is wrong or not allowed: tell whoever asked, do not retry
|   +-- BadInput            a field is wrong (carries field, reason, next step)
|   |   +-- ConfigRefused   the configuration may not be used; start-up exits with status 78
|   +-- NotFound            what was named does not exist
|   +-- NotAllowed          policy, scope or permit does not cover it
|   +-- Conflict            the state has moved on: read again
+-- Retry                   the same thing may work later (carries retry_after)
+-- Stopping                the process or the turn is ending: give back and leave
+-- GiveUp                  it will never work: record and tell a person
    +-- StoreFailed         a commit's fate is unknown: stop admitting and exit
    +-- Locked              another process holds the data directory, or needs the schema as it is; exit status 3
    +-- NewerSchema         a newer version made the database into what this one cannot use; exit status 4
"""


class QuarterdeckError(Exception):
    """Base of all errors raised on purpose. `str(error)` is one sentence for a person."""

    code = "error"


class Refused(QuarterdeckError):
    """The request is wrong or not allowed; retrying the same request cannot help."""

    code = "refused"


class BadInput(Refused):
    """A field is wrong. Says which, why, and what to do next."""

    code = "bad_input"

    def __init__(self, field: str, reason: str, fix: str) -> None:
        super().__init__(f"{field}: {reason}. {fix}")
        self.field = field
        self.reason = reason
        self.fix = fix


class ConfigRefused(BadInput):
    """The configuration may not be used; `field` is the path into it, such as `server.port`."""

    code = "config_refused"


class NotFound(Refused):
    """What was named does not exist, or the asker may not know that it does."""

    code = "not_found"


class NotAllowed(Refused):
    """No permit, scope or policy covers it. Says the rule, the reason and the next step."""

    code = "not_allowed"

    def __init__(self, rule: str, reason: str, fix: str) -> None:
        super().__init__(f"{reason} (rule {rule}). {fix}")
        self.rule = rule
        self.reason = reason
        self.fix = fix


class Conflict(Refused):
    """The state has moved on since it was read; read it again before deciding."""

    code = "conflict"


class MovedOn(Conflict):
    """Something has come after what this was to follow."""

    code = "moved_on"


class Retry(QuarterdeckError):
    """The same thing may work later; `retry_after` is in seconds, None when nobody said."""

    code = "retry"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Stopping(QuarterdeckError):
    """The process or the turn is ending; give back what is held and leave."""

    code = "stopping"


class GiveUp(QuarterdeckError):
    """It will never work by trying again; record it and tell a person."""

    code = "give_up"


class StoreFailed(GiveUp):
    """The fate of a commit is unknown; the process stops admitting and exits, start-up recovers."""

    code = "store_failed"


class Locked(GiveUp):
    """Another process holds the data directory, or needs the schema as it is (exit status 3)."""

    code = "locked"


class NewerSchema(GiveUp):
    """A newer version has made the database into what this one cannot use (exit status 4)."""

    code = "newer_schema"
