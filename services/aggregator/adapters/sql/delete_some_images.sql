DELETE FROM aggregator.images
WHERE ctid = ANY (ARRAY(SELECT ctid FROM aggregator.images WHERE request_id = $1 LIMIT $2))
