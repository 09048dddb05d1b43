-- expand
-- What the processes on a database have in common of their configuration, in versions; the newest is in force in all of
-- them. Beside SQLite this is empty.

CREATE TABLE configurations (
  tenant     TEXT   NOT NULL,
  number     BIGINT NOT NULL,
  digest     TEXT   NOT NULL,                    -- of shared
  shared     TEXT   NOT NULL,                    -- JSON: assistants, connections, limits, delivery; no secret, no reference to one
  process    TEXT   NOT NULL,                    -- whose file it stood in
  created_at REAL   NOT NULL,
  PRIMARY KEY (tenant, number)
);
ALTER TABLE processes ADD COLUMN configuration BIGINT NOT NULL DEFAULT 0;  -- the version that it works by; 0: it has not said
ALTER TABLE processes ADD COLUMN written TEXT NOT NULL DEFAULT '';         -- the digest of what its own file says
ALTER TABLE processes ADD COLUMN drift TEXT NOT NULL DEFAULT '';           -- what of the newest version is not in force there
