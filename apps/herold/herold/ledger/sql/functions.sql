-- The few functions through which deliveries move. Each is one transaction, or part of its caller's.
SET search_path = herold;

-- Consent: the newest evidence holds; at the same instant a withdrawal wins.
CREATE FUNCTION consent_keep_current() RETURNS trigger LANGUAGE plpgsql
SET search_path = herold, pg_temp AS $$
BEGIN
    INSERT INTO consent_current AS k (subject, contact_id, granted, at)
    SELECT DISTINCT ON (subject, contact_id) subject, contact_id, granted, at
    FROM added ORDER BY subject, contact_id, at DESC, granted
    ON CONFLICT (subject, contact_id) DO UPDATE SET granted = excluded.granted, at = excluded.at
    WHERE excluded.at > k.at OR (excluded.at = k.at AND NOT excluded.granted);
    RETURN NULL;
END $$;
CREATE TRIGGER consent_added AFTER INSERT ON consent
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION consent_keep_current();

CREATE FUNCTION consent_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consent is append-only: add newer evidence instead';
END $$;
CREATE TRIGGER consent_unchanged BEFORE UPDATE ON consent
    FOR EACH STATEMENT EXECUTE FUNCTION consent_is_append_only();

-- Months since 2024, the leading digits of a run's id.
CREATE FUNCTION run_month(p_at timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT ((extract(year FROM p_at AT TIME ZONE 'UTC') - 2024) * 12
            + extract(month FROM p_at AT TIME ZONE 'UTC'))::integer
$$;

CREATE FUNCTION new_run_id() RETURNS integer LANGUAGE plpgsql
SET search_path = herold, pg_temp AS $$
DECLARE
    v_month integer := run_month(now());
    v_id    integer;
    v_table text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('herold.new_run_id'));
    SELECT coalesce(max(id), v_month * 1000000) + 1 INTO v_id
    FROM run WHERE id >= v_month * 1000000 AND id < (v_month + 1) * 1000000;
    FOREACH v_table IN ARRAY ARRAY['delivery', 'outcome'] LOOP
        IF to_regclass(format('herold.%I', v_table || '_' || v_month)) IS NULL THEN
            EXECUTE format('CREATE TABLE herold.%I PARTITION OF herold.%I FOR VALUES FROM (%s) TO (%s)',
                           v_table || '_' || v_month, v_table, v_month * 1000000, (v_month + 1) * 1000000);
        END IF;
    END LOOP;
    RETURN v_id;
END $$;

CREATE FUNCTION add_tally(p_run integer, p_bucket integer, p_sent bigint, p_failed bigint, p_suppressed bigint,
                          p_skipped bigint, p_uncertain bigint, p_deferrals bigint) RETURNS void LANGUAGE sql
SET search_path = herold, pg_temp AS $$
    INSERT INTO tally AS t (run_id, bucket, sent, failed, suppressed, skipped, uncertain, deferrals)
    VALUES (p_run, p_bucket, p_sent, p_failed, p_suppressed, p_skipped, p_uncertain, p_deferrals)
    ON CONFLICT (run_id, bucket) DO UPDATE SET
        sent = t.sent + excluded.sent, failed = t.failed + excluded.failed,
        suppressed = t.suppressed + excluded.suppressed, skipped = t.skipped + excluded.skipped,
        uncertain = t.uncertain + excluded.uncertain, deferrals = t.deferrals + excluded.deferrals
$$;

CREATE TYPE claimed AS (
    status      text,       -- Claimed | Empty | Pacing | Paused | Held | WarmUp | LeaseLost | LedgerRegressed
    wait_ms     integer,    -- how long to wait before asking again
    window_id   bigint,
    run_id      integer,
    open_ms     integer,    -- nothing of this window may be begun later than that
    positions   integer[],
    attempts    smallint[],
    contact_ids bigint[],
    addresses   text[],
    locales     text[],
    attributes  text[]
);

-- The intent. Checks the lease, brakes, pace, warm-up, times, suppression and consent, and commits the explicit set of
-- (position, attempt) that may now go out. What may not go out for good gets its outcome here.
CREATE FUNCTION claim(p_worker uuid, p_epoch bigint, p_slot smallint, p_lane integer, p_limit integer)
RETURNS claimed LANGUAGE plpgsql SET search_path = herold, pg_temp AS $$
DECLARE
    r           claimed;
    v_lane      lane;
    v_sender    sender;
    v_zone      record;
    v_chunk     chunk;
    v_now       timestamptz := clock_timestamp();
    v_tokens    double precision;
    v_enough    double precision;
    v_take      integer;
    v_allowed   integer;
    v_positions integer[];
    v_attempts  smallint[];
    v_left      record;
    v_domains   text[];
    v_holds     bigint[];
