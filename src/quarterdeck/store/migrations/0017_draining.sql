-- Processes that end: they still live, and have no share of leases any more. And what each says of its own machine.

DROP INDEX processes_live;
CREATE INDEX processes_live ON processes (state) WHERE state IN ('live', 'draining', 'dead');
ALTER TABLE processes ADD COLUMN facts TEXT NOT NULL DEFAULT '';  -- JSON: what only this process sees, such as its disk
