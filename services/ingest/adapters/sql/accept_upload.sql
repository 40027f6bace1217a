DELETE FROM ingest.uploads WHERE request_id = $1 AND lease = $2 RETURNING request_id
