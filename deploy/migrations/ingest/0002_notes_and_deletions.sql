-- What a submitter was told beside the request itself: a repeated submission gets the same answer.
ALTER TABLE ingest.requests ADD COLUMN IF NOT EXISTS notes jsonb NOT NULL DEFAULT '{}';

-- From this moment the request is to be deleted: whoever sees the row finishes what a crash left undone.
ALTER TABLE ingest.requests ADD COLUMN IF NOT EXISTS deleted_at timestamptz;
CREATE INDEX IF NOT EXISTS requests_deleted ON ingest.requests (deleted_at) WHERE deleted_at IS NOT NULL;
