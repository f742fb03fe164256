"""Page objects for the agents' board."""

import os
import shutil

from playwright.sync_api import expect

from deskkit.address import BASE


def chromium():
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


class LoginPage:
    def __init__(self, page):
        self.page = page

    def open(self):
        self.page.goto(f"{BASE}/")
        return self

    def enter(self, user, password=None):
        self.page.fill("#user", user)
        self.page.fill("#password", password or f"{user}-secret")
        self.page.click("#enter")
        return BoardPage(self.page)


class BoardPage:
    def __init__(self, page):
        self.page = page
        self.rows = page.locator("li.ticket")
        self.count = page.locator("#open-count")

    def loaded(self):
        expect(self.page.locator("#open-count[data-state=loaded]")).to_be_visible()
        return self

    def connected(self):
        expect(self.page.locator("#connection")).to_have_text("live")
        return self

    def create(self, subject, priority="normal"):
        self.page.fill("#subject", subject)
        self.page.select_option("#priority", priority)
        self.page.click("#create")
        return self

    def filter(self, text):
        self.page.fill("#filter", text)
        self.page.click("#apply")
        return self

    def row(self, subject):
        return self.page.locator("li.ticket", has_text=subject)
