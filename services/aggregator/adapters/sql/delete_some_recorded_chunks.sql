DELETE FROM aggregator.recorded_chunks
WHERE ctid = ANY (ARRAY(SELECT ctid FROM aggregator.recorded_chunks WHERE request_id = $1 LIMIT $2))
