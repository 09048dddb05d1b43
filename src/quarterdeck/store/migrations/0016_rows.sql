-- expand
-- What every process on a database has to see: the bytes of blobs. Beside SQLite they are files, and this is empty.

CREATE TABLE blob_parts (
  tenant TEXT   NOT NULL,
  digest TEXT   NOT NULL,                        -- of the whole
  n      BIGINT NOT NULL,
  data   BLOB   NOT NULL,                        -- 1 MiB, but for the last one
  PRIMARY KEY (tenant, digest, n)
);
-- only postgresql
ALTER TABLE blob_parts ALTER COLUMN data SET STORAGE EXTERNAL;  -- pictures and documents are packed already
-- both
