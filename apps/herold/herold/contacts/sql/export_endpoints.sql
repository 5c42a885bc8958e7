SELECT jsonb_build_object('channel', channel, 'address', address) FROM endpoint WHERE contact_id = %(contact)s
ORDER BY channel
