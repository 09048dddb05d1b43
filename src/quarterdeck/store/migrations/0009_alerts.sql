-- What is wrong, or was: one row for each (rule, subject) while it fires, and the same row again when it flaps.

CREATE TABLE alerts (
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    rule TEXT NOT NULL, subject TEXT NOT NULL,
    state TEXT NOT NULL,                     -- firing | resolved
    cause TEXT NOT NULL, affected TEXT NOT NULL, next_step TEXT NOT NULL,
    times BIGINT NOT NULL,                   -- how often it has fired; more than 1: it flaps
    fired_at REAL NOT NULL,                  -- the first time
    seen_at REAL NOT NULL,                   -- when it was last found to be so (to the minute)
    resolved_at REAL,
    acknowledged_at REAL, acknowledged_by TEXT,
    told_at REAL NOT NULL,                   -- when people were last told that it fires (0: never)
    told BIGINT NOT NULL,                    -- 1: they were told of this firing, and are to be told of its end
    owed BIGINT NOT NULL,                    -- 1: its newest state is still to be posted to the webhook
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX alerts_firing ON alerts (tenant, rule, subject) WHERE state = 'firing';
CREATE INDEX alerts_subject ON alerts (tenant, rule, subject, fired_at);
CREATE INDEX alerts_owed ON alerts (tenant, id) WHERE owed = 1;
