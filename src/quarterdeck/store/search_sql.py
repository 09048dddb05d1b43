"""The index of what was said, in the two languages of full-text search: FTS5 of SQLite, tsvector of PostgreSQL.

Both take the same parameters and use what they understand. PostgreSQL is given ready lexemes (:vector, :query), not
text: its own parser would cut addresses and compounds in another way, and lower case would hang on the locale.
"""

from typing import Final

INSERT: Final = (
    "INSERT INTO search (text, session, tenant, session_id, position, part, role, created_at)"
    " VALUES (:text, :word, :tenant, :session, :position, :part, :role, :created)"
)
MERGE: Final = "INSERT INTO search (search, rank) VALUES ('merge', :pages)"  # sqlite.org/fts5.html, 6.8
FIND: Final = (
    "SELECT search.rowid, search.session_id, search.position, search.part, search.role,"
    " snippet(search, 0, '', '', '…', 24), search.created_at, s.assistant, s.connection, s.title"
    " FROM search JOIN sessions s ON s.tenant = search.tenant AND s.id = search.session_id"
    " WHERE search MATCH :match AND search.tenant = :tenant AND (:before = 0 OR search.rowid < :before)"
    " ORDER BY search.rowid DESC LIMIT :limit"
)

POSTGRESQL: Final[dict[str, str]] = {
    INSERT: (
        "INSERT INTO search (text, words, tenant, session_id, position, part, role, created_at)"
        " VALUES (:text, :vector::tsvector, :tenant, :session, :position, :part, :role, :created)"
    ),
    MERGE: "SELECT 1 WHERE FALSE",  # autovacuum does it
    FIND: (
        "SELECT f.place, f.session_id, f.position, f.part, f.role, f.text, f.created_at, s.assistant, s.connection,"
        " s.title FROM search f JOIN sessions s ON s.tenant = f.tenant AND s.id = f.session_id"
        " WHERE f.words @@ :query::tsquery AND f.tenant = :tenant AND (:before = 0 OR f.place < :before)"
        " AND (:session = '' OR f.session_id = :session) ORDER BY f.place DESC LIMIT :limit"
    ),
}
"""What PostgreSQL is told in place of a text for SQLite."""
