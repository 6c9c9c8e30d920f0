"""What is written of an evaluation: the report and the model card."""

import hashlib

from trials import EVALUATION

from seg_app.evaluation.report import model_card, report, table
from seg_app.evaluation.trials import Evaluation


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [(1, 2)]) == "| a | b |\n| --- | --: |\n| 1 | 2 |"


def test_a_report_has_every_figure() -> None:
    text = report(EVALUATION, (1, 2))
    assert "Engine: Oracle · exact. Images: 2. Objects: 4; left out, as smaller than 30 pixels: 1." in text
    assert "| 1 | 0.487 | 0.487 | 25% | 0.090 |" in text
    assert "| below 16 | 2 | 0.900 | 0.875 |" in text
    assert "| from 128 | 1 | 0.000 | 0.100 |" in text
    assert "| 0.9 to 1.0 | 2 | 0.935 | 0.900 |" in text
    assert "first click on an image 2 s, of all others 0.35 s" in text


def test_a_report_of_nothing_says_so() -> None:
    assert report(Evaluation("drawn", "Oracle · exact", (), 0), (1,)).endswith(
        "Images: 0. Objects: 0; left out, as smaller than 30 pixels: 0.\n"
    )


def test_a_card_tells_of_the_very_file_and_of_every_set_of_images(weights) -> None:
    text = model_card([EVALUATION, EVALUATION], (1, 2), weights=weights)
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in text
    assert "1.2 MB" in text
    assert text.count(report(EVALUATION, (1, 2)).rstrip()) == 2
    assert "$" not in text
