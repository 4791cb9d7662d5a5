CREATE TABLE ra_mst_regions (
    id text NOT NULL,
    name text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_regions_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_regions_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_regions_name_check CHECK (length(name) <= 200)
);
COMMENT ON TABLE ra_mst_regions IS 'One row is a racing jurisdiction.';
COMMENT ON COLUMN ra_mst_regions.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_regions.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_regions.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_regions.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_bookmakers (
    id text NOT NULL,
    name text,
    least_book double precision,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_bookmakers_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_bookmakers_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_bookmakers_name_check CHECK (length(name) <= 200),
    CONSTRAINT ra_mst_bookmakers_least_book_check CHECK (least_book >= 0 AND least_book <= 5)
);
COMMENT ON TABLE ra_mst_bookmakers IS 'One row is a bookmaker, pool or exchange.';
COMMENT ON COLUMN ra_mst_bookmakers.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_bookmakers.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_bookmakers.least_book IS 'Sum of 1/odds under which a book of theirs is incomplete: runners are missing.';
COMMENT ON COLUMN ra_mst_bookmakers.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_bookmakers.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_courses (
    id text NOT NULL,
    name text,
    region_id text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_courses_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_courses_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_courses_name_check CHECK (length(name) <= 200),
    CONSTRAINT ra_mst_courses_region_id_check CHECK (length(region_id) <= 200),
    CONSTRAINT ra_mst_courses_region_id_fkey FOREIGN KEY (region_id) REFERENCES ra_mst_regions
);
COMMENT ON TABLE ra_mst_courses IS 'One row is a racecourse.';
COMMENT ON COLUMN ra_mst_courses.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_courses.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_courses.region_id IS 'Where it lies.';
COMMENT ON COLUMN ra_mst_courses.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_courses.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_sires (
    id text NOT NULL,
    name text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_sires_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_sires_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_sires_name_check CHECK (length(name) <= 200)
);
COMMENT ON TABLE ra_mst_sires IS 'One row is a sire.';
COMMENT ON COLUMN ra_mst_sires.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_sires.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_sires.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_sires.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_dams (
    id text NOT NULL,
    name text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_dams_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_dams_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_dams_name_check CHECK (length(name) <= 200)
);
COMMENT ON TABLE ra_mst_dams IS 'One row is a dam.';
COMMENT ON COLUMN ra_mst_dams.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_dams.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_dams.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_dams.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_damsires (
    id text NOT NULL,
    name text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_damsires_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_damsires_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_damsires_name_check CHECK (length(name) <= 200)
);
COMMENT ON TABLE ra_mst_damsires IS 'One row is a dam''s sire.';
COMMENT ON COLUMN ra_mst_damsires.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_damsires.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_damsires.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_damsires.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_horses (
    id text NOT NULL,
    name text,
    sex text,
    foaled date,
    region_id text,
    sire_id text,
    dam_id text,
    damsire_id text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_horses_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_horses_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_horses_name_check CHECK (length(name) <= 200),
    CONSTRAINT ra_mst_horses_sex_check CHECK (sex IN ('C', 'F', 'G', 'M', 'H', 'R')),
    CONSTRAINT ra_mst_horses_region_id_check CHECK (length(region_id) <= 200),
    CONSTRAINT ra_mst_horses_sire_id_check CHECK (length(sire_id) <= 200),
    CONSTRAINT ra_mst_horses_dam_id_check CHECK (length(dam_id) <= 200),
    CONSTRAINT ra_mst_horses_damsire_id_check CHECK (length(damsire_id) <= 200),
    CONSTRAINT ra_mst_horses_region_id_fkey FOREIGN KEY (region_id) REFERENCES ra_mst_regions,
    CONSTRAINT ra_mst_horses_sire_id_fkey FOREIGN KEY (sire_id) REFERENCES ra_mst_sires,
    CONSTRAINT ra_mst_horses_dam_id_fkey FOREIGN KEY (dam_id) REFERENCES ra_mst_dams,
    CONSTRAINT ra_mst_horses_damsire_id_fkey FOREIGN KEY (damsire_id) REFERENCES ra_mst_damsires
);
COMMENT ON TABLE ra_mst_horses IS 'One row is a horse.';
COMMENT ON COLUMN ra_mst_horses.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_horses.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_horses.sex IS 'C colt, F filly, G gelding, H horse, M mare, R rig.';
COMMENT ON COLUMN ra_mst_horses.foaled IS 'Date of foaling.';
COMMENT ON COLUMN ra_mst_horses.region_id IS 'Where it was bred.';
COMMENT ON COLUMN ra_mst_horses.sire_id IS 'Its sire.';
COMMENT ON COLUMN ra_mst_horses.dam_id IS 'Its dam.';
COMMENT ON COLUMN ra_mst_horses.damsire_id IS 'Its dam''s sire.';
COMMENT ON COLUMN ra_mst_horses.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_horses.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_jockeys (
    id text NOT NULL,
    name text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_jockeys_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_jockeys_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_jockeys_name_check CHECK (length(name) <= 200)
);
COMMENT ON TABLE ra_mst_jockeys IS 'One row is a jockey.';
COMMENT ON COLUMN ra_mst_jockeys.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_jockeys.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_jockeys.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_jockeys.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_trainers (
    id text NOT NULL,
    name text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_trainers_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_trainers_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_trainers_name_check CHECK (length(name) <= 200)
);
COMMENT ON TABLE ra_mst_trainers IS 'One row is a trainer.';
COMMENT ON COLUMN ra_mst_trainers.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_trainers.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_trainers.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_trainers.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_mst_owners (
    id text NOT NULL,
    name text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_mst_owners_pkey PRIMARY KEY (id),
    CONSTRAINT ra_mst_owners_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_mst_owners_name_check CHECK (length(name) <= 200)
);
COMMENT ON TABLE ra_mst_owners IS 'One row is an owner.';
COMMENT ON COLUMN ra_mst_owners.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_mst_owners.name IS 'Its name, as last known.';
COMMENT ON COLUMN ra_mst_owners.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_mst_owners.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_races (
    id text NOT NULL,
    date date NOT NULL,
    off_at timestamptz,
    time_zone text NOT NULL,
    course_id text NOT NULL,
    race_number smallint,
    season_index integer,
    name text,
    type text,
    race_class text,
    pattern text,
    rating_band text,
    rating_low smallint,
    rating_high smallint,
    age_band text,
    sex_restriction text,
    distance_m double precision,
    surface text,
    rail text,
    going text,
    prize double precision,
    basis text,
    extra text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_races_pkey PRIMARY KEY (id),
    CONSTRAINT ra_races_id_check CHECK (length(id) <= 200),
    CONSTRAINT ra_races_time_zone_check CHECK (length(time_zone) <= 200),
    CONSTRAINT ra_races_course_id_check CHECK (length(course_id) <= 200),
    CONSTRAINT ra_races_race_number_check CHECK (race_number >= 1 AND race_number <= 99),
    CONSTRAINT ra_races_season_index_check CHECK (season_index >= 1),
    CONSTRAINT ra_races_name_check CHECK (length(name) <= 400),
    CONSTRAINT ra_races_type_check CHECK (type IN ('flat', 'hurdle', 'chase', 'nh_flat')),
    CONSTRAINT ra_races_race_class_check CHECK (length(race_class) <= 40),
    CONSTRAINT ra_races_pattern_check CHECK (length(pattern) <= 40),
    CONSTRAINT ra_races_rating_band_check CHECK (length(rating_band) <= 40),
    CONSTRAINT ra_races_rating_low_check CHECK (rating_low >= 0 AND rating_low <= 200),
    CONSTRAINT ra_races_rating_high_check CHECK (rating_high >= 0 AND rating_high <= 200),
    CONSTRAINT ra_races_age_band_check CHECK (length(age_band) <= 40),
    CONSTRAINT ra_races_sex_restriction_check CHECK (length(sex_restriction) <= 40),
    CONSTRAINT ra_races_distance_m_check CHECK (distance_m >= 200 AND distance_m <= 12000),
    CONSTRAINT ra_races_surface_check CHECK (surface IN ('turf', 'all_weather', 'dirt')),
    CONSTRAINT ra_races_rail_check CHECK (length(rail) <= 80),
    CONSTRAINT ra_races_going_check CHECK (going IN ('hard', 'firm', 'good_to_firm', 'good', 'good_to_yielding', 'good_to_soft', 'yielding', 'yielding_to_soft', 'soft', 'very_soft', 'soft_to_heavy', 'heavy', 'holding', 'fast', 'wet_fast', 'standard_to_fast', 'standard', 'standard_to_slow', 'slow', 'wet_slow', 'muddy', 'sloppy')),
    CONSTRAINT ra_races_prize_check CHECK (prize >= 0),
    CONSTRAINT ra_races_basis_check CHECK (basis IN ('result', 'card')),
    CONSTRAINT ra_races_extra_check CHECK (length(extra) <= 20000),
    CONSTRAINT ra_races_course_id_fkey FOREIGN KEY (course_id) REFERENCES ra_mst_courses
);
CREATE INDEX ra_races_clocks_idx ON ra_races USING brin (event_at, known_at);
CREATE INDEX ra_races_date_idx ON ra_races (date);
CREATE TRIGGER ra_races_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_races
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_races', 'date');
CREATE TRIGGER ra_races_days_insert AFTER INSERT ON ra_races
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_races', 'date');
CREATE TRIGGER ra_races_days_update AFTER UPDATE ON ra_races
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_races', 'date');
CREATE TRIGGER ra_races_days_delete AFTER DELETE ON ra_races
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_races', 'date');
CREATE TRIGGER ra_races_days_truncate AFTER TRUNCATE ON ra_races
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_races', 'date');
COMMENT ON TABLE ra_races IS 'One row is a race, as its card says.';
COMMENT ON COLUMN ra_races.id IS 'The source''s own id, or one made from its columns.';
COMMENT ON COLUMN ra_races.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_races.off_at IS 'Scheduled off (UTC); null where the source gives only the day.';
COMMENT ON COLUMN ra_races.time_zone IS 'IANA time zone of the local day.';
COMMENT ON COLUMN ra_races.course_id IS 'Where it is run.';
COMMENT ON COLUMN ra_races.race_number IS 'Number of the race at its meeting.';
COMMENT ON COLUMN ra_races.season_index IS 'Serial number in the season; gaps show missing races.';
COMMENT ON COLUMN ra_races.name IS 'Name of the race.';
COMMENT ON COLUMN ra_races.type IS 'Flat or over jumps.';
COMMENT ON COLUMN ra_races.race_class IS 'Class as the authority names it (1 is best).';
COMMENT ON COLUMN ra_races.pattern IS 'Group, grade or Listed, as written.';
COMMENT ON COLUMN ra_races.rating_band IS 'Ratings admitted, as written.';
COMMENT ON COLUMN ra_races.rating_low IS 'Lowest rating admitted.';
COMMENT ON COLUMN ra_races.rating_high IS 'Highest rating admitted.';
COMMENT ON COLUMN ra_races.age_band IS 'Ages admitted, as written.';
COMMENT ON COLUMN ra_races.sex_restriction IS 'Sexes admitted, as written.';
COMMENT ON COLUMN ra_races.distance_m IS 'Distance in metres.';
COMMENT ON COLUMN ra_races.surface IS 'What is run on.';
COMMENT ON COLUMN ra_races.rail IS 'Position of the running rail.';
COMMENT ON COLUMN ra_races.going IS 'Going as declared before the race.';
COMMENT ON COLUMN ra_races.prize IS 'Prize to the winner, in the course''s currency.';
COMMENT ON COLUMN ra_races.basis IS 'Who says so: the card, or the result where no card was collected; null is the card.';
COMMENT ON COLUMN ra_races.extra IS 'What else the source says and this program does not know, as JSON.';
COMMENT ON COLUMN ra_races.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_races.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_races_was (
    LIKE ra_races,
    superseded_at timestamptz NOT NULL,
    CONSTRAINT ra_races_was_pkey PRIMARY KEY (id, known_at)
);
COMMENT ON TABLE ra_races_was IS 'One row is a race, as its card says, before it was corrected.';
COMMENT ON COLUMN ra_races_was.superseded_at IS 'When the correction became known (UTC).';
CREATE TABLE ra_runners (
    race_id text NOT NULL,
    horse_id text NOT NULL,
    date date NOT NULL,
    number smallint,
    draw smallint,
    jockey_id text,
    trainer_id text,
    owner_id text,
    age smallint,
    weight_lbs double precision,
    claim_lbs double precision,
    body_weight_lbs double precision,
    rating smallint,
    headgear text,
    basis text,
    extra text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_runners_pkey PRIMARY KEY (race_id, horse_id, date),
    CONSTRAINT ra_runners_race_id_check CHECK (length(race_id) <= 200),
    CONSTRAINT ra_runners_horse_id_check CHECK (length(horse_id) <= 200),
    CONSTRAINT ra_runners_number_check CHECK (number >= 1 AND number <= 999),
    CONSTRAINT ra_runners_draw_check CHECK (draw >= 1 AND draw <= 99),
    CONSTRAINT ra_runners_jockey_id_check CHECK (length(jockey_id) <= 200),
    CONSTRAINT ra_runners_trainer_id_check CHECK (length(trainer_id) <= 200),
    CONSTRAINT ra_runners_owner_id_check CHECK (length(owner_id) <= 200),
    CONSTRAINT ra_runners_age_check CHECK (age >= 1 AND age <= 40),
    CONSTRAINT ra_runners_weight_lbs_check CHECK (weight_lbs >= 60 AND weight_lbs <= 220),
    CONSTRAINT ra_runners_claim_lbs_check CHECK (claim_lbs >= 0 AND claim_lbs <= 20),
    CONSTRAINT ra_runners_body_weight_lbs_check CHECK (body_weight_lbs >= 400 AND body_weight_lbs <= 1800),
    CONSTRAINT ra_runners_rating_check CHECK (rating >= 0 AND rating <= 200),
    CONSTRAINT ra_runners_headgear_check CHECK (length(headgear) <= 40),
    CONSTRAINT ra_runners_basis_check CHECK (basis IN ('result', 'card')),
    CONSTRAINT ra_runners_extra_check CHECK (length(extra) <= 20000),
    CONSTRAINT ra_runners_race_id_fkey FOREIGN KEY (race_id) REFERENCES ra_races
) PARTITION BY RANGE (date);
CREATE INDEX ra_runners_clocks_idx ON ra_runners USING brin (event_at, known_at);
CREATE INDEX ra_runners_horse_id_idx ON ra_runners (horse_id);
CREATE TRIGGER ra_runners_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_runners
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_runners', 'date');
CREATE TRIGGER ra_runners_days_insert AFTER INSERT ON ra_runners
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_runners', 'date');
CREATE TRIGGER ra_runners_days_update AFTER UPDATE ON ra_runners
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_runners', 'date');
CREATE TRIGGER ra_runners_days_delete AFTER DELETE ON ra_runners
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_runners', 'date');
CREATE TRIGGER ra_runners_days_truncate AFTER TRUNCATE ON ra_runners
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_runners', 'date');
COMMENT ON TABLE ra_runners IS 'One row is a horse in a race, as the card says.';
COMMENT ON COLUMN ra_runners.race_id IS 'The race.';
COMMENT ON COLUMN ra_runners.horse_id IS 'The horse.';
COMMENT ON COLUMN ra_runners.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_runners.number IS 'Saddlecloth number.';
COMMENT ON COLUMN ra_runners.draw IS 'Stall; null over jumps.';
COMMENT ON COLUMN ra_runners.jockey_id IS 'Who was declared to ride.';
COMMENT ON COLUMN ra_runners.trainer_id IS 'Who trains it.';
COMMENT ON COLUMN ra_runners.owner_id IS 'Who owns it.';
COMMENT ON COLUMN ra_runners.age IS 'Age in years.';
COMMENT ON COLUMN ra_runners.weight_lbs IS 'Weight to be carried, in pounds.';
COMMENT ON COLUMN ra_runners.claim_lbs IS 'Jockey''s allowance, in pounds.';
COMMENT ON COLUMN ra_runners.body_weight_lbs IS 'Declared weight of the horse, in pounds.';
COMMENT ON COLUMN ra_runners.rating IS 'Official rating before the race.';
COMMENT ON COLUMN ra_runners.headgear IS 'Headgear and equipment, as coded by the source.';
COMMENT ON COLUMN ra_runners.basis IS 'Who says so: the card, or the result where no card was collected; null is the card.';
COMMENT ON COLUMN ra_runners.extra IS 'What else the source says and this program does not know, as JSON.';
COMMENT ON COLUMN ra_runners.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_runners.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_runners_was (
    LIKE ra_runners,
    superseded_at timestamptz NOT NULL,
    CONSTRAINT ra_runners_was_pkey PRIMARY KEY (race_id, horse_id, date, known_at)
);
COMMENT ON TABLE ra_runners_was IS 'One row is a horse in a race, as the card says, before it was corrected.';
COMMENT ON COLUMN ra_runners_was.superseded_at IS 'When the correction became known (UTC).';
CREATE TABLE ra_changes (
    race_id text NOT NULL,
    horse_id text NOT NULL,
    date date NOT NULL,
    change text NOT NULL,
    value text NOT NULL,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_changes_pkey PRIMARY KEY (race_id, horse_id, date, change, value),
    CONSTRAINT ra_changes_race_id_check CHECK (length(race_id) <= 200),
    CONSTRAINT ra_changes_horse_id_check CHECK (length(horse_id) <= 200),
    CONSTRAINT ra_changes_change_check CHECK (change IN ('non_runner', 'abandoned', 'jockey')),
    CONSTRAINT ra_changes_value_check CHECK (length(value) <= 200)
) PARTITION BY RANGE (date);
CREATE INDEX ra_changes_clocks_idx ON ra_changes USING brin (event_at, known_at);
CREATE TRIGGER ra_changes_append_only BEFORE UPDATE OR DELETE ON ra_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ra_changes_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_changes
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_changes', 'date');
CREATE TRIGGER ra_changes_days_insert AFTER INSERT ON ra_changes
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_changes', 'date');
CREATE TRIGGER ra_changes_days_update AFTER UPDATE ON ra_changes
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_changes', 'date');
CREATE TRIGGER ra_changes_days_delete AFTER DELETE ON ra_changes
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_changes', 'date');
CREATE TRIGGER ra_changes_days_truncate AFTER TRUNCATE ON ra_changes
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_changes', 'date');
COMMENT ON TABLE ra_changes IS 'One row is a change of a runner after it was declared.';
COMMENT ON COLUMN ra_changes.race_id IS 'The race.';
COMMENT ON COLUMN ra_changes.horse_id IS 'The horse.';
COMMENT ON COLUMN ra_changes.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_changes.change IS 'What changed.';
COMMENT ON COLUMN ra_changes.value IS 'What it is since: the id of the jockey; `yes` where there is nothing more to say.';
COMMENT ON COLUMN ra_changes.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_changes.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_results (
    race_id text NOT NULL,
    horse_id text NOT NULL,
    date date NOT NULL,
    outcome text NOT NULL,
    position smallint,
    beaten_lengths double precision,
    finish_seconds double precision,
    running_positions smallint[],
    performance_rating double precision,
    speed_rating double precision,
    rating smallint,
    weight_lbs double precision,
    jockey_id text,
    prize double precision,
    comment text,
    extra text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_results_pkey PRIMARY KEY (race_id, horse_id, date),
    CONSTRAINT ra_results_race_id_check CHECK (length(race_id) <= 200),
    CONSTRAINT ra_results_horse_id_check CHECK (length(horse_id) <= 200),
    CONSTRAINT ra_results_outcome_check CHECK (outcome IN ('FIN', 'PU', 'F', 'UR', 'BD', 'RR', 'RO', 'SU', 'CO', 'REF', 'LFT', 'DNF', 'TNP', 'DSQ', 'NR', 'VOID')),
    CONSTRAINT ra_results_position_check CHECK (position >= 1 AND position <= 100),
    CONSTRAINT ra_results_beaten_lengths_check CHECK (beaten_lengths >= 0 AND beaten_lengths <= 1000),
    CONSTRAINT ra_results_finish_seconds_check CHECK (finish_seconds >= 10 AND finish_seconds <= 2000),
    CONSTRAINT ra_results_performance_rating_check CHECK (performance_rating >= -100 AND performance_rating <= 300),
    CONSTRAINT ra_results_speed_rating_check CHECK (speed_rating >= -100 AND speed_rating <= 300),
    CONSTRAINT ra_results_rating_check CHECK (rating >= 0 AND rating <= 200),
    CONSTRAINT ra_results_weight_lbs_check CHECK (weight_lbs >= 60 AND weight_lbs <= 220),
    CONSTRAINT ra_results_jockey_id_check CHECK (length(jockey_id) <= 200),
    CONSTRAINT ra_results_prize_check CHECK (prize >= 0),
    CONSTRAINT ra_results_comment_check CHECK (length(comment) <= 4000),
    CONSTRAINT ra_results_extra_check CHECK (length(extra) <= 20000),
    CONSTRAINT ra_results_finisher_has_position CHECK ((outcome = 'FIN') = (position IS NOT NULL))
) PARTITION BY RANGE (date);
CREATE INDEX ra_results_clocks_idx ON ra_results USING brin (event_at, known_at);
CREATE TRIGGER ra_results_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_results
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_results', 'date');
CREATE TRIGGER ra_results_days_insert AFTER INSERT ON ra_results
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_results', 'date');
CREATE TRIGGER ra_results_days_update AFTER UPDATE ON ra_results
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_results', 'date');
CREATE TRIGGER ra_results_days_delete AFTER DELETE ON ra_results
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_results', 'date');
CREATE TRIGGER ra_results_days_truncate AFTER TRUNCATE ON ra_results
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_results', 'date');
COMMENT ON TABLE ra_results IS 'One row is what came of a runner.';
COMMENT ON COLUMN ra_results.race_id IS 'The race.';
COMMENT ON COLUMN ra_results.horse_id IS 'The horse.';
COMMENT ON COLUMN ra_results.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_results.outcome IS 'FIN finished, else why it did not: PU, F, UR, BD, RR, DSQ, NR, VOID...';
COMMENT ON COLUMN ra_results.position IS 'Official placing; shared in a dead heat.';
COMMENT ON COLUMN ra_results.beaten_lengths IS 'Lengths behind the winner.';
COMMENT ON COLUMN ra_results.finish_seconds IS 'Finishing time in seconds.';
COMMENT ON COLUMN ra_results.running_positions IS 'Position at each call, first to last.';
COMMENT ON COLUMN ra_results.performance_rating IS 'Rating given to this run after it.';
COMMENT ON COLUMN ra_results.speed_rating IS 'Speed figure given to this run after it.';
COMMENT ON COLUMN ra_results.rating IS 'Official rating as the result states it.';
COMMENT ON COLUMN ra_results.weight_lbs IS 'Weight carried, in pounds.';
COMMENT ON COLUMN ra_results.jockey_id IS 'Who rode.';
COMMENT ON COLUMN ra_results.prize IS 'Prize won, in the course''s currency.';
COMMENT ON COLUMN ra_results.comment IS 'How it ran, in the source''s words.';
COMMENT ON COLUMN ra_results.extra IS 'What else the source says and this program does not know, as JSON.';
COMMENT ON COLUMN ra_results.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_results.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_results_was (
    LIKE ra_results,
    superseded_at timestamptz NOT NULL,
    CONSTRAINT ra_results_was_pkey PRIMARY KEY (race_id, horse_id, date, known_at)
);
COMMENT ON TABLE ra_results_was IS 'One row is what came of a runner, before it was corrected.';
COMMENT ON COLUMN ra_results_was.superseded_at IS 'When the correction became known (UTC).';
CREATE TABLE ra_sectionals (
    race_id text NOT NULL,
    horse_id text NOT NULL,
    date date NOT NULL,
    section_seconds double precision[] NOT NULL,
    section_positions smallint[] NOT NULL,
    behind_lengths double precision[],
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_sectionals_pkey PRIMARY KEY (race_id, horse_id, date),
    CONSTRAINT ra_sectionals_race_id_check CHECK (length(race_id) <= 200),
    CONSTRAINT ra_sectionals_horse_id_check CHECK (length(horse_id) <= 200)
) PARTITION BY RANGE (date);
CREATE INDEX ra_sectionals_clocks_idx ON ra_sectionals USING brin (event_at, known_at);
CREATE TRIGGER ra_sectionals_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_sectionals
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_sectionals', 'date');
CREATE TRIGGER ra_sectionals_days_insert AFTER INSERT ON ra_sectionals
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_sectionals', 'date');
CREATE TRIGGER ra_sectionals_days_update AFTER UPDATE ON ra_sectionals
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_sectionals', 'date');
CREATE TRIGGER ra_sectionals_days_delete AFTER DELETE ON ra_sectionals
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_sectionals', 'date');
CREATE TRIGGER ra_sectionals_days_truncate AFTER TRUNCATE ON ra_sectionals
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_sectionals', 'date');
COMMENT ON TABLE ra_sectionals IS 'One row is how a runner spent its race, section by section.';
COMMENT ON COLUMN ra_sectionals.race_id IS 'The race.';
COMMENT ON COLUMN ra_sectionals.horse_id IS 'The horse.';
COMMENT ON COLUMN ra_sectionals.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_sectionals.section_seconds IS 'Seconds each section took; in Hong Kong 400 m each, the first what is left of the distance.';
COMMENT ON COLUMN ra_sectionals.section_positions IS 'Its position where each section ends.';
COMMENT ON COLUMN ra_sectionals.behind_lengths IS 'Lengths behind the leader where each section ends, 0 in front; null where one was not measured.';
COMMENT ON COLUMN ra_sectionals.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_sectionals.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_sectionals_was (
    LIKE ra_sectionals,
    superseded_at timestamptz NOT NULL,
    CONSTRAINT ra_sectionals_was_pkey PRIMARY KEY (race_id, horse_id, date, known_at)
);
COMMENT ON TABLE ra_sectionals_was IS 'One row is how a runner spent its race, section by section, before it was corrected.';
COMMENT ON COLUMN ra_sectionals_was.superseded_at IS 'When the correction became known (UTC).';
CREATE TABLE ra_race_results (
    race_id text NOT NULL,
    date date NOT NULL,
    official_going text,
    winning_seconds double precision,
    non_runners text,
    comment text,
    extra text,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_race_results_pkey PRIMARY KEY (race_id),
    CONSTRAINT ra_race_results_race_id_check CHECK (length(race_id) <= 200),
    CONSTRAINT ra_race_results_official_going_check CHECK (official_going IN ('hard', 'firm', 'good_to_firm', 'good', 'good_to_yielding', 'good_to_soft', 'yielding', 'yielding_to_soft', 'soft', 'very_soft', 'soft_to_heavy', 'heavy', 'holding', 'fast', 'wet_fast', 'standard_to_fast', 'standard', 'standard_to_slow', 'slow', 'wet_slow', 'muddy', 'sloppy')),
    CONSTRAINT ra_race_results_winning_seconds_check CHECK (winning_seconds >= 10 AND winning_seconds <= 2000),
    CONSTRAINT ra_race_results_non_runners_check CHECK (length(non_runners) <= 4000),
    CONSTRAINT ra_race_results_comment_check CHECK (length(comment) <= 4000),
    CONSTRAINT ra_race_results_extra_check CHECK (length(extra) <= 20000),
    CONSTRAINT ra_race_results_race_id_fkey FOREIGN KEY (race_id) REFERENCES ra_races
);
CREATE INDEX ra_race_results_clocks_idx ON ra_race_results USING brin (event_at, known_at);
CREATE TRIGGER ra_race_results_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_race_results
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_race_results', 'date');
CREATE TRIGGER ra_race_results_days_insert AFTER INSERT ON ra_race_results
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_race_results', 'date');
CREATE TRIGGER ra_race_results_days_update AFTER UPDATE ON ra_race_results
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_race_results', 'date');
CREATE TRIGGER ra_race_results_days_delete AFTER DELETE ON ra_race_results
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_race_results', 'date');
CREATE TRIGGER ra_race_results_days_truncate AFTER TRUNCATE ON ra_race_results
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_race_results', 'date');
COMMENT ON TABLE ra_race_results IS 'One row is what was said of a race after it.';
COMMENT ON COLUMN ra_race_results.race_id IS 'The race.';
COMMENT ON COLUMN ra_race_results.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_race_results.official_going IS 'Going as returned after racing.';
COMMENT ON COLUMN ra_race_results.winning_seconds IS 'Winning time in seconds.';
COMMENT ON COLUMN ra_race_results.non_runners IS 'Who did not run and why, in the source''s words.';
COMMENT ON COLUMN ra_race_results.comment IS 'What the stewards or the source remarked.';
COMMENT ON COLUMN ra_race_results.extra IS 'What else the source says and this program does not know, as JSON.';
COMMENT ON COLUMN ra_race_results.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_race_results.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_race_results_was (
    LIKE ra_race_results,
    superseded_at timestamptz NOT NULL,
    CONSTRAINT ra_race_results_was_pkey PRIMARY KEY (race_id, known_at)
);
COMMENT ON TABLE ra_race_results_was IS 'One row is what was said of a race after it, before it was corrected.';
COMMENT ON COLUMN ra_race_results_was.superseded_at IS 'When the correction became known (UTC).';
CREATE TABLE ra_odds (
    race_id text NOT NULL,
    horse_id text NOT NULL,
    date date NOT NULL,
    bookmaker_id text NOT NULL,
    price_kind text NOT NULL,
    decimal_odds double precision NOT NULL,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_odds_pkey PRIMARY KEY (race_id, horse_id, date, bookmaker_id, price_kind, event_at),
    CONSTRAINT ra_odds_race_id_check CHECK (length(race_id) <= 200),
    CONSTRAINT ra_odds_horse_id_check CHECK (length(horse_id) <= 200),
    CONSTRAINT ra_odds_bookmaker_id_check CHECK (length(bookmaker_id) <= 200),
    CONSTRAINT ra_odds_price_kind_check CHECK (price_kind IN ('bookmaker', 'final_tote', 'sp', 'exchange_sp', 'exchange', 'tote', 'morning_line')),
    CONSTRAINT ra_odds_decimal_odds_check CHECK (decimal_odds >= 1 AND decimal_odds <= 100000)
) PARTITION BY RANGE (date);
CREATE INDEX ra_odds_clocks_idx ON ra_odds USING brin (event_at, known_at);
CREATE TRIGGER ra_odds_append_only BEFORE UPDATE OR DELETE ON ra_odds
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ra_odds_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_odds
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_odds', 'date');
CREATE TRIGGER ra_odds_days_insert AFTER INSERT ON ra_odds
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_odds', 'date');
CREATE TRIGGER ra_odds_days_update AFTER UPDATE ON ra_odds
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_odds', 'date');
CREATE TRIGGER ra_odds_days_delete AFTER DELETE ON ra_odds
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_odds', 'date');
CREATE TRIGGER ra_odds_days_truncate AFTER TRUNCATE ON ra_odds
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_odds', 'date');
COMMENT ON TABLE ra_odds IS 'One row is a price at an instant.';
COMMENT ON COLUMN ra_odds.race_id IS 'The race.';
COMMENT ON COLUMN ra_odds.horse_id IS 'The horse.';
COMMENT ON COLUMN ra_odds.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_odds.bookmaker_id IS 'Who quoted it.';
COMMENT ON COLUMN ra_odds.price_kind IS 'What kind of price it is.';
COMMENT ON COLUMN ra_odds.decimal_odds IS 'Return for one unit staked, stake included.';
COMMENT ON COLUMN ra_odds.event_at IS 'When the price was valid (UTC).';
COMMENT ON COLUMN ra_odds.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_dividends (
    race_id text NOT NULL,
    date date NOT NULL,
    pool text NOT NULL,
    combination text NOT NULL,
    dividend double precision NOT NULL,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    CONSTRAINT ra_dividends_pkey PRIMARY KEY (race_id, date, pool, combination),
    CONSTRAINT ra_dividends_race_id_check CHECK (length(race_id) <= 200),
    CONSTRAINT ra_dividends_pool_check CHECK (pool IN ('win', 'place', 'show', 'quinella', 'quinella_place', 'forecast', 'exacta', 'tierce', 'trio', 'trifecta', 'tricast', 'first_four', 'quartet', 'superfecta', 'composite_win', 'double', 'treble', 'double_trio', 'triple_trio', 'six_up', 'placepot', 'jackpot')),
    CONSTRAINT ra_dividends_combination_check CHECK (length(combination) <= 80),
    CONSTRAINT ra_dividends_dividend_check CHECK (dividend >= 0),
    CONSTRAINT ra_dividends_race_id_fkey FOREIGN KEY (race_id) REFERENCES ra_races
) PARTITION BY RANGE (date);
CREATE INDEX ra_dividends_clocks_idx ON ra_dividends USING brin (event_at, known_at);
CREATE TRIGGER ra_dividends_days_lock BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ra_dividends
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_dividends', 'date');
CREATE TRIGGER ra_dividends_days_insert AFTER INSERT ON ra_dividends
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_dividends', 'date');
CREATE TRIGGER ra_dividends_days_update AFTER UPDATE ON ra_dividends
    REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_dividends', 'date');
