-- The core: who speaks where, what was accepted, what a turn did, what goes out, and the record of it all.
-- Times are Unix seconds; digests and ids are text; *_at of something that has not happened is NULL.

-- only postgresql
-- Numbers in the order of commits, for whoever reads behind a cursor. A sequence alone gives them in the order of
-- asking, and then a transaction that commits late has numbers which its readers have passed. Here the transaction
-- comes first, then the place in it, and nobody reads past the oldest transaction that still runs: `settled`.
CREATE TABLE commit_base (added BIGINT NOT NULL);  -- raised where the database was moved to a server with lower numbers
INSERT INTO commit_base VALUES (0);
CREATE FUNCTION commit_order() RETURNS BIGINT LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    place BIGINT := COALESCE(NULLIF(current_setting('quarterdeck.place', TRUE), ''), '0')::BIGINT + 1;
BEGIN
    IF place > 65535 THEN
        RAISE EXCEPTION 'a transaction may write 65535 rows in the order of commits';
    END IF;
    PERFORM set_config('quarterdeck.place', place::TEXT, TRUE);
    RETURN ((pg_current_xact_id()::TEXT::BIGINT + (SELECT added FROM commit_base)) << 16) + place;
END $$;
CREATE FUNCTION settled() RETURNS BIGINT LANGUAGE sql STABLE AS $$
    SELECT (pg_snapshot_xmin(pg_current_snapshot())::TEXT::BIGINT + (SELECT added FROM commit_base)) << 16
$$;
-- both