BEGIN
    -- A taker's change of the epoch waits for this lock, and then sees the window.
    PERFORM 1 FROM worker WHERE id = p_worker AND epoch = p_epoch AND ended_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        r.status := 'LeaseLost'; RETURN r;
    END IF;
    IF EXISTS (SELECT FROM installation WHERE regressed_at IS NOT NULL) THEN
        r.status := 'LedgerRegressed'; r.wait_ms := 1000; RETURN r;
    END IF;

    SELECT * INTO v_lane FROM lane WHERE id = p_lane;
    SELECT * INTO v_sender FROM sender WHERE id = v_lane.sender_id;
    IF v_lane.paused_until > v_now THEN
        r.status := 'Paused';
        r.wait_ms := least(1000, ceil(extract(epoch FROM v_lane.paused_until - v_now) * 1000)); RETURN r;
    END IF;
    IF EXISTS (SELECT FROM hold WHERE released_at IS NULL AND (expires_at IS NULL OR expires_at > v_now)
               AND (scope = 'Everything'
                    OR scope = 'Sender' AND target = v_sender.namespace || '/' || v_sender.name)) THEN
        r.status := 'Held'; r.wait_ms := 250; RETURN r;
    END IF;

    -- A clock that was put back must not stop the lane until it is where it was.
    IF v_lane.refilled_at > v_now + interval '1 s' THEN
        UPDATE lane SET refilled_at = v_now, tokens = 0 WHERE id = p_lane AND refilled_at > v_now + interval '1 s';
        r.status := 'Pacing'; r.wait_ms := 100; RETURN r;
    END IF;
    -- Pace: looked at without a lock first, so that waiting slots don't queue behind each other.
    v_enough := least(greatest(1, v_lane.per_second * 0.1), p_limit);
    v_tokens := least(greatest(v_lane.per_second, 1),
                      v_lane.tokens + v_lane.per_second * extract(epoch FROM v_now - v_lane.refilled_at));
    IF v_tokens >= v_enough THEN
        SELECT * INTO v_lane FROM lane WHERE id = p_lane FOR UPDATE;
        v_now := clock_timestamp();
        v_tokens := least(greatest(v_lane.per_second, 1), v_lane.tokens
                          + v_lane.per_second * greatest(0, extract(epoch FROM v_now - v_lane.refilled_at)));
    END IF;
    IF v_tokens < v_enough THEN
        r.status := 'Pacing'; r.wait_ms := least(1000, 1 + ceil((v_enough - v_tokens) / v_lane.per_second * 1000));
        RETURN r;
    END IF;
    v_take := floor(least(p_limit, v_tokens, greatest(1, v_lane.per_second)));

    SELECT allowed - used INTO v_allowed FROM sender_day
    WHERE sender_id = v_sender.id AND day = (v_now AT TIME ZONE 'UTC')::date FOR UPDATE;
    IF FOUND THEN
        IF v_allowed <= 0 THEN
            r.status := 'WarmUp'; r.wait_ms := 1000; RETURN r;
        END IF;
        v_take := least(v_take, v_allowed);
    END IF;

    -- Work: the earliest due zone of a run that may send, retries before first tries.
    FOR v_zone IN
        SELECT z.run_id, z.zone, z.expires_at, z.quiet, ru.subject, ru.started_at
        FROM run ru JOIN run_zone z ON z.run_id = ru.id
        WHERE ru.sender_id = v_sender.id AND ru.state = 'Open' AND NOT ru.suspended AND ru.stopped_at IS NULL
          AND (ru.started_at IS NOT NULL OR v_now <= ru.start_by)
          AND NOT z.exhausted AND z.due_at <= v_now AND z.expires_at > v_now AND NOT z.quiet @> v_now
          AND NOT EXISTS (
              SELECT FROM hold h WHERE h.released_at IS NULL AND (h.expires_at IS NULL OR h.expires_at > v_now)
              AND (h.scope = 'Team' AND h.target = ru.namespace
                   OR h.scope = 'Campaign' AND h.target = ru.namespace || '/' || ru.name))
        ORDER BY ru.transactional DESC, z.due_at, z.run_id, z.zone
    LOOP
        -- Materialized: a LIMIT in a subquery counts once for each time that the plan runs it.
        WITH due AS MATERIALIZED (
            SELECT q.run_id, q.position FROM retry q
            WHERE q.run_id = v_zone.run_id AND q.zone = v_zone.zone AND q.lane_id = p_lane AND q.due_at <= v_now
            ORDER BY q.due_at LIMIT v_take FOR UPDATE SKIP LOCKED
        ), taken AS (
            DELETE FROM retry USING due WHERE retry.run_id = due.run_id AND retry.position = due.position
            RETURNING retry.position, retry.attempt)
        SELECT array_agg(position ORDER BY position), array_agg(attempt ORDER BY position)
        INTO v_positions, v_attempts FROM taken;
        EXIT WHEN v_positions IS NOT NULL;

        SELECT * INTO v_chunk FROM chunk c
        WHERE c.run_id = v_zone.run_id AND c.zone = v_zone.zone AND c.lane_id = p_lane
        ORDER BY c.last LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            v_take := least(v_take, v_chunk.last - v_chunk.first + 1);
            IF v_chunk.first + v_take > v_chunk.last THEN
                DELETE FROM chunk c WHERE c.run_id = v_chunk.run_id AND c.zone = v_chunk.zone
                    AND c.lane_id = v_chunk.lane_id AND c.last = v_chunk.last;
            ELSE
                UPDATE chunk c SET first = v_chunk.first + v_take WHERE c.run_id = v_chunk.run_id
                    AND c.zone = v_chunk.zone AND c.lane_id = v_chunk.lane_id AND c.last = v_chunk.last;
            END IF;
            SELECT array_agg(p), array_agg(1::smallint) INTO v_positions, v_attempts
            FROM generate_series(v_chunk.first, v_chunk.first + v_take - 1) p;
            EXIT;
        END IF;
    END LOOP;
    IF v_positions IS NULL THEN
        r.status := 'Empty'; r.wait_ms := 200; RETURN r;
    END IF;
    r.run_id := v_zone.run_id;
    IF v_zone.started_at IS NULL THEN
        UPDATE run SET started_at = v_now WHERE id = r.run_id AND started_at IS NULL;
    END IF;
    SELECT array_agg(target), array_agg(id) INTO v_domains, v_holds FROM hold
    WHERE scope = 'Domain' AND released_at IS NULL AND (expires_at IS NULL OR expires_at > v_now);

    WITH candidate AS MATERIALIZED (
        SELECT w.position, w.attempt, d.contact_id, e.address, c.locale, c.attributes,
               v_holds[array_position(v_domains, e.domain)] AS held_by,
               CASE WHEN c.erased_at IS NOT NULL OR e.address IS NULL THEN 'Erased'
                    WHEN e.address_hash <> d.address_hash THEN 'AddressChanged'
                    WHEN s.address_hash IS NOT NULL THEN 'Suppressed'
                    WHEN v_zone.subject IS NOT NULL AND k.granted IS NOT TRUE THEN 'ConsentWithdrawn'
                    WHEN e.domain = ANY (v_domains) THEN 'Held'
               END AS verdict
        FROM unnest(v_positions, v_attempts) AS w (position, attempt)
        JOIN delivery d ON d.run_id = r.run_id AND d.position = w.position
        JOIN contact c ON c.id = d.contact_id
        LEFT JOIN endpoint e ON e.contact_id = d.contact_id AND e.channel = 'Email'
        LEFT JOIN suppression s ON s.address_hash = d.address_hash
        LEFT JOIN consent_current k ON k.subject = v_zone.subject AND k.contact_id = d.contact_id
    ), parked AS (
        -- Until sweep sees that the hold is over; they are not looked at again and again.
        INSERT INTO retry (run_id, zone, lane_id, due_at, position, attempt, held_by)
        SELECT r.run_id, v_zone.zone, p_lane, v_now + interval '100 years', position, attempt, held_by
        FROM candidate WHERE verdict = 'Held'
    ), left_out AS (
        INSERT INTO outcome (run_id, position, attempt, kind, at, detail)
        SELECT r.run_id, position, attempt,
               CASE WHEN verdict IN ('Erased', 'AddressChanged') THEN 'skipped'::outcome_kind ELSE 'suppressed' END,
               v_now, verdict
        FROM candidate WHERE verdict <> 'Held'
        RETURNING kind
    )
    SELECT (SELECT count(*) FROM left_out WHERE kind = 'suppressed') AS suppressed,
           (SELECT count(*) FROM left_out WHERE kind = 'skipped') AS skipped,
           array_agg(position ORDER BY position) AS positions, array_agg(attempt ORDER BY position) AS attempts,
           array_agg(contact_id ORDER BY position) AS contact_ids, array_agg(address ORDER BY position) AS addresses,
           array_agg(locale ORDER BY position) AS locales,
           array_agg(attributes::text ORDER BY position) AS attributes
    INTO v_left FROM candidate WHERE verdict IS NULL;

    IF v_left.suppressed + v_left.skipped > 0 THEN
        PERFORM add_tally(r.run_id, (p_lane + p_slot) % 64, 0, 0, v_left.suppressed, v_left.skipped, 0, 0);
    END IF;
    r.positions := v_left.positions;
    v_take := coalesce(cardinality(r.positions), 0);
    UPDATE lane SET tokens = v_tokens - v_take, refilled_at = v_now WHERE id = p_lane;
    IF v_take = 0 THEN
        r.status := 'Empty'; r.wait_ms := 0; RETURN r;
    END IF;
    IF v_allowed IS NOT NULL THEN
        UPDATE sender_day SET used = used + v_take
        WHERE sender_id = v_sender.id AND day = (v_now AT TIME ZONE 'UTC')::date;
    END IF;
    INSERT INTO send_window (run_id, lane_id, worker_id, epoch, slot, claimed_at, positions, attempts)
    VALUES (r.run_id, p_lane, p_worker, p_epoch, p_slot, v_now, v_left.positions, v_left.attempts)
    RETURNING id INTO r.window_id;
    r.status := 'Claimed';
    r.wait_ms := 0;
    -- Until the zone expires or its quiet hours begin, whichever comes first.
    r.open_ms := least(86400000, 1000 * extract(epoch FROM least(v_zone.expires_at, (
        SELECT min(lower(q)) FROM unnest(v_zone.quiet) q WHERE lower(q) > v_now)) - v_now));
    r.attempts := v_left.attempts;
    r.contact_ids := v_left.contact_ids;
    r.addresses := v_left.addresses;
    r.locales := v_left.locales;
    r.attributes := v_left.attributes;
    RETURN r;
