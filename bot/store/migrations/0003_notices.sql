-- Notices are kept until an operator has been told. `at` is when there was something to tell. Beyond the first few of a
-- family in an hour they are held for one message that sums them up.

ALTER TABLE notices ADD COLUMN state TEXT NOT NULL DEFAULT 'told'
    CHECK (state IN ('due', 'told', 'held', 'summed', 'dropped'));
ALTER TABLE notices ADD COLUMN text TEXT NOT NULL DEFAULT '';
ALTER TABLE notices ADD COLUMN buttons TEXT NOT NULL DEFAULT '[]';
ALTER TABLE notices ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN told_at INTEGER;
CREATE INDEX notices_at ON notices (at);
CREATE INDEX notices_due ON notices (due_at) WHERE state = 'due';
CREATE INDEX notices_held ON notices (at) WHERE state = 'held';

-- From now on `until` bounds a video that is being handed over too.
UPDATE extras SET until = asked_at + 86400000 WHERE video IS NOT NULL AND ended_at IS NULL;
