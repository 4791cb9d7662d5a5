"""What the tables of races must agree on, day by day: cards, runners, results and prices tell the same story."""

from morningline.domains.racing.events import WITHDRAWALS
from morningline.domains.racing.outcomes import DID_NOT_RUN
from morningline.domains.racing.prices import CLOSING_PRICES
from morningline.facts.agreement import Agreement

# Runners that nobody withdrew, of races of the days.
_STAYED = f"""
    SELECT runner.race_id, runner.horse_id, runner.date FROM ra_races AS race
    JOIN ra_runners AS runner ON runner.race_id = race.id AND runner.date = ANY(%(days)s)
    WHERE race.date = ANY(%(days)s) AND NOT EXISTS (
        SELECT FROM ra_changes AS gone WHERE gone.race_id = runner.race_id AND gone.horse_id = runner.horse_id
        AND gone.date = runner.date AND gone.date = ANY(%(days)s) AND gone.change IN {WITHDRAWALS}
    )
"""  # noqa: S608 - our own words
_RESULTS = """
    SELECT result.* FROM ra_races AS race
    JOIN ra_results AS result ON result.race_id = race.id AND result.date = ANY(%(days)s)
    WHERE race.date = ANY(%(days)s)
"""
_FIELDS = f"""
    SELECT stayed.race_id, stayed.date, count(*) AS runners, count(result.outcome) AS decided
    FROM ({_STAYED}) AS stayed LEFT JOIN ({_RESULTS}) AS result USING (race_id, horse_id) GROUP BY 1, 2
"""  # noqa: S608 - our own words

