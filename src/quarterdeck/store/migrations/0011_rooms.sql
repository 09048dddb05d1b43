-- Groups: who let them in, whether the bot can write there, and under which id they went on.

ALTER TABLE rooms ADD COLUMN state TEXT NOT NULL DEFAULT 'unknown';      -- of a group: unknown | allowed | denied
ALTER TABLE rooms ADD COLUMN absent TEXT NOT NULL DEFAULT '';            -- why the bot cannot write there: removed, blocked, muted
ALTER TABLE rooms ADD COLUMN moved_from TEXT NOT NULL DEFAULT '';        -- its conversations are those of the room with this native id

ALTER TABLE pairings ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';     -- person | group: who is to be let in
DROP INDEX pairings_open;
CREATE UNIQUE INDEX pairings_open ON pairings (tenant, identity_id) WHERE state = 'asked' AND kind = 'person';
CREATE UNIQUE INDEX pairings_open_group ON pairings (tenant, room_id) WHERE state = 'asked' AND kind = 'group';
