SELECT jsonb_build_object('name', name, 'at', at, 'properties', properties)
FROM event WHERE contact_id = %(contact)s ORDER BY at, name
