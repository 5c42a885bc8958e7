-- Evidence against the log. A withdrawal always counts; a grant needs to be newer than what is recorded, and one
-- without an instant counts only for people of whom nothing is recorded. What the log has already is passed over.
WITH evidence AS MATERIALIZED (
    SELECT m.contact_id, x.subject, x.granted, x.at, max(x.wording) AS wording, min(x.line) AS line
    FROM merging m JOIN staged_consent x ON x.owner = m.line
    GROUP BY m.contact_id, x.subject, x.granted, x.at
), beside AS (
    SELECT v.*, k.granted AS was_granted, k.at AS was_at,
           bool_or(NOT v.granted) OVER same AS file_withdraws,
           bool_or(v.granted AND v.at IS NOT NULL) OVER same AS file_grants,
           max(v.at) FILTER (WHERE v.granted) OVER same AS file_granted_at
    FROM evidence v
    LEFT JOIN consent_current k ON k.contact_id = v.contact_id AND k.subject = v.subject
    WINDOW same AS (PARTITION BY v.contact_id, v.subject)
), judged AS (
    SELECT b.*, CASE
        WHEN at IS NULL AND granted THEN CASE
            WHEN file_withdraws OR NOT was_granted THEN 'Refused'
            WHEN was_granted OR file_grants THEN 'Known'
            ELSE 'Added' END
        WHEN at IS NULL THEN CASE
            WHEN NOT was_granted AND coalesce(file_granted_at <= was_at, true) THEN 'Known' ELSE 'Added' END
        WHEN was_at IS NULL OR at > was_at THEN 'Added'
        -- not EXISTS: the planner would hash the whole log for it
        WHEN (SELECT true FROM consent c WHERE c.contact_id = b.contact_id AND c.subject = b.subject
              AND c.at = b.at AND c.granted = b.granted LIMIT 1) THEN 'Known'
        WHEN NOT granted THEN 'Added'
        WHEN was_granted THEN 'Known'
        ELSE 'Refused' END AS verdict
    FROM beside b
), added AS (
    INSERT INTO consent (contact_id, subject, granted, at, source, wording)
    SELECT contact_id, subject, granted,
           -- Without an instant it is known now; a withdrawal must not come before what it withdraws.
           coalesce(at, CASE WHEN granted THEN %(now)s
                             ELSE greatest(clock_timestamp(), was_at, file_granted_at) END),
           %(source)s, wording
    FROM judged WHERE verdict = 'Added'
    RETURNING 1
)
SELECT (SELECT count(*) FROM added)::integer, line, at
FROM (SELECT 0) AS always LEFT JOIN judged ON judged.verdict = 'Refused' ORDER BY line
