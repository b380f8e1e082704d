"""Passwords: which are taken, and how they are hashed (OWASP Password Storage)."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.problems import Problem

T = TypeVar("T")

SHORTEST, LONGEST = 8, 256
HASHER = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)
LONGEST_UNIT = 4
WORKERS = 2
"""Hashes computed at once: each takes 19 MiB, and a core for 23 ms."""

MOST = 500
"""Those who wait at once, the last of them for six seconds."""


def acceptable(password: str) -> str:
    """The password; raises `ValueError` with what a person can do about it."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"Use {SHORTEST} to {LONGEST} characters.")
    if _normal(password).casefold() in common() or _repeats(password):
        raise ValueError("This password is too common.")
    return password


@cache
def common() -> frozenset[str]:
    """The passwords that are tried first: the 30,000 of zxcvbn, and more in `passwords.txt`."""
    more = Path(__file__).with_name("passwords.txt").read_text("utf-8").split()
    return frozenset(FREQUENCY_LISTS["passwords"]).union(more)


def _repeats(password: str) -> bool:
    """Whether it is a few characters over and over: then it is found in itself, soon after."""
    return (password + password).find(password, 1) <= LONGEST_UNIT


@cache
def nobodys() -> str:
    """The hash that is compared with where there is no account."""
    return HASHER.hash("")


class Passwords:
    """Hashes in threads, few at a time, so that neither the loop nor the memory is taken."""

    def __init__(self) -> None:
        nobodys()
        self._waiting = 0
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        return await self._in_a_thread(lambda: HASHER.hash(_normal(password)))

    async def verify(self, password: str, known: str | None) -> bool:
        """Whether the password has this hash; without a known hash as slow, and false."""
        matches = await self._in_a_thread(lambda: _matches(_normal(password), known or nobodys()))
        return matches and known is not None

    def is_old(self, known: str) -> bool:
        """Whether passwords are hashed otherwise by now."""
        return HASHER.check_needs_rehash(known)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    async def _in_a_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST:
            raise Problem(503, "Too many log in just now. Try again soon.", {"Retry-After": "5"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _matches(password: str, known: str) -> bool:
    try:
        return HASHER.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """One form for what looks the same, however it was typed (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)
