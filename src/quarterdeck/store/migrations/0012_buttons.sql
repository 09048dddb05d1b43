-- Buttons: what may be chosen under a message of ours. Over the wire goes ID.NUMBER; what it means stands here only.

CREATE TABLE choices (
    tenant TEXT NOT NULL, id TEXT NOT NULL,  -- random: nobody can guess one
    delivery_id TEXT NOT NULL,               -- the message that the buttons stand under
    session_id TEXT NOT NULL,
    connection TEXT NOT NULL, room_id TEXT NOT NULL,
    identity_id TEXT NOT NULL,               -- whom the message was for
    offered BLOB NOT NULL,                   -- rows of labels and commands, as JSON
    state TEXT NOT NULL,                     -- open | pressed | superseded
    pressed_by TEXT NOT NULL,                -- an identity, empty as long as nobody has
    created_at REAL NOT NULL, closed_at REAL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX choices_open ON choices (tenant, session_id) WHERE state = 'open';

ALTER TABLE parts ADD COLUMN choices_id TEXT NOT NULL DEFAULT '';        -- whose buttons stand under it, empty for none