END $$;

-- The receipt. Kinds: sent, failed, deferred, uncertain, and `returned` for what was not begun.
-- The outcomes come in and the window disappears in one transaction. A window that is no longer there was taken over:
-- then a true outcome still replaces `uncertain`, however late. Calling it twice changes nothing the second time.
-- Returns true if the window was still there.
CREATE FUNCTION record(p_run integer, p_window bigint, p_positions integer[], p_attempts smallint[], p_kinds text[],
                       p_codes smallint[], p_enhanced text[], p_details text[], p_suppress integer[])
RETURNS boolean LANGUAGE plpgsql SET search_path = herold, pg_temp AS $$
DECLARE
    v_window   send_window;
    v_sender   sender;
    v_transact boolean;
    v_open     boolean;
    v_item     record;
    v_kind     outcome_kind;
    v_detail   text;
    v_count    record;
BEGIN
    SELECT s.* INTO v_sender FROM run ru JOIN sender s ON s.id = ru.sender_id WHERE ru.id = p_run;
    SELECT transactional INTO v_transact FROM run WHERE id = p_run;
    IF cardinality(p_suppress) > 0 THEN
        INSERT INTO suppression (address_hash, reason, source)
        SELECT address_hash, 'HardBounce', 'run ' || p_run FROM delivery
        WHERE run_id = p_run AND position = ANY (p_suppress)
        ON CONFLICT DO NOTHING;
    END IF;
    DELETE FROM send_window WHERE id = p_window AND run_id = p_run RETURNING * INTO v_window;
    IF FOUND THEN
        IF NOT (v_window.positions <@ p_positions AND p_positions <@ v_window.positions) THEN
            RAISE EXCEPTION 'record of window % does not cover it exactly', p_window;
        END IF;
        WITH item AS MATERIALIZED (
            SELECT position, attempt, code, enhanced,
                   CASE WHEN kind = 'deferred' AND attempt >= v_sender.max_attempts THEN 'failed'
                        WHEN kind = 'uncertain' AND v_transact AND attempt < v_sender.max_attempts THEN 'deferred'
                        ELSE kind END AS kind,
                   CASE WHEN kind = 'deferred' AND attempt >= v_sender.max_attempts
                            THEN 'TooManyAttempts: ' || coalesce(detail, '')
                        WHEN kind = 'uncertain' AND v_transact THEN 'UncertainSentAgain'
                        ELSE detail END AS detail
            FROM unnest(p_positions, p_attempts, p_kinds, p_codes, p_enhanced, p_details)
                 AS i (position, attempt, kind, code, enhanced, detail)
        ), kept AS (
            INSERT INTO outcome (run_id, position, attempt, kind, at, code, enhanced, detail)
            SELECT p_run, position, attempt, kind::outcome_kind, clock_timestamp(), code, enhanced, detail
            FROM item WHERE kind <> 'returned'
        ), again AS (
            INSERT INTO retry (run_id, zone, lane_id, due_at, position, attempt)
            SELECT p_run, d.zone, d.lane_id,
                   CASE WHEN i.kind = 'returned' OR i.detail = 'UncertainSentAgain' THEN clock_timestamp()
                        -- Full-jitter would bunch early retries; +-20 % is enough to spread them.
                        ELSE clock_timestamp() + (0.8 + 0.4 * random())
                             * least(v_sender.max_delay, v_sender.first_delay * power(2, i.attempt - 1)) END,
                   i.position, CASE WHEN i.kind = 'returned' THEN i.attempt ELSE i.attempt + 1 END
            FROM item i JOIN delivery d ON d.run_id = p_run AND d.position = i.position
            WHERE i.kind IN ('returned', 'deferred')
        )
        SELECT count(*) FILTER (WHERE kind = 'sent') AS sent, count(*) FILTER (WHERE kind = 'failed') AS failed,
               count(*) FILTER (WHERE kind = 'uncertain') AS uncertain,
               count(*) FILTER (WHERE kind = 'deferred') AS deferrals,
               count(*) FILTER (WHERE kind = 'returned') AS returned
        INTO v_count FROM item;
        IF v_count.returned > 0 THEN
            UPDATE sender_day SET used = greatest(0, used - v_count.returned)
            WHERE sender_id = v_sender.id AND day = (v_window.claimed_at AT TIME ZONE 'UTC')::date;
        END IF;
        PERFORM add_tally(p_run, (p_window % 64)::integer, v_count.sent, v_count.failed, 0, 0, v_count.uncertain,
                          v_count.deferrals);
        RETURN true;
    END IF;

    -- Late. Lock the run: it may have closed, also while this waited, and its books must stay true.
    SELECT state = 'Open' AND stopped_at IS NULL INTO v_open FROM run WHERE id = p_run FOR UPDATE;
    FOR v_item IN
        SELECT * FROM unnest(p_positions, p_attempts, p_kinds, p_codes, p_enhanced, p_details)
            AS i (position, attempt, kind, code, enhanced, detail)
    LOOP
        SELECT kind, detail INTO v_kind, v_detail FROM outcome
        WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt FOR UPDATE;
        CONTINUE WHEN v_item.kind = 'uncertain';
        IF NOT FOUND THEN
            -- Only a true outcome of something that a taker gave back can come here; the truth wins.
            CONTINUE WHEN v_item.kind NOT IN ('sent', 'failed');
            DELETE FROM retry WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt;
            CONTINUE WHEN NOT FOUND;
            INSERT INTO outcome (run_id, position, attempt, kind, code, enhanced, detail)
            VALUES (p_run, v_item.position, v_item.attempt, v_item.kind::outcome_kind, v_item.code, v_item.enhanced,
                    v_item.detail);
            PERFORM add_tally(p_run, 0, (v_item.kind = 'sent')::integer, (v_item.kind = 'failed')::integer, 0, 0, 0, 0);
        ELSIF v_kind = 'uncertain' THEN
            IF v_item.kind IN ('sent', 'failed') THEN
                UPDATE outcome SET kind = v_item.kind::outcome_kind, code = v_item.code, enhanced = v_item.enhanced,
                                   detail = v_item.detail, at = clock_timestamp()
                WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt;
                PERFORM add_tally(p_run, 0, (v_item.kind = 'sent')::integer, (v_item.kind = 'failed')::integer, 0, 0,
                                  -1, 0);
            ELSIF v_open AND (v_item.kind = 'returned' OR v_item.attempt < v_sender.max_attempts) THEN
                IF v_item.kind = 'returned' THEN
                    DELETE FROM outcome
                    WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt;
                ELSE
                    UPDATE outcome SET kind = 'deferred', code = v_item.code, enhanced = v_item.enhanced,
                                       detail = v_item.detail, at = clock_timestamp()
                    WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt;
                END IF;
                INSERT INTO retry (run_id, zone, lane_id, due_at, position, attempt)
                SELECT p_run, d.zone, d.lane_id,
                       clock_timestamp() + CASE WHEN v_item.kind = 'returned' THEN interval '0'
                                                ELSE v_sender.first_delay END,
                       d.position, v_item.attempt + CASE WHEN v_item.kind = 'returned' THEN 0 ELSE 1 END
                FROM delivery d WHERE d.run_id = p_run AND d.position = v_item.position;
                UPDATE run_zone z SET exhausted = false FROM delivery d
                WHERE d.run_id = p_run AND d.position = v_item.position AND z.run_id = p_run AND z.zone = d.zone
                  AND z.exhausted;
                PERFORM add_tally(p_run, 0, 0, 0, 0, 0, -1, (v_item.kind = 'deferred')::integer);
            ELSE
                -- The run is over: it is now certain that this one was not reached.
                UPDATE outcome SET kind = 'skipped', detail = 'NotReachedInTime', at = clock_timestamp()
                WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt;
                PERFORM add_tally(p_run, 0, 0, 0, 0, 1, -1, 0);
            END IF;
        ELSIF v_kind = 'deferred' AND v_detail = 'UncertainSentAgain' AND v_item.kind IN ('sent', 'failed') THEN
            DELETE FROM retry WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt + 1;
            IF FOUND THEN -- not yet sent again: the late truth saves a second message
                UPDATE outcome SET kind = v_item.kind::outcome_kind, code = v_item.code, enhanced = v_item.enhanced,
                                   detail = v_item.detail, at = clock_timestamp()
                WHERE run_id = p_run AND position = v_item.position AND attempt = v_item.attempt;
                PERFORM add_tally(p_run, 0, (v_item.kind = 'sent')::integer, (v_item.kind = 'failed')::integer, 0, 0, 0,
                                  -1);
            END IF;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- What can no longer go out gets its outcome: expired zones, stopped runs, runs that missed their start.
