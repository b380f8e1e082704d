"""A small plot as SVG: horizontal bars in groups, readable in the light and in the dark."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 760, 260, 60, 84, 12, 12
STYLE = """
    .panel { fill: #ffffff; stroke: #d0d7de }
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 16px; font-weight: 600 }
    .small { font-size: 11px; fill: #59636e }
    .value { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
    .end { text-anchor: end }
    .middle { text-anchor: middle }
    .line { stroke: #d0d7de }
    .one { stroke: #59636e }
    .bar0 { fill: #0969da }
    .bar1 { fill: #54aeff }
    @media (prefers-color-scheme: dark) {
        .panel { fill: #0d1117; stroke: #3d444d }
        text { fill: #f0f6fc }
        .small { fill: #9198a1 }
        .value { stroke: #0d1117 }
        .line { stroke: #3d444d }
        .one { stroke: #9198a1 }
        .bar0 { fill: #4493f8 }
        .bar1 { fill: #1f4e96 }
    }
"""


def bars(title: str, axis: str, series: Sequence[str], rows: Mapping[str, Sequence[float]]) -> str:
    """An SVG document: one group for each row, which has one bar for each of the two series."""
    group = len(series) * BAR + GAP
    bottom = TOP + len(rows) * group
    limit = ceil(2 * max(max(values) for values in rows.values())) / 2
    scale = (WIDTH - LEFT - RIGHT) / limit
    parts = [
        _text(20, 30, title, "title"),
        *_legend(series),
        *_axis(axis, limit, scale, bottom),
        *(
            part
            for number, (label, values) in enumerate(rows.items())
            for part in _group(TOP + number * group, label, values, scale)
        ),
    ]
    height = bottom + 56
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n"
    )
    panel = (
        f'<rect class="panel" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>'
    )
    return head + "\n".join([panel, *parts]) + "\n</svg>\n"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'


def _legend(series: Sequence[str]) -> Iterator[str]:
    x = LEFT
    for number, name in enumerate(series):
        yield f'<rect x="{x}" y="46" width="12" height="12" class="bar{number}"/>'
        yield _text(x + 18, 56, name)
        x += 250


def _axis(name: str, limit: float, scale: float, bottom: float) -> Iterator[str]:
    """A line at every half; the one that all are compared with stands out."""
    for tick in range(int(2 * limit) + 1):
        x, kind = LEFT + tick / 2 * scale, "one" if tick == 2 else "line"
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom}" class="{kind}"/>'
        yield _text(round(x, 1), bottom + 16, f"{tick / 2:g}", "small middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, name, "small middle")


def _group(y: float, label: str, values: Sequence[float], scale: float) -> Iterator[str]:
    yield _text(LEFT - 10, y + len(values) * BAR / 2 + 4, label, "end")
    for number, value in enumerate(values):
        top, width = y + number * BAR, value * scale
        size = f'width="{width:.1f}" height="{BAR - 1}"'
        yield f'<rect x="{LEFT}" y="{top:g}" {size} class="bar{number}"/>'
        yield _text(round(LEFT + width + 6, 1), top + BAR - 2, f"{value:.2f}", "value")
