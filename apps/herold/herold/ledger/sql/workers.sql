-- All that a worker may do. It has no right to any table of people or of the queue: it reaches people through the windows
-- that it claims, and says what became of them. Each function looks first whether the session sees the brand.
SET search_path = herold;

-- For the functions below, which work as the owner: these two are called often, and switch nothing themselves.
CREATE FUNCTION sees_run(p_run integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM run ru JOIN sender s ON s.id = ru.sender_id
        WHERE ru.id = p_run AND (
            pg_has_role(session_user, current_user, 'USAGE')
            OR EXISTS (SELECT FROM brand_role WHERE role = session_user AND brand IN ('*', s.brand))));
END $$;

CREATE FUNCTION sees_lane(p_lane integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM lane l JOIN sender s ON s.id = l.sender_id
        WHERE l.id = p_lane AND (
            pg_has_role(session_user, current_user, 'USAGE')
            OR EXISTS (SELECT FROM brand_role WHERE role = session_user AND brand IN ('*', s.brand))));
END $$;

-- Whether the session sees all that this login sees: then it may take over from it.
CREATE FUNCTION sees_as_much_as(p_login text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = herold, pg_temp AS $$
    SELECT sees_all() OR (
        array(SELECT brand FROM brand_role WHERE role = p_login) <@ my_brands()
        AND NOT coalesce((SELECT pg_has_role(oid, current_user, 'USAGE') FROM pg_roles WHERE rolname = p_login), false))
$$;

-- Leases -----------------------------------------------------------------------------------------------------------------

-- A lease of at most a minute: what is left by who dies must not wait longer.
CREATE FUNCTION lease_end(p_seconds double precision) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT clock_timestamp() + least(p_seconds, 60) * interval '1 s'
$$;

CREATE FUNCTION worker_begin(p_worker uuid, p_host text, p_pid integer, p_seconds double precision) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    INSERT INTO worker (id, host, pid, expires_at) VALUES (p_worker, p_host, p_pid, lease_end(p_seconds))
    RETURNING epoch
$$;

-- True while nobody took it.
CREATE FUNCTION worker_renew(p_worker uuid, p_epoch bigint, p_seconds double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    UPDATE worker SET expires_at = lease_end(p_seconds)
    WHERE id = p_worker AND epoch = p_epoch AND login = session_user AND ended_at IS NULL;
    RETURN FOUND;
END $$;

-- The normal end. False while it has windows: it ends when somebody takes it.
CREATE FUNCTION worker_end(p_worker uuid, p_epoch bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE v_done boolean := NOT EXISTS (SELECT FROM send_window WHERE worker_id = p_worker);
BEGIN
    UPDATE worker SET ended_at = clock_timestamp()
    WHERE v_done AND id = p_worker AND epoch = p_epoch AND login = session_user AND ended_at IS NULL;
    RETURN v_done;
END $$;

CREATE FUNCTION worker_windows(p_worker uuid)
RETURNS TABLE (id bigint, run_id integer, slot smallint, positions integer[], attempts smallint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    SELECT w.id, w.run_id, w.slot, w.positions, w.attempts FROM send_window w JOIN run ru ON ru.id = w.run_id
    WHERE w.worker_id = p_worker AND ru.sender_id = ANY ((SELECT my_senders())::smallint[])
    ORDER BY w.id
$$;

-- Who else has a lease, or left windows, and is of no more brands than the session; of others what is over and has
-- windows of its brands.
CREATE FUNCTION worker_others(p_worker uuid) RETURNS TABLE (id uuid, epoch bigint, version text, expired boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    SELECT o.id, o.epoch, o.expires_at::text || '/' || o.epoch, o.expires_at < clock_timestamp() FROM worker o
    WHERE o.id <> p_worker
      AND (o.ended_at IS NULL OR EXISTS (SELECT FROM send_window w WHERE w.worker_id = o.id))
      AND (sees_as_much_as(o.login)
           OR o.expires_at < clock_timestamp() AND EXISTS (SELECT FROM worker_windows(o.id)))
$$;

-- End a lease, unless it was renewed meanwhile (false).
CREATE FUNCTION worker_take(p_lease uuid, p_version text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    UPDATE worker o SET epoch = o.epoch + 1, ended_at = coalesce(o.ended_at, clock_timestamp())
    WHERE o.id = p_lease AND o.expires_at::text || '/' || o.epoch = p_version
      AND (sees_as_much_as(o.login)
           OR o.expires_at < clock_timestamp() AND EXISTS (SELECT FROM worker_windows(o.id)));
    RETURN FOUND;
END $$;

-- The intent and the receipt ---------------------------------------------------------------------------------------------

-- Why a claim in this lane is none of the session's; NULL when it may claim.
CREATE FUNCTION not_mine(p_worker uuid, p_lane integer) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN NOT EXISTS (SELECT FROM worker WHERE id = p_worker AND login = session_user) THEN 'LeaseLost'
                WHEN NOT sees_lane(p_lane) THEN 'Empty' END;
END $$;

CREATE FUNCTION worker_claim(p_worker uuid, p_epoch bigint, p_slot smallint, p_lane integer, p_limit integer)
RETURNS claimed LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE r claimed;
BEGIN
    r.status := not_mine(p_worker, p_lane);
    IF r.status IS NOT NULL THEN
        r.wait_ms := 1000; RETURN r;
    END IF;
    RETURN claim(p_worker, p_epoch, p_slot, p_lane, p_limit);
END $$;

CREATE FUNCTION worker_record(
    p_run integer, p_window bigint, p_positions integer[], p_attempts smallint[], p_kinds text[], p_codes smallint[],
    p_enhanced text[], p_details text[], p_suppress integer[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    IF NOT sees_run(p_run) THEN
        RAISE EXCEPTION 'there is no run %', p_run USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN record(p_run, p_window, p_positions, p_attempts, p_kinds, p_codes, p_enhanced, p_details, p_suppress);
END $$;

-- Both in one round trip; written out, because each step into a function of the owner costs.
CREATE FUNCTION worker_record_then_claim(
    p_run integer, p_window bigint, p_positions integer[], p_attempts smallint[], p_kinds text[], p_codes smallint[],
    p_enhanced text[], p_details text[], p_suppress integer[],
    p_worker uuid, p_epoch bigint, p_slot smallint, p_lane integer, p_limit integer)
RETURNS claimed LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE r claimed;
BEGIN
    IF NOT sees_run(p_run) THEN
        RAISE EXCEPTION 'there is no run %', p_run USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM record(p_run, p_window, p_positions, p_attempts, p_kinds, p_codes, p_enhanced, p_details, p_suppress);
    r.status := not_mine(p_worker, p_lane);
    IF r.status IS NOT NULL THEN
        r.wait_ms := 1000; RETURN r;
    END IF;
    RETURN claim(p_worker, p_epoch, p_slot, p_lane, p_limit);
END $$;

CREATE FUNCTION worker_lanes() RETURNS TABLE (lane_id integer, sender_id smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    SELECT d.lane_id, d.sender_id FROM due_lanes() d WHERE d.sender_id = ANY ((SELECT my_senders())::smallint[])
$$;

CREATE FUNCTION worker_braked(p_runs integer[]) RETURNS TABLE (run_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    SELECT b.run_id FROM braked(p_runs) b JOIN run ru ON ru.id = b.run_id
    WHERE ru.sender_id = ANY ((SELECT my_senders())::smallint[])
$$;

-- Brakes of a worker's own: they stop and let nothing go ------------------------------------------------------------------

-- For its route's fault: 1 s, 2 s, 4 s … up to 5 min; 15 min when a person must act.
CREATE FUNCTION worker_pause_lane(p_lane integer, p_reason text, p_permanent boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    UPDATE lane SET faults = least(faults + 1, 30), pause_reason = left(p_reason, 500),
        paused_until = clock_timestamp()
            + CASE WHEN p_permanent THEN interval '15 min'
                   ELSE least(interval '5 min', interval '1 s' * power(2, least(faults, 30))) END
    WHERE id = p_lane AND (paused_until IS NULL OR paused_until < clock_timestamp()) AND sees_lane(p_lane)
$$;

-- It works again: the next fault starts with the shortest pause.
CREATE FUNCTION worker_heal_lane(p_lane integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    UPDATE lane SET faults = 0, pause_reason = NULL WHERE id = p_lane AND faults > 0 AND sees_lane(p_lane)
$$;

-- Until a person releases it; once for the same reason.
CREATE FUNCTION worker_hold_run(p_run integer, p_reason text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    INSERT INTO hold (scope, target, reason, actor)
    SELECT 'Campaign', ru.namespace || '/' || ru.name, left(p_reason, 500), 'herold' FROM run ru
    WHERE ru.id = p_run AND sees_run(p_run) AND NOT EXISTS (
        SELECT FROM hold h WHERE h.released_at IS NULL AND h.scope = 'Campaign' AND h.reason = left(p_reason, 500)
        AND h.target = ru.namespace || '/' || ru.name)
$$;

-- Chores -----------------------------------------------------------------------------------------------------------------

-- As in functions.sql, for the runs that the session sees.
CREATE OR REPLACE FUNCTION sweep(p_limit integer DEFAULT 20) RETURNS integer LANGUAGE plpgsql
SET search_path = herold, pg_temp AS $$
DECLARE
    v_dead  record;
    v_n     integer;
    v_total integer := 0;
    v_now   timestamptz := clock_timestamp();
    v_mine  smallint[] := my_senders();
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
        WHERE ru.state = 'Open' AND NOT z.exhausted AND ru.sender_id = ANY (v_mine)
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

-- What can no longer go out is settled; then the runs in which nothing waits. One worker of a login at a time.
CREATE FUNCTION worker_sweep() RETURNS SETOF integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE v_mine smallint[] := my_senders();
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('herold.maintain'), hashtext(session_user)) THEN
        RETURN;
    END IF;
    PERFORM sweep(20);
    RETURN QUERY SELECT ru.id FROM run ru WHERE ru.state = 'Open' AND ru.sender_id = ANY (v_mine)
        AND NOT EXISTS (SELECT FROM run_zone z WHERE z.run_id = ru.id AND NOT z.exhausted)
        AND NOT EXISTS (SELECT FROM chunk c WHERE c.run_id = ru.id)
        AND NOT EXISTS (SELECT FROM retry q WHERE q.run_id = ru.id)
        AND NOT EXISTS (SELECT FROM send_window w WHERE w.run_id = ru.id);
END $$;

-- The only way in which a worker can say that a run is over: close_run, which proves it from the rows.
CREATE FUNCTION worker_close(p_run integer) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    IF NOT sees_run(p_run) THEN
        RAISE EXCEPTION 'there is no run %', p_run USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN close_run(p_run);
END $$;