-- What waited for a hold on its domain that is over falls due.
-- At most p_limit chunks and p_limit * 100 retries at a time. Returns how many deliveries it settled.
CREATE FUNCTION sweep(p_limit integer DEFAULT 20) RETURNS integer LANGUAGE plpgsql
SET search_path = herold, pg_temp AS $$
DECLARE
    v_dead  record;
    v_n     integer;
    v_total integer := 0;
    v_now   timestamptz := clock_timestamp();
BEGIN
    UPDATE retry SET due_at = v_now, held_by = NULL WHERE held_by IN (
        SELECT h.id FROM hold h WHERE h.scope = 'Domain' AND (h.released_at IS NOT NULL OR h.expires_at <= v_now)
            AND EXISTS (SELECT FROM retry q WHERE q.held_by = h.id));
    FOR v_dead IN
        SELECT z.run_id, z.zone,
               CASE WHEN ru.stopped_at IS NOT NULL THEN 'Stopped'
                    WHEN ru.started_at IS NULL AND v_now > ru.start_by THEN 'StartMissed'
                    WHEN v_now >= z.expires_at THEN 'Expired' END AS reason
        FROM run ru JOIN run_zone z ON z.run_id = ru.id
        WHERE ru.state = 'Open' AND NOT z.exhausted
    LOOP
        IF v_dead.reason IS NOT NULL THEN
            WITH dead_chunk AS MATERIALIZED (
                SELECT c.run_id, c.zone, c.lane_id, c.last FROM chunk c
                WHERE c.run_id = v_dead.run_id AND c.zone = v_dead.zone LIMIT p_limit FOR UPDATE SKIP LOCKED
            ), gone AS (
                DELETE FROM chunk USING dead_chunk x
                WHERE (chunk.run_id, chunk.zone, chunk.lane_id, chunk.last) = (x.run_id, x.zone, x.lane_id, x.last)
                RETURNING chunk.first, chunk.last
            ), dead_retry AS MATERIALIZED (
                SELECT q.run_id, q.position FROM retry q
                WHERE q.run_id = v_dead.run_id AND q.zone = v_dead.zone LIMIT p_limit * 100 FOR UPDATE SKIP LOCKED
            ), gone_retry AS (
                DELETE FROM retry USING dead_retry x WHERE (retry.run_id, retry.position) = (x.run_id, x.position)
                RETURNING retry.position, retry.attempt
            ), settled AS (
                INSERT INTO outcome (run_id, position, attempt, kind, at, detail)
                SELECT v_dead.run_id, p, 1, 'skipped'::outcome_kind, v_now, v_dead.reason FROM gone, generate_series(first, last) p
                UNION ALL
                SELECT v_dead.run_id, position, attempt, 'skipped'::outcome_kind, v_now, v_dead.reason FROM gone_retry
                RETURNING 1)
            SELECT count(*) INTO v_n FROM settled;
            IF v_n > 0 THEN
                PERFORM add_tally(v_dead.run_id, 0, 0, 0, 0, v_n, 0, 0);
                v_total := v_total + v_n;
            END IF;
        END IF;
        UPDATE run_zone z SET exhausted = true
        WHERE z.run_id = v_dead.run_id AND z.zone = v_dead.zone
          AND NOT EXISTS (SELECT FROM chunk c WHERE c.run_id = z.run_id AND c.zone = z.zone)
          AND NOT EXISTS (SELECT FROM retry q WHERE q.run_id = z.run_id AND q.zone = z.zone)
          AND NOT EXISTS (SELECT FROM send_window w WHERE w.run_id = z.run_id);
    END LOOP;
    RETURN v_total;
