SELECT jsonb_build_object(
    'namespace', r.namespace, 'campaign', r.name, 'occurrence', r.occurrence, 'run', d.run_id, 'position', d.position,
    'outcomes', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('attempt', o.attempt, 'kind', o.kind, 'at', o.at, 'code', o.code,
                                                     'enhanced', o.enhanced, 'detail', o.detail) ORDER BY o.attempt),
                        '[]')
        FROM outcome o WHERE o.run_id = d.run_id AND o.position = d.position))
FROM delivery d JOIN run r ON r.id = d.run_id WHERE d.contact_id = %(contact)s
ORDER BY d.run_id
