-- What is kept in mind of a long conversation. Messages stay where they are: a summary only says which of them it
-- stands for, and a dropped one stands for nothing.

CREATE TABLE summaries (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    position BIGINT NOT NULL, part BIGINT NOT NULL,      -- the newest message that it stands for
    text TEXT NOT NULL,
    messages BIGINT NOT NULL,                -- how many it took the place of, an earlier summary not counted
    turn_id TEXT NOT NULL, model TEXT NOT NULL,
    created_at REAL NOT NULL, dropped_at REAL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX summaries_session ON summaries (tenant, session_id, position);

CREATE TABLE pins (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    text TEXT NOT NULL,
    position BIGINT NOT NULL,                -- of the act that pinned it: a reset covers it
    created_at REAL NOT NULL, removed_at REAL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX pins_session ON pins (tenant, session_id, position) WHERE removed_at IS NULL;

-- Raised by whatever changes what is kept in mind: caches compare it.
ALTER TABLE sessions ADD COLUMN mind BIGINT NOT NULL DEFAULT 0;
