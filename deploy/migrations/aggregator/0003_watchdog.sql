-- The one watchdog that works. It is taken over when the lease has expired.
CREATE TABLE IF NOT EXISTS aggregator.leases (
    name       text PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- How often lost images of a chunk were requested again.
CREATE TABLE IF NOT EXISTS aggregator.republished_chunks (
    request_id uuid NOT NULL,
    chunk      integer NOT NULL,
    times      integer NOT NULL,
    PRIMARY KEY (request_id, chunk)
);

-- Requests without an end, page by page and by deadline; and those whose completion is not published.
CREATE INDEX IF NOT EXISTS requests_without_end ON aggregator.requests (request_id) WHERE end_trigger IS NULL;
CREATE INDEX IF NOT EXISTS requests_by_deadline
    ON aggregator.requests (deadline_at, request_id) WHERE end_trigger IS NULL;
CREATE INDEX IF NOT EXISTS requests_unpublished
    ON aggregator.requests (ended_at) WHERE end_trigger IS NOT NULL AND published_at IS NULL;
