UPDATE ingest.deleted_requests SET remove_again_at = $2 WHERE request_id = $1
