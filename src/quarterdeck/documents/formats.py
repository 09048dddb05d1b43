"""Which files have a text that can be read out, and by what?"""

from collections.abc import Mapping

OFFICE = "application/vnd.openxmlformats-officedocument"

LIBRARIES: Mapping[str, str] = {
    "application/pdf": "pypdf",
    f"{OFFICE}.wordprocessingml.document": "docx",
    f"{OFFICE}.spreadsheetml.sheet": "openpyxl",
    f"{OFFICE}.presentationml.presentation": "pptx",
}
"""Media type -> the library that reads it; all of them come with the extra `documents`."""

PLAIN = frozenset(
    (
        "application/json",
        "application/toml",
        "application/x-ndjson",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
    )
)
"""Beside `text/*`: read as they are. HTML is shown as its source."""

_ENDINGS: Mapping[str, str] = {
    "pdf": "application/pdf",
    "docx": f"{OFFICE}.wordprocessingml.document",
    "xlsx": f"{OFFICE}.spreadsheetml.sheet",
    "pptx": f"{OFFICE}.presentationml.presentation",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "json": "application/json",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "toml": "application/toml",
}


def kind_of(name: str, mime: str) -> str:
    """The media type of a readable file, by what was said about it, else by its name; empty for all others."""
    plain = mime.partition(";")[0].strip().lower()
    if plain in LIBRARIES or plain in PLAIN or plain.startswith("text/"):
        return plain
    if plain in ("", "application/octet-stream", "application/zip"):
        return _ENDINGS.get(name.rpartition(".")[2].lower(), "")
    return ""
