-- By a request, or by one that was deleted.
SELECT EXISTS (SELECT FROM ingest.requests WHERE request_id = $1)
    OR EXISTS (SELECT FROM ingest.deleted_requests WHERE request_id = $1)
