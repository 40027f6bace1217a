SELECT index, outcome, note, error_code, error_message, source, renditions, attempts
FROM aggregator.results
WHERE request_id = $1 AND index > $2
  AND ($3::text IS NULL OR outcome = $3)
  AND ($4::text IS NULL OR error_code = $4)
ORDER BY index
LIMIT $5
