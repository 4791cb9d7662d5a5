"""Where the simulated world races: regions, courses, and circuits of horses that meet each other there."""

from __future__ import annotations

from dataclasses import dataclass

REGIONS = {
    "arg": "Argentina", "aus": "Australia", "aut": "Austria", "bar": "Barbados", "bel": "Belgium", "bhr": "Bahrain",
    "brz": "Brazil", "bul": "Bulgaria", "can": "Canada", "chi": "Chile", "chn": "China", "cyp": "Cyprus",
    "cze": "Czech Republic", "den": "Denmark", "fr": "France", "gb": "Great Britain", "ger": "Germany", "gr": "Greece",
    "gue": "Guernsey", "hk": "Hong Kong", "hol": "Holland", "hun": "Hungary", "ind": "India", "ire": "Ireland",
    "isr": "Israel", "ity": "Italy", "jer": "Jersey", "jpn": "Japan", "kor": "South Korea", "ksa": "Saudi Arabia",
    "mac": "Macau", "mal": "Malaysia", "mau": "Mauritius", "mor": "Morocco", "nor": "Norway", "nz": "New Zealand",
    "omn": "Oman", "pan": "Panama", "per": "Peru", "pol": "Poland", "pr": "Puerto Rico", "qa": "Qatar",
    "rus": "Russia", "saf": "South Africa", "sin": "Singapore", "slo": "Slovakia", "spa": "Spain",
    "svn": "Slovenia", "swe": "Sweden", "swi": "Switzerland", "tur": "Turkey", "uae": "United Arab Emirates",
    "uru": "Uruguay", "usa": "United States", "yug": "Yugoslavia",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """Horses of one code and country, and where they race.

    Args:
        region: Region code as payloads write it, "GB".
        jumps: Over obstacles, or on the flat.
        share: Share of all horses.
        week: How much racing there is on Monday, Tuesday, ... Sunday; nothing where it is zero.
        season: How much racing there is in January, February, ... December.
        all_weather: Share of meetings on the all-weather in January, February, ... December.
        turf: Names of the turf courses.
        sand: Names of the all-weather courses.
    """

    region: str
    jumps: bool
    share: float
    week: tuple[float, ...]
    season: tuple[float, ...]
    all_weather: tuple[float, ...]
    turf: tuple[str, ...]
    sand: tuple[str, ...] = ()


_NEVER = (0.0,) * 12
CIRCUITS = (
    Circuit(
        region="GB",
        jumps=False,
        share=0.47,
        week=(0.9, 0.9, 1.0, 1.0, 1.25, 1.5, 0.45),
        season=(0.55, 0.55, 0.6, 0.95, 1.2, 1.3, 1.3, 1.3, 1.25, 1.1, 0.75, 0.6),
        all_weather=(1.0, 1.0, 0.9, 0.35, 0.2, 0.2, 0.15, 0.2, 0.25, 0.35, 0.9, 1.0),
        turf=(
            "Wexmoor", "Harrowdene", "Fallowmere", "Stanwick Vale", "Ashcombe", "Brenholt", "Cawdale", "Dunmoor",
            "Elverton", "Garsthorpe", "Hollinbourne", "Kettlewick", "Larkhill Downs", "Marlstead", "Oxenford",
            "Penrose Park",
        ),
        sand=("Kelbridge Park (AW)", "Eastholm (AW)", "Silverdale (AW)", "Tolworth (AW)", "Wharfe Bank (AW)"),
    ),
    Circuit(
        region="GB",
        jumps=True,
        share=0.24,
        week=(0.9, 1.0, 1.0, 1.1, 1.1, 1.7, 0.8),
        season=(1.3, 1.3, 1.25, 1.2, 0.9, 0.5, 0.45, 0.45, 0.5, 1.1, 1.35, 1.4),
        all_weather=_NEVER,
        turf=(
            "Aldersyke", "Blackthorn", "Carnforth Moor", "Drakelow", "Exwater", "Fernley", "Gorsedale", "Hexworthy",
            "Ivelbridge", "Kirkstead", "Ludwell", "Merrowdown", "Netherby", "Otterbourne", "Plumstead Hill",
            "Ravensworth", "Sedgecombe", "Uttley",
        ),
    ),
    Circuit(
        region="IRE",
        jumps=False,
        share=0.1,
        week=(0.6, 0.0, 1.0, 0.0, 1.3, 0.8, 1.2),
        season=(0.35, 0.35, 0.6, 1.0, 1.25, 1.3, 1.3, 1.3, 1.25, 1.1, 0.7, 0.4),
        all_weather=(1.0, 1.0, 0.5, 0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.4, 0.9, 1.0),
        turf=("Ballymore", "Carrickmoy", "Dunsallagh", "Killavan", "Rathbeg", "Tullaghmore"),
        sand=("Drumlargan (AW)",),
    ),
    Circuit(
        region="IRE",
        jumps=True,
        share=0.1,
        week=(0.8, 0.0, 0.0, 1.2, 0.0, 1.1, 1.5),
        season=(1.2, 1.2, 1.2, 1.2, 1.0, 0.7, 0.8, 0.9, 0.8, 1.1, 1.2, 1.3),
        all_weather=_NEVER,
        turf=(
            "Ardnakillew", "Clonroche", "Glenbrack", "Inishkeel", "Knockanure", "Lisnagry", "Rosscahill", "Slievebawn",
        ),
    ),
    Circuit(
        region="FR",
        jumps=False,
        share=0.06,
        week=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.2),
        season=(0.0, 0.0, 0.8, 1.1, 1.3, 1.3, 1.2, 1.2, 1.3, 1.2, 0.6, 0.0),
        all_weather=_NEVER,
        turf=("Boisfleury", "Chanterelle", "Montbazin", "Saint-Évroult", "Vauxclair"),
    ),
    Circuit(
        region="AUS",
        jumps=False,
        share=0.03,
        week=(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        season=(0.8, 0.8, 1.0, 1.0, 0.8, 0.8, 0.8, 0.9, 1.1, 1.3, 1.2, 0.9),
        all_weather=_NEVER,
        turf=("Coolibah Park", "Narrabeen Vale", "Wattle Hill", "Yarramunda"),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Place:
    """One racecourse.

    Args:
        course_id: Its id, "crs_52"; the lengths differ.
        name: Its bare name, "Eastholm (AW)".
        region: Region code as payloads write it.
        circuit: Index in `CIRCUITS`.
        sand: All-weather.
    """

    course_id: str
    name: str
    region: str
    circuit: int
    sand: bool

    @property
    def home(self) -> bool:
        """In Britain or Ireland, where bookmakers quote."""
        return self.region in {"GB", "IRE"}

    def on_card(self) -> str:
        """The name on a card: Irish bare, farther countries with their code."""
        return self.name if self.home else f"{self.name} ({self.region})"

    def in_results(self, *, bare: bool) -> str:
        """The name in results: Irish with the country until October 2025, bare after it."""
        return self.name if self.region == "GB" or (self.region == "IRE" and bare) else f"{self.name} ({self.region})"


def _places() -> tuple[Place, ...]:
    found: list[Place] = []
    for index, circuit in enumerate(CIRCUITS):
        for name in (*circuit.turf, *circuit.sand):
            number = 52 + len(found) ** 2 * 13 + (20_000 if name in circuit.sand else 0)
            found.append(
                Place(
                    course_id=f"crs_{number}",
                    name=name,
                    region=circuit.region,
                    circuit=index,
                    sand=name in circuit.sand,
                )
            )
    return tuple(found)


PLACES = _places()
