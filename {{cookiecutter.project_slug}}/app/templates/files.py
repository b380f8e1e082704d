"""Static files: kept for ever under the address that holds their hash, else asked for again."""

from tornado.web import HTTPError, StaticFileHandler

from app.handlers import Guarded

FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_WHILE = "public, max-age=300"


class Files(Guarded, StaticFileHandler):
    anonymous = True

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Tornado keeps the path inside the folder; what is hidden there stays hidden."""
        if "\0" in self.path or any(part.startswith(".") for part in self.path.split("/")):
            raise HTTPError(404)
        return super().validate_absolute_path(root, absolute_path)

    def set_extra_headers(self, path: str) -> None:
        """For ever only if the hash is that of this file.

        While versions change, a page of the new one may ask a process of the old one.
        """
        asked = self.get_query_argument("v", None)
        current = asked is not None and asked == self.get_version(self.settings, path)
        self.set_header("Cache-Control", FOR_EVER if current else FOR_A_WHILE)

    def get_cache_time(self, *args: object) -> int:
        """No `Expires`: `Cache-Control` says it."""
        return 0

    def get_content_type(self) -> str:
        kind = super().get_content_type()
        text = kind.startswith("text/") or kind.endswith(("javascript", "json", "+xml"))
        return f"{kind}; charset=utf-8" if text else kind
