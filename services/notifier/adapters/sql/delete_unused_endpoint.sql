DELETE FROM notifier.endpoints
WHERE endpoint_id = $1
    AND NOT EXISTS (SELECT FROM notifier.deliveries WHERE owner = $2 AND md5(url) = md5($3) AND url = $3)
