"""A real Chromium for tests of the page; one for all tests of a process."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
import unittest
from functools import cache
from typing import TYPE_CHECKING, Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from twisted.trial.unittest import SynchronousTestCase

from tests.support import SECONDS, Client, Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver.remote.webelement import WebElement

__all__ = ["LOG", "ROW", "Browser", "Keys", "PageCase", "browser"]

ROW = ".connections tbody tr"
LOG = ".messages .log"


WIDE = (1400, 900)
PROGRAMS = ("chromium", "chromedriver")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Browser:
    """What tests do with a page, and what they see there."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        """Open an address in a new tab, and forget all others."""
        driver = self.driver
        driver.switch_to.new_window("tab")
        new = driver.current_window_handle
        for other in driver.window_handles:
            if other != new:
                driver.switch_to.window(other)
                driver.close()
        driver.switch_to.window(new)
        self.resize(*WIDE)
        self.emulate("prefers-color-scheme", "light")
        driver.get(address)

    def leave(self) -> None:
        """Leave the page, before its server ends; forget what the console said."""
        self.driver.get("about:blank")
        self.complaints()

    def resize(self, width: int, height: int) -> None:
        """Give the page another size."""
        size = {"width": width, "height": height}
        rest: dict[str, object] = {"deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | rest)

    def emulate(self, feature: str, value: str) -> None:
        """Set what the user prefers."""
        features = [{"name": feature, "value": value}]
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": features}
        )

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page; return what it returns, or its promise does."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        """Return the first element, when there is one."""
        self.until(lambda: self.all(selector), selector)
        return self.all(selector)[0]

    def all(self, selector: str) -> list[WebElement]:
        """Return all elements that are there now."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """Return the text of all elements that are there now, as it is in the page."""
        script = "return [...document.querySelectorAll(arguments[0])]"
        return str(self.run(f"{script}.map(e => e.textContent).join('\\n')", selector))

    def until_text(self, selector: str, *texts: str) -> None:
        """Wait until all texts are in the elements."""
        self.until(
            lambda: all(text in self.text(selector) for text in texts),
            lambda: f"{texts} in {selector}: {self.text(selector)[-2000:]!r}",
        )

    def until(
        self, holds: Callable[[], object], what: str | Callable[[], str] = ""
    ) -> None:
        """Wait until a condition holds."""
        try:
            WebDriverWait(self.driver, SECONDS, poll_frequency=0.05).until(
                lambda _: holds()
            )
        except Exception as why:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"never: {text}; {self.complaints()}") from why

    def press(self, *keys: str) -> None:
        """Press keys, one after another, wherever the focus is."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def choose(self, label: str) -> None:
        """Click the label of a radio button."""
        path = f"//fieldset//label[normalize-space()='{label}']"
        self.driver.find_element(By.XPATH, path).click()

    def focused(self) -> str:
        """Return the text of the element that has the focus."""
        return str(self.run("return document.activeElement.textContent"))

    def complaints(self) -> list[str]:
        """Return what the console said since this was asked last."""
        return [each["message"] for each in self.driver.get_log("browser")]


@cache
def browser() -> Browser:
    """Return the browser, when it has started.

    Raises:
        unittest.SkipTest: the machine has none.
    """
    paths = {name: shutil.which(name) for name in PROGRAMS}
    for name, path in paths.items():
        if path is None:
            raise unittest.SkipTest(f"no {name}")
    folder = tempfile.mkdtemp()
    options = webdriver.ChromeOptions()
    options.binary_location = str(paths["chromium"])
    for argument in (*ARGUMENTS, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(str(paths["chromedriver"]))
    driver = webdriver.Chrome(options, service)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(driver.quit)
    return Browser(driver)


class PageCase(SynchronousTestCase):
    """A server, and a browser that looks at its page."""

    timeout = 120
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.browser = browser()
        self.server = self.start()

    def start(
        self, *options: str, web: str = "0", stdout: int = subprocess.DEVNULL
    ) -> Program:
        here = ("--interface", "127.0.0.1", "--port", "0")
        server = self.run_server(*here, "--web", web, *options, stdout=stdout)
        self.port = server.port()
        return server

    def run_server(self, *options: str, stdout: int = subprocess.DEVNULL) -> Program:
        server = Program("server", *self.options, *options, stdout=stdout)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        return server

    def open(self) -> None:
        """Open the address that the server prints."""
        self.addCleanup(self.browser.leave)
        self.browser.open(self.address())
        self.browser.find(".pulse.live")

    def address(self) -> str:
        """Return the address that the server prints."""
        return self.server.wait_for_match(rb"watch at (\S+)\n")[1].decode()

    def connect(self) -> Client:
        client = Client(self.port)
        self.addCleanup(client.close)
        return client

    def see(self, client: Client, number: int = 1) -> None:
        """Look at one connection."""
        self.browser.find(f"#to-{number}").click()
        self.browser.until_text("#detail-title", f"127.0.0.1:{client.port}")

    def assert_quiet(self) -> None:
        """The console has said nothing."""
        self.assertEqual(self.browser.complaints(), [])
