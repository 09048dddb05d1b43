-- What each model call cost, and for whom: a settlement is counted by these columns without looking anywhere else.

ALTER TABLE ledger ADD COLUMN tokens_cache_write BIGINT NOT NULL DEFAULT 0;  -- of tokens_in
ALTER TABLE ledger ADD COLUMN tokens_reasoning BIGINT NOT NULL DEFAULT 0;    -- of tokens_out
ALTER TABLE ledger ADD COLUMN amount BIGINT;                                 -- 10^-9 of the currency; NULL: no price
ALTER TABLE ledger ADD COLUMN currency TEXT NOT NULL DEFAULT '';             -- empty: no price
ALTER TABLE ledger ADD COLUMN price_version TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN assistant TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN session_id TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN connection TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN identity_id TEXT NOT NULL DEFAULT '';

UPDATE ledger SET assistant = s.assistant, session_id = s.id, connection = s.connection, identity_id = s.identity_id
    FROM intents i, sessions s
    WHERE i.tenant = ledger.tenant AND i.id = ledger.intent_id AND s.tenant = i.tenant AND s.id = i.session_id;

CREATE INDEX ledger_settled ON ledger (tenant, created_at) WHERE kind = 'settle';
