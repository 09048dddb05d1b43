-- Files that are sent.

ALTER TABLE parts ADD COLUMN file TEXT NOT NULL DEFAULT '';              -- an attachment as JSON, empty where it is a text
