"""The racing tables: masters, races, runners and changes before the race, results after it, prices and dividends.

What is known before the off and what is known after it live in different tables, so a feature that reads the
cards cannot reach the result of the same race.
"""

import dataframely as dy

from morningline.domains.racing.vocabulary import (
    BASES,
    CHANGES,
    GOINGS,
    OUTCOMES,
    POOLS,
    PRICE_KINDS,
    RACE_TYPES,
    SEXES,
    SURFACES,
    words,
)
from morningline.facts.table import Catalog, Fact, Reference, Table, day, instant, text, word

# The largest field ever declared on a card seen was 66 (entries for a handicap); 40 is the most that ever ran.
MOST_RUNNERS = 100

_BASIS = "Who says so: the card, or the result where no card was collected; null is the card."
_EXTRA = "What else the source says and this program does not know, as JSON."
# Room for a few hundred keys that a feed may add one day.
_LONGEST_EXTRA = 20_000


class Master(Fact):
    """An entity that facts refer to."""

    id = text("The source's own id, or one made from its columns.", key=True)
    name = text("Its name, as last known.", null=True)


class Regions(Master):
    """Racing jurisdictions."""


class Bookmakers(Master):
    """Who quotes a price: bookmakers, pools and exchanges."""

    least_book = dy.Float64(
        nullable=True,
        min=0,
        max=5,
        description="Sum of 1/odds under which a book of theirs is incomplete: runners are missing.",
    )


class Courses(Master):
    """Racecourses."""

    region_id = text("Where it lies.", null=True)


class Horses(Master):
    """Horses."""

    sex = word("C colt, F filly, G gelding, H horse, M mare, R rig.", words(SEXES))
    foaled = day("Date of foaling.", null=True)
    region_id = text("Where it was bred.", null=True)
    sire_id = text("Its sire.", null=True)
    dam_id = text("Its dam.", null=True)
    damsire_id = text("Its dam's sire.", null=True)


class Races(Fact):
    """What a card says of a race."""

    id = text("The source's own id, or one made from its columns.", key=True)
    date = day("Local day of the race.")
    off_at = instant("Scheduled off (UTC); null where the source gives only the day.", null=True)
    time_zone = text("IANA time zone of the local day.")
    course_id = text("Where it is run.")
    race_number = dy.Int16(nullable=True, min=1, max=99, description="Number of the race at its meeting.")
    season_index = dy.Int32(nullable=True, min=1, description="Serial number in the season; gaps show missing races.")
    name = text("Name of the race.", null=True, longest=400)
    type = word("Flat or over jumps.", words(RACE_TYPES))
    race_class = text("Class as the authority names it (1 is best).", null=True, longest=40)
    pattern = text("Group, grade or Listed, as written.", null=True, longest=40)
    rating_band = text("Ratings admitted, as written.", null=True, longest=40)
    rating_low = dy.Int16(nullable=True, min=0, max=200, description="Lowest rating admitted.")
    rating_high = dy.Int16(nullable=True, min=0, max=200, description="Highest rating admitted.")
    age_band = text("Ages admitted, as written.", null=True, longest=40)
    sex_restriction = text("Sexes admitted, as written.", null=True, longest=40)
    distance_m = dy.Float64(nullable=True, min=200, max=12_000, description="Distance in metres.")
    surface = word("What is run on.", words(SURFACES))
    rail = text("Position of the running rail.", null=True, longest=80)
    going = word("Going as declared before the race.", words(GOINGS))
    prize = dy.Float64(nullable=True, min=0, description="Prize to the winner, in the course's currency.")
    basis = word(_BASIS, words(BASES))
    extra = text(_EXTRA, null=True, longest=_LONGEST_EXTRA)


