SELECT jsonb_build_object('id', id, 'external_id', external_id, 'locale', locale, 'time_zone', time_zone,
                          'attributes', attributes, 'created_at', created_at, 'updated_at', updated_at,
                          'erased_at', erased_at)
FROM contact WHERE id = %(contact)s