END $$;

-- The one place where a run closes. Proves planned = sent + failed + suppressed + skipped + uncertain from the rows.
-- Returns true if the run is closed now; raises if nothing waits and the books don't balance.
CREATE FUNCTION close_run(p_run integer) RETURNS boolean LANGUAGE plpgsql
SET search_path = herold, pg_temp AS $$
DECLARE
    v_run   run;
    v_final record;
BEGIN
    SELECT * INTO v_run FROM run WHERE id = p_run FOR UPDATE;
    IF v_run.state = 'Closed' THEN
        RETURN true;
    END IF;
    IF EXISTS (SELECT FROM chunk WHERE run_id = p_run) OR EXISTS (SELECT FROM retry WHERE run_id = p_run)
       OR EXISTS (SELECT FROM send_window WHERE run_id = p_run) THEN
        RETURN false;
    END IF;
    SELECT count(*) AS n, count(*) FILTER (WHERE kind = 'sent') AS sent,
           count(*) FILTER (WHERE kind = 'failed') AS failed,
           count(*) FILTER (WHERE kind = 'suppressed') AS suppressed,
           count(*) FILTER (WHERE kind = 'skipped') AS skipped,
           count(*) FILTER (WHERE kind = 'uncertain') AS uncertain
    INTO v_final FROM outcome WHERE run_id = p_run AND kind <> 'deferred';
    IF v_final.n <> v_run.planned
       OR (SELECT count(*) FROM delivery WHERE run_id = p_run) <> v_run.planned
       OR v_final.n <> (SELECT count(DISTINCT position) FROM outcome WHERE run_id = p_run AND kind <> 'deferred') THEN
        RAISE EXCEPTION 'run % cannot close: planned %, settled %', p_run, v_run.planned, v_final.n;
    END IF;
    -- From here on the counts are what the rows say.
    DELETE FROM tally WHERE run_id = p_run AND bucket <> 0;
    UPDATE tally SET sent = 0, failed = 0, suppressed = 0, skipped = 0, uncertain = 0, deferrals = 0
    WHERE run_id = p_run;
    PERFORM add_tally(p_run, 0, v_final.sent, v_final.failed, v_final.suppressed, v_final.skipped, v_final.uncertain,
                      (SELECT count(*) FROM outcome WHERE run_id = p_run AND kind = 'deferred'));
    PERFORM set_config('herold.closing', p_run::text, true);
    UPDATE run SET state = 'Closed', closed_at = clock_timestamp() WHERE id = p_run;
    RETURN true;
