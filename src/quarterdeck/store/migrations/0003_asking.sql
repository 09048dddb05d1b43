-- How whoever asks wants to be answered, and what the door that it came by keeps with it.

ALTER TABLE inbox ADD COLUMN options BLOB;
ALTER TABLE inbox ADD COLUMN asked BLOB;
