-- The run, its pinned campaign in the fields that a report shows, and its counts.
SELECT ru.namespace || '/' || ru.name AS campaign, ru.namespace, ru.name, ru.occurrence,
       ru.resolved #>> '{campaign,spec,mode}' AS mode,
       ru.resolved #>> '{campaign,spec,messageClass}' AS message_class,
       ru.resolved #>> '{campaign,spec,governance,owner}' AS owner,
       ru.resolved #>> '{campaign,spec,message,topic}' AS topic,
       ru.resolved #>> '{campaign,spec,schedule,timeZone}' AS time_zone,
       s.namespace || '/' || s.name AS sender,
       ru.resolved #>> '{sender,spec,from,address}' AS from_address,
       coalesce(ru.resolved #>> '{sender,spec,from,name}', '') AS from_name,
       ru.intent_digest, ru.content_digest, coalesce(i.name, '') AS installation, coalesce(i.environment, '') AS environment, now() AS made_at,
       ru.created_at, ru.first_due_at, ru.started_at, ru.closed_at, ru.stopped_at,
       ru.planned, ru.left_out,
       c.sent, c.failed, c.suppressed, c.skipped, c.uncertain, c.deferrals
FROM run ru JOIN run_counts c ON c.run_id = ru.id JOIN sender s ON s.id = ru.sender_id 
LEFT JOIN installation i ON true
WHERE ru.id = %(run)s
