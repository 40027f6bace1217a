SELECT request_id FROM ingest.requests WHERE request_id = ANY ($1::text[])