AGREEMENTS = (
    Agreement(
        name="races have runners",
        table="ra_races",
        kind="all",
        sql="""
            SELECT race.date, count(runners.race_id), count(*) FROM ra_races AS race LEFT JOIN (
                SELECT DISTINCT race_id FROM ra_runners WHERE date = ANY(%(days)s)
                AND race_id IN (SELECT id FROM ra_races WHERE date = ANY(%(days)s))
            ) AS runners ON runners.race_id = race.id
            WHERE race.date = ANY(%(days)s) GROUP BY 1
        """,
    ),
    Agreement(
        # A frost takes races away, so that few of them are no fault by themselves.
        name="races a meeting",
        table="ra_races",
        part="completeness",
        kind="watched",
        sql="""
            SELECT date, count(*), count(DISTINCT course_id) FROM ra_races WHERE date = ANY(%(days)s) GROUP BY 1
        """,
    ),
    Agreement(
        # Races follow each other at a steady pace, so that a card with gaps shows whatever its size.
        name="races an hour of a meeting",
        table="ra_races",
        part="completeness",
        kind="watched",
        sql="""
            SELECT date, 60 * sum(races - 1), sum(minutes) FROM (
                SELECT date, count(off_at) AS races,
                       round(EXTRACT(EPOCH FROM max(off_at) - min(off_at)) / 60)::bigint AS minutes
                FROM ra_races WHERE date = ANY(%(days)s) GROUP BY date, course_id
            ) AS meetings WHERE races > 1 GROUP BY 1
        """,
    ),
    Agreement(
        # The highest number is how many the meeting has.
        name="races of a meeting are there",
        table="ra_races",
        sql="""
            SELECT date, sum(own), sum(planned) FROM (
                SELECT date, count(DISTINCT race_number) AS own, max(race_number) AS planned
                FROM ra_races WHERE date = ANY(%(days)s) GROUP BY date, course_id
            ) AS meetings WHERE planned IS NOT NULL GROUP BY 1
        """,
    ),
    Agreement(
        name="races at a course have numbers of their own",
        table="ra_races",
        part="uniqueness",
        sql="""
            SELECT date, count(DISTINCT (course_id, race_number)) FILTER (WHERE race_number IS NOT NULL),
                   count(race_number)
            FROM ra_races WHERE date = ANY(%(days)s) GROUP BY 1
        """,
    ),
    Agreement(
        name="runners of a race have numbers of their own",
        table="ra_runners",
        part="uniqueness",
        sql="""
            SELECT date, sum(own), sum(numbered) FROM (
                SELECT runner.date, count(DISTINCT runner.number) AS own, count(runner.number) AS numbered
                FROM ra_races AS race
                JOIN ra_runners AS runner ON runner.race_id = race.id AND runner.date = ANY(%(days)s)
                WHERE race.date = ANY(%(days)s) GROUP BY runner.race_id, runner.date
            ) AS fields GROUP BY 1
        """,
    ),
    Agreement(
        # The highest number is how many the card declared.
        name="declared runners are there",
        table="ra_runners",
        sql="""
            SELECT date, sum(own), sum(declared) FROM (
                SELECT runner.date, count(DISTINCT runner.number) AS own, max(runner.number) AS declared
                FROM ra_races AS race
                JOIN ra_runners AS runner ON runner.race_id = race.id AND runner.date = ANY(%(days)s)
                WHERE race.date = ANY(%(days)s) GROUP BY runner.race_id, runner.date
            ) AS fields WHERE declared IS NOT NULL GROUP BY 1
        """,
    ),
    Agreement(
        name="races that were run have results",
        table="ra_results",
        sql=f"SELECT date, count(*) FILTER (WHERE decided > 0), count(*) FROM ({_FIELDS}) AS fields GROUP BY 1",  # noqa: S608 - our own words
    ),
    Agreement(
        name="runners of decided races have results",
        table="ra_results",
        sql=f"SELECT date, sum(decided), sum(runners) FROM ({_FIELDS}) AS fields WHERE decided > 0 GROUP BY 1",  # noqa: S608 - our own words
    ),
    Agreement(
        name="results are of runners",
        table="ra_results",
        kind="all",
        sql=f"""
            SELECT result.date, count(runner.race_id), count(*) FROM ({_RESULTS}) AS result
            LEFT JOIN ra_runners AS runner ON runner.race_id = result.race_id AND runner.horse_id = result.horse_id
            AND runner.date = result.date AND runner.date = ANY(%(days)s) GROUP BY 1
        """,  # noqa: S608 - our own words
    ),
    Agreement(
        # Two that share the fourth place leave the fifth free, so the places that are taken are counted with them.
        name="placings are taken without a gap",
        table="ra_results",
        sql=f"""
            SELECT date, sum(least(placed, last)), sum(last) FROM (
                SELECT result.date, count(position) AS placed, max(position) AS last
                FROM ({_RESULTS}) AS result GROUP BY race_id, result.date
            ) AS fields WHERE last IS NOT NULL GROUP BY 1
        """,  # noqa: S608 - our own words
    ),
    Agreement(
        name="runners that started have a price at the off",
        table="ra_odds",
        sql=f"""
            SELECT result.date, count(price.horse_id), count(*) FROM ({_RESULTS}) AS result LEFT JOIN (
                SELECT DISTINCT race_id, horse_id FROM ra_odds WHERE date = ANY(%(days)s)
                AND race_id IN (SELECT id FROM ra_races WHERE date = ANY(%(days)s)) AND price_kind IN {CLOSING_PRICES}
            ) AS price USING (race_id, horse_id) WHERE result.outcome NOT IN {DID_NOT_RUN} GROUP BY 1
        """,  # noqa: S608 - our own words
    ),
    Agreement(
        name="prices are of runners",
        table="ra_odds",
        kind="all",
        sql="""
            SELECT price.date, count(runner.race_id), count(*) FROM (
                SELECT DISTINCT race_id, horse_id, date FROM ra_odds WHERE date = ANY(%(days)s)
                AND race_id IN (SELECT id FROM ra_races WHERE date = ANY(%(days)s))
            ) AS price LEFT JOIN ra_runners AS runner ON runner.race_id = price.race_id
            AND runner.horse_id = price.horse_id AND runner.date = price.date AND runner.date = ANY(%(days)s)
            GROUP BY 1
        """,
    ),
)
"""By table and part."""
