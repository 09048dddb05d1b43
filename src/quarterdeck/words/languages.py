"""Which languages do we speak, and which of them does somebody want? Tags are those of BCP 47."""

from collections.abc import Iterable, Iterator
from typing import Literal, get_args

Language = Literal["en", "de", "es", "fr", "zh-Hans"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

LONGEST = 1000  # characters of a wish that are read
TRADITIONAL = frozenset(("hant", "tw", "hk", "mo"))


def spoken(tag: str) -> Language | None:
    """The language of ours that a tag means, such as de for de-AT; None for one that we do not speak.

    Chinese in traditional characters is none of ours: its readers are not given simplified ones unasked.
    """
    head, *rest = tag.strip().replace("_", "-").lower().split("-")
    if head == "zh" and TRADITIONAL.intersection(rest):
        return None
    return next((one for one in LANGUAGES if one.partition("-")[0] == head), None)


def wanted(header: str) -> Language | None:
    """The first language of ours in the order of an Accept-Language header (RFC 9110, 12.5.4); None for none."""
    ranked = sorted(_ranges(header[:LONGEST]), key=lambda found: -found[1])
    return _first(tag for tag, weight in ranked if weight > 0)


def first_of(*wishes: str) -> Language:
    """The first wish that we can grant, else English."""
    return _first(wishes) or "en"


def _first(tags: Iterable[str]) -> Language | None:
    for tag in tags:
        if (one := spoken(tag)) is not None:
            return one
    return None


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for item in header.split(","):
        tag, _, weight = item.partition(";")
        name, _, number = weight.strip().partition("=")
        try:
            yield tag, float(number) if name == "q" else 1.0
        except ValueError:
            continue
