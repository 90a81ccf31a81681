-- What the chats must not forget: updates that came and are not handled yet, and their small notes.

CREATE TABLE inbox (
    seq        INTEGER PRIMARY KEY,
    platform   TEXT NOT NULL,
    id         INTEGER NOT NULL,
    lane       TEXT NOT NULL,
    sender     TEXT NOT NULL,
    payload    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    handled_at INTEGER,
    trouble    TEXT,
    CONSTRAINT inbox_id UNIQUE (platform, id),
    CHECK (trouble IS NULL OR handled_at IS NOT NULL)
) STRICT;
CREATE INDEX inbox_waiting ON inbox (platform, seq) WHERE handled_at IS NULL;
CREATE INDEX inbox_handled ON inbox (handled_at) WHERE handled_at IS NOT NULL;
CREATE INDEX inbox_sender ON inbox (platform, sender);

-- An adapter's notes by name: dialogues, status messages, file ids, what was said when. `owner` is whose it is.
CREATE TABLE memory (
    name    TEXT PRIMARY KEY,
    value   TEXT NOT NULL,
    owner   TEXT,
    expires INTEGER
) STRICT;
CREATE INDEX memory_owner ON memory (owner) WHERE owner IS NOT NULL;
CREATE INDEX memory_expires ON memory (expires) WHERE expires IS NOT NULL;
