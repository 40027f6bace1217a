-- Requests that have not ended, the oldest first: the aggregator's watchdog looks for those that it never heard of.
CREATE INDEX IF NOT EXISTS requests_without_end ON ingest.requests (accepted_at, request_id) WHERE ended_at IS NULL;
