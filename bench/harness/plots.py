"""Figures as SVG, written by hand: bars for who against whom, lines over sizes."""

import math
from xml.sax.saxutils import escape

COLOURS = {"bine io_uring": "#0b6e4f", "bine epoll": "#3fb984", "floor io_uring": "#6b7280", "floor epoll": "#b3b9c4"}
OTHERS = ("#c2703d", "#d9a441", "#8a5a9e", "#4f7cac", "#b04a5a")
WIDTH, LEFT, RIGHT, TOP = 760, 210, 70, 46
FONT = 'font-family="system-ui, sans-serif" font-size="12"'


def colour_of(name, names):
    if name in COLOURS:
        return COLOURS[name]
    return OTHERS[[one for one in names if one not in COLOURS].index(name) % len(OTHERS)]


def text(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {FONT} fill="#1f2933" {more}>{escape(words)}</text>'


def document(height, title, parts):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">'
            f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>')
    return "\n".join([head, text(16, 24, title, 'font-weight="bold"'), *parts, "</svg>"]) + "\n"


def label(value):
    return f"{value:,.0f}" if value >= 20 else f"{value:.2f}"


def bars(title, labels, series):
    """For each label a group of bars, one a series. `series`: {name: {label: value}}."""
    names = list(series)
    most = max(value for values in series.values() for value in values.values()) or 1
    y, parts = TOP, []
    for group in labels:
        parts.append(text(16, y + 12, group, 'font-weight="bold" fill-opacity="0.75"'))
        y += 20
        for name in names:
            if group not in series[name]:
                continue
            value = series[name][group]
            width = max(1.0, (WIDTH - LEFT - RIGHT) * value / most)
            parts.append(text(LEFT - 8, y + 12, name, 'text-anchor="end"'))
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="16" rx="2" fill="{colour_of(name, names)}"/>')
            parts.append(text(LEFT + width + 6, y + 12, label(value)))
            y += 20
        y += 10
    return document(y + 6, title, parts)


def lines(title, labels, series, height=360):
    """Over labels that are evenly spaced, a line a series."""
    names = list(series)
    bottom, left, right = height - 70, 60, WIDTH - 30
    most = 1.1 * max(value for values in series.values() for value in values.values())
    step = (right - left) / max(1, len(labels) - 1)
    parts = []
    tick = 10 ** math.floor(math.log10(most)) / 2
    for i in range(int(most / tick) + 1):
        y = bottom - (bottom - TOP) * i * tick / most
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e3e7ec"/>')
        parts.append(text(left - 8, y + 4, f"{i * tick:g}", 'text-anchor="end"'))
    parts += [text(left + i * step, bottom + 18, one, 'text-anchor="middle"') for i, one in enumerate(labels)]
    for index, name in enumerate(names):
        colour = colour_of(name, names)
        points = [(left + i * step, bottom - (bottom - TOP) * series[name][one] / most) for i, one in enumerate(labels) if one in series[name]]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<rect x="{left + index * 165}" y="{height - 30}" width="12" height="12" fill="{colour}"/>')
        parts.append(text(left + index * 165 + 18, height - 20, name))
    return document(height, title, parts)