CREATE TRIGGER ra_dividends_days_delete AFTER DELETE ON ra_dividends
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_dividends', 'date');
CREATE TRIGGER ra_dividends_days_truncate AFTER TRUNCATE ON ra_dividends
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_changed_days('ra_dividends', 'date');
COMMENT ON TABLE ra_dividends IS 'One row is what a pool paid for a combination.';
COMMENT ON COLUMN ra_dividends.race_id IS 'The race.';
COMMENT ON COLUMN ra_dividends.date IS 'Local day of the race.';
COMMENT ON COLUMN ra_dividends.pool IS 'Which pool.';
COMMENT ON COLUMN ra_dividends.combination IS 'Saddlecloth numbers that won it.';
COMMENT ON COLUMN ra_dividends.dividend IS 'Return for one unit staked, in the course''s currency.';
COMMENT ON COLUMN ra_dividends.event_at IS 'When it happened (UTC); where only the day is known, the last instant of that local day.';
COMMENT ON COLUMN ra_dividends.known_at IS 'When we could first have known it (UTC): the fetch, or the provider''s publication rule.';
CREATE TABLE ra_dividends_was (
    LIKE ra_dividends,
    superseded_at timestamptz NOT NULL,
    CONSTRAINT ra_dividends_was_pkey PRIMARY KEY (race_id, date, pool, combination, known_at)
);
COMMENT ON TABLE ra_dividends_was IS 'One row is what a pool paid for a combination, before it was corrected.';
COMMENT ON COLUMN ra_dividends_was.superseded_at IS 'When the correction became known (UTC).';
