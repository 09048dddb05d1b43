-- Whether an operation was committed whose COMMIT nobody answered. SQLite needs no such thing: there a failed COMMIT ends the process.

-- only postgresql
CREATE TABLE commit_marks (
    slot TEXT PRIMARY KEY,             -- one operation at a time has it
    operation BIGINT NOT NULL,         -- the last one of this slot that was committed
    at DOUBLE PRECISION NOT NULL
) WITH (fillfactor = 50);
-- both
