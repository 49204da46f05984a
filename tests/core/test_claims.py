"""The lecture's claims: every one has a result that came with the app, made from its present settings, and can be made again."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replearn_core import claims, properties, tasks
from replearn_core.engine import wire

ROOT = Path(__file__).resolve().parents[2]
CHEAP = "C6"  # one small study


@pytest.mark.parametrize("claim", claims.CLAIMS)
def test_a_claim_has_a_shipped_result_of_its_present_settings(claim):
    found = claims.evidence(claim)
    assert found is not None, f"{claim} is stale: make claims ONLY={claim}"
    for one in found.effects:
        assert one.seeds >= 5 and one.low <= one.mean <= one.high and np.isfinite([one.low, one.high]).all()
        assert one.date >= found.date and found.seconds > 0 and set(claims.LIBRARIES) == set(found.versions)


@pytest.mark.parametrize("claim", claims.CLAIMS)
def test_what_is_said_of_a_claim_is_what_its_answers_say(claim):
    found = claims.evidence(claim)
    assert found is not None
    for one in found.effects:
        answer = claims.shipped_answer(one.effect.task.id)
        assert answer is not None
        numbers = claims.numbers_of(one.effect, properties.read_answer(wire.arrays_of(answer)))
        assert (numbers["effect"], numbers["low"], numbers["high"]) == (one.mean, one.low, one.high)


@pytest.mark.parametrize("name", properties.STUDIES)
def test_every_study_has_its_default_answer_at_once(name):
    task = tasks.asked(f"study:{name}")
    answer = claims.shipped_answer(task.id)
    assert answer is not None
    told = properties.read_answer(wire.arrays_of(answer))
    assert told["name"] == name and told["settings"] == properties.STUDIES[name].settings().model_dump(mode="json")
    assert wire.header_of(answer)["task"] == task.model_dump(mode="json")


def test_no_answer_is_kept_that_no_claim_asks_for():
    wanted = {f"{task.id}.answer.gz" for claim in claims.CLAIMS for task in claims.tasks_of(claim)}
    assert {path.name for path in claims.SHIPPED.glob("*.answer.gz")} == wanted


@pytest.mark.slow
def test_a_claim_made_again_lies_within_its_interval(tmp_path):
    shipped = claims.evidence(CHEAP)
    claims.make((CHEAP,), tmp_path)
    again = claims.evidence(CHEAP, tmp_path)
    assert shipped is not None and again is not None
    for before, now in zip(shipped.effects, again.effects, strict=True):
        assert before.low <= now.mean <= before.high
    assert again.verdict == shipped.verdict


def test_a_result_of_other_settings_is_no_evidence(tmp_path):
    told = json.loads((claims.SHIPPED / f"{CHEAP}.json").read_text("utf-8"))
    told["effects"][0]["task"] = tasks.asked("study:hierarchical", depth=2).id
    (tmp_path / f"{CHEAP}.json").write_text(json.dumps(told), "utf-8")
    assert claims.evidence(CHEAP, tmp_path) is None


def test_a_claim_that_was_never_made_has_no_evidence(tmp_path):
    assert claims.evidence("C1", tmp_path) is None and claims.shipped_answer("0" * 32, tmp_path) is None


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [
        ([(0.1, 0.3), (0.2, 0.4)], "shown"),
        ([(0.1, 0.3), (-0.2, 0.4)], "partly"),
        ([(-0.1, 0.3), (-0.4, -0.2)], "not_shown"),
    ],
)
def test_a_verdict_counts_effects_on_the_side_that_the_lecture_expects(intervals, verdict):
    effect = claims.CLAIMS["C3"][0]
    found = tuple(claims.Measured(effect, (low + high) / 2, low, high, 5, "2030-01-01") for low, high in intervals)
    assert claims.Evidence("C3", found, "2030-01-01", 1.0, {}).verdict == verdict


def test_an_expected_fall_is_shown_by_a_fall():
    effect = next(one for one in claims.CLAIMS["C5"] if one.expected == "lower")
    assert claims.Measured(effect, -0.2, -0.3, -0.1, 5, "").as_expected
    assert not claims.Measured(effect, 0.2, 0.1, 0.3, 5, "").as_expected


def test_an_effect_names_one_finding_or_none_at_all():
    told = {"findings": [["finding.a.higher", {"labels": 1.0}], ["finding.a.lower", {"labels": 10.0}]]}
    effect = claims.Effect("study:sparse", "a", where={"labels": 10})
    assert claims.numbers_of(effect, told) == {"labels": 10.0}
    with pytest.raises(ValueError, match="has 2 findings a"):
        claims.numbers_of(claims.Effect("study:sparse", "a"), told)
    with pytest.raises(ValueError, match="has 0 findings b"):
        claims.numbers_of(claims.Effect("study:sparse", "b"), told)


def test_a_link_opens_the_experiment_with_its_settings():
    effect = claims.Effect("study:smooth", "smooth.jacobian", options={"dataset": "mnist", "noise": 0.25})
    assert effect.link == "properties?part=smooth&dataset=mnist&noise=0.25"
    assert effect.task.options["noise"] == 0.25


def test_the_claims_of_a_study_are_those_that_name_it():
    assert claims.claims_of("study:disentangled") == ("C2", "C3")
    assert claims.claims_of("study:nothing") == ()


def test_an_unknown_claim_is_one_clear_line():
    command = [sys.executable, "-m", "replearn_core", "claims", "C99"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2 and "C99" in ran.stderr and "C8" in ran.stderr and "Traceback" not in ran.stderr
