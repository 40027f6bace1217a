-- What is kept of a deleted request: its name, under which nothing can be made any more, until its objects have been
-- removed for the last time. Pictures that were under way at its deletion are stored after it.
CREATE TABLE IF NOT EXISTS ingest.deleted_requests (
    request_id text PRIMARY KEY,
    deleted_at timestamptz NOT NULL,
    remove_again_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS deleted_requests_due ON ingest.deleted_requests (remove_again_at);
