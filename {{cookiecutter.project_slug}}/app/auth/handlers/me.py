"""Who asks, and all that belongs to their account."""

from app.auth.handlers.deletion import Deletion
from app.auth.sessions import Person


class Me(Deletion):
    readable = True

    def get(self) -> None:
        who = self.who
        factors = list(who.second_factors) if isinstance(who, Person) else []
        me = {"id": who.id, "email": who.name, "confirmed": True, "second_factors": factors}
        self.answer(me, page="auth/me.html")


ROUTES = [("/auth/me", Me)]
