-- In which language people are spoken to, and who was told whom they are talking to. A language is a tag of ours, or empty.

ALTER TABLE identities ADD COLUMN language TEXT NOT NULL DEFAULT '';     -- as its platform said last
ALTER TABLE inbox ADD COLUMN language TEXT NOT NULL DEFAULT '';          -- of the one who spoke
ALTER TABLE deliveries ADD COLUMN language TEXT NOT NULL DEFAULT '';     -- of what we say beside it

CREATE TABLE first_contacts (                -- an identity was told what this assistant is, and who answers for it
    tenant TEXT NOT NULL, identity_id TEXT NOT NULL, assistant TEXT NOT NULL,
    delivery_id TEXT NOT NULL, created_at REAL NOT NULL,
    PRIMARY KEY (tenant, identity_id, assistant)
);
