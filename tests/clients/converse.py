"""Converse.js in headless Chromium: the demo's web client, driven as by a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error, Locator, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 40_000  # milliseconds


class Chromium:
    """A headless browser in a thread of its own, so that its event loop meets no other."""

    def __init__(self, executable: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._playwright = self.run(sync_playwright().start)
        launch = self._playwright.chromium.launch
        self.browser: Browser = self.run(launch, executable_path=executable, args=FLAGS)

    def run(self, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Do something with the browser and wait for it."""
        return self._thread.submit(action, *arguments, **options).result()

    def close(self) -> None:
        """End the browser."""
        self.run(self.browser.close)
        self.run(self._playwright.stop)
        self._thread.shutdown()


def in_browser(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method of `Converse` in the browser's thread."""

    @wraps(method)
    def call(self: Converse, *arguments: Any) -> Any:
        return self.chromium.run(method, self, *arguments)

    return call


class Converse:
    """One page, with a profile of its own; pictures of failures go to `folder`."""

    def __init__(self, chromium: Chromium, url: str, folder: Path) -> None:
        self.chromium, self._folder = chromium, folder
        self.foreign: list[str] = []
        self.console: list[str] = []
        chromium.run(self._open, url)

    def _open(self, url: str) -> None:
        size = {"width": 1200, "height": 800}
        self.page: Page = self.chromium.browser.new_page(viewport=size)
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda r: self._note_request(r.url, url))
        self.page.on("console", lambda m: self.console.append(f"{m.type}: {m.text[:300]}"))
        self.page.goto(url)

    def _note_request(self, address: str, own: str) -> None:
        if not address.startswith((own, own.replace("http", "ws", 1), "data:", "blob:")):
            self.foreign.append(address)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Take a picture of the page where the block fails, and say where it is."""
        try:
            yield
        except (AssertionError, Error) as error:
            picture = self._folder / "converse.png"
            self.page.screenshot(path=picture)
            console = "\n".join(self.console[-15:])
            raise AssertionError(f"{error}\npicture: {picture}\nconsole:\n{console}") from error

    @in_browser
    def log_in(self, jid: str, password: str) -> None:
        """Log in by the form."""
        with self.looking():
            self.page.fill("input[name=jid]", jid)
            self.page.fill("input[name=password]", password)
            self.page.press("input[name=password]", "Enter")
            expect(self.page.locator("converse-user-profile")).to_be_visible(timeout=PATIENCE)

    @in_browser
    def log_out(self) -> None:
        """Log out, as one does: the profile, the red button, and yes; return at an empty form."""
        with self.looking():
            self.page.click("converse-user-profile .show-profile")
            self.page.locator(".modal.show .btn-danger:visible").click()
            self.page.get_by_role("button", name="Confirmer").click()
            for name in ("jid", "password"):
                field = self.page.locator(f"input[name={name}]")
                expect(field).to_have_value("", timeout=PATIENCE)

    @in_browser
    def open_room(self, room: str) -> None:
        """Click the room in the list, where it appears by itself."""
        with self.looking():
            self.page.click(f'.open-room[data-room-jid="{room}"]')
            expect(self._chat.locator("textarea")).to_be_visible(timeout=PATIENCE)

    @in_browser
    def open_contact(self, jid: str) -> None:
        """Click the contact in the list."""
        with self.looking():
            self.page.click(f'.open-chat[data-jid="{jid}"]')
            expect(self._chat.locator("textarea")).to_be_visible(timeout=PATIENCE)

    @property
    def _chat(self) -> Locator:
        """The conversation that is shown."""
        return self.page.locator("converse-chats .chatbox:not(.hidden):not(#controlbox)").last

    @in_browser
    def wait_for_padlock(self) -> None:
        """Wait until the conversation's padlock is closed."""
        with self.looking():
            lock = self._chat.locator(".toggle-omemo .fa-lock")
            expect(lock).to_be_visible(timeout=PATIENCE)

    @in_browser
    def open_padlock(self) -> None:
        """Turn encryption off for this conversation."""
        with self.looking():
            self._chat.locator(".toggle-omemo").click()
            expect(self._chat.locator(".toggle-omemo .fa-unlock")).to_be_visible(timeout=PATIENCE)

    @in_browser
    def close_padlock(self) -> None:
        """Turn encryption on again."""
        with self.looking():
            self._chat.locator(".toggle-omemo").click()
            expect(self._chat.locator(".toggle-omemo .fa-lock")).to_be_visible(timeout=PATIENCE)

    @in_browser
    def write(self, text: str) -> None:
        """Type a message and Enter."""
        with self.looking():
            self._chat.locator("textarea.chat-textarea").fill(text)
            self._chat.locator("textarea.chat-textarea").press("Enter")

    @in_browser
    def attach(self, file: Path) -> None:
        """Choose a file to send."""
        with self.looking():
            self._chat.locator("input.fileupload").set_input_files(file)

    @in_browser
    def wait_for_message(self, text: str) -> None:
        """Wait until the conversation shows `text`."""
        with self.looking():
            expect(self._chat.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    @in_browser
    def close(self) -> None:
        """Close the page and its profile."""
        self.page.context.close()
