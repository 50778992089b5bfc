from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from evaluation.plots import HEIGHT, WIDTH, Axis, Point, bars, columns, curves, intervals


def elements(text: str, name: str) -> list[ET.Element]:
    """A drawing's elements of that name; refuses one that is not well-formed."""
    return list(ET.fromstring(f"<div>{text}</div>").iter(name))


def test_a_share_lies_between_its_interval_and_higher_shares_lie_higher() -> None:
    points = [Point(0.1, 0.2, 0.1, 0.4, "weak <1>"), Point(1.0, 0.9, 0.7, 1.0, "strong")]
    drawing = intervals(points, x_label="share", y_label="recall", mark=(1.0, "95 % from 1"), target=0.95)
    first, second = elements(drawing, "circle")
    assert float(first.attrib["cx"]) < float(second.attrib["cx"])
    assert float(first.attrib["cy"]) > float(second.attrib["cy"])
    assert [each.text for each in elements(drawing, "title")] == ["weak <1>", "strong"]
    assert "95 % from 1" in [each.text for each in elements(drawing, "text")]


def test_columns_stack_and_have_the_height_of_their_counts() -> None:
    drawing = columns(["a", "b"], [("true", [4, 0]), ("false", [2, 1])], x_label="x", y_label="y")
    heights = {each[0].text: float(each.attrib["height"]) for each in elements(drawing, "rect")}
    assert set(heights) == {"true, a: 4", "false, a: 2", "false, b: 1"}
    assert heights["true, a: 4"] == pytest.approx(4 * heights["false, b: 1"], abs=0.3)
    under, above = (each for each in elements(drawing, "rect") if each[0].text in {"true, a: 4", "false, a: 2"})
    assert float(above.attrib["y"]) + float(above.attrib["height"]) == pytest.approx(float(under.attrib["y"]), abs=0.2)


def test_a_plot_of_one_value_and_of_none_can_be_drawn() -> None:
    one = [Point(5.0, 1.0, 0.2, 1.0, "one")]
    drawings = [
        intervals(one, x_label="x", y_label="y", target=0.95),
        curves([("a", [(20.0, 1.0)]), ("b", [])], x_label="x", mark=(20, "load")),
        columns(["a"], [("true", [0])], x_label="x", y_label="y"),
        bars([("nothing", 0.0, "0")]),
    ]
    for drawing in drawings:
        assert len(elements(drawing, "svg")) == 1
        assert "nan" not in drawing


def test_everything_drawn_lies_within_the_drawing() -> None:
    drawing = curves([("a", [(0.1, 0.0), (500.0, 1.0)])], x_label="x", mark=(1e6, "far"))
    (line,) = elements(drawing, "polyline")
    for pair in line.attrib["points"].split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_a_value_beyond_an_axis_is_put_on_its_end() -> None:
    assert Axis(0, 10, 100, 200).at(99) == 200
    assert Axis(1, 10, 100, 200, log=True).at(0) == 100


@pytest.mark.parametrize("high", [0.7, 1, 3, 8, 47, 1234, 9e6])
def test_an_axis_has_a_handful_of_ticks(high: float) -> None:
    assert 3 <= len(Axis(0, high, 0, 1).ticks()) <= 8
