"""Thin client around the library's HTTP interface."""

import httpx


class LibraryClient:
    def __init__(self, base_url, **options):
        self._http = httpx.Client(base_url=base_url, timeout=5.0, **options)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._http.close()

    def _call(self, method, path, **kwargs):
        response = self._http.request(method, path, **kwargs)
        response.raise_for_status()
        return response.json() if response.content else None

    def register(self, name, email, **extra):
        return self._call("POST", "/members", json={"name": name, "email": email, **extra})

    def member(self, member_id):
        return self._call("GET", f"/members/{member_id}")

    def borrow(self, member_id, book_id, **extra):
        return self._call("POST", "/loans", json={"member_id": member_id, "book_id": book_id, **extra})

    def loan(self, loan_id):
        return self._call("GET", f"/loans/{loan_id}")

    def renew(self, loan_id):
        return self._call("POST", f"/loans/{loan_id}/renew")

    def give_back(self, loan_id, days_late=0):
        return self._call("POST", f"/loans/{loan_id}/return", json={"days_late": days_late})

    def loans_of(self, member_id, **params):
        return self._call("GET", f"/members/{member_id}/loans", params=params)["items"]

    def is_on_shelf(self, book_id):
        return self._call("GET", f"/books/{book_id}/availability")["on_shelf"]

    def try_get(self, path, default=None):
        try:
            return self._call("GET", path)
        except httpx.HTTPError:
            return default
