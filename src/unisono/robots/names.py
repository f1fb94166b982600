"""The neighbours: who the robots say they are. Names, towns and flags were put together for this list."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """A flag of one's own: 2 to 4 colours as "#rrggbb", in upright stripes or lying ones."""

    colours: tuple[str, ...]
    upright: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """How a robot's balcony looks. `flag` is a country's two letters, own colours, or none."""

    name: str
    flag: str | Colours | None
    place: str
    voice: Literal["soprano", "alto", "tenor", "bass"]


_PEOPLE: tuple[tuple[str, str, str, str], ...] = (
    ("Giulia", "it", "Torino", "soprano"),
    ("Salvatore", "it", "Palermo", "tenor"),
    ("Fiorella", "it", "Firenze", "alto"),
    ("Ettore", "it", "Siena", "bass"),
    ("Lucía", "es", "Granada", "soprano"),
    ("Anselmo", "es", "Madrid", "bass"),
    ("Zofia", "pl", "Kraków", "alto"),
    ("Kazimierz", "pl", "Gdańsk", "tenor"),
    ("Xiùyīng", "cn", "Wuhan", "soprano"),
    ("Wěi", "cn", "Wuhan", "bass"),
    ("Maëlle", "fr", "Lyon", "alto"),
    ("Bastien", "fr", "Marseille", "tenor"),
    ("Friederike", "de", "Leipzig", "soprano"),
    ("Ottokar", "at", "Graz", "bass"),
    ("Siobhán", "ie", "Galway", "alto"),
    ("Callum", "gb", "Glasgow", "tenor"),
    ("Eleni", "gr", "Thessaloniki", "soprano"),
    ("Dragan", "rs", "Novi Sad", "bass"),
    ("Ilze", "lv", "Riga", "alto"),
    ("Mihai", "ro", "Cluj", "tenor"),
    ("Yuki", "jp", "Kyoto", "soprano"),
    ("Kwame", "gh", "Kumasi", "bass"),
    ("Amara", "ng", "Lagos", "alto"),
    ("Joaquim", "br", "Salvador", "tenor"),
    ("Rania", "lb", "Beirut", "soprano"),
    ("Tomasz", "pl", "Łódź", "bass"),
    ("Noa", "il", "Haifa", "alto"),
    ("Farid", "ma", "Fès", "tenor"),
    ("Ingrid", "no", "Bergen", "soprano"),
    ("Aleksi", "fi", "Tampere", "bass"),
    ("Marisol", "mx", "Oaxaca", "alto"),
    ("Arjun", "in", "Pune", "tenor"),
)
_OWN_COLOURS = (
    Colours(colours=("#e4572e", "#f3e9d2", "#17bebb"), upright=True),
    Colours(colours=("#6a4c93", "#ffca3a"), upright=False),
    Colours(colours=("#1982c4", "#ffffff", "#8ac926", "#ffffff"), upright=False),
)


def neighbours(count: int, *, seed: int) -> list[Neighbour]:
    """`count` neighbours, the same for the same seed, with as many voices of each part as can be.

    Every ninth shows colours of their own and every fourteenth no flag; after the list is used up names get a number.
    """
    random = Random(seed)
    people = list(_PEOPLE)
    random.shuffle(people)
    by_part = [[who for who in people if who[3] == part] for part in ("soprano", "alto", "tenor", "bass")]
    mixed = [who for four in zip(*by_part, strict=True) for who in four]
    return [_neighbour(index, mixed, random) for index in range(count)]


def _neighbour(index: int, people: list[tuple[str, str, str, str]], random: Random) -> Neighbour:
    name, country, place, part = people[index % len(people)]
    again = index // len(people)
    flag: str | Colours | None = country
    if index % 9 == 8:
        flag = random.choice(_OWN_COLOURS)
    elif index % 14 == 13:
        flag = None
    voice: Literal["soprano", "alto", "tenor", "bass"] = part  # type: ignore[assignment]
    return Neighbour(name=name if again == 0 else f"{name} {again + 1}", flag=flag, place=place, voice=voice)
