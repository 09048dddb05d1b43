"""What runs in the child process: open one file, write out its text, end.

Started by path, so that nothing of the gateway is imported. The order comes as one JSON line on standard input,
`{"path": FILE, "library": NAME, "characters": N, "parent": PID}`. The answer is one JSON line:
`{"text": TEXT, "more": BOOL}` or `{"error": REASON}`.
"""

import ctypes
import importlib
import io
import json
import os
import resource
import signal
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

MEMORY = 1024 * 1024 * 1024
CPU_SECONDS = 20
MOST_UNPACKED = 200 * 1024 * 1024  # of a packed format: more is a bomb, not a document
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Read one order, answer it."""
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != order["parent"]:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what people wrote
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not be taken for our answer
    os.write(answer, json.dumps(_answer(order)).encode() + b"\n")


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    try:
        text, more = _collect(READERS[order["library"]](_bytes(order["path"])), order["characters"])
    except ModuleNotFoundError as error:
        return {"error": f"reading it needs the library {error.name}: install quarterdeck[documents]"}
    except MemoryError:
        return {"error": "it is too large to be opened"}
    except Exception as error:  # whatever a broken file makes a library raise
        return {"error": f"it cannot be read ({type(error).__name__})"}
    return {"text": text, "more": more}


def _bytes(path: str) -> io.BytesIO:
    with open(path, "rb") as file:
        return io.BytesIO(file.read())


def _collect(pieces: Iterator[str], most: int) -> tuple[str, bool]:
    """The pieces as one text of at most so many characters, and whether there was more."""
    found: list[str] = []
    size = 0
    for piece in pieces:
        found.append(piece)
        size += len(piece) + 1
        if size > most:
            return "\n".join(found)[:most], True
    return "\n".join(found).strip(), False


def _checked(file: io.BytesIO) -> io.BytesIO:
    with zipfile.ZipFile(file) as packed:
        if sum(one.file_size for one in packed.infolist()) > MOST_UNPACKED:
            raise MemoryError
    file.seek(0)
    return file


def _pdf(file: io.BytesIO) -> Iterator[str]:
    pypdf: Any = importlib.import_module("pypdf")
    for n, page in enumerate(pypdf.PdfReader(file).pages, 1):
        yield f"[page {n}]"
        yield page.extract_text()


def _docx(file: io.BytesIO) -> Iterator[str]:
    docx: Any = importlib.import_module("docx")
    for block in docx.Document(_checked(file)).iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                yield " | ".join(cell.text for cell in row.cells)
        else:
            yield block.text


def _xlsx(file: io.BytesIO) -> Iterator[str]:
    openpyxl: Any = importlib.import_module("openpyxl")
    book = openpyxl.load_workbook(_checked(file), read_only=True, data_only=True)
    for sheet in book.worksheets:
        yield f"[sheet {sheet.title}]"
        for row in sheet.iter_rows(values_only=True):
            if any(value is not None for value in row):
                yield " | ".join("" if value is None else str(value) for value in row)


def _pptx(file: io.BytesIO) -> Iterator[str]:
    pptx: Any = importlib.import_module("pptx")
    for n, slide in enumerate(pptx.Presentation(_checked(file)).slides, 1):
        yield f"[slide {n}]"
        for shape in slide.shapes:
            if shape.has_text_frame:
                yield shape.text_frame.text
            elif shape.has_table:
                for row in shape.table.rows:
                    yield " | ".join(cell.text for cell in row.cells)


READERS = {"pypdf": _pdf, "docx": _docx, "openpyxl": _xlsx, "pptx": _pptx}

if __name__ == "__main__":
    main()
