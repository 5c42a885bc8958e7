SELECT id, scope, target, reason, actor, created_at FROM hold
WHERE released_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY id
