CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a row that was written is never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TABLE imports (
    id text NOT NULL,
    mapping text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    status text NOT NULL,
    report jsonb NOT NULL,
    CONSTRAINT imports_pkey PRIMARY KEY (id),
    CONSTRAINT imports_id_check CHECK (length(id) <= 200),
    CONSTRAINT imports_mapping_check CHECK (length(mapping) <= 200),
    CONSTRAINT imports_status_check CHECK (status IN ('complete', 'rows_quarantined'))
);
COMMENT ON TABLE imports IS 'One row is an import of files.';
COMMENT ON COLUMN imports.id IS 'Hash of the mapping and of every file read.';
COMMENT ON COLUMN imports.mapping IS 'Name of the mapping.';
COMMENT ON COLUMN imports.started_at IS 'When the first such import began (UTC).';
COMMENT ON COLUMN imports.finished_at IS 'When the last such import was committed (UTC).';
COMMENT ON COLUMN imports.status IS 'Whether every row was kept.';
COMMENT ON COLUMN imports.report IS 'The report, as JSON.';
CREATE TABLE quarantine (
    id text NOT NULL,
    import_id text NOT NULL,
    target text NOT NULL,
    scope text NOT NULL,
    reason text NOT NULL,
    file text NOT NULL,
    row bigint NOT NULL,
    payload jsonb NOT NULL,
    CONSTRAINT quarantine_pkey PRIMARY KEY (id),
    CONSTRAINT quarantine_id_check CHECK (length(id) <= 200),
    CONSTRAINT quarantine_import_id_check CHECK (length(import_id) <= 200),
    CONSTRAINT quarantine_target_check CHECK (length(target) <= 200),
    CONSTRAINT quarantine_scope_check CHECK (scope IN ('row', 'value')),
    CONSTRAINT quarantine_reason_check CHECK (length(reason) <= 1000),
    CONSTRAINT quarantine_file_check CHECK (length(file) <= 1000),
    CONSTRAINT quarantine_row_check CHECK (row >= 1)
);
CREATE INDEX quarantine_import_id_idx ON quarantine (import_id);
COMMENT ON TABLE quarantine IS 'One row is a row or value that was turned away.';
COMMENT ON COLUMN quarantine.id IS 'Hash of table, reason and payload.';
COMMENT ON COLUMN quarantine.import_id IS 'The import that met it last.';
COMMENT ON COLUMN quarantine.target IS 'The table it was meant for.';
COMMENT ON COLUMN quarantine.scope IS '`row`: not stored at all; `value`: stored without this value.';
COMMENT ON COLUMN quarantine.reason IS 'Why, in words.';
COMMENT ON COLUMN quarantine.file IS 'The file it stands in.';
COMMENT ON COLUMN quarantine.row IS 'Number of the data row in that file, from 1.';
COMMENT ON COLUMN quarantine.payload IS 'The source row, as JSON.';
CREATE TABLE models (
    id text NOT NULL,
    task text NOT NULL,
    created_at timestamptz NOT NULL,
    train_until date NOT NULL,
    test_from date NOT NULL,
    test_to date NOT NULL,
    feature_set text NOT NULL,
    feature_version text NOT NULL,
    delta_version bigint NOT NULL,
    data_fingerprint text NOT NULL,
    code_version text NOT NULL,
    seed bigint NOT NULL,
    parameters jsonb NOT NULL,
    metrics jsonb NOT NULL,
    artefact text NOT NULL,
    artefact_sha256 text NOT NULL,
    CONSTRAINT models_pkey PRIMARY KEY (id),
    CONSTRAINT models_id_check CHECK (length(id) <= 200),
    CONSTRAINT models_task_check CHECK (length(task) <= 200),
    CONSTRAINT models_feature_set_check CHECK (length(feature_set) <= 200),
    CONSTRAINT models_feature_version_check CHECK (length(feature_version) <= 200),
    CONSTRAINT models_delta_version_check CHECK (delta_version >= 0),
    CONSTRAINT models_data_fingerprint_check CHECK (length(data_fingerprint) <= 200),
    CONSTRAINT models_code_version_check CHECK (length(code_version) <= 200),
    CONSTRAINT models_artefact_check CHECK (length(artefact) <= 400),
    CONSTRAINT models_artefact_sha256_check CHECK (length(artefact_sha256) <= 200)
);
COMMENT ON TABLE models IS 'One row is a trained model.';
COMMENT ON COLUMN models.id IS 'Task and hash of everything that determines the model.';
COMMENT ON COLUMN models.task IS 'What it predicts.';
COMMENT ON COLUMN models.created_at IS 'When it was first trained (UTC).';
COMMENT ON COLUMN models.train_until IS 'Last local day of training.';
COMMENT ON COLUMN models.test_from IS 'First local day of the test.';
COMMENT ON COLUMN models.test_to IS 'Last local day of the test.';
COMMENT ON COLUMN models.feature_set IS 'Name of the feature set.';
COMMENT ON COLUMN models.feature_version IS 'Version of the feature set: a hash of its definitions and code.';
COMMENT ON COLUMN models.delta_version IS 'Version of the Delta table it was trained on.';
COMMENT ON COLUMN models.data_fingerprint IS 'Hash of the rows it was trained, validated and tested on.';
COMMENT ON COLUMN models.code_version IS 'Version of the program and hash of its source.';
COMMENT ON COLUMN models.seed IS 'Seed of everything random.';
COMMENT ON COLUMN models.parameters IS 'Parameters, as JSON.';
COMMENT ON COLUMN models.metrics IS 'The backtest''s result, as JSON.';
COMMENT ON COLUMN models.artefact IS 'Folder of its files, relative to the workspace.';
COMMENT ON COLUMN models.artefact_sha256 IS 'SHA-256 over its files.';
CREATE TABLE predictions (
    id text NOT NULL,
    task text NOT NULL,
    event_id text NOT NULL,
    entrant_id text NOT NULL,
    day date NOT NULL,
    as_of timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    model_id text NOT NULL,
    feature_version text NOT NULL,
    probability double precision NOT NULL,
    fair_odds double precision NOT NULL,
    rank integer NOT NULL,
    inputs double precision[] NOT NULL,
    inputs_hash text NOT NULL,
    CONSTRAINT predictions_pkey PRIMARY KEY (id),
    CONSTRAINT predictions_id_check CHECK (length(id) <= 200),
    CONSTRAINT predictions_task_check CHECK (length(task) <= 200),
    CONSTRAINT predictions_event_id_check CHECK (length(event_id) <= 200),
    CONSTRAINT predictions_entrant_id_check CHECK (length(entrant_id) <= 200),
    CONSTRAINT predictions_model_id_check CHECK (length(model_id) <= 200),
    CONSTRAINT predictions_feature_version_check CHECK (length(feature_version) <= 200),
    CONSTRAINT predictions_probability_check CHECK (probability >= 0 AND probability <= 1),
    CONSTRAINT predictions_fair_odds_check CHECK (fair_odds >= 1),
    CONSTRAINT predictions_rank_check CHECK (rank >= 1),
    CONSTRAINT predictions_inputs_hash_check CHECK (length(inputs_hash) <= 200),
    CONSTRAINT predictions_model_id_fkey FOREIGN KEY (model_id) REFERENCES models
);
CREATE INDEX predictions_day_idx ON predictions (day);
CREATE INDEX predictions_event_id_idx ON predictions (event_id);
CREATE TRIGGER predictions_append_only BEFORE UPDATE OR DELETE ON predictions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE predictions IS 'One row is a locked prediction for an entrant.';
COMMENT ON COLUMN predictions.id IS 'Hash of task, event, entrant, model and as-of instant.';
COMMENT ON COLUMN predictions.task IS 'What is predicted.';
COMMENT ON COLUMN predictions.event_id IS 'The event.';
COMMENT ON COLUMN predictions.entrant_id IS 'Who takes part in it.';
COMMENT ON COLUMN predictions.day IS 'Local day of the event.';
COMMENT ON COLUMN predictions.as_of IS 'The cut-off: nothing known later was used (UTC).';
COMMENT ON COLUMN predictions.made_at IS 'When it was made (UTC).';
COMMENT ON COLUMN predictions.model_id IS 'The model.';
COMMENT ON COLUMN predictions.feature_version IS 'Version of the feature set.';
COMMENT ON COLUMN predictions.probability IS 'Probability of winning.';
COMMENT ON COLUMN predictions.fair_odds IS '1 / probability: decimal odds without margin.';
COMMENT ON COLUMN predictions.rank IS 'Rank within the event, 1 is likeliest; ties share the better rank.';
COMMENT ON COLUMN predictions.inputs IS 'The model''s inputs in the order of its features, NaN where missing.';
COMMENT ON COLUMN predictions.inputs_hash IS 'SHA-256 of the event''s inputs.';
CREATE TABLE scores (
    prediction_id text NOT NULL,
    scored_at timestamptz NOT NULL,
    won double precision NOT NULL,
    market_probability double precision,
    market_odds double precision,
    excluded text,
    CONSTRAINT scores_pkey PRIMARY KEY (prediction_id),
    CONSTRAINT scores_prediction_id_check CHECK (length(prediction_id) <= 200),
    CONSTRAINT scores_won_check CHECK (won >= 0 AND won <= 1),
    CONSTRAINT scores_market_probability_check CHECK (market_probability >= 0 AND market_probability <= 1),
    CONSTRAINT scores_market_odds_check CHECK (market_odds >= 1),
    CONSTRAINT scores_excluded_check CHECK (length(excluded) <= 200),
    CONSTRAINT scores_prediction_id_fkey FOREIGN KEY (prediction_id) REFERENCES predictions
);
COMMENT ON TABLE scores IS 'One row is what came of a prediction.';
COMMENT ON COLUMN scores.prediction_id IS 'The prediction.';
COMMENT ON COLUMN scores.scored_at IS 'When the outcome was joined (UTC).';
COMMENT ON COLUMN scores.won IS 'Share of the win: 1, a half in a dead heat, 0.';
COMMENT ON COLUMN scores.market_probability IS 'The market''s, margin removed.';
COMMENT ON COLUMN scores.market_odds IS 'Decimal odds it was taken from.';
COMMENT ON COLUMN scores.excluded IS 'Why the event is left out of the score, null where it counts.';
