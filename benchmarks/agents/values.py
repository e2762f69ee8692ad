"""Random values such as people mention to an assistant: ids, dates, amounts, names, phone numbers.

Drawn from a random generator that is passed in. Knows nothing of facts or topics.
"""

from collections.abc import Callable, Mapping
from random import Random

Draw = Callable[[Random], str]
"""Draws a value."""


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def phrases(text: str) -> list[str]:
    """The phrases between vertical bars, with white space collapsed."""
    return [" ".join(phrase.split()) for phrase in text.split("|")]


FIRST = words("""Aisha Anton Beatriz Bram Carla Chidi Dagny Emeka Farah Felix Grete Hamid Ilse Imran
Jonas Keiko Leila Marek Meera Noor Oskar Paolo Quentin Rosa Samir Tilda Umberto Vera Wanda Yusuf
Zofia""")
LAST = words("""Abernathy Bergström Castellano Dvorak Eriksen Fairweather Gallagher Halloran Ibarra
Jankowski Kowalczyk Lindqvist Marchetti Nakamura Okonkwo Petrossian Quigley Rasmussen Santoro
Thackeray Ueda Villanueva Whitlock Xenakis Yardley Zimmermann""")
CITIES = words("""Antwerp Bergen Cork Dresden Edinburgh Florence Ghent Helsinki Innsbruck Kraków
Lyon Malmö Nantes Oslo Porto Riga Seville Turin Utrecht Valencia Zagreb""")
COMPANIES = phrases("""Alder & Finch|Brightwater|Corvid Systems|Dunmore Paper|Eastgate Tools|
Fjordline|Greystone Bank|Heliotrope|Ironbridge|Juniper Lane|Kestrel Freight|Lowland Print|
Merriweather|Northgate Supplies|Oakhurst|Pemberton Glass|Ravensworth|Sandpiper|
Tidewater|Wexcombe""")
THINGS = phrases("""desk lamp|garden hose|coffee grinder|winter jacket|bike rack|printer toner|
headset|monitor arm|hiking boots|bookshelf|rain barrel|standing desk|blender|
tent poles|label maker|sewing kit|phone case|ladder|air filter|projector|
skateboard|yoga mat""")
SERVICES = words("""checkout-api invoice-worker mailer search-index auth-gateway image-resizer
ledger session-store webhook-relay report-builder feature-flags audit-log""")
LIGHTHOUSES = words("""Ardnamurchan Skerryvore Fastnet Cordouan Kullen Lindau Slangkop Lyngvig
Portland""")
PLACES = phrases("""Osteria del Gatto Verde|Trattoria Sant'Elmo|La Tavola di Nonna Ada|Locanda dei
Mulini|Antica Bottega Rondò|Cantina Tre Archi""")
MONTHS = words("""January February March April May June July August September October November
December""")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def one_of(options: list[str]) -> Draw:
    """Any of the options."""
    return lambda rng: rng.choice(options)


def pattern(template: str) -> Draw:
    """The template with a digit for each #, a capital letter for each @, a hex digit for each %."""
    sets = {"#": "0123456789", "@": LETTERS, "%": "0123456789abcdef"}
    return lambda rng: "".join(rng.choice(sets.get(char, char)) for char in template)


def euros(low: int, high: int) -> Draw:
    """An amount in euros and cents."""
    return lambda rng: f"€{rng.randint(low, high):,}.{rng.randint(0, 99):02d}"


def _date(rng: Random) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {rng.randint(2027, 2031)}"


def _moment(rng: Random) -> str:
    return f"{rng.choice(DAYS)} {rng.randint(1, 28)} {rng.choice(MONTHS)} at {_time(rng)}"


def _time(rng: Random) -> str:
    return f"{rng.randint(7, 19):02d}:{rng.choice((0, 10, 15, 20, 30, 40, 45, 50)):02d}"


def _iso(rng: Random) -> str:
    return f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _path(rng: Random) -> str:
    roots = ("/srv/share", "/mnt/archive", "/home/marta/docs", "/var/lib", "/data/projects")
    middle = rng.choice(("finance", "legal", "family", "ops", "research", "scans"))
    return f"{rng.choice(roots)}/{middle}/{rng.randint(2019, 2026)}/{pattern('%%%%')(rng)}"


def _base64(rng: Random) -> str:
    return "".join(rng.choice(BASE64) for _ in range(43))


VALUES: dict[str, Draw] = {
    "first": one_of(FIRST),
    "person": lambda rng: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
    "doctor": lambda rng: f"Dr {rng.choice(FIRST)} {rng.choice(LAST)}",
    "city": one_of(CITIES),
    "town": one_of(CITIES),
    "company": one_of(COMPANIES),
    "rival": one_of(COMPANIES),
    "thing": one_of(THINGS),
    "service": one_of(SERVICES),
    "upstream": one_of(SERVICES),
    "lighthouse": one_of(LIGHTHOUSES),
    "place": one_of(PLACES),
    "day": one_of(DAYS),
    "n": lambda rng: str(rng.randint(2, 48)),
    "big": lambda rng: str(rng.randint(200, 9800)),
    "percent": lambda rng: f"{rng.randint(1, 6)}.{rng.randint(11, 97)} %",
    "amount": euros(4, 380),
    "price": euros(900, 24_000),
    "date": _date,
    "moment": _moment,
    "time": _time,
    "iso": _iso,
    "path": _path,
    "phone": pattern("+44 7### ######"),
    "landline": pattern("+44 1## 49# ####"),
    "order": pattern("@@-#####-@"),
    "claim": pattern("@@@-####-####"),
    "booking": pattern("@#@@@#"),
    "ticket": pattern("OPS-####"),
    "card": pattern("2#### ##### ###"),
    "uuid": pattern("%%%%%%%%-%%%%-4%%%-9%%%-%%%%%%%%%%%%"),
    "commit": pattern("%%%%%%%%%%"),
    "md5": pattern("%" * 32),
    "sha256": pattern("%" * 64),
    "fingerprint": _base64,
    "link": pattern("https://slides.example/d/@%%#@%%@#%%@/view"),
    "bucket": pattern("s3://quill-backups-eu/pg/nightly-%%%%%%/"),
    "certificate": pattern("/etc/nginx/tls/gw-%%%%-2026/fullchain.pem"),
    "seat": one_of(["an aisle seat near the front", "a window seat behind the wing"]),
    "ending": one_of(
        ["'Viele Grüße' and just my first name", "'Beste Grüße aus London' and a dash"]
    ),
    "coffee": one_of(["a decaf cortado with oat milk", "a double espresso with cold water"]),
    "style": one_of(["tabs, 96 columns and no trailing commas", "two spaces and sorted imports"]),
    "room": one_of(["a high floor away from the lift", "a feather-free bed and a bathtub"]),
}


def fill(template: str, rng: Random, **given: str) -> str:
    """The template with a new value in every slot, except in those given."""
    return template.format_map(_Slots(rng, given))


class _Slots(dict[str, str]):
    """For `str.format_map`: a slot that is not given gets a new value each time."""

    def __init__(self, rng: Random, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self._rng = rng

    def __missing__(self, name: str) -> str:
        return VALUES[name](self._rng)
