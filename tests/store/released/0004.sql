-- A database as schema 4 left it: as before, the delivered video is being sent again, and somebody was forgotten.
BEGIN TRANSACTION;
CREATE TABLE access (
    user_id      INTEGER UNIQUE REFERENCES users (id),
    community_id INTEGER UNIQUE REFERENCES communities (id),
    allowed      INTEGER NOT NULL CHECK (allowed IN (0, 1)),
    at           INTEGER NOT NULL,
    CHECK ((user_id IS NULL) <> (community_id IS NULL))
) STRICT;
INSERT INTO "access" VALUES(3,NULL,1,1795000080000);
INSERT INTO "access" VALUES(NULL,1,1,1795000080000);
CREATE TABLE balances (
    account   TEXT PRIMARY KEY,
    available INTEGER NOT NULL DEFAULT 0 CHECK (available >= 0),
    held      INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0)
) STRICT;
INSERT INTO "balances" VALUES('user:1',940,30);
INSERT INTO "balances" VALUES('user:2',1020,30);
CREATE TABLE communities (
    id          INTEGER PRIMARY KEY,
    platform    TEXT NOT NULL,
    external_id TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (platform, external_id)
) STRICT;
INSERT INTO "communities" VALUES(1,'telegram-chat','-100',1795000080000);
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
INSERT INTO "deliveries" VALUES('RV0WHE6M11',1,'message',0,1795000080000,1795000080000,'m1',NULL);
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
INSERT INTO "drafts" VALUES('84G7ZWYRD6Z1','ask:1',0,1,'user:1','{"platform":"web","address":"ada"}','{"model":"veo-3-1:lite","prompt":"a happy dog"}','{"model":"veo-3-1:lite","kie_model":"veo-3-1","input":{"prompt":"a happy dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false},"kie_credits":"30","credits":30,"rule":"Veo 3.1 Lite, 720p: 30 KIE credits a video","aspect":"16:9","seconds":8,"quality":"720p","sound":true,"notes":[]}',30,1795000000000,1795000900000,'RV0WHE6M11');
INSERT INTO "drafts" VALUES('CESPPXH0R8DV','ask:2',0,2,'user:2','{"platform":"web","address":"bob"}','{"model":"veo-3-1:lite","prompt":"a second dog"}','{"model":"veo-3-1:lite","kie_model":"veo-3-1","input":{"prompt":"a second dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false},"kie_credits":"30","credits":30,"rule":"Veo 3.1 Lite, 720p: 30 KIE credits a video","aspect":"16:9","seconds":8,"quality":"720p","sound":true,"notes":[]}',30,1795000080000,1795000980000,'3YQCTZPTP0');
INSERT INTO "drafts" VALUES('VEWE1SMV3K8D','ask:3',0,1,'user:1','{"platform":"web","address":"ada"}','{"model":"veo-3-1:lite","prompt":"a third dog"}','{"model":"veo-3-1:lite","kie_model":"veo-3-1","input":{"prompt":"a third dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false},"kie_credits":"30","credits":30,"rule":"Veo 3.1 Lite, 720p: 30 KIE credits a video","aspect":"16:9","seconds":8,"quality":"720p","sound":true,"notes":[]}',30,1795000080000,1795000980000,'3K44KKATG8');
INSERT INTO "drafts" VALUES('Z86M2T4R98N7','ask:4',0,1,'user:1','{"platform":"web","address":"ada"}','{"model":"veo-3-1:lite","prompt":"a happy dog","first":{"sha256":"51e467415607798220a3776f6ae1a2a09ddc7e5dcdc955d685477b4cf05ade22","mime":"image/jpeg","width":1280,"height":720,"size":5}}','{"model":"veo-3-1:lite","kie_model":"veo-3-1","input":{"prompt":"a happy dog","model":"veo3_lite","image_urls":["picture:51e467415607798220a3776f6ae1a2a09ddc7e5dcdc955d685477b4cf05ade22"],"generation_type":"FIRST_AND_LAST_FRAMES_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false},"kie_credits":"30","credits":30,"rule":"Veo 3.1 Lite, 720p: 30 KIE credits a video","aspect":"16:9","seconds":8,"quality":"720p","sound":true,"notes":["Shape 16:9, the nearest to your picture."]}',30,1795000080000,1795000980000,NULL);
CREATE TABLE events (
    id     INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES jobs (id),
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO "events" VALUES(1,'RV0WHE6M11',1795000000000,'ordered','{"price":30,"rule":"Veo 3.1 Lite, 720p: 30 KIE credits a video"}');
INSERT INTO "events" VALUES(2,'RV0WHE6M11',1795000000000,'submitting','{"model":"veo-3-1","input":{"prompt":"a happy dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false}}');
INSERT INTO "events" VALUES(3,'RV0WHE6M11',1795000000000,'accepted','{"task_id":"task1"}');
INSERT INTO "events" VALUES(4,'RV0WHE6M11',1795000060000,'answered','{"record":{}}');
INSERT INTO "events" VALUES(5,'RV0WHE6M11',1795000060000,'settled','{"charged":30,"kie_cost":"30","kie_seconds":null,"size":5}');
INSERT INTO "events" VALUES(6,'RV0WHE6M11',1795000080000,'delivered','{"to":"message","message":"m1"}');
INSERT INTO "events" VALUES(7,'3YQCTZPTP0',1795000080000,'ordered','{"price":30,"rule":"Veo 3.1 Lite, 720p: 30 KIE credits a video"}');
INSERT INTO "events" VALUES(8,'3YQCTZPTP0',1795000080000,'submitting','{"model":"veo-3-1","input":{"prompt":"a second dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false}}');
INSERT INTO "events" VALUES(9,'3YQCTZPTP0',1795000080000,'accepted','{"task_id":"task2"}');
INSERT INTO "events" VALUES(10,'3K44KKATG8',1795000080000,'ordered','{"price":30,"rule":"Veo 3.1 Lite, 720p: 30 KIE credits a video"}');
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
INSERT INTO "extras" VALUES('RV0WHE6M11',NULL,1795000100000,1795000100000,1795086500000,'{"file":"RV0WHE6M11.mp4","size":5,"width":1280,"height":720,"seconds":"10","sound":true,"thumbnail":null}',NULL);
CREATE TABLE forgotten (
    mark       TEXT PRIMARY KEY,
    blocked_at INTEGER,
    denied_at  INTEGER,
    welcomed   INTEGER NOT NULL DEFAULT 0 CHECK (welcomed IN (0, 1)),
    day        INTEGER NOT NULL DEFAULT 0,
    spent      INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0)
) STRICT;
INSERT INTO "forgotten" VALUES('5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f',1795000090000,NULL,1,1794960000000,30);
CREATE TABLE gates (
    account   TEXT PRIMARY KEY,
    code      INTEGER NOT NULL,
    text      TEXT NOT NULL,
    closed_at INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    retry_at  INTEGER NOT NULL
) STRICT;
CREATE TABLE identities (
    platform    TEXT NOT NULL,
    external_id TEXT NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (platform, external_id)
) STRICT;
INSERT INTO "identities" VALUES('web','ada',1);
INSERT INTO "identities" VALUES('web','bob',2);
INSERT INTO "identities" VALUES('telegram','5',3);
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
INSERT INTO "inbox" VALUES(1,'telegram',41,'5','5','{"update_id":41}',1795000080000,1,1795000081000,NULL);
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
INSERT INTO "jobs" VALUES('RV0WHE6M11','ask:1',1,'user:1','{"platform":"web","address":"ada"}','{"model":"veo-3-1:lite","prompt":"a happy dog"}','veo-3-1:lite','veo-3-1','{"prompt":"a happy dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false}',30,30000000,'delivered',1795000000000,1795000060000,5,0,0,'10RDV1EWZEPEEXJ1T6BJ7NVCKJ',0,NULL,'task1','print',1795000000000,0,1795000060000,'video',NULL,NULL,'{"file":"RV0WHE6M11.mp4","size":5,"width":1280,"height":720,"seconds":"10","sound":true,"thumbnail":null}','ZS2YFSTBQQ5W6ASQZ1Y2KSAAE0',30000000,NULL,1795000080000,'message','m1',NULL,NULL);
INSERT INTO "jobs" VALUES('3YQCTZPTP0','ask:2',2,'user:2','{"platform":"web","address":"bob"}','{"model":"veo-3-1:lite","prompt":"a second dog"}','veo-3-1:lite','veo-3-1','{"prompt":"a second dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false}',30,30000000,'running',1795000080000,1795000100000,1,0,0,'NX1EBB5G2451W0HFH7BPJ4AAGA',0,NULL,'task2','print',1795000080000,0,NULL,NULL,NULL,NULL,NULL,'HJXMZY71KRNTCG6GDV1E1S92AW',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('3K44KKATG8','ask:3',1,'user:1','{"platform":"web","address":"ada"}','{"model":"veo-3-1:lite","prompt":"a third dog"}','veo-3-1:lite','veo-3-1','{"prompt":"a third dog","model":"veo3_lite","generation_type":"TEXT_2_VIDEO","aspect_ratio":"16:9","resolution":"720p","duration":8,"enable_translation":false}',30,30000000,'queued',1795000080000,1795000080000,0,0,0,'02DXA2RCP6DVCZ6RJZ1MSJ1ACM',0,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,'8NVDH6RPZF4258AADHNGQNN7JF',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE memory (
    name    TEXT PRIMARY KEY,
    value   TEXT NOT NULL,
    owner   TEXT,
    expires INTEGER
) STRICT;
INSERT INTO "memory" VALUES('telegram:status:RV0WHE6M11','17','telegram:5',NULL);
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO "meta" VALUES('paused','tea');
CREATE TABLE model_states (
    provider TEXT NOT NULL,
    model    TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
    since    TEXT,
    reason   TEXT NOT NULL DEFAULT '',
    at       INTEGER NOT NULL,
    PRIMARY KEY (provider, model)
) STRICT;
CREATE TABLE notices (
    kind TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
, state TEXT NOT NULL DEFAULT 'told'
    CHECK (state IN ('due', 'told', 'held', 'summed', 'dropped')), text TEXT NOT NULL DEFAULT '', buttons TEXT NOT NULL DEFAULT '[]', tries INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0, told_at INTEGER) STRICT;
INSERT INTO "notices" VALUES('gate',1795000080000,'told','','[]',0,0,NULL);
INSERT INTO "notices" VALUES('gate:402',1795000090000,'due','KIE takes no submissions.','[]',0,1795000150000,NULL);
CREATE TABLE operators (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    at      INTEGER NOT NULL
) STRICT;
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
INSERT INTO "pictures" VALUES('51e467415607798220a3776f6ae1a2a09ddc7e5dcdc955d685477b4cf05ade22','image/jpeg',1280,720,5,1,1795000080000,1795000080000);
CREATE TABLE strikes (
    id      INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    rule    TEXT NOT NULL,
    at      INTEGER NOT NULL
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
INSERT INTO "transfers" VALUES(1,1795000000000,'issuance','user:1',1000,'welcome:1','welcome');
INSERT INTO "transfers" VALUES(2,1795000000000,'user:1','job:RV0WHE6M11',30,'hold:RV0WHE6M11','');
INSERT INTO "transfers" VALUES(3,1795000060000,'job:RV0WHE6M11','house',30,'settle:RV0WHE6M11','');
INSERT INTO "transfers" VALUES(4,1795000080000,'issuance','user:2',1000,'welcome:2','welcome');
INSERT INTO "transfers" VALUES(5,1795000080000,'user:2','job:3YQCTZPTP0',30,'hold:3YQCTZPTP0','');
INSERT INTO "transfers" VALUES(6,1795000080000,'user:1','job:3K44KKATG8',30,'hold:3K44KKATG8','');
INSERT INTO "transfers" VALUES(7,1795000080000,'issuance','user:2',50,'grant:k','a gift');
CREATE TABLE uploads (
    sha256 TEXT PRIMARY KEY,
    url    TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE TABLE users (
    id              INTEGER PRIMARY KEY,
    created_at      INTEGER NOT NULL,
    blocked_at      INTEGER,
    privacy_told_at INTEGER,
    forgotten_at    INTEGER,
    settings        TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO "users" VALUES(1,1795000000000,NULL,1795000000000,NULL,'{}');
INSERT INTO "users" VALUES(2,1795000080000,NULL,1795000080000,NULL,'{}');
INSERT INTO "users" VALUES(3,1795000080000,NULL,NULL,NULL,'{}');
CREATE INDEX identities_user ON identities (user_id);
CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers
BEGIN
    SELECT RAISE(ABORT, 'a transfer never changes');
END;
CREATE TRIGGER transfers_never_go BEFORE DELETE ON transfers
BEGIN
    SELECT RAISE(ABORT, 'a transfer is never deleted');
END;
CREATE INDEX pictures_user ON pictures (user_id);
CREATE INDEX drafts_created ON drafts (created_at);
CREATE INDEX jobs_due ON jobs (state, due_at) WHERE state <> 'delivered';
CREATE INDEX jobs_queue ON jobs (created_at, user_id) WHERE state = 'queued';
CREATE INDEX jobs_open_user ON jobs (user_id, state) WHERE state IN ('queued', 'submitting', 'running');
CREATE INDEX jobs_user ON jobs (user_id, created_at);
CREATE INDEX jobs_submitted ON jobs (submitted_at) WHERE submitted_at IS NOT NULL;
CREATE INDEX jobs_model ON jobs (model, settled_at) WHERE outcome = 'video';
CREATE INDEX jobs_task ON jobs (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX jobs_videos ON jobs (ended_at) WHERE video IS NOT NULL AND removed_at IS NULL;
CREATE INDEX events_job ON events (job_id, id);
CREATE INDEX extras_due ON extras (due_at) WHERE ended_at IS NULL;
CREATE INDEX inbox_waiting ON inbox (platform, seq) WHERE handled_at IS NULL;
CREATE INDEX inbox_handled ON inbox (handled_at) WHERE handled_at IS NOT NULL;
CREATE INDEX inbox_sender ON inbox (platform, sender);
CREATE INDEX memory_owner ON memory (owner) WHERE owner IS NOT NULL;
CREATE INDEX memory_expires ON memory (expires) WHERE expires IS NOT NULL;
CREATE INDEX notices_at ON notices (at);
CREATE INDEX notices_due ON notices (due_at) WHERE state = 'due';
CREATE INDEX notices_held ON notices (at) WHERE state = 'held';
CREATE INDEX transfers_source ON transfers (source, id, amount, target);
CREATE INDEX transfers_target ON transfers (target, id, amount, source);
CREATE INDEX jobs_ledger ON jobs (id, payer, price, outcome, refunded_at);
CREATE INDEX jobs_nowhere ON jobs (id) WHERE state = 'delivered' AND delivered_to IS NULL;
COMMIT;