END $$;

CREATE FUNCTION only_close_run_closes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'Closed' AND OLD.state <> 'Closed'
       AND current_setting('herold.closing', true) IS DISTINCT FROM NEW.id::text THEN
        RAISE EXCEPTION 'a run is closed by close_run only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_closes BEFORE UPDATE OF state ON run FOR EACH ROW EXECUTE FUNCTION only_close_run_closes();

-- Status, command line and report are views of these counts.
CREATE VIEW run_counts AS
SELECT ru.id AS run_id, ru.planned, coalesce(sum(t.sent), 0)::integer AS sent,
       coalesce(sum(t.failed), 0)::integer AS failed, coalesce(sum(t.suppressed), 0)::integer AS suppressed,
       coalesce(sum(t.skipped), 0)::integer AS skipped, coalesce(sum(t.uncertain), 0)::integer AS uncertain,
       coalesce(sum(t.deferrals), 0)::integer AS deferrals,
       (SELECT count(*) FROM retry q WHERE q.run_id = ru.id AND q.attempt > 1)::integer AS deferred,
       ru.planned - coalesce(sum(t.sent + t.failed + t.suppressed + t.skipped + t.uncertain), 0)::integer AS waiting
FROM run ru LEFT JOIN tally t ON t.run_id = ru.id
GROUP BY ru.id;

