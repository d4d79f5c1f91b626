"""The table of freshness cases in the guide: in step with the cases, and each rule of it tested by itself too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.interop.freshness_cases import CASES, RULES

ROOT = Path(__file__).parents[2]


def test_the_table_is_what_the_cases_say() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/freshness_table.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_of_the_table_has_a_case_and_a_test_of_the_decision() -> None:
    assert set(RULES) == {code for one in CASES for code in one.rules}
    sources = "".join(path.read_text("utf-8") for path in ROOT.glob("tests/unit/freshness/test_*.py"))
    tested = {code.upper() for code in re.findall(r"def test_([vec]\d+)_", sources)}
    assert set(RULES) - tested == set()


def test_names_of_cases_are_told_apart() -> None:
    assert len({one.name for one in CASES}) == len(CASES)
