-- Finding what was said. Filled behind the fact by a service that reads from `search_cursor`; what is not in it yet is
-- found a moment later. The text is a copy: whoever erases a message erases it here, too.

CREATE TABLE search_cursor (                 -- every event before `event_id` is read, and of it the messages up to `part`
    tenant TEXT NOT NULL, event_id BIGINT NOT NULL, part BIGINT NOT NULL,
    PRIMARY KEY (tenant)
);

-- only sqlite
CREATE VIRTUAL TABLE search USING fts5(
    text,
    session,                                 -- one word: the session's id without its prefix
    tenant UNINDEXED, session_id UNINDEXED, position UNINDEXED, part UNINDEXED, role UNINDEXED, created_at UNINDEXED,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);
INSERT INTO search (search, rank) VALUES ('automerge', 0);    -- merging has operations of its own, each bounded
INSERT INTO search (search, rank) VALUES ('crisismerge', 256);
-- only postgresql
CREATE TABLE search (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text TEXT COLLATE "C" NOT NULL,
    words TSVECTOR NOT NULL,                 -- written as lexemes: no parser and no dictionary of PostgreSQL comes to it
    tenant TEXT COLLATE "C" NOT NULL, session_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL, part BIGINT NOT NULL,
    role TEXT COLLATE "C" NOT NULL, created_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX search_words ON search USING gin (words);
-- both

-- A conversation that began as a copy of another one. The copy is made in slices; `position` and `part` are of the
-- newest message that is copied.
ALTER TABLE sessions ADD COLUMN forked_from TEXT NOT NULL DEFAULT '';
CREATE TABLE forks (
    tenant TEXT NOT NULL, session_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    until_position BIGINT NOT NULL, until_part BIGINT NOT NULL,
    forgotten BIGINT NOT NULL,               -- what the original's model was not shown any more, up to this position
    position BIGINT NOT NULL, part BIGINT NOT NULL, copied BIGINT NOT NULL,
    state TEXT NOT NULL,                     -- copying | done
    PRIMARY KEY (tenant, session_id)
);
CREATE INDEX forks_copying ON forks (tenant, session_id) WHERE state = 'copying';

-- Timers: rows that produce acts. What falls due enters as an inbox row with the act key `timer/ID/DUE/HEAD` in the operation
-- that ends the timer, so that it happens once.
CREATE TABLE timers (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    kind TEXT NOT NULL,                      -- reset
    session_id TEXT NOT NULL,
    state TEXT NOT NULL,                     -- armed | ended
    armed_at REAL NOT NULL, due_at REAL NOT NULL,
    last_due REAL NOT NULL,                  -- the due time that it acted for last (0: never)
    late_seconds REAL NOT NULL,              -- and how late that was
    PRIMARY KEY (tenant, id)
);
CREATE INDEX timers_due ON timers (tenant, due_at) WHERE state = 'armed';

-- Identities that belong to one person share one session per assistant in direct messages.
CREATE INDEX identities_person ON identities (tenant, person_id) WHERE person_id IS NOT NULL;
CREATE TABLE person_sessions (
    tenant TEXT NOT NULL, person_id TEXT NOT NULL, assistant TEXT NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (tenant, person_id, assistant)
);
