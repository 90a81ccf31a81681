-- The ledger's checks read these alone, in their order: a million transfers in about a second, the rows themselves unread.

DROP INDEX transfers_source;
DROP INDEX transfers_target;
CREATE INDEX transfers_source ON transfers (source, id, amount, target);
CREATE INDEX transfers_target ON transfers (target, id, amount, source);
CREATE INDEX jobs_ledger ON jobs (id, payer, price, outcome, refunded_at);
-- What a check looks for is never there, so this one is empty.
CREATE INDEX jobs_nowhere ON jobs (id) WHERE state = 'delivered' AND delivered_to IS NULL;

-- What outlives a person's erasure, so that being forgotten lifts no block, gives no second welcome and no second day's
-- credits. `mark` is the HMAC of the platform's id under a key of this installation's (meta); the id stands nowhere.
CREATE TABLE forgotten (
    mark       TEXT PRIMARY KEY,
    blocked_at INTEGER,
    denied_at  INTEGER,
    welcomed   INTEGER NOT NULL DEFAULT 0 CHECK (welcomed IN (0, 1)),
    day        INTEGER NOT NULL DEFAULT 0,
    spent      INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0)
) STRICT;
