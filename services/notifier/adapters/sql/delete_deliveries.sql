-- Their attempts go with them.
DELETE FROM notifier.deliveries WHERE request_id = $1 RETURNING owner, url
