-- expand
-- The instruction files in force of every assistant, for every process on a database. Beside SQLite they are files, and
-- this is empty.

CREATE TABLE instruction_files (
  tenant     TEXT NOT NULL,
  assistant  TEXT NOT NULL,
  name       TEXT NOT NULL,
  data       BLOB NOT NULL,                      -- UTF-8
  digest     TEXT NOT NULL,                      -- of data
  PRIMARY KEY (tenant, assistant, name)
);
