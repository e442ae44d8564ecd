"""What the bench of autoscaling makes of a timeline, and the graph that it starts."""

from xml.dom import minidom

from ray.serve.schema import ServeDeploySchema

from tests.bench import autoscaling, autoscaling_drawing
from tests.serve.autoscaling import QUICK, graph

FOUND = {
    "parts": [{"at_s": 0.0, "clients": 1}, {"at_s": 10.0, "clients": 6}, {"at_s": 20.0, "clients": 1}],
    "seconds": 30.0,
    "models": [{"at_s": 1.0, "models": 1}, {"at_s": 12.0, "models": 2}, {"at_s": 25.0, "models": 1}],
    "answers": [
        {"at_s": 2.0, "took_s": 1.5, "good": True},
        {"at_s": 12.0, "took_s": 3.0, "good": True},
        {"at_s": 13.0, "took_s": 9.0, "good": False},
    ],
}


def models(config: dict[str, object]) -> dict[str, object]:
    (found,) = (each for each in config["applications"][0]["deployments"] if each["name"] == "Model")  # type: ignore[index]
    return found


def test_each_part_is_told_with_its_models_and_failures() -> None:
    rows = [line.split() for line in autoscaling.show(FOUND).splitlines()[1:]]
    assert [row[1:4] for row in rows] == [["1", "1", "1"], ["6", "2", "2"], ["1", "1", "0"]]
    assert [row[-1] for row in rows] == ["0", "1", "0"]
    assert rows[1][4] == "3.0", "what failed took no time"


def test_the_picture_is_whole_and_marks_what_failed() -> None:
    drawn = minidom.parseString(autoscaling_drawing.draw(FOUND))  # noqa: S318 - our own
    points = drawn.getElementsByTagName("circle")
    assert [point.getAttribute("fill") for point in points].count(autoscaling_drawing.BAD) == 1
    assert len(points) == 3


def test_a_second_model_is_held_against_one() -> None:
    one = {"models": 1, "cores": 1, "streams": 8, "answers_per_s": 2.0, "took_p50_s": 1.0, "failed": 0}
    lines = autoscaling.show_replicas([one, one | {"models": 2, "answers_per_s": 3.5}]).splitlines()
    assert "1.75" in lines[2]


def test_only_the_number_of_models_differs_from_what_is_shipped() -> None:
    assert models(graph())["autoscaling_config"] == QUICK
    fixed = models(graph(2))
    assert fixed["num_replicas"] == 2
    assert "autoscaling_config" not in fixed
    assert [each["name"] for each in graph()["applications"][0]["deployments"]] == [
        each["name"] for each in graph(1)["applications"][0]["deployments"]
    ]


def test_serve_takes_the_graph() -> None:
    for config in (graph(), graph(1)):
        config["applications"][0]["args"] = {}
        ServeDeploySchema.model_validate(config)