class Runners(Fact):
    """What a card says of a runner."""

    race_id = text("The race.", key=True)
    horse_id = text("The horse.", key=True)
    date = day("Local day of the race.", key=True)
    number = dy.Int16(nullable=True, min=1, max=999, description="Saddlecloth number.")
    draw = dy.Int16(nullable=True, min=1, max=99, description="Stall; null over jumps.")
    jockey_id = text("Who was declared to ride.", null=True)
    trainer_id = text("Who trains it.", null=True)
    owner_id = text("Who owns it.", null=True)
    age = dy.Int16(nullable=True, min=1, max=40, description="Age in years.")
    weight_lbs = dy.Float64(nullable=True, min=60, max=220, description="Weight to be carried, in pounds.")
    claim_lbs = dy.Float64(nullable=True, min=0, max=20, description="Jockey's allowance, in pounds.")
    body_weight_lbs = dy.Float64(
        nullable=True, min=400, max=1_800, description="Declared weight of the horse, in pounds."
    )
    rating = dy.Int16(nullable=True, min=0, max=200, description="Official rating before the race.")
    headgear = text("Headgear and equipment, as coded by the source.", null=True, longest=40)
    basis = word(_BASIS, words(BASES))
    extra = text(_EXTRA, null=True, longest=_LONGEST_EXTRA)


class Changes(Fact):
    """What changed of a runner after it was declared, and when that became known. Nothing later overwrites it."""

    race_id = text("The race.", key=True)
    horse_id = text("The horse.", key=True)
    date = day("Local day of the race.", key=True)
    change = word("What changed.", words(CHANGES), key=True, null=False)
    value = text("What it is since: the id of the jockey; `yes` where there is nothing more to say.", key=True)


class Results(Fact):
    """What came of a runner."""

    race_id = text("The race.", key=True)
    horse_id = text("The horse.", key=True)
    date = day("Local day of the race.", key=True)
    outcome = word(
        "FIN finished, else why it did not: PU, F, UR, BD, RR, DSQ, NR, VOID...", words(OUTCOMES), null=False
    )
    position = dy.Int16(nullable=True, min=1, max=MOST_RUNNERS, description="Official placing; shared in a dead heat.")
    beaten_lengths = dy.Float64(nullable=True, min=0, max=1_000, description="Lengths behind the winner.")
    finish_seconds = dy.Float64(nullable=True, min=10, max=2_000, description="Finishing time in seconds.")
    running_positions = dy.List(dy.Int16(), nullable=True, description="Position at each call, first to last.")
    performance_rating = dy.Float64(nullable=True, min=-100, max=300, description="Rating given to this run after it.")
    speed_rating = dy.Float64(nullable=True, min=-100, max=300, description="Speed figure given to this run after it.")
    rating = dy.Int16(nullable=True, min=0, max=200, description="Official rating as the result states it.")
    weight_lbs = dy.Float64(nullable=True, min=60, max=220, description="Weight carried, in pounds.")
    jockey_id = text("Who rode.", null=True)
    prize = dy.Float64(nullable=True, min=0, description="Prize won, in the course's currency.")
    comment = text("How it ran, in the source's words.", null=True, longest=4_000)
    extra = text(_EXTRA, null=True, longest=_LONGEST_EXTRA)


class Sectionals(Fact):
    """How a runner spent its race, section by section; the three lists have one item a section, first to last."""

    race_id = text("The race.", key=True)
    horse_id = text("The horse.", key=True)
    date = day("Local day of the race.", key=True)
    section_seconds = dy.List(
        dy.Float64(min=1, max=99),
        description="Seconds each section took; in Hong Kong 400 m each, the first what is left of the distance.",
    )
    section_positions = dy.List(dy.Int16(min=1, max=MOST_RUNNERS), description="Its position where each section ends.")
    behind_lengths = dy.List(
        dy.Float64(min=0, max=1_000),
        nullable=True,
        description="Lengths behind the leader where each section ends, 0 in front; null where one was not measured.",
    )


class RaceResults(Fact):
    """What was said of a race after it."""

    race_id = text("The race.", key=True)
    date = day("Local day of the race.")
    official_going = word("Going as returned after racing.", words(GOINGS))
    winning_seconds = dy.Float64(nullable=True, min=10, max=2_000, description="Winning time in seconds.")
    non_runners = text("Who did not run and why, in the source's words.", null=True, longest=4_000)
    comment = text("What the stewards or the source remarked.", null=True, longest=4_000)
    extra = text(_EXTRA, null=True, longest=_LONGEST_EXTRA)


class Odds(Fact):
    """A price, at an instant. Nothing later overwrites it."""

    race_id = text("The race.", key=True)
    horse_id = text("The horse.", key=True)
    date = day("Local day of the race.", key=True)
    bookmaker_id = text("Who quoted it.", key=True)
    price_kind = word("What kind of price it is.", words(PRICE_KINDS), key=True, null=False)
    event_at = instant("When the price was valid (UTC).", key=True)
    decimal_odds = dy.Float64(min=1, max=100_000, description="Return for one unit staked, stake included.")


