UPDATE aggregator.requests SET published_at = $2 WHERE request_id = $1 AND published_at IS NULL
