"""The closed lists of racing words: outcomes, goings, surfaces, sexes, race types, prices, changes and pools.

Every list is a tuple of terms, each a word that is stored and a line that explains it: `words(OUTCOMES)`
checks a column, `dict(OUTCOMES)` looks a word up, and the documentation prints the same lines.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Term(NamedTuple):
    """A word that is stored and what it means.

    Args:
        word: The stored word.
        description: What it means, in one line.
    """

    word: str
    description: str


def words(terms: tuple[Term, ...]) -> tuple[str, ...]:
    """Give the stored words of a list, in its order.

    Args:
        terms: One of the lists of this file.

    Returns:
        The words.

    Example:
        >>> words(SURFACES)
        ('turf', 'all_weather', 'dirt')
    """
    return tuple(term.word for term in terms)


OUTCOMES = (
    Term("FIN", "finished, with a placing"),
    Term("PU", "pulled up by the rider"),
    Term("F", "fell"),
    Term("UR", "unseated rider"),
    Term("BD", "brought down by another horse"),
    Term("RR", "refused to race at the start"),
    Term("RO", "ran out, off the course"),
    Term("SU", "slipped up on the flat"),
    Term("CO", "carried out by another horse"),
    Term("REF", "refused an obstacle"),
    Term("LFT", "left at the start"),
    Term("DNF", "did not finish, for a reason not given"),
    Term("TNP", "took no part though it came under orders"),
    Term("DSQ", "disqualified"),
    Term("NR", "non-runner, withdrawn before the off"),
    Term("VOID", "the race was declared void"),
)

# Single letters are those of British and Irish form figures (racingquestions.co.uk, "What do the letters
# mean in horse racing form figures?"). FE, DISQ and WV to WXNR are place codes of the Hong Kong Jockey
# Club's results.
OUTCOME_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "FELL": "F",
        "FE": "F",
        "P": "PU",
        "U": "UR",
        "B": "BD",
        "R": "REF",
        "S": "SU",
        "O": "RO",
        "C": "CO",
        "L": "LFT",
        "D": "DSQ",
        "DQ": "DSQ",
        "DISQ": "DSQ",
        "V": "VOID",
        "VO": "VOID",
        "N": "NR",
        "WV": "NR",
        "WV-A": "NR",
        "WX": "NR",
        "WX-A": "NR",
        "WXNR": "NR",
    }
)

# One scale each for turf and for the artificial surfaces, from the fastest to the slowest. Jurisdictions
# use different words, so neighbours of two countries are ordered by house convention.
GOINGS = (
    Term("hard", "turf, the firmest there is"),
    Term("firm", "turf, firm"),
    Term("good_to_firm", "turf, between good and firm"),
    Term("good", "turf, or all-weather in Hong Kong: good"),
    Term("good_to_yielding", "turf, between good and yielding (Ireland, Hong Kong)"),
    Term("good_to_soft", "turf, between good and soft (Britain)"),
    Term("yielding", "turf, yielding (Ireland, Hong Kong)"),
    Term("yielding_to_soft", "turf, between yielding and soft (Ireland, Hong Kong)"),
    Term("soft", "turf, soft"),
    Term("very_soft", "turf, between soft and heavy (France)"),
    Term("soft_to_heavy", "turf, between soft and heavy (Ireland)"),
    Term("heavy", "turf, the wettest there is"),
    Term("holding", "turf, drying and sticky, slower than it is wet (France)"),
    Term("fast", "all-weather or dirt, dry and at its fastest"),
    Term("wet_fast", "all-weather or dirt, wet and still fast"),
    Term("standard_to_fast", "all-weather, faster than usual"),
    Term("standard", "all-weather, as it usually rides"),
    Term("standard_to_slow", "all-weather, slower than usual"),
    Term("slow", "all-weather or dirt, slow"),
    Term("wet_slow", "all-weather or dirt, wet and slow"),
    Term("muddy", "dirt, wet through without standing water"),
    Term("sloppy", "dirt, with standing water"),
)

GOING_GROUPS = (
    Term("fast", "turf faster than good"),
    Term("good", "good, or good to yielding"),
    Term("soft", "turf slower than good to yielding"),
    Term("all_weather", "words used on artificial surfaces and dirt only"),
)

# House convention; "good" stays with turf, so read it together with the surface.
GOING_GROUP_OF: Mapping[str, str] = MappingProxyType(
    {
        "hard": "fast",
        "firm": "fast",
        "good_to_firm": "fast",
        "good": "good",
        "good_to_yielding": "good",
        "good_to_soft": "soft",
        "yielding": "soft",
        "yielding_to_soft": "soft",
        "soft": "soft",
        "very_soft": "soft",
        "soft_to_heavy": "soft",
        "heavy": "soft",
        "holding": "soft",
        "fast": "all_weather",
        "wet_fast": "all_weather",
        "standard_to_fast": "all_weather",
        "standard": "all_weather",
        "standard_to_slow": "all_weather",
        "slow": "all_weather",
        "wet_slow": "all_weather",
        "muddy": "all_weather",
        "sloppy": "all_weather",
    }
)

SURFACES = (
    Term("turf", "grass"),
    Term("all_weather", "an artificial surface: Polytrack, Tapeta, Fibresand or sand"),
    Term("dirt", "dirt"),
)

SEXES = (
    Term("C", "colt: an entire male aged four or less"),
    Term("F", "filly: a female aged four or less"),
    Term("G", "gelding: a castrated male"),
    Term("M", "mare: a female aged five or more"),
    Term("H", "horse: an entire male aged five or more"),
    Term("R", "rig: a male with an undescended testicle"),
)

RACE_TYPES = (
    Term("flat", "without obstacles"),
    Term("hurdle", "over hurdles"),
    Term("chase", "over steeplechase fences"),
    Term("nh_flat", "National Hunt flat race, a bumper: jumpers without obstacles"),
)

PRICE_KINDS = (
    Term("bookmaker", "a bookmaker's fixed odds at a moment before the off"),
    Term("final_tote", "the pool's last odds, from which dividends are paid"),
    Term("sp", "the industry starting price"),
    Term("exchange_sp", "a betting exchange's starting price"),
    Term("exchange", "a betting exchange's price at a moment before the off"),
    Term("tote", "a pool's odds at a moment before the off"),
    Term("morning_line", "a handicapper's estimate published before betting opens"),
)

CHANGES = (
    Term("non_runner", "it will not run"),
    Term("abandoned", "its race will not be run"),
    Term("jockey", "somebody is declared to ride it"),
)

# The weakest first: what a card says is never overwritten by what a result says of the same race.
BASES = (
    Term("result", "what a result repeats of the card, where no card was collected"),
    Term("card", "the card"),
)

POOLS = (
    Term("win", "the winner"),
    Term("place", "a placed horse"),
    Term("show", "one of the first three (North America)"),
    Term("quinella", "the first two in any order"),
    Term("quinella_place", "two of the first three in any order"),
    Term("forecast", "the first two in order"),
    Term("exacta", "the first two in order, as a pool (Britain, North America)"),
    Term("tierce", "the first three in order (Hong Kong)"),
    Term("trio", "the first three in any order"),
    Term("trifecta", "the first three in order, as a pool (Britain, North America)"),
    Term("tricast", "the first three in order, at a computed dividend (Britain)"),
    Term("first_four", "the first four in any order"),
    Term("quartet", "the first four in order (Hong Kong)"),
    Term("superfecta", "the first four in order (North America)"),
    Term("composite_win", "the winner is in a named group of horses (Hong Kong)"),
    Term("double", "the winners of two named races"),
    Term("treble", "the winners of three named races"),
    Term("double_trio", "the trio of two named races"),
    Term("triple_trio", "the trio of three named races"),
    Term("six_up", "a horse of the first two in each of six named races (Hong Kong)"),
    Term("placepot", "a placed horse in each of the first six races (Britain)"),
    Term("jackpot", "the winners of six named races (Britain)"),
)
