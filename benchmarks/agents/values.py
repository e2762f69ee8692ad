"""Values such as people mention to an assistant: ids, dates, amounts, names, numbers to call.

Seeded; knows nothing of who says them.
"""

from collections.abc import Callable
from random import Random
from typing import Any

PromptBuilder = Callable[[Random], str]


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def phrases(text: str) -> list[str]:
    """What stands between bars; a line ends like a space."""
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


def of(options: list[str]) -> PromptBuilder:
    """Any of these."""
    return lambda rng: rng.choice(options)


def digits(form: str) -> PromptBuilder:
    """A form in which # is a digit, @ a capital letter and % a hex digit."""
    sets = {"#": "0123456789", "@": LETTERS, "%": "0123456789abcdef"}
    return lambda rng: "".join(rng.choice(sets.get(char, char)) for char in form)


def amount(least: int, most: int) -> PromptBuilder:
    """Euros and cents."""
    return lambda rng: f"€{rng.randint(least, most):,}.{rng.randint(0, 99):02d}"


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
    return f"{rng.choice(roots)}/{middle}/{rng.randint(2019, 2026)}/{digits('%%%%')(rng)}"


def _base64(rng: Random) -> str:
    return "".join(rng.choice(BASE64) for _ in range(43))


MAKERS: dict[str, PromptBuilder] = {
    "first": of(FIRST),
    "person": lambda rng: f"{rng.choice(FIRST)} {rng.choice(LAST)}",
    "doctor": lambda rng: f"Dr {rng.choice(FIRST)} {rng.choice(LAST)}",
    "city": of(CITIES),
    "town": of(CITIES),
    "company": of(COMPANIES),
    "rival": of(COMPANIES),
    "thing": of(THINGS),
    "service": of(SERVICES),
    "upstream": of(SERVICES),
    "lighthouse": of(LIGHTHOUSES),
    "place": of(PLACES),
    "day": of(DAYS),
    "n": lambda rng: str(rng.randint(2, 48)),
    "big": lambda rng: str(rng.randint(200, 9800)),
    "percent": lambda rng: f"{rng.randint(1, 6)}.{rng.randint(11, 97)} %",
    "amount": amount(4, 380),
    "price": amount(900, 24_000),
    "date": _date,
    "moment": _moment,
    "time": _time,
    "iso": _iso,
    "path": _path,
    "phone": digits("+44 7### ######"),
    "landline": digits("+44 1## 49# ####"),
    "order": digits("@@-#####-@"),
    "claim": digits("@@@-####-####"),
    "booking": digits("@#@@@#"),
    "ticket": digits("OPS-####"),
    "card": digits("2#### ##### ###"),
    "uuid": digits("%%%%%%%%-%%%%-4%%%-9%%%-%%%%%%%%%%%%"),
    "commit": digits("%%%%%%%%%%"),
    "md5": digits("%" * 32),
    "sha256": digits("%" * 64),
    "fingerprint": _base64,
    "link": digits("https://slides.example/d/@%%#@%%@#%%@/view"),
    "bucket": digits("s3://quill-backups-eu/pg/nightly-%%%%%%/"),
    "certificate": digits("/etc/nginx/tls/gw-%%%%-2026/fullchain.pem"),
    "seat": of(["an aisle seat near the front", "a window seat behind the wing"]),
    "ending": of(["'Viele Grüße' and just my first name", "'Beste Grüße aus London' and a dash"]),
    "coffee": of(["a decaf cortado with oat milk", "a double espresso with cold water"]),
    "style": of(["tabs, 96 columns and no trailing commas", "two spaces and sorted imports"]),
    "room": of(["a high floor away from the lift", "a feather-free bed and a bathtub"]),
}


class Slots(dict[str, str]):
    """For `str.format_map`: each name stands for a new value, except those given."""

    def __init__(self, rng: Random, **given: str) -> None:
        super().__init__(given)
        self._rng = rng

    def __missing__(self, name: str) -> str:
        return MAKERS[name](self._rng)


def filled(template: Any, rng: Random, **given: str) -> str:
    """A template with a new value in every slot."""
    return str(template).format_map(Slots(rng, **given))
