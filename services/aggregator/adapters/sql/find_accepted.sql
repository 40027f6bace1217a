SELECT request FROM ingest.requests WHERE request_id = $1
