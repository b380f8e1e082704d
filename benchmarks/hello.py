"""`/hello` of the all-on project in production against a bare Tornado handler, by wrk.

Usage: python benchmarks/hello.py [rounds]. Needs uv, wrk and redis-server. The rounds are
interleaved, server and client each have a core, and only the ratio carries over to another machine.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from common import (
    bake,
    free_port,
    install,
    migrate,
    production,
    requests_per_second,
    server,
    summary,
)

BARE = """
import asyncio, sys, tornado.web
class Hello(tornado.web.RequestHandler):
    def get(self):
        self.write({"message": "Hello, " + self.get_query_argument("name", "World") + "!"})
async def main():
    app = tornado.web.Application([("/hello", Hello)], log_function=lambda handler: None)
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()
asyncio.run(main())
"""


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        python = str(install(bake(folder, *sys.argv[2:]), folder / "venv"))
        redis, bare, full = free_port(), free_port(), free_port()
        redis_server = ["redis-server", "--port", str(redis), "--save", ""]
        stack.enter_context(server(redis, redis_server, folder / "redis.log"))
        migrate(python, folder, redis)
        bare_server = [python, "-c", BARE, str(bare)]
        stack.enter_context(server(bare, bare_server, folder / "bare.log"))
        stack.enter_context(
            server(full, [python, "-m", "app"], folder / "full.log", **production(full, redis))
        )
        ratios = []
        for _ in range(rounds):
            low, high = (
                requests_per_second(f"http://127.0.0.1:{port}/hello") for port in (bare, full)
            )
            ratios.append(high / low)
            print(f"bare {low:.0f}/s, all on {high:.0f}/s, ratio {high / low:.2f}", flush=True)
        print(summary("/hello, all features on, x bare Tornado", ratios))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
