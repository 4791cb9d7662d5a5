-- Our side of runs: what was asked, how far it is, what it said, who works. What state a run is in is kept by
-- DBOS alone, in dbos.workflow_status; the view `runs` reads it there.

CREATE TABLE IF NOT EXISTS run_requests (
    id text PRIMARY KEY REFERENCES dbos.workflow_status ON DELETE CASCADE,
    kind text NOT NULL,
    parameters jsonb NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN -1 AND 2),
    asked_by text NOT NULL,
    retry_of text REFERENCES run_requests ON DELETE SET NULL,
    attempts_before integer NOT NULL DEFAULT 0 CHECK (attempts_before >= 0),
    queue text NOT NULL,
    concurrency integer CHECK (concurrency > 0),
    timeout_seconds double precision CHECK (timeout_seconds > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS run_requests_created ON run_requests (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS run_requests_kind_created ON run_requests (kind, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS run_requests_retry_of ON run_requests (retry_of) WHERE retry_of IS NOT NULL;

CREATE TABLE IF NOT EXISTS run_progress (
    run_id text PRIMARY KEY REFERENCES run_requests ON DELETE CASCADE,
    began_at timestamptz NOT NULL DEFAULT now(),
    share double precision CHECK (share BETWEEN 0 AND 1),
    sentence text NOT NULL DEFAULT '',
    figures jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS run_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL REFERENCES run_requests ON DELETE CASCADE,
    logged_at timestamptz NOT NULL DEFAULT now(),
    attempt integer NOT NULL,
    level text NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
    message text NOT NULL
);
CREATE INDEX IF NOT EXISTS run_logs_of_a_run ON run_logs (run_id, id);

CREATE TABLE IF NOT EXISTS run_workers (
    id text PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    slots integer NOT NULL,
    serves_all boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now()
);

-- What is asked for again and again. A schedule that is paused is due never.
CREATE TABLE IF NOT EXISTS run_schedules (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    kind text NOT NULL,
    parameters jsonb NOT NULL,
    cron text NOT NULL,
    zone text NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN -1 AND 2),
    next_at timestamptz,
    last_at timestamptz,
    last_run text REFERENCES run_requests ON DELETE SET NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS run_schedules_next ON run_schedules (next_at) WHERE next_at IS NOT NULL;

CREATE OR REPLACE FUNCTION dbos.run_word(status text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE status
        WHEN 'ENQUEUED' THEN 'queued' WHEN 'DELAYED' THEN 'queued' WHEN 'PENDING' THEN 'running'
        WHEN 'SUCCESS' THEN 'succeeded' WHEN 'CANCELLED' THEN 'cancelled'
        WHEN 'ERROR' THEN 'failed' WHEN 'MAX_RECOVERY_ATTEMPTS_EXCEEDED' THEN 'failed' END
$$;

-- The guard: a run goes queued -> running -> one of the three ends, or from running back to queued when its worker
-- is gone. DBOS writes only this way; the guard holds for everybody else who can reach the table too.
CREATE OR REPLACE FUNCTION dbos.run_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_word text := CASE WHEN TG_OP = 'UPDATE' THEN dbos.run_word(OLD.status) ELSE 'nothing' END;
    new_word text := coalesce(dbos.run_word(NEW.status), NEW.status, 'nothing');
    reason text;
BEGIN
    IF old_word = new_word OR (old_word, new_word) IN (
        ('nothing', 'queued'), ('nothing', 'running'),
        ('queued', 'running'), ('queued', 'cancelled'),
        ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'), ('running', 'queued')
    ) THEN
        RETURN NEW;
    END IF;
    reason := CASE
        WHEN old_word IN ('succeeded', 'failed', 'cancelled')
            THEN 'what has ended stays as it ended; `morningline runs retry` makes a new run of it'
        WHEN old_word = 'queued' THEN 'no worker has taken it up yet, so it cannot have an outcome'
        WHEN old_word = 'nothing' THEN 'a run begins as queued or running'
        ELSE 'there is no such state' END;
    RAISE EXCEPTION 'Run % cannot go from % to %: %.', NEW.workflow_uuid, old_word, new_word, reason
        USING ERRCODE = 'check_violation';
END
$$;
DROP TRIGGER IF EXISTS run_guard ON dbos.workflow_status;
CREATE TRIGGER run_guard BEFORE UPDATE OF status ON dbos.workflow_status
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION dbos.run_guard();
DROP TRIGGER IF EXISTS run_guard_of_new ON dbos.workflow_status;
CREATE TRIGGER run_guard_of_new BEFORE INSERT ON dbos.workflow_status
    FOR EACH ROW EXECUTE FUNCTION dbos.run_guard();

DROP VIEW IF EXISTS runs;
CREATE VIEW runs AS
SELECT
    q.id, q.kind, dbos.run_word(w.status) AS status, q.priority,
    q.attempts_before + greatest(w.recovery_attempts, 1)::integer AS attempt,
    p.share, coalesce(p.sentence, '') AS sentence, coalesce(p.figures, '{}') AS figures, q.parameters,
    o.output AS result,
    CASE WHEN w.status = 'CANCELLED' AND w.completed_at >= w.workflow_deadline_epoch_ms
        THEN json_build_object('name', 'TimeoutError', 'message',
            'The run took longer than its ' || q.timeout_seconds || ' seconds.')::text
        WHEN w.status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'
        THEN json_build_object('name', 'RunError', 'message',
            'The run was taken up ' || w.recovery_attempts || ' times and its worker died each time.')::text
        ELSE o.error END AS error,
    q.asked_by, q.retry_of, CASE WHEN w.status = 'PENDING' THEN w.executor_id END AS worker,
    q.created_at,
    coalesce(p.began_at, to_timestamp(w.started_at_epoch_ms / 1000.0)) AS started_at,
    to_timestamp(w.completed_at / 1000.0) AS finished_at,
    p.updated_at, q.queue, q.timeout_seconds, w.status AS engine_status
FROM run_requests AS q
JOIN dbos.workflow_status AS w ON w.workflow_uuid = q.id
LEFT JOIN run_progress AS p ON p.run_id = q.id
LEFT JOIN dbos.workflow_output AS o ON o.workflow_uuid = q.id;
COMMENT ON VIEW runs IS 'morningline runs 3';
