"""What a user reads when a job finds no room."""

from train.placement import explain


def test_the_message_says_what_is_needed_and_what_is_free():
    said = explain([{"CPU": 0.4}, {"CPU": 0.4, "GPU": 1}], {"CPU": 0.25}, {"CPU": 2.0})
    assert "2 workers" in said
    assert "CPU 0.8 (free 0.25 of 2)" in said
    assert "GPU 1 (free 0 of 0)" in said
