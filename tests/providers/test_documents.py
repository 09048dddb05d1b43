"""Text out of documents: real files made by other means, and files that are meant to do harm."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Emu
from pypdf import PdfReader, PdfWriter

from quarterdeck.documents import formats
from quarterdeck.documents.formats import OFFICE, kind_of
from quarterdeck.documents.reader import MORE, MOST_CHARACTERS, Reader, Unreadable

pytestmark = [pytest.mark.timeout(90), pytest.mark.proves("context.documents")]

PDF = "application/pdf"


def pdf(*pages: str) -> bytes:
    """A PDF of one line of text a page, written by hand after the PDF reference, version 1.4."""
    count = len(pages)
    kids = " ".join(f"{3 + 2 * n} 0 R" for n in range(count))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {count} >>"]
    for n, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * n} 0 R"
            f" /Resources << /Font << /F1 {font} >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, places = b"%PDF-1.4\n", list[int]()
    for n, one in enumerate(objects, 1):
        places.append(len(body))
        body += f"{n} 0 obj\n{one}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    return body + f"{head}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF".encode()


def locked() -> bytes:
    writer, out = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("secret")))), io.BytesIO()
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def word() -> bytes:
    made, out = Document(), io.BytesIO()
    made.add_paragraph("Dear Ada,")
    table = made.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "sum", "42"
    made.add_paragraph("Yours")
    made.save(out)
    return out.getvalue()


def sheet() -> bytes:
    made, out = Workbook(), io.BytesIO()
    made.create_sheet("costs").append(["rent", 900, None, "monthly"])
    made.save(out)
    return out.getvalue()


def slides() -> bytes:
    made, out = Presentation(), io.BytesIO()
    slide = made.slides.add_slide(made.slide_layouts[5])
    slide.shapes.title.text = "Plan"  # pyright: ignore[reportOptionalMemberAccess]
    cell = slide.shapes.add_table(1, 1, Emu(0), Emu(0), Emu(9), Emu(9)).table.cell(0, 0)
    cell.text = "step one"
    made.save(out)
    return out.getvalue()


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", b"\0" * (300 * 1024 * 1024))
    return out.getvalue()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize(
    ("make", "mime", "text"),
    [
        (lambda: pdf("Hello Ada", "Page two"), PDF, "[page 1]\nHello Ada\n[page 2]\nPage two"),
        (word, f"{OFFICE}.wordprocessingml.document", "Dear Ada,\nsum | 42\nYours"),
        (sheet, f"{OFFICE}.spreadsheetml.sheet", "[sheet Sheet]\n[sheet costs]\nrent | 900 |  | monthly"),
        (slides, f"{OFFICE}.presentationml.presentation", "[slide 1]\nPlan\nstep one"),
        (lambda: "Grüße\n".encode(), "text/plain; charset=utf-8", "Grüße\n"),
        (lambda: b"\xef\xbb\xbfa,b", "text/csv", "a,b"),
    ],
)
async def test_what_can_be_read(
    reader: Reader, tmp_path: Path, make: Callable[[], bytes], mime: str, text: str
) -> None:
    (tmp_path / "file").write_bytes(make())
    assert await reader.text(tmp_path / "file", "file", mime) == text


@pytest.mark.parametrize(
    ("make", "mime", "reason"),
    [
        (lambda: b"%PDF-1.4 nothing", PDF, "it cannot be read"),
        (lambda: b"", PDF, "it cannot be read"),
        (locked, PDF, "it cannot be read (FileNotDecryptedError)"),
        (lambda: b"PK\x03\x04 no", f"{OFFICE}.wordprocessingml.document", "it cannot be read (BadZipFile)"),
        (bomb, f"{OFFICE}.wordprocessingml.document", "it is too large to be opened"),
        (lambda: b"\x00\x01\x02" * 50, "text/plain", "it is not text, whatever its name says"),
        (lambda: bytes(range(128, 256)) * 9, "text/plain", "it is not text, whatever its name says"),
    ],
)
async def test_what_cannot_be_read_says_why(
    reader: Reader, tmp_path: Path, make: Callable[[], bytes], mime: str, reason: str
) -> None:
    (tmp_path / "file").write_bytes(make())
    with pytest.raises(Unreadable) as raised:
        await reader.text(tmp_path / "file", "file", mime)
    assert str(raised.value).startswith(reason)


async def test_a_long_text_is_cut_and_says_so(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * (MOST_CHARACTERS + 1))
    text = await reader.text(tmp_path / "file", "file", "text/plain")
    assert text == "x" * MOST_CHARACTERS + MORE
    (tmp_path / "file").write_bytes(pdf(*("y" * 500 for _ in range(100))))
    text = await reader.text(tmp_path / "file", "file", PDF)
    assert text.endswith(MORE)
    assert len(text) == MOST_CHARACTERS + len(MORE)


@pytest.mark.parametrize(
    ("name", "mime", "kind"),
    [
        ("a.pdf", PDF, PDF),
        ("a.pdf", "application/octet-stream", PDF),
        ("A.DOCX", "", f"{OFFICE}.wordprocessingml.document"),
        ("a.pdf", "image/png", ""),
        ("a.exe", "application/octet-stream", ""),
        ("notes", "text/markdown", "text/markdown"),
        ("a.json", "application/json", "application/json"),
    ],
)
def test_which_files_are_documents(name: str, mime: str, kind: str) -> None:
    assert kind_of(name, mime) == kind
    assert Reader().reads(name, mime) == bool(kind)


def test_every_library_has_a_reader() -> None:
    child = Path(formats.__file__).with_name("child.py").read_text()
    assert all(f'"{library}"' in child for library in formats.LIBRARIES.values())
