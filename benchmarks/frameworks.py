"""One small JSON hello in the usual way of each peer, with nothing around it.

A project of theirs that does for every request what ours does (an access log, metrics, request
ids, security headers) is slower than this.
"""

from typing import Any


def django() -> Any:
    """The WSGI application of a project with production's defaults and no middleware."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    def hello(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"message": f"Hello, {request.GET.get('name', 'World')}!"})

    settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=(path("hello", hello),))
    return get_wsgi_application()


def flask() -> Any:
    from flask import Flask, Response, jsonify, request

    def hello() -> Response:
        return jsonify(message=f"Hello, {request.args.get('name', 'World')}!")

    app = Flask(__name__)
    app.add_url_rule("/hello", view_func=hello)
    return app


def fastapi() -> Any:
    from fastapi import FastAPI

    async def hello(name: str = "World") -> dict[str, str]:
        return {"message": f"Hello, {name}!"}

    app = FastAPI()
    app.add_api_route("/hello", hello)
    return app
