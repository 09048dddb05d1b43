-- Processes that share one database: who lives, who runs which conversation, who holds what only one may hold.

CREATE TABLE processes (                        -- of the installation, so without a tenant
  id         TEXT    NOT NULL PRIMARY KEY,
  home       TEXT    NOT NULL,                  -- the data directory that it holds the lock of; '' where that is not to be told
  host       TEXT    NOT NULL,
  pid        BIGINT  NOT NULL,
  version    TEXT    NOT NULL,
  roles      TEXT    NOT NULL,                  -- gateway, worker, scheduler; joined by commas
  state      TEXT    NOT NULL,                  -- live | ended (drained) | dead (found so by another) | settled (dead, and what it had begun has its outcome)
  beat       BIGINT  NOT NULL DEFAULT 0,        -- raised once a second
  started_at REAL    NOT NULL,
  ended_at   REAL
);
CREATE INDEX processes_live ON processes (state) WHERE state IN ('live', 'dead');

CREATE TABLE leases (                           -- what one process has at a time
  tenant   TEXT    NOT NULL,
  name     TEXT    NOT NULL,                    -- connection:NAME, audit, timers ...
  process  TEXT    NOT NULL,                    -- '' for nobody
  fence    BIGINT  NOT NULL,                    -- raised by every taking
  taken_at REAL    NOT NULL,
  facts    TEXT    NOT NULL DEFAULT '',         -- JSON: what only its process sees, such as a connection's health
  PRIMARY KEY (tenant, name)
);

ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT '';   -- the process that took the lane last
ALTER TABLE intents ADD COLUMN process TEXT NOT NULL DEFAULT '';  -- the process that committed it
