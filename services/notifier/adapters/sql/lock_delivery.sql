SELECT owner, url FROM notifier.deliveries WHERE delivery_id = $1 FOR UPDATE
