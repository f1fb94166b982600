"""The JSON about takes (docs/wire.md): how far each is, and what its person and the host may do with it.

Whoever has a performance's token may look. A take's key, which its sender got, opens everything about that take; the
room's host may hide and withdraw any, and sets the mix.
"""

from __future__ import annotations

import zlib
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from unisono.core.messages import Flag
from unisono.core.texts import clean
from unisono.errors import ClipsFull, LinkNotValid, NotAllowed, OutOfRange
from unisono.live.http import SETTINGS, PerAddress, answer, body_of
from unisono.live.performances import version_of
from unisono.live.services import Services
from unisono.live.takes import PART_MAX, PLACE_MAX, WHO_MAX, Takes, is_full, opens
from unisono.live.works import Progress
from unisono.store.records import PerformanceRecord, TakeRecord
from unisono.studio.faders import Faders
from unisono.studio.performance import read_report
from unisono.studio.takes import LISTEN_FILE, TakeReport, picture_file
from unisono.units import SAMPLE_RATE
from unisono.web.i18n import COOKIE, choose_language

Token = Annotated[str, Meta(max_length=100)]
_BODY_BYTES_MAX = 200_000
_OFFSET_SECONDS_MAX = 4 * 3600
_KEYS_MAX = 500


class _Look(msgspec.Struct, frozen=True):
    token: Token
    keys: Annotated[dict[Token, Token], Meta(max_length=_KEYS_MAX)] = {}
    host: Token = ""


class _One(msgspec.Struct, frozen=True):
    """Something to be done with one take, by whoever has its key, or by the host."""

    token: Token
    take: Token
    key: Token = ""
    host: Token = ""


class _Change(_One, frozen=True):
    name: Annotated[str, Meta(max_length=500)] | None = None
    place: Annotated[str, Meta(max_length=500)] | None = None
    part: Annotated[str, Meta(max_length=500)] | None = None
    flag: Flag | msgspec.UnsetType | None = msgspec.UNSET
    picture: bool | None = None


class _Place(_One, frozen=True):
    offset_seconds: float | None = None


class _Use(_One, frozen=True):
    instead_of: Annotated[dict[Token, Token], Meta(max_length=_KEYS_MAX)] = {}


class _Hide(_One, frozen=True):
    hidden: bool = True


class _Mix(msgspec.Struct, frozen=True):
    token: Token
    host: Token
    faders: Faders


