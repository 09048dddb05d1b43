"""The offline verifier against a record that the platform's own code wrote: unchanged, changed, cut, exported."""

import ast
import io
import json
import random
import sqlite3
import subprocess
import sys
from base64 import b64decode
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from tests.pure.audit_writer import KEY, OTHER_KEY, PUBLIC, SCHEMA, Made, Writer, forge, make, write_turn

from quarterdeck.cli import verify_audit
from quarterdeck.cli.export_audit import export_bundle
from quarterdeck.cli.verify_audit import Report, verify
from quarterdeck.governance.checkpoint import Checkpoint, origin_of, public_pem, sign


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("audit") / "copy.db")


# -- an unchanged record -----------------------------------------------------------------------------


def test_an_unchanged_record_is_unchanged(made: Made) -> None:
    with closing(made.open()) as db:
        report = made.verify(db)
    assert report.ok, report.findings
    assert report.key.startswith("sha256:")
    assert [(log.tenant, log.size, log.checkpoints, log.unsealed) for log in report.logs] == [
        ("acme", 153, 8, 2),
        ("zeta", 144, 8, 2),
    ]
    assert report.logs[0].root == verify_audit.read_note(made.notes["acme"][-1].encode()).root.hex()
    assert 0 < report.logs[0].sealed_us < report.logs[0].unsealed_since_us
    assert dict(report.counts) == {"unclosed": 1}
    assert (report.findings[0]["tenant"], report.findings[0]["position"]) == ("acme", 152)


