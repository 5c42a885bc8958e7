"""Where made-up people live: city, country, time zone, language, first and last names, domains. All reserved names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A city; `weight` of 1,000 people live there."""

    city: str
    country: str
    time_zone: str
    locale: str
    weight: int


PLACES: tuple[Place, ...] = (
    Place("Warszawa", "PL", "Europe/Warsaw", "pl", 100),
    Place("Kraków", "PL", "Europe/Warsaw", "pl", 70),
    Place("Łódź", "PL", "Europe/Warsaw", "pl-PL", 40),
    Place("Gdańsk", "PL", "Europe/Warsaw", "pl", 40),
    Place("Berlin", "DE", "Europe/Berlin", "de", 90),
    Place("München", "DE", "Europe/Berlin", "de", 60),
    Place("Köln", "DE", "Europe/Berlin", "de-DE", 50),
    Place("Wien", "AT", "Europe/Vienna", "de-AT", 40),
    Place("Zürich", "CH", "Europe/Zurich", "de", 30),
    Place("Vaduz", "LI", "Europe/Vaduz", "de", 4),
    Place("Luxembourg", "LU", "Europe/Luxembourg", "de", 6),
    Place("London", "GB", "Europe/London", "en-GB", 80),
    Place("Leeds", "GB", "Europe/London", "en", 40),
    Place("Dublin", "IE", "Europe/Dublin", "en", 25),
    Place("Valletta", "MT", "Europe/Malta", "en", 5),
    Place("Reykjavík", "IS", "Atlantic/Reykjavik", "en", 5),
    Place("Lisboa", "PT", "Europe/Lisbon", "en", 10),
    Place("Stockholm", "SE", "Europe/Stockholm", "en", 12),
    Place("Helsinki", "FI", "Europe/Helsinki", "en", 8),
    Place("Vilnius", "LT", "Europe/Vilnius", "pl", 5),
    Place("New York", "US", "America/New_York", "en", 60),
    Place("Chicago", "US", "America/Chicago", "en", 40),
    Place("Denver", "US", "America/Denver", "en", 15),
    Place("Phoenix", "US", "America/Phoenix", "en", 10),
    Place("Los Angeles", "US", "America/Los_Angeles", "en", 40),
    Place("Anchorage", "US", "America/Anchorage", "en", 3),
    Place("Honolulu", "US", "Pacific/Honolulu", "en", 4),
    Place("Toronto", "CA", "America/Toronto", "en", 25),
    Place("Vancouver", "CA", "America/Vancouver", "en", 12),
    Place("St. John's", "CA", "America/St_Johns", "en", 3),
    Place("São Paulo", "BR", "America/Sao_Paulo", "en", 5),
    Place("Windhoek", "NA", "Africa/Windhoek", "de", 3),
    Place("Cape Town", "ZA", "Africa/Johannesburg", "en", 8),
    Place("Mumbai", "IN", "Asia/Kolkata", "en", 12),
    Place("Kathmandu", "NP", "Asia/Kathmandu", "en", 2),
    Place("Singapore", "SG", "Asia/Singapore", "en", 10),
    Place("Sydney", "AU", "Australia/Sydney", "en", 14),
    Place("Adelaide", "AU", "Australia/Adelaide", "en", 4),
    Place("Perth", "AU", "Australia/Perth", "en", 4),
    Place("Auckland", "NZ", "Pacific/Auckland", "en", 6),
)

_FIRST: dict[str, str] = {
    "pl": (
        "Agnieszka Andrzej Anna Barbara Ewa Grzegorz Jakub Jan Joanna Katarzyna Krzysztof Łukasz Magdalena Małgorzata "
        "Marcin Maria Michał Paweł Piotr Stanisław Tomasz Wojciech Zofia Zbigniew"
    ),
    "de": (
        "Andreas Anja Birgit Christian Claudia Daniel Dieter Elke Florian Günther Hannah Jörg Jürgen Karin Katrin "
        "Lukas Markus Monika Petra Sabine Stefan Susanne Thomas Ute"
    ),
    "en": (
        "Alice Amelia Arthur Charlotte Chloe Daniel Emily Emma George Grace Harry Isla Jack James Joshua Lily Mia "
        "Noah Oliver Olivia Oscar Sophie Thomas Seán"
    ),
}

_LAST: dict[str, str] = {
    "pl": (
        "Nowak Kowalska Wiśniewski Wójcik Kowalczyk Kamińska Lewandowski Zieliński Szymańska Woźniak Dąbrowski "
        "Kozłowska Jankowski Mazur Krawczyk Piotrowska"
    ),
    "de": (
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein "
        "Groß"
    ),
    "en": (
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans Walker White "
        "O'Brien"
    ),
}

FIRST_NAMES = {language: tuple(names.split()) for language, names in _FIRST.items()}
LAST_NAMES = {language: tuple(names.split()) for language, names in _LAST.items()}

# Reserved by RFC 2606: no mail to them can ever reach a person. (domain, of 1,000); the rest has the language's own.
DOMAINS: tuple[tuple[str, int], ...] = (
    ("mail.example", 380),
    ("post.example", 190),
    ("example.com", 130),
    ("example.net", 80),
    ("example.org", 40),
    ("inbox.test", 30),
)
OWN_DOMAINS: dict[str, tuple[str, ...]] = {
    "pl": ("klient.example", "poczta.example", "firma.example"),
    "de": ("kunde.example", "briefkasten.example", "firma.test"),
    "en": ("customer.example", "letterbox.example", "office.test"),
}