class TakesApi:
    """The handlers."""

    def __init__(self, app: web.Application, services: Services, takes: Takes) -> None:
        self._services, self._takes = services, takes
        self._bytes_max = app[SETTINGS].clip_mb_max * 10**6
        self._guesses = PerAddress(per_hour=600, burst=60)
        self._wishes = PerAddress(per_hour=1200, burst=120)

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.post("/api/takes", self.look),
            web.post("/api/take", self.change),
            web.post("/api/take/place", self.place),
            web.post("/api/take/again", self.again),
            web.post("/api/take/stop", self.stop),
            web.post("/api/take/use", self.use),
            web.post("/api/take/hide", self.hide),
            web.post("/api/take/withdraw", self.withdraw),
            web.post("/api/performance/mix", self.mix),
        ]

    async def look(self, request: web.Request) -> web.Response:
        """Every take of a performance, and how far the studio is."""
        wanted = await body_of(request, _Look, bytes_max=_BODY_BYTES_MAX)
        performance = await self._performance(request, wanted.token)
        is_host = bool(wanted.host) and await self._is_host(request, performance, wanted.host)
        takes = await self._services.ask(self._services.ledger.takes.of, performance.performance)
        own = {take.take for take in takes if opens(wanted.keys.get(take.take, ""), take)}
        seen = [one for one in takes if one.take in own or (_is_whole(one) and (is_host or _is_open(one)))]
        # At the moment of which the ledger speaks: what ends while files are read has another state than was read.
        under_way = [self._takes.progress(take.take) for take in seen]
        mixing = self._takes.mixes.progress(performance.performance)
        reports = await self._services.on_files(lambda: [self._takes.report(take) for take in seen])
        arriving = [take for take in seen if not _is_whole(take)]
        arrived = await self._services.on_files(lambda: {t.take: self._takes.arrived_bytes(t) for t in arriving})
        media = f"/media/{performance.media_key}"
        language = choose_language(request.cookies.get(COOKIE), request.headers.get("Accept-Language"))
        shown: dict[str, object] = {
            "takes": [
                self._shown(take, progress, mine=take.take in own)
                | _found(take, report, f"{media}/takes/{take.take}", language)
                | ({"arrived_bytes": arrived[take.take], "bytes": take.size_bytes} if take.take in arrived else {})
                for take, progress, report in zip(seen, under_way, reports, strict=True)
            ],
            "mix": _progress(mixing) if mixing else None,
            "version": await self._services.on_files(self._version, performance.performance),
            "mix_failed": self._takes.mixes.is_unmixed(performance.performance),
            "guide": f"{media}/guide.m4a",
            "bytes_max": self._bytes_max,
            "host": is_host,
        }
        if is_host:
            shown["faders"] = await self._takes.mixes.faders(performance.performance)
        return answer(shown)

    def _version(self, performance: str) -> str:
        folder = self._services.settings.performances / performance
        report = read_report(folder)
        return version_of(report) if report and (folder / "mix.wav").is_file() else ""

    @staticmethod
    def _shown(take: TakeRecord, progress: Progress | None, *, mine: bool) -> dict[str, object]:
        return {
            "take": take.take,
            "seat": take.seat,
            "name": take.name,
            "place": take.place,
            "flag": take.flag,
            "part": take.part,
            "picture": take.picture,
            "state": "working" if progress and progress.began_s is not None else take.state,
            "code": take.code,
            "hidden": take.hidden,
            "aside": take.aside,
            "along": take.sung is not None,
            "added_at": take.created_at,
            "mine": mine,
            "by_hand": take.offset_samples is not None,
            "progress": _progress(progress) if progress else None,
        }

    async def change(self, request: web.Request) -> web.Response:
        """Who it is."""
        wanted = await body_of(request, _Change)
        take = await self._own(request, wanted)
        texts = (("name", WHO_MAX), ("place", PLACE_MAX), ("part", PART_MAX))
        changes: dict[str, object] = {
            name: clean(text, characters_max=most)
            for name, most in texts
            if (text := getattr(wanted, name)) is not None
        }
        if changes.get("name") == "":
            raise web.HTTPBadRequest(reason="whose clip it is must be said")
        if wanted.flag is not msgspec.UNSET:
            changes["flag"] = wanted.flag
        if wanted.picture is not None:
            changes["picture"] = wanted.picture
        await self._takes.change(take, **changes)
        return answer({})

    async def place(self, request: web.Request) -> web.Response:
        """Its person says where it stands."""
        wanted = await body_of(request, _Place)
        take = await self._own(request, wanted)
        seconds = wanted.offset_seconds
        if seconds is not None and not abs(seconds) <= _OFFSET_SECONDS_MAX:
            most = _OFFSET_SECONDS_MAX
            raise OutOfRange(what="offset_seconds", value=int(max(min(seconds, 1e9), -1e9)), low=-most, high=most)
        if not _is_whole(take):
            raise NotAllowed(what="a clip that has not arrived")
        await self._takes.place(take, None if seconds is None else seconds * SAMPLE_RATE)
        return answer({})

    async def again(self, request: web.Request) -> web.Response:
        """Analyse it once more."""
        take = await self._own(request, await body_of(request, _One))
        if take.state in ("failed", "stopped"):
            await self._takes.again(take)
        return answer({})

    async def stop(self, request: web.Request) -> web.Response:
        """Do not analyse it any further."""
        await self._takes.stop_analysis(await self._own(request, await body_of(request, _One)))
        return answer({})

    async def withdraw(self, request: web.Request) -> web.Response:
        """Take it out again."""
        await self._takes.withdraw(await self._own(request, await body_of(request, _One)))
        return answer({})

    async def use(self, request: web.Request) -> web.Response:
        """Its person goes back to it, or takes it for another of theirs."""
        wanted = await body_of(request, _Use, bytes_max=_BODY_BYTES_MAX)
        take = await self._own(request, wanted)
        if not opens(wanted.key, take):
            raise NotAllowed(what="this")  # a host may keep somebody out, and not decide for them
        takes = await self._services.ask(self._services.ledger.takes.of, take.performance)
        others = [one for one in takes if one.take in wanted.instead_of and one.take != take.take]
        if not all(opens(wanted.instead_of[one.take], one) for one in others):
            self._guesses.spend(request, "guesses")
            raise NotAllowed(what="this")
        if take.aside and is_full([one for one in takes if one.take != take.take], instead_of=others):
            raise ClipsFull(whose="this performance")
        await self._takes.use(take, instead_of=others)
        return answer({})

    async def hide(self, request: web.Request) -> web.Response:
        """The host keeps it out, or lets it in again."""
        wanted = await body_of(request, _Hide)
        take, performance = await self._found(request, wanted)
        await self._need_host(request, performance, wanted.host)
        await self._takes.change(take, hidden=wanted.hidden)
        return answer({})

    async def mix(self, request: web.Request) -> web.Response:
        """The host sets the mix."""
        wanted = await body_of(request, _Mix, bytes_max=_BODY_BYTES_MAX)
        performance = await self._performance(request, wanted.token)
        await self._need_host(request, performance, wanted.host)
        self._wishes.spend(request, "mixes")
        await self._takes.mixes.set_faders(performance.performance, wanted.faders)
        return answer({})

    async def _own(self, request: web.Request, wanted: _One) -> TakeRecord:
        """The take, for its person or the host. Raises LinkNotValid, NotAllowed, HTTPNotFound, Flood."""
        self._wishes.spend(request, "wishes")
        take, performance = await self._found(request, wanted)
        if not opens(wanted.key, take):
            await self._need_host(request, performance, wanted.host)
        return take

    async def _found(self, request: web.Request, wanted: _One) -> tuple[TakeRecord, PerformanceRecord]:
        performance = await self._performance(request, wanted.token)
        take = await self._services.ask(self._services.ledger.takes.find, wanted.take)
        if take is None or take.performance != performance.performance:
            raise web.HTTPNotFound
        return take, performance

    async def _need_host(self, request: web.Request, performance: PerformanceRecord, host: str) -> None:
        if not host or not await self._is_host(request, performance, host):
            self._guesses.spend(request, "guesses")
            raise NotAllowed(what="this")

    async def _is_host(self, request: web.Request, performance: PerformanceRecord, host: str) -> bool:
        """Whether this token is that of the room's host; who guesses is slowed down."""
        try:
            admission = await self._services.ask(self._services.ledger.admit, host)
        except LinkNotValid:
            self._guesses.spend(request, "guesses")
            return False
        return admission.role == "host" and admission.room == performance.room

    async def _performance(self, request: web.Request, token: str) -> PerformanceRecord:
        record = await self._services.ask(self._services.ledger.performance, token=token) if token else None
        if record is None:
            self._guesses.spend(request, "guesses")
            raise LinkNotValid
        return record