CREATE TABLE rooms (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    connection TEXT NOT NULL, native_id TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE identities (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    connection TEXT NOT NULL, native_id TEXT NOT NULL, name TEXT NOT NULL,
    person_id TEXT,
    state TEXT NOT NULL,                     -- unknown | allowed | denied
    created_at REAL NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE pairings (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    code TEXT NOT NULL, identity_id TEXT NOT NULL, room_id TEXT NOT NULL,
    state TEXT NOT NULL,                     -- asked | approved | denied
    created_at REAL NOT NULL, expires_at REAL NOT NULL, decided_at REAL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX pairings_open ON pairings (tenant, identity_id) WHERE state = 'asked';
CREATE INDEX pairings_code ON pairings (tenant, code);

CREATE TABLE sessions (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    key TEXT NOT NULL, assistant TEXT NOT NULL,
    connection TEXT NOT NULL, room_id TEXT NOT NULL, identity_id TEXT NOT NULL,
    title TEXT NOT NULL,
    controller TEXT NOT NULL,                -- assistant | waiting | human | closed
    model TEXT NOT NULL,                     -- chosen by /model; empty: the assistant's
    head BIGINT NOT NULL,                    -- number of the newest event
    fence BIGINT NOT NULL,                   -- raised by every take; every commit of a turn carries it
    untaken_steer BIGINT NOT NULL,           -- accepted steering messages that no turn has taken
    stop_at BIGINT NOT NULL,                 -- rows and turns up to this event are stopped
    history_from BIGINT NOT NULL,            -- messages up to this event are no longer shown to the model
    created_at REAL NOT NULL, updated_at REAL NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX sessions_recent ON sessions (tenant, updated_at);
CREATE INDEX sessions_room ON sessions (tenant, connection, room_id);

CREATE TABLE inbox (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    connection TEXT NOT NULL, act_key TEXT NOT NULL,
    session_id TEXT NOT NULL,                -- empty where a stranger was refused
    room_id TEXT NOT NULL, identity_id TEXT NOT NULL,
    position BIGINT NOT NULL,                -- its event
    lane_order BIGINT NOT NULL,              -- its place in the lane: an edit takes that of the row it replaces
    kind TEXT NOT NULL,                      -- message | edit
    mode TEXT NOT NULL,                      -- followup | collect | steer | interrupt
    message_ref TEXT NOT NULL,
    content BLOB NOT NULL, history BLOB,
    correction BIGINT NOT NULL,
    state TEXT NOT NULL,                     -- waiting | taken | ended
    outcome TEXT, detail TEXT,
    turn_id TEXT, takes BIGINT NOT NULL,
    not_before REAL NOT NULL, expires_at REAL NOT NULL,
    sent_at REAL NOT NULL, created_at REAL NOT NULL, ended_at REAL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, connection, act_key)
);
CREATE INDEX inbox_lane ON inbox (tenant, session_id, lane_order) WHERE state <> 'ended';
CREATE INDEX inbox_ref ON inbox (tenant, connection, room_id, message_ref) WHERE message_ref <> '';
CREATE INDEX inbox_turn ON inbox (tenant, turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX inbox_ended ON inbox (tenant, outcome, ended_at) WHERE outcome IN ('dead_lettered', 'failed');

CREATE TABLE turns (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    position BIGINT NOT NULL,                -- of the newest row that it took; a stop at or after it covers the turn
    state TEXT NOT NULL,                     -- running | ended
    outcome TEXT, error TEXT,
    attempt BIGINT NOT NULL,                 -- how often it was taken up
    model TEXT NOT NULL,
    release_digest TEXT NOT NULL, policy_digest TEXT NOT NULL, price_digest TEXT NOT NULL,
    started_at REAL NOT NULL, ended_at REAL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX turns_running ON turns (tenant, session_id) WHERE state = 'running';
CREATE INDEX turns_session ON turns (tenant, session_id, started_at);

CREATE TABLE steps (
    tenant TEXT NOT NULL, turn_id TEXT NOT NULL, step TEXT NOT NULL,
    content BLOB NOT NULL, created_at REAL NOT NULL,
    PRIMARY KEY (tenant, turn_id, step)
);

CREATE TABLE intents (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    kind TEXT NOT NULL,                      -- model | tool | send | stream
    session_id TEXT NOT NULL, turn_id TEXT NOT NULL, step TEXT NOT NULL, attempt BIGINT NOT NULL,
    delivery_id TEXT NOT NULL, part BIGINT NOT NULL,
    route TEXT NOT NULL, digest TEXT NOT NULL,
    repeatable BIGINT NOT NULL,
    state TEXT NOT NULL,                     -- open | done | failed | lost | unknown
    created_at REAL NOT NULL, closed_at REAL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX intents_open ON intents (tenant, id) WHERE state = 'open';
CREATE INDEX intents_turn ON intents (tenant, turn_id, id);

CREATE TABLE ledger (
    tenant TEXT NOT NULL, intent_id TEXT NOT NULL,
    kind TEXT NOT NULL,                      -- reserve | settle
    route TEXT NOT NULL,
    tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, tokens_cached BIGINT NOT NULL,
    reported BIGINT NOT NULL,                -- 1: the provider said so
    created_at REAL NOT NULL,
    PRIMARY KEY (tenant, intent_id, kind)
);

CREATE TABLE messages (
    tenant TEXT NOT NULL, session_id TEXT NOT NULL, position BIGINT NOT NULL, part BIGINT NOT NULL,
    origin BIGINT NOT NULL,                  -- the newest act that its turn took: what a reset covers
    content BLOB NOT NULL,
    turn_id TEXT NOT NULL, inbox_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (tenant, session_id, position, part)
);

CREATE TABLE deliveries (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    session_id TEXT NOT NULL, turn_id TEXT NOT NULL,
    connection TEXT NOT NULL, room_id TEXT NOT NULL,
    kind TEXT NOT NULL,                      -- answer | notice | message
    created_at REAL NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX deliveries_turn ON deliveries (tenant, turn_id, id);
CREATE INDEX deliveries_recent ON deliveries (tenant, created_at);

CREATE TABLE parts (
    seq INTEGER PRIMARY KEY,                 -- the order of a room
    tenant TEXT NOT NULL, delivery_id TEXT NOT NULL, n BIGINT NOT NULL,
    connection TEXT NOT NULL, room_id TEXT NOT NULL,
    text TEXT NOT NULL, reply_to TEXT NOT NULL,
    state TEXT NOT NULL,                     -- streaming | ready | sending | sent | unknown | refused | failed | held
    native_id TEXT NOT NULL, attempts BIGINT NOT NULL,
    resends BIGINT NOT NULL,                 -- marked repeats after an unknown outcome
    first_at REAL NOT NULL,                  -- when it was first tried (0: not yet); its key is as old
    not_before REAL NOT NULL, error TEXT NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (tenant, delivery_id, n)
);
CREATE INDEX parts_open ON parts (tenant, connection, room_id, seq)
    WHERE state IN ('ready', 'sending', 'streaming');
CREATE INDEX parts_trouble ON parts (tenant, state) WHERE state IN ('unknown', 'failed', 'refused', 'held');

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL, session_id TEXT NOT NULL, seq BIGINT NOT NULL,
    kind TEXT NOT NULL, data BLOB NOT NULL, created_at REAL NOT NULL,
    UNIQUE (tenant, session_id, seq)
);

CREATE TABLE audit (
    rowid INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    leaf BLOB NOT NULL, leaf_hash BLOB NOT NULL
);
CREATE UNIQUE INDEX audit_id ON audit (id);
CREATE TABLE audit_content (                 -- erasable; the tree does not rest on it
    tenant TEXT NOT NULL, audit_id TEXT NOT NULL, subject TEXT NOT NULL,
    salt BLOB NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (tenant, audit_id)
);
CREATE INDEX audit_content_subject ON audit_content (tenant, subject);
CREATE TABLE audit_positions (
    tenant TEXT NOT NULL, position BIGINT NOT NULL,
    audit_rowid BIGINT NOT NULL, leaf_hash BLOB NOT NULL,
    PRIMARY KEY (tenant, position),
    UNIQUE (tenant, audit_rowid)
);
CREATE TABLE audit_checkpoints (
    tenant TEXT NOT NULL, size BIGINT NOT NULL,
    root BLOB NOT NULL, note TEXT NOT NULL, frontier BLOB NOT NULL,
    sealed_at REAL NOT NULL,
    PRIMARY KEY (tenant, size)
);

CREATE TABLE blobs (
    tenant TEXT NOT NULL, digest TEXT NOT NULL, size BIGINT NOT NULL, mime TEXT NOT NULL, created_at REAL NOT NULL,
    PRIMARY KEY (tenant, digest)
);

CREATE TABLE tokens (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT NOT NULL, hash BLOB NOT NULL, scopes TEXT NOT NULL,
    created_at REAL NOT NULL, expires_at REAL, revoked_at REAL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);

CREATE TABLE signin_codes (
    tenant TEXT NOT NULL, hash BLOB NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL, used_at REAL,
    PRIMARY KEY (tenant, hash)
);
CREATE TABLE browser_sessions (
    tenant TEXT NOT NULL, hash BLOB NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL, ended_at REAL,
    PRIMARY KEY (tenant, hash)
);
