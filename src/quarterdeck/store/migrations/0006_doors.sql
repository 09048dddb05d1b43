-- What doors keep: rotation and use of tokens, who handed a file in, and answers under a client's key.

ALTER TABLE tokens ADD COLUMN previous_hash BLOB;        -- of the token before the newest rotation
ALTER TABLE tokens ADD COLUMN previous_until REAL;       -- it holds until then
ALTER TABLE tokens ADD COLUMN rotated_at REAL;
ALTER TABLE tokens ADD COLUMN used_at REAL;              -- to the minute
CREATE UNIQUE INDEX tokens_previous ON tokens (previous_hash) WHERE previous_hash IS NOT NULL;

CREATE TABLE uploads (                       -- who handed a file in: others may not attach it unseen
    tenant TEXT NOT NULL, digest TEXT NOT NULL, principal TEXT NOT NULL, created_at REAL NOT NULL,
    PRIMARY KEY (tenant, digest, principal)
);

CREATE TABLE kept_answers (
    tenant TEXT NOT NULL, key_hash BLOB NOT NULL,        -- of asker, route, path and the client's key
    request_hash BLOB NOT NULL,              -- of what was asked
    status BIGINT NOT NULL,
    answer BLOB NOT NULL,                    -- sealed under the client's key
    created_at REAL NOT NULL,
    PRIMARY KEY (tenant, key_hash)
);
CREATE INDEX kept_answers_age ON kept_answers (tenant, created_at);
