"""Which moment does a person mean? A date, or a date and a time, as it is typed in an address or a terminal."""

from datetime import date, datetime, time, tzinfo

from quarterdeck.base.errors import BadInput


def moment(text: str, field: str, zone: tzinfo) -> float:
    """Unix seconds. A date begins at midnight where the asker lives; a moment without a zone is there, too.

    Raises BadInput about `field`.
    """
    try:
        if len(text) == len("2026-01-31"):
            found = datetime.combine(date.fromisoformat(text), time(), zone)
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo else found.replace(tzinfo=zone)
        return found.timestamp()
    except (ValueError, OverflowError) as error:
        raise BadInput(field, f"{text!r} is no date and no moment", "Write 2026-01-31 or RFC 3339.") from error
