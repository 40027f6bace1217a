SELECT busy_until FROM notifier.redelivery_turns WHERE owner = $1
