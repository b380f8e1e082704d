"""The end of an account."""

from app.auth.accounts import Accounts
from app.auth.cookie import Cookie
from app.auth.handlers.base import AccountHandler
from app.auth.letters import told

DELETED = told("Your account was deleted")


class Deletion(AccountHandler):
    recent = True

    async def delete(self) -> None:
        person = self.person
        await self.application.get(Accounts).delete(person.id)
        self.application.get(Cookie).clear(self)
        self.record("delete", "ok", person.id)
        self.mail(person.name, DELETED)
        self.done("/", notice="Your account is deleted.")


class DeletionForm(Deletion):
    page = "auth/delete.html"

    def get(self) -> None:
        self.answer({"method": "POST"}, page=self.page)

    post = Deletion.delete


ROUTES = [("/auth/me/delete", DeletionForm)]
