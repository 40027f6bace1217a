UPDATE aggregator.requests
SET assembled_at = $2, succeeded = $3, failed = $4, not_attempted = $5, bytes_in = $6, bytes_out = $7,
    failures_by_code = $8, failures_by_host = $9, output_sha256 = $10, failures_sha256 = $11
WHERE request_id = $1 AND assembled_at IS NULL
RETURNING *
