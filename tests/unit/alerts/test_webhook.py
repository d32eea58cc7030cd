"""The webhook over real HTTP: what is accepted, once, and how each bad request is refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.unit.alerts.world import TEXT_SECRET, world
from xmppgov.bot.letters.cipher import Cipher
from xmppgov.errors import ConfigurationError
from xmppgov_alerts.webhook import Webhook

ALERT: dict[str, Any] = {"to": ["group:grp-1"], "severity": "Severe", "text": "Évacuez la mairie."}


async def test_an_alert_is_accepted_and_reported(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        status, answer = await w.post(ALERT)
        assert (status, list(answer)) == (202, ["id", "number"])
        status, report = await w.get(answer["id"])
        assert status == 200
        assert {r["name"]: r["state"] for r in report["recipients"]} == {
            "Alice Durand": "queued",
            "Benoît Œuvrard": "queued",
            "Zoé Sans-Compte": "no-account",
        }
        assert report["recipients"][0]["name"] == "Zoé Sans-Compte"
        assert (report["state"], report["severity"]) == ("open", "Severe")
        assert ALERT["text"] not in json.dumps(report, ensure_ascii=False)


async def test_a_repeated_request_is_one_alert_however_late(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await w.post(ALERT, id="r1")
        assert await w.post(ALERT, id="r1", skew=-200) == first
        w.clock.ahead += timedelta(days=40)
        assert await w.post(ALERT, id="r1") == first
        answers = await asyncio.gather(*(w.post(ALERT, id="r2") for _ in range(8)))
        assert len({answer["id"] for _, answer in answers}) == 1
        rows = await w.database.fetch_all("SELECT id FROM alert")
        assert len(rows) == 2
        assert len(await w.outbox.states(first[1]["id"])) == 2


async def test_no_answer_rests_on_what_may_be_rolled_back(tmp_path: Path) -> None:
    body = json.dumps(ALERT).encode()
    async with world(tmp_path) as w:
        with suppress(RuntimeError):
            async with w.database.transaction() as tx:
                await tx.execute(
                    "INSERT INTO alert (id, family, number, version, msg_type, status, key_name,"
                    " request_id, request_mark, targets, severity, lang, created, expires, state,"
                    " sealed) VALUES ('x', 'x', '7F3K', 1, 'Alert', 'Actual', 'one', 'r1', ?,"
                    " '[]', 'Minor', 'fr', 0, 9e9, 'open', x'00')",
                    (Cipher(TEXT_SECRET, "alert").mark(body),),
                )
                posting = asyncio.create_task(w.post(body, id="r1"))
                await asyncio.wait({posting}, timeout=0.3)
                raise RuntimeError
        status, answer = await posting
        assert status == 202
        assert [row["id"] for row in await w.database.fetch_all("SELECT id FROM alert")] == [
            answer["id"]
        ]


async def test_the_same_id_with_another_body_is_a_conflict(tmp_path: Path) -> None:
    async with world(tmp_path, one={}, two={}) as w:
        await w.post(ALERT, id="r1")
        status, answer = await w.post({**ALERT, "text": "Autre."}, id="r1")
        assert (status, answer["type"]) == (409, "urn:xmppgov:problem:conflict")
        assert (await w.post({**ALERT, "text": "Autre."}, id="r1", key="two"))[0] == 202


async def test_requests_may_arrive_in_any_order(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert (await w.post(ALERT, id="late", skew=100))[0] == 202
        assert (await w.post(ALERT, id="early", skew=-100))[0] == 202


async def test_who_is_not_known_learns_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        body = json.dumps(ALERT).encode()
        good = w.signed(body)
        tampered = [
            {},
            {**good, "webhook-signature": "v1,AAAA"},
            {**good, "webhook-timestamp": "1"},
            {**good, "webhook-id": "other"},
            w.signed(body, skew=-301),
            w.signed(body, skew=330),  # a second may pass before it arrives
            w.signed(b"other"),
        ]
        answers = [await w.post(body, headers={**_without(good), **h}) for h in tampered]
        assert {status for status, _ in answers} == {401}
        assert len({json.dumps(answer) for _, answer in answers}) == 1
        assert await w.database.fetch_all("SELECT id FROM alert") == []


def _without(headers: dict[str, str]) -> dict[str, str]:
    return dict.fromkeys(headers, "")


async def test_a_body_that_cannot_be_understood(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert (await w.post(b"{"))[0] == 400
        assert (await w.post(b""))[0] == 400
        assert (await w.post({**ALERT, "x": 1}))[0] == 422
        assert (await w.post({**ALERT, "expires": "2020-01-01T00:00:00Z"}))[0] == 422
        assert (await w.post({**ALERT, "expires": "2099-01-01T00:00:00Z"}))[0] == 422
        assert (await w.post(ALERT, headers={"Content-Type": "text/plain"}))[0] == 415
        assert (await w.post(ALERT, headers={"Content-Encoding": "identity"}))[0] == 415
        assert (await w.post(ALERT, headers={"Content-Encoding": "deflate"}))[0] == 415


async def test_a_large_body_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        status, answer = await w.post({**ALERT, "text": "x" * 70_000})
        assert (status, answer["title"]) == (413, "too-large")

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 60_000

        try:
            async with w.session.post(f"{w.url}/v1/alerts", data=endless()) as refused:
                assert refused.status == 413
        except aiohttp.ClientConnectionError:
            pass  # closed while we were still writing: refused as well
        assert await w.database.fetch_all("SELECT id FROM alert") == []


async def test_the_audience_is_that_of_the_directory_within_the_scope(tmp_path: Path) -> None:
    async with world(tmp_path, one={}, narrow={"scope": ["group:grp-2"]}) as w:
        for target, status in (("group:unknown", 422), ("group:empty", 422), ("body:pref-59", 403)):
            code, answer = await w.post({**ALERT, "to": [target]})
            assert code == status
            assert target in answer["detail"] or target == "group:empty"
        assert (await w.post({**ALERT, "to": ["group:grp-2", "group:grp-1"]}, key="narrow"))[
            0
        ] == 403
        assert (await w.post({**ALERT, "to": ["group:grp-2"]}, key="narrow"))[0] == 202


@pytest.mark.parametrize("target", ["group:silent", "group:denied", "group:busy"])
async def test_a_directory_that_does_not_answer_is_no_fault_of_the_sender(
    tmp_path: Path, target: str
) -> None:
    async with world(tmp_path) as w:
        status, answer = await w.post({**ALERT, "to": [target]}, id="r1")
        assert (status, answer["title"]) == (503, "directory-unreachable")
        assert await w.database.fetch_all("SELECT id FROM alert") == []
        assert (await w.post(ALERT, id="r1"))[0] == 202


async def test_a_person_in_two_audiences_is_alerted_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, answer = await w.post({**ALERT, "to": ["group:grp-1", "group:grp-2", "group:grp-1"]})
        _, report = await w.get(answer["id"])
        assert len(report["recipients"]) == 3


async def test_a_key_has_a_gravest_severity(tmp_path: Path) -> None:
    async with world(tmp_path, one={"max_severity": "Moderate"}) as w:
        assert (await w.post(ALERT))[0] == 403
        assert (await w.post({**ALERT, "severity": "Moderate"}))[0] == 202


async def test_what_another_scope_sent_does_not_exist(tmp_path: Path) -> None:
    async with world(tmp_path, one={}, narrow={"scope": ["group:grp-2"]}) as w:
        _, wide = await w.post(ALERT)
        _, small = await w.post({**ALERT, "to": ["group:grp-2"]})
        hidden, missing = await w.get(wide["id"], key="narrow"), await w.get("0" * 16, key="narrow")
        assert hidden == missing
        assert hidden[0] == 404
        assert (await w.get(small["id"], key="narrow"))[0] == 200
        assert (await w.get("../../etc"))[0] == 404


async def test_too_many_requests_with_one_key(tmp_path: Path) -> None:
    async with world(tmp_path, one={"per_minute": 3}, two={}) as w:
        codes = [(await w.post(ALERT, id=f"r{n}"))[0] for n in range(5)]
        assert codes == [202, 202, 202, 429, 429]
        assert (await w.post(ALERT, key="two"))[0] == 202


async def test_errors_speak_the_language_of_the_reader(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        english = (await w.post(b"{", headers={"Accept-Language": "en-GB, fr;q=0.8"}))[1]
        french = (await w.post(b"{", headers={"Accept-Language": "de, fr;q=0.9, en;q=0.8"}))[1]
        assert english["detail"].startswith("The body is not")
        assert french["detail"].startswith("Le corps n'est pas")
        assert (await w.post(b"{"))[1] == french
        assert {"type", "title", "status", "detail"} == set(french)
        async with w.session.put(f"{w.url}/v1/alerts") as other:
            assert (other.status, other.content_type) == (405, "application/problem+json")
        async with w.session.get(f"{w.url}/") as nothing:
            assert (nothing.status, nothing.content_type) == (404, "application/problem+json")


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{w.section.port}"):
            async with Webhook(w.section, alerts=w.alerts, senders=w.senders):
                pass


@pytest.mark.parametrize(
    "raw", [b"CANARI la mairie\r\n\r\n", b"GET / HTTP/1.1\r\nCANARI la mairie\r\n\r\n"]
)
async def test_a_malformed_request_is_not_quoted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    caplog.set_level("DEBUG")
    async with world(tmp_path) as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.section.port)
        writer.write(raw)
        assert b" 400 " in await reader.readline()
        writer.close()
    assert "malformed HTTP request" in caplog.text
    assert "CANARI" not in caplog.text