-- A worker's usual step: the receipt of one window and the intent of the next, in one round trip and one transaction.
CREATE FUNCTION record_then_claim(
    p_run integer, p_window bigint, p_positions integer[], p_attempts smallint[], p_kinds text[], p_codes smallint[],
    p_enhanced text[], p_details text[], p_suppress integer[],
    p_worker uuid, p_epoch bigint, p_slot smallint, p_lane integer, p_limit integer)
RETURNS claimed LANGUAGE plpgsql SET search_path = herold, pg_temp AS $$
BEGIN
    PERFORM record(p_run, p_window, p_positions, p_attempts, p_kinds, p_codes, p_enhanced, p_details, p_suppress);
    RETURN claim(p_worker, p_epoch, p_slot, p_lane, p_limit);
END $$;

-- Lanes in which something is due now, or may be again after a brake; what no brake lets through is not counted.
CREATE FUNCTION due_lanes() RETURNS TABLE (lane_id integer, sender_id smallint)
LANGUAGE sql SET search_path = herold, pg_temp AS $$
    SELECT l.id, l.sender_id FROM lane l
    WHERE EXISTS (
        SELECT FROM run ru JOIN run_zone z ON z.run_id = ru.id
        WHERE ru.sender_id = l.sender_id AND ru.state = 'Open' AND NOT ru.suspended AND ru.stopped_at IS NULL
          AND NOT z.exhausted AND z.due_at <= clock_timestamp() AND z.expires_at > clock_timestamp()
          AND NOT z.quiet @> clock_timestamp()
          AND (EXISTS (SELECT FROM chunk c WHERE c.run_id = z.run_id AND c.zone = z.zone AND c.lane_id = l.id)
               OR EXISTS (SELECT FROM retry q WHERE q.run_id = z.run_id AND q.zone = z.zone AND q.lane_id = l.id
                          AND q.due_at <= clock_timestamp())))
$$;

-- Which of these runs must stop now, in mid-window: suspended, stopped or held.
CREATE FUNCTION braked(p_runs integer[]) RETURNS TABLE (run_id integer)
LANGUAGE sql SET search_path = herold, pg_temp AS $$
    SELECT ru.id FROM run ru JOIN sender s ON s.id = ru.sender_id
    WHERE ru.id = ANY (p_runs) AND (
        ru.suspended OR ru.stopped_at IS NOT NULL
        OR EXISTS (SELECT FROM installation WHERE regressed_at IS NOT NULL)
        OR EXISTS (
            SELECT FROM hold h
            WHERE h.released_at IS NULL AND (h.expires_at IS NULL OR h.expires_at > clock_timestamp())
              AND (h.scope = 'Everything'
                   OR h.scope = 'Sender' AND h.target = s.namespace || '/' || s.name
                   OR h.scope = 'Team' AND h.target = ru.namespace
                   OR h.scope = 'Campaign' AND h.target = ru.namespace || '/' || ru.name)))
$$;
