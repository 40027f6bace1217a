-- From here on late results change nothing.
INSERT INTO aggregator.results
    (request_id, index, outcome, error_code, error_message, renditions, bytes_in, bytes_out, attempts, duration_ms)
SELECT $1, missing, 'not_attempted', $3, $4, '[]', 0, 0, 0, 0
FROM generate_series(0, $2::integer - 1) AS missing
ON CONFLICT (request_id, index) DO NOTHING