def test_an_empty_record_is_unchanged(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        db.executescript(SCHEMA)
    assert verify(tmp_path / "copy.db", PUBLIC).ok


def test_erased_content_changes_nothing(made: Made) -> None:
    with closing(made.open()) as db:
        db.execute("DELETE FROM audit_content WHERE rowid % 2")
        assert made.verify(db).ok


def test_a_record_with_a_live_wal_is_read_with_it(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    path.write_bytes(made.image)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE audit SET leaf_hash = x'00' WHERE rowid = 3")
        db.commit()
        assert Path(f"{path}-wal").stat().st_size > 0
        assert not verify(path, PUBLIC).ok


def test_a_record_that_grows_is_read_at_one_moment(tmp_path: Path) -> None:
    """A sealer at work between reading checkpoints and reading positions must not look like a change."""
    path, report, moments = tmp_path / "live.db", Report(), list[str]()
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(path)) as reader:
        db.execute("PRAGMA journal_mode = WAL")
        writer = Writer(db, random.Random(9))

        def go_on(statement: str) -> None:
            moments.append(statement)
            write_turn(writer, "acme")
            if statement.startswith("SELECT p.position"):
                writer.seal("acme")
            db.commit()

        go_on("")
        reader.set_trace_callback(go_on)
        verify_audit._check_database(reader, report, (PUBLIC, []))
    assert any(statement.startswith("SELECT p.position") for statement in moments)
    assert report.ok, report.findings
    assert (report.logs[0].size, report.logs[0].unsealed) == (0, 24), "as it was at the verifier's first reading"


def test_outcomes_are_paired_with_intents(made: Made) -> None:
    """An outcome twice, one of another kind and one of nothing are named; the record itself is unchanged."""
    with closing(sqlite3.connect(":memory:")) as db:
        writer = Writer(db, random.Random(2))
        first = writer.record("acme", "tool.intent")
        second = writer.record("acme", "model.intent")
        for kind, intent in (("tool", first), ("tool", first), ("send", second), ("send", "unknown")):
            writer.record("acme", f"{kind}.outcome", intent)
        third = writer.record("acme", "tool.intent")
        writer.seal("acme")
        writer.record("acme", "tool.outcome", third)  # closed by an entry that is not sealed yet
        db.commit()
        report = made.verify(db)
    assert report.ok
    assert [found["position"] for found in report.findings if found["code"] == "unpaired"] == [3, 4, 5]
    assert set(report.counts) == {"unpaired"}


def test_entries_out_of_time_are_named(made: Made) -> None:
    for late_us, expected in ((50_000_000, []), (70_000_000, [8]), (-70_000_000, [8])):
        with closing(sqlite3.connect(":memory:")) as db:
            writer = Writer(db, random.Random(3))
            write_turn(writer, "acme")
            writer.seal("acme")
            writer.record("acme", "message.in", late_us=late_us)
            writer.seal("acme")
            db.commit()
            found = made.verify(db).findings
            assert [one["position"] for one in found if one["code"] == "time"] == expected


@pytest.mark.parametrize(("late_us", "forged"), [(0, []), (50_000_000, []), (70_000_000, [17, 26])])
def test_a_clock_that_was_set_back_is_told_and_a_forged_time_is_found(
    made: Made, late_us: int, forged: list[int]
) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        writer = Writer(db, random.Random(4))
        write_turn(writer, "acme")
        writer.seal("acme")
        writer.record("acme", "message.in")  # before the clock is set, sealed behind it
        for step in (-3_600_000_000, 0):
            writer.now += step
            write_turn(writer, "acme")
            writer.record("acme", "message.in", late_us=late_us)
            writer.seal("acme")
        db.commit()
        report = made.verify(db)
    assert report.ok == (not forged)
    assert report.counts["clock"] == 1
    assert [one["position"] for one in report.findings if one["code"] == "time"] == forged


# -- changes, one by one -------------------------------------------------------------------------------


OF_ENTRY = "WHERE audit_id = (SELECT id FROM audit WHERE rowid = {rowid})"


@pytest.mark.parametrize(
    ("statement", "code", "position"),
    [
        ("UPDATE audit SET leaf = CAST(replace(leaf, 'default', 'other') AS BLOB) WHERE rowid = {rowid}", "row", 40),
        ("UPDATE audit SET leaf = x'7b7d' WHERE rowid = {rowid}", "leaf", 40),
        ("UPDATE audit SET leaf = CAST(leaf || ' ' AS BLOB) WHERE rowid = {rowid}", "leaf", 40),
        ("UPDATE audit SET leaf = 'text' WHERE rowid = {rowid}", "leaf", 40),
        ("DELETE FROM audit WHERE rowid = {rowid}", "leaf", 40),
        ("DELETE FROM audit_positions WHERE audit_rowid = {rowid}", "order", 40),
        ("UPDATE audit_positions SET position = 'x' WHERE audit_rowid = {rowid}", "order", 40),
        ("UPDATE audit SET id = 'x' WHERE rowid = {rowid}", "row", 40),
        (f"UPDATE audit_content SET content = x'00' {OF_ENTRY}", "content", 40),
        (f"UPDATE audit_content SET salt = NULL {OF_ENTRY}", "content", 40),
        (f"UPDATE audit_content SET audit_id = 'x' {OF_ENTRY}", "content", None),
        ("DELETE FROM audit_checkpoints WHERE size = 16", "checkpoint", None),
        ("DELETE FROM audit_checkpoints WHERE size = 153", "cut", 144),
        ("UPDATE audit_checkpoints SET sealed_at = sealed_at + 1e-6 WHERE size = 16", "checkpoint", None),
        ("UPDATE audit_checkpoints SET note = x'00' WHERE size = 16", "checkpoint", None),
        ("UPDATE audit_checkpoints SET frontier = NULL WHERE size = 16", "checkpoint", None),
        ("UPDATE audit_checkpoints SET tenant = 'other' WHERE tenant = 'zeta'", "checkpoint", None),
        ("UPDATE audit_positions SET tenant = CAST(tenant AS BLOB) WHERE audit_rowid = {rowid}", "file", None),
        ("DROP TABLE audit_content", "file", None),
    ],
)
def test_a_finding_names_the_entry_and_the_meaning(made: Made, statement: str, code: str, position: int | None) -> None:
    with closing(made.open()) as db:
        (rowid,) = db.execute("SELECT audit_rowid FROM audit_positions WHERE tenant='acme' AND position=40").fetchone()
        db.execute(statement.format(rowid=rowid))
        db.commit()
        report = made.verify(db)
    assert not report.ok
    found = [one for one in report.findings if one["code"] == code]
    assert found, report.findings
    assert found[0]["position"] == position
    assert found[0]["what"]
    assert found[0]["meaning"] == verify_audit.MEANING[code]


def test_a_second_spelling_of_a_signature_is_found(made: Made) -> None:
    """The last character of its base64 has two bits that no byte uses."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    note = made.notes["acme"][0]
    other = letters[letters.index(note[-3]) ^ 1]
    assert b64decode(note[-94:]) == b64decode(note[-94:-3] + other + "=")
    with closing(made.open()) as db:
        db.execute("UPDATE audit_checkpoints SET note=? WHERE note=?", (note[:-3] + other + "=\n", note))
        db.commit()
        assert not made.verify(db).ok


def test_a_rebuilt_record_passes_only_without_the_key(made: Made) -> None:
    with closing(made.open()) as db:
        forge(db, random.Random(5), "acme", OTHER_KEY)
        db.commit()
        assert not made.verify(db).ok
        assert made.verify(db, public_key=None).ok
        assert made.verify(db, public_key=None).key == ""


def test_many_findings_are_counted_and_the_first_named(made: Made) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        writer = Writer(db, random.Random(6))
        for _ in range(verify_audit.NAMED + 50):
            writer.record("acme", "tool.intent")
        writer.seal("acme")
        db.commit()
        report = made.verify(db)
    assert report.counts["unclosed"] == verify_audit.NAMED + 50
    assert len(report.findings) == verify_audit.NAMED


# -- what only an outside copy shows ---------------------------------------------------------------------


def cut_back(db: sqlite3.Connection, tenant: str, checkpoints: int) -> None:
    """Cut the log's end off at a checkpoint, as if what followed had never been."""
    sizes = [
        size for (size,) in db.execute("SELECT size FROM audit_checkpoints WHERE tenant=? ORDER BY size", (tenant,))
    ]
    size = sizes[-1 - checkpoints]
    (rowid,) = db.execute(
        "SELECT audit_rowid FROM audit_positions WHERE tenant=? AND position=?", (tenant, size - 1)
    ).fetchone()
    gone = (tenant, rowid)
    db.execute("DELETE FROM audit_content WHERE audit_id IN (SELECT id FROM audit WHERE tenant=? AND rowid>?)", gone)
    db.execute("DELETE FROM audit WHERE tenant=? AND rowid>?", gone)
    db.execute("DELETE FROM audit_positions WHERE tenant=? AND position>=?", (tenant, size))
    db.execute("DELETE FROM audit_checkpoints WHERE tenant=? AND size>?", (tenant, size))
    db.commit()


def test_a_cut_at_a_checkpoint_is_found_with_a_checkpoint_kept_elsewhere(made: Made) -> None:
    kept = verify_audit.read_note(made.notes["acme"][-1].encode())
    early = verify_audit.read_note(made.notes["acme"][2].encode())
    with closing(made.open()) as db:
        assert made.verify(db, saved=[kept, early]).ok
        cut_back(db, "acme", 2)
        assert made.verify(db).ok, "this is what cannot be seen from inside"
        assert made.verify(db, saved=[early]).ok
        assert set(made.verify(db, saved=[kept]).counts) == {"cut"}


def test_a_log_that_vanished_is_found_with_a_checkpoint_kept_elsewhere(made: Made) -> None:
    kept = verify_audit.read_note(made.notes["zeta"][0].encode())
    with closing(made.open()) as db:
        for table in ("audit", "audit_content", "audit_positions", "audit_checkpoints"):
            db.execute(f"DELETE FROM {table} WHERE tenant = 'zeta'")
        db.commit()
        assert made.verify(db).ok
        assert not made.verify(db, saved=[kept]).ok


def test_a_log_signed_anew_by_the_key_is_found_with_a_checkpoint_kept_elsewhere(made: Made) -> None:
    """The holder of the key rewrites history: only what is kept elsewhere shows it."""
    kept = verify_audit.read_note(made.notes["acme"][-1].encode())
    with closing(made.open()) as db:
        forge(db, random.Random(7), "acme", KEY)
        db.commit()
        assert made.verify(db).ok
        assert set(made.verify(db, saved=[kept]).counts) == {"root", "unclosed"}


def test_an_outside_checkpoint_of_another_key_is_found(made: Made) -> None:
    kept = verify_audit.read_note(made.notes["acme"][-1].encode())
    with closing(made.open()) as db:
        assert not made.verify(db, public_key=OTHER_KEY.public_key(), saved=[kept]).ok
        point = Checkpoint(origin_of("acme"), kept.size, kept.root, kept.time_us, kept.previous)
        assert not made.verify(db, saved=[verify_audit.read_note(sign(point, OTHER_KEY).encode())]).ok


# -- bundle and command ----------------------------------------------------------------------------------


@pytest.fixture
def bundle(made: Made, tmp_path: Path) -> Path:
    database, folder = tmp_path / "copy.db", tmp_path / "bundle"
    database.write_bytes(made.image)
    export_bundle(database, folder, public_pem(KEY))
    return folder


def test_a_bundle_is_the_sealed_record(made: Made, bundle: Path) -> None:
    assert {path.name for path in bundle.iterdir()} == {
        "audit.pub", "tenants.json", "0.jsonl", "0.notes", "1.jsonl", "1.notes"
    }  # fmt: skip
    for key in (PUBLIC, None):
        report = verify(bundle, key)
        assert report.ok, report.findings
        assert report.key
        assert [(log.tenant, log.size, log.checkpoints) for log in report.logs] == [("acme", 153, 8), ("zeta", 144, 8)]
    assert not verify(bundle, OTHER_KEY.public_key()).ok
    kept = verify_audit.read_note(made.notes["acme"][-1].encode())
    assert verify(bundle, PUBLIC, [kept]).ok
    with pytest.raises(FileExistsError):
        export_bundle(bundle, bundle, b"")


def test_every_changed_byte_of_a_bundle_is_found(bundle: Path) -> None:
    rng = random.Random(8)
    for name in ("0.jsonl", "1.jsonl", "0.notes", "1.notes"):
        path = bundle / name
        data = path.read_bytes()
        lines = data.splitlines(keepends=True)
        changed = [data[:-1], b"".join(lines[:-1]), b"".join(lines[1:]), b"".join([lines[0], *lines]), b""]
        places = [rng.randrange(len(data)) for _ in range(40)]
        changed += [data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :] for at in places]
        for other in changed:
            path.write_bytes(other)
            assert not verify(bundle, PUBLIC).ok, name
        path.write_bytes(data)
    assert verify(bundle, PUBLIC).ok


