SELECT signs_until FROM notifier.inherited_secrets WHERE owner = $1
