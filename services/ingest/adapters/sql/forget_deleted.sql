DELETE FROM ingest.deleted_requests WHERE request_id = $1