def _is_open(take: TakeRecord) -> bool:
    """Whether everybody sees it."""
    return not take.hidden and not take.aside


def _is_whole(take: TakeRecord) -> bool:
    return take.state != "uploading"


def _progress(progress: Progress) -> dict[str, object]:
    left_s = progress.seconds_left
    return {
        "share": round(progress.share, 3),
        "step": progress.step,
        "waiting": progress.began_s is None,
        "seconds_left": None if left_s is None else round(left_s, 1),
    }


def _found(take: TakeRecord, report: TakeReport | None, url: str, language: str) -> dict[str, object]:
    """What the studio found, as the page shows it, once there is something."""
    if report is None or take.state not in ("placed", "unsure"):
        return {}
    version = f"{zlib.crc32(msgspec.json.encode(report)):08x}"  # browsers keep files for a day
    found = {
        "method": report.method,
        "certain": report.certain,
        "confidence": report.confidence,
        "offset_seconds": report.offset_samples / SAMPLE_RATE,
        "drift_ppm": report.drift_ppm,
        "seconds": report.samples / SAMPLE_RATE,
        "said": report.said,
        "pictures": [
            {"url": f"{url}/{picture_file(name, language)}?v={version}", "shows": shows}
            for name, shows in report.pictures
        ],
        "listen": f"{url}/{LISTEN_FILE}",
        "marks": report.marks,
    }
    return {"found": found}
