"""The mails that were not sent, for those who develop."""

from tornado.web import HTTPError

from app.auth.handlers.base import AuthHandler
from app.mail import Mailbox, Mailer


class DevMail(AuthHandler):
    def get(self) -> None:
        mailer = self.application.get(Mailer)
        if self.application.config.production or not isinstance(mailer, Mailbox):
            raise HTTPError(404)
        self.answer(mailer.newest_first(), page="auth/mail.html")


ROUTES = [("/dev/mail", DevMail)]
