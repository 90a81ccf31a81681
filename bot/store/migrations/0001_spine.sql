-- The first schema. Times are Unix milliseconds; credits are integers; KIE credits are integer millionths (_micro).
-- Written in the subset that SQLite and PostgreSQL share, but for STRICT and the two triggers.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- --- people -----------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id              INTEGER PRIMARY KEY,
    created_at      INTEGER NOT NULL,
    blocked_at      INTEGER,
    privacy_told_at INTEGER,
    forgotten_at    INTEGER,
    settings        TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- The only place where a platform's id of a person stands: erasing them is deleting this row.
CREATE TABLE identities (
    platform    TEXT NOT NULL,
    external_id TEXT NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (platform, external_id)
) STRICT;
CREATE INDEX identities_user ON identities (user_id);

CREATE TABLE communities (
    id          INTEGER PRIMARY KEY,
    platform    TEXT NOT NULL,
    external_id TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (platform, external_id)
) STRICT;

CREATE TABLE access (
    user_id      INTEGER UNIQUE REFERENCES users (id),
    community_id INTEGER UNIQUE REFERENCES communities (id),
    allowed      INTEGER NOT NULL CHECK (allowed IN (0, 1)),
    at           INTEGER NOT NULL,
    CHECK ((user_id IS NULL) <> (community_id IS NULL))
) STRICT;

CREATE TABLE operators (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    at      INTEGER NOT NULL
) STRICT;

-- What the content gate stopped: who, by which rule, when; never the words.
CREATE TABLE strikes (
    id      INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    rule    TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

-- --- money ------------------------------------------------------------------------------------------------------

-- Accounts: user:<id>, pool:<community id>, job:<id>, house, issuance, operator. Only payers have a row here; the
-- others are sums of transfers, since a row that every posting touches is what breaks ledgers (engines.md 2).
CREATE TABLE balances (
    account   TEXT PRIMARY KEY,
    available INTEGER NOT NULL DEFAULT 0 CHECK (available >= 0),
    held      INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0)
) STRICT;

CREATE TABLE transfers (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    source    TEXT NOT NULL,
    target    TEXT NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount > 0),
    reference TEXT NOT NULL,
    reason    TEXT NOT NULL DEFAULT '',
    CONSTRAINT transfers_reference UNIQUE (reference),
    CHECK (source <> target)
) STRICT;
CREATE INDEX transfers_source ON transfers (source, id);
CREATE INDEX transfers_target ON transfers (target, id);

CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers
BEGIN
    SELECT RAISE(ABORT, 'a transfer never changes');
END;
CREATE TRIGGER transfers_never_go BEFORE DELETE ON transfers
BEGIN
    SELECT RAISE(ABORT, 'a transfer is never deleted');
END;

-- --- requests ---------------------------------------------------------------------------------------------------

-- A picture belongs to everyone who sent it; its file goes when the last of them is gone.
CREATE TABLE pictures (
    sha256     TEXT NOT NULL,
    mime       TEXT NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (sha256, user_id)
) STRICT;
CREATE INDEX pictures_user ON pictures (user_id);

