SELECT jsonb_build_object('brand', s.brand, 'topic', s.topic, 'channel', s.channel, 'granted', c.granted, 'at', c.at,
                          'source', c.source, 'wording', c.wording, 'recorded_at', c.recorded_at)
FROM consent c JOIN consent_subject s ON s.id = c.subject WHERE c.contact_id = %(contact)s
ORDER BY c.at, c.granted DESC, s.id
