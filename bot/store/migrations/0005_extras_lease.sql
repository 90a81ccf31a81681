-- A worker holds an extra under a number while it looks for its video or hands it over, as it holds a job.

ALTER TABLE extras ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;
ALTER TABLE extras ADD COLUMN leased_until INTEGER NOT NULL DEFAULT 0;