class Dividends(Fact):
    """What a pool paid."""

    race_id = text("The race.", key=True)
    date = day("Local day of the race.", key=True)
    pool = word("Which pool.", words(POOLS), key=True, null=False)
    combination = text("Saddlecloth numbers that won it.", key=True, longest=80)
    dividend = dy.Float64(min=0, description="Return for one unit staked, in the course's currency.")


def _master(name: str, schema: type[dy.Schema], noun: str, *references: Reference) -> Table:
    return Table(name=f"ra_mst_{name}", schema=schema, grain=noun, stage="master", references=references)


def _to(column: str, master: str, *, in_database: bool = True) -> Reference:
    return Reference((column,), f"ra_mst_{master}", in_database)


RACE = Reference(("race_id",), "ra_races")
# Whose runner is looked up has its race.
RUNNERS_RACE = Reference(("race_id",), "ra_races", in_database=False)
RUNNER = Reference(("race_id", "horse_id", "date"), "ra_runners", in_database=False)

CATALOG = Catalog(
    (
        _master("regions", Regions, "a racing jurisdiction"),
        _master("bookmakers", Bookmakers, "a bookmaker, pool or exchange"),
        _master("courses", Courses, "a racecourse", _to("region_id", "regions")),
        _master("sires", Master, "a sire"),
        _master("dams", Master, "a dam"),
        _master("damsires", Master, "a dam's sire"),
        _master(
            "horses",
            Horses,
            "a horse",
            _to("region_id", "regions"),
            _to("sire_id", "sires"),
            _to("dam_id", "dams"),
            _to("damsire_id", "damsires"),
        ),
        _master("jockeys", Master, "a jockey"),
        _master("trainers", Master, "a trainer"),
        _master("owners", Master, "an owner"),
        Table(
            name="ra_races",
            schema=Races,
            grain="a race, as its card says",
            stage="event",
            references=(_to("course_id", "courses"),),
            indexes=(("date",),),
            precedence=words(BASES),
            day="date",
            off="off_at",
            zone="time_zone",
        ),
        Table(
            name="ra_runners",
            schema=Runners,
            grain="a horse in a race, as the card says",
            stage="pre",
            references=(
                RACE,
                # The loader looks every one of these up, many at a time; PostgreSQL would again, one by one, and take
                # four fifths of the time that runners take.
                _to("horse_id", "horses", in_database=False),
                _to("jockey_id", "jockeys", in_database=False),
                _to("trainer_id", "trainers", in_database=False),
                _to("owner_id", "owners", in_database=False),
            ),
            partition_by="date",
            precedence=words(BASES),
            indexes=(("horse_id",),),
        ),
        Table(
            name="ra_changes",
            schema=Changes,
            grain="a change of a runner after it was declared",
            stage="pre",
            append_only=True,
            references=(RUNNERS_RACE, RUNNER),
            partition_by="date",
        ),
        Table(
            name="ra_results",
            schema=Results,
            grain="what came of a runner",
            stage="post",
            references=(RUNNERS_RACE, RUNNER, _to("jockey_id", "jockeys", in_database=False)),
            partition_by="date",
            together=(("outcome", "position"),),
            rules=(("finisher_has_position", "(outcome = 'FIN') = (position IS NOT NULL)"),),
        ),
        Table(
            name="ra_sectionals",
            schema=Sectionals,
            grain="how a runner spent its race, section by section",
            stage="post",
            supplement=True,
            references=(RUNNERS_RACE, RUNNER),
            partition_by="date",
        ),
        Table(
            name="ra_race_results",
            schema=RaceResults,
            grain="what was said of a race after it",
            stage="post",
            references=(RACE,),
        ),
        Table(
            name="ra_odds",
            schema=Odds,
            grain="a price at an instant",
            stage="price",
            append_only=True,
            references=(RUNNERS_RACE, RUNNER, _to("bookmaker_id", "bookmakers", in_database=False)),
            partition_by="date",
        ),
        Table(
            name="ra_dividends",
            schema=Dividends,
            grain="what a pool paid for a combination",
            stage="post",
            references=(RACE,),
            partition_by="date",
        ),
    )
)
"""The racing tables, parents before children."""
