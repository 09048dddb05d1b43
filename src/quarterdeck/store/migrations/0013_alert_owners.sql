-- Who is answerable for what is wrong.

ALTER TABLE alerts ADD COLUMN owner TEXT NOT NULL DEFAULT '';            -- names; empty: it is older than this column
