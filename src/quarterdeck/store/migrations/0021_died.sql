-- expand
-- A process that was found dead by another, and did not leave by itself.

ALTER TABLE processes ADD COLUMN died BIGINT NOT NULL DEFAULT 0;  -- 1: so
