"""The text of an answer: what a reader of its pieces still lacks, and several messages as one."""

from collections.abc import Sequence

OVERLAP = 16  # characters by which the beginning of the answer is found in what was shown
RESTARTED = "\n\n[restarted]\n"


def rest(shown: str, final: str) -> str:
    """What a reader of `shown` still lacks of `final`; what was said before a tool ran stays shown before it."""
    for said in (shown, shown.rstrip()):  # an answer ends without the blanks of its last piece
        if final.startswith(said):
            return final[len(said) :]
        at = said.rfind(final[:OVERLAP])
        if at >= 0 and final.startswith(said[at:]):
            return final[len(said) - at :]
    return RESTARTED + final


def joined(texts: Sequence[str]) -> str:
    """Several messages as one answer."""
    return "\n\n".join(text for text in texts if text)
