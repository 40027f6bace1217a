DELETE FROM ingest.uploads WHERE request_id = $1 RETURNING request_id
