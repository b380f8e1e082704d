"""The front door, and the smallest handler to copy from."""

from app.handlers import Handler


class Home(Handler):
    def get(self) -> None:
        service = self.application
        self.answer(
            {"name": service.name, "version": service.version, "features": service.feature_names},
            page="home.html",
        )


class Hello(Handler):
    def get(self) -> None:
        self.json({"message": f"Hello, {self.get_query_argument('name', 'World')}!"})


ROUTES = [("/", Home), ("/hello", Hello)]