def run(*arguments: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = verify_audit.main([str(argument) for argument in arguments])
    return status, out.getvalue(), err.getvalue()


def test_the_command(made: Made, bundle: Path, tmp_path: Path) -> None:
    database, key, kept = tmp_path / "copy.db", bundle / "audit.pub", tmp_path / "kept"
    kept.write_text(made.notes["acme"][-1], encoding="utf-8")
    status, out, _ = run(database, "--key", key, "--checkpoint", kept)
    assert status == 0
    assert "acme: 153 entries, 8 checkpoints, 2 unsealed, the oldest" in out
    assert "unchanged (signatures checked with sha256:" in out
    status, out, _ = run(database, "--json")
    assert status == 0
    assert json.loads(out)["ok"] is True
    assert json.loads(out)["key"] == ""
    assert "NO KEY" in run(database)[1]
    with closing(sqlite3.connect(database)) as db:
        cut_back(db, "acme", 1)
        db.execute("UPDATE audit SET leaf = x'00' WHERE rowid = 3")
        db.commit()
    status, out, _ = run(database, "--key", key, "--checkpoint", kept)
    assert status == 1
    assert "acme entry 0: " in out
    assert "CHANGED" in out
    status, out, _ = run(database, "--json")
    assert status == 1
    assert json.loads(out)["findings"][0]["meaning"]


def test_the_command_refuses_what_is_no_record(made: Made, bundle: Path, tmp_path: Path) -> None:
    database = tmp_path / "copy.db"
    for arguments in (
        [tmp_path / "nothing"],
        [tmp_path],
        [database, "--key", database],
        [database, "--checkpoint", bundle / "audit.pub"],
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert err.startswith("verify_audit: ")
    with pytest.raises(SystemExit) as usage:
        run()
    assert usage.value.code == 2
    (tmp_path / "text").write_text("this is no database, but it may have been one", encoding="utf-8")
    assert run(tmp_path / "text")[0] == 1


def test_it_runs_as_a_program_of_its_own(made: Made, bundle: Path) -> None:
    """One file, copied elsewhere, with nothing of the platform importable."""
    program = bundle.parent / "verify_audit.py"
    program.write_bytes(Path(verify_audit.__file__).read_bytes())
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(program.read_bytes()))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported <= {*sys.stdlib_module_names, "cryptography"}
    done = subprocess.run(
        [sys.executable, "-I", program, bundle, "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
