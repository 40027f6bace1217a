-- From here on late results change nothing.
INSERT INTO aggregator.results
    (request_id, index, outcome, error_code, error_message, renditions, bytes_in, bytes_out, attempts, duration_ms)
SELECT $1, missing, 'not_attempted', $4, $5, '[]', 0, 0, 0, 0
FROM generate_series($2::integer, $3::integer) AS missing
ON CONFLICT (request_id, index) DO NOTHING
