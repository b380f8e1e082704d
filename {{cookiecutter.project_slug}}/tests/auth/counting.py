"""What every backend of throttling promises."""

from app.throttle import Throttle


async def lets_so_many_through_and_tells_how_long_to_wait(throttle: Throttle) -> None:
    assert [await throttle.hit("login:a", 3, 60) for _ in range(3)] == [0.0] * 3
    assert 50 < await throttle.hit("login:a", 3, 60) <= 60
    assert await throttle.hit("login:b", 3, 60) == 0.0
    assert [await throttle.hit("login:c", 0, 60) for _ in range(9)] == [0.0] * 9
