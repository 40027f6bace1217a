-- That the outcome is not 'succeeded' lets a small index serve.
SELECT result.index, result.outcome, result.note, result.error_code, result.error_message, result.source,
       result.renditions, result.attempts, image."row", image.line, image.slot, image.serial_number,
       image.product_name, image.source_url
FROM (
    SELECT *
    FROM aggregator.results
    WHERE request_id = $1 AND index > $2 AND outcome <> 'succeeded' AND outcome = $4
    ORDER BY index
    LIMIT $3
) result
LEFT JOIN aggregator.images image ON image.request_id = $1 AND image.index = result.index
ORDER BY result.index