-- Where KIE has a picture; an address lives a day, so one under 20 h old is used again.
CREATE TABLE uploads (
    sha256 TEXT PRIMARY KEY,
    url    TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

CREATE TABLE drafts (
    id         TEXT PRIMARY KEY,
    key        TEXT NOT NULL,
    n          INTEGER NOT NULL DEFAULT 0,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    payer      TEXT NOT NULL,
    chat       TEXT NOT NULL,
    request    TEXT NOT NULL,
    quote      TEXT NOT NULL,
    price      INTEGER NOT NULL CHECK (price > 0),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    job_id     TEXT,
    CONSTRAINT drafts_key UNIQUE (key, n)
) STRICT;
CREATE INDEX drafts_created ON drafts (created_at);

CREATE TABLE jobs (
    id               TEXT PRIMARY KEY,
    key              TEXT NOT NULL,
    user_id          INTEGER NOT NULL REFERENCES users (id),
    payer            TEXT NOT NULL,
    chat             TEXT NOT NULL,
    request          TEXT NOT NULL,
    model            TEXT NOT NULL,
    kie_model        TEXT NOT NULL,
    input            TEXT NOT NULL,
    price            INTEGER NOT NULL CHECK (price > 0),
    kie_credits_micro INTEGER NOT NULL CHECK (kie_credits_micro >= 0),
    state            TEXT NOT NULL CHECK (state IN ('queued', 'submitting', 'running', 'settled', 'delivered')),
    created_at       INTEGER NOT NULL,
    due_at           INTEGER NOT NULL,
    lease            INTEGER NOT NULL DEFAULT 0,
    leased_until     INTEGER NOT NULL DEFAULT 0,
    attempts         INTEGER NOT NULL DEFAULT 0,
    callback_token   TEXT NOT NULL,
    with_callback    INTEGER NOT NULL DEFAULT 0 CHECK (with_callback IN (0, 1)),
    hinted_task      TEXT,
    task_id          TEXT,
    key_print        TEXT,
    submitted_at     INTEGER,
    patience_told    INTEGER NOT NULL DEFAULT 0 CHECK (patience_told IN (0, 1)),
    settled_at       INTEGER,
    outcome          TEXT CHECK (outcome IN ('video', 'failure')),
    failure_kind     TEXT,
    failure_text     TEXT,
    video            TEXT,
    video_token      TEXT NOT NULL,
    kie_cost_micro   INTEGER CHECK (kie_cost_micro >= 0),
    refunded_at      INTEGER,
    ended_at         INTEGER,
    delivered_to     TEXT,
    message_id       TEXT,
    seen_at          INTEGER,
    removed_at       INTEGER,
    CONSTRAINT jobs_key UNIQUE (key),
    -- an outcome exists exactly when the job is settled, a task id only after it was sent
    CHECK ((outcome IS NULL) = (state IN ('queued', 'submitting', 'running'))),
    CHECK ((settled_at IS NULL) = (outcome IS NULL)),
    CHECK ((failure_kind IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'failure')),
    CHECK (state <> 'running' OR task_id IS NOT NULL),
    CHECK (state <> 'submitting' OR submitted_at IS NOT NULL),
    CHECK ((ended_at IS NULL) = (state <> 'delivered')),
    CHECK (refunded_at IS NULL OR (outcome IS NOT NULL AND outcome = 'video'))
) STRICT;
CREATE INDEX jobs_due ON jobs (state, due_at) WHERE state <> 'delivered';
CREATE INDEX jobs_queue ON jobs (created_at, user_id) WHERE state = 'queued';
CREATE INDEX jobs_open_user ON jobs (user_id, state) WHERE state IN ('queued', 'submitting', 'running');
CREATE INDEX jobs_user ON jobs (user_id, created_at);
CREATE INDEX jobs_submitted ON jobs (submitted_at) WHERE submitted_at IS NOT NULL;
CREATE INDEX jobs_model ON jobs (model, settled_at) WHERE outcome = 'video';
CREATE INDEX jobs_task ON jobs (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX jobs_videos ON jobs (ended_at) WHERE video IS NOT NULL AND removed_at IS NULL;

CREATE TABLE events (
    id     INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX events_job ON events (job_id, id);

-- A row stands before each attempt; one without an end is what a crash leaves: look first, then try again.
CREATE TABLE deliveries (
    job_id     TEXT NOT NULL REFERENCES jobs (id),
    number     INTEGER NOT NULL,
    route      TEXT NOT NULL,
    extra      INTEGER NOT NULL DEFAULT 0 CHECK (extra IN (0, 1)),
    at         INTEGER NOT NULL,
    ended_at   INTEGER,
    message_id TEXT,
    error      TEXT,
    PRIMARY KEY (job_id, number)
) STRICT;

-- Videos to hand over beside a job's own end: one that may still come after its refund (a gift, ledger unchanged; then
-- task_id tells what to watch), or one that an operator sends again.
CREATE TABLE extras (
    job_id   TEXT PRIMARY KEY REFERENCES jobs (id),
    task_id  TEXT,
    asked_at INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    video    TEXT,
    ended_at INTEGER,
    CHECK (task_id IS NOT NULL OR video IS NOT NULL)
) STRICT;
CREATE INDEX extras_due ON extras (due_at) WHERE ended_at IS NULL;

-- --- the provider -----------------------------------------------------------------------------------------------

CREATE TABLE model_states (
    provider TEXT NOT NULL,
    model    TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
    since    TEXT,
    reason   TEXT NOT NULL DEFAULT '',
    at       INTEGER NOT NULL,
    PRIMARY KEY (provider, model)
) STRICT;

CREATE TABLE gates (
    account   TEXT PRIMARY KEY,
    code      INTEGER NOT NULL,
    text      TEXT NOT NULL,
    closed_at INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    retry_at  INTEGER NOT NULL
) STRICT;

-- When each kind of operator notice was last sent, so that trouble is told once and not thirty times.
CREATE TABLE notices (
    kind TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;
