"""The papers' tables: figures as published, results of the present settings, small experiments that run, verdicts."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replearn_core import __main__ as cli
from replearn_core import claims, datasets, measures, papers
from replearn_core.papers import Expected, Result, Row, Table, contraction, halves, ladder, thirty
from replearn_core.papers.table import Settings, spread
from replearn_core.properties.study import trained

ROOT = Path(__file__).resolve().parents[2]
SCIENCE = """
| Rifai 2011, MNIST, 1000 units: test error %, mean ‖J‖_F | CAE 1.14, 0.73e-4 · DAE-gaussian 1.18, 0.86e-4 · DAE-binary 1.57, 7.87e-4 · AE+decay 1.68, 5.00e-4 · AE 1.78, 17.5e-4 |
| Hinton & Salakhutdinov 2006, MNIST, 30 numbers a digit: squared error per image | deep AE 3.00 · logistic PCA 8.01 · PCA 13.87 |
| LISA deep-learning tutorials, MNIST test error % | logistic regression 7.49 · MLP 1.65 · stacked denoising AE (noise .1/.2/.3) 1.30 · deep belief net 1.34 |
| Yosinski 2014 (ImageNet halves) | copied layers 1–2 transfer almost perfectly, 4–7 drop; copied and fine-tuned gains +1.6 to +2.1 points over training from scratch; frozen own layers dip at 3–6 (co-adaptation) |
"""  # noqa: E501
"""The lines of the project's list of published figures that these tables quote, as they stand there."""
NAMES = {
    "contraction": {"CAE": "cae", "DAE-gaussian": "dae_gaussian", "DAE-binary": "dae_binary", "AE+decay": "ae_decay", "AE": "ae"},
    "thirty": {"deep AE": "deep", "logistic PCA": "logistic_pca", "PCA": "pca"},
    "ladder": {"logistic regression": "logistic", "MLP": "mlp", "stacked denoising AE (noise .1/.2/.3)": "sda"},
}
TINY: dict[str, Settings] = {
    "contraction": contraction.Contraction(units=24, epochs=2, tuning_epochs=2, seeds=2, batch_size=50),
    "thirty": thirty.Thirty(numbers=8, hidden=(32,), epochs=3, seeds=2, sought_images=100, sought_steps=40),
    "ladder": ladder.Ladder(units=24, epochs=20, layer_epochs=2, seeds=2, learning_rate=5e-3, batch_size=20),
    "halves": halves.Halves(units=24, per_class=12, epochs=15, seeds=2),
}


@pytest.fixture(scope="module")
def digits() -> datasets.Dataset:
    """200 training images with ten classes."""
    return datasets.load("digits", 200)


@pytest.fixture(scope="module", params=papers.TABLES)
def small(request, digits) -> Result:
    return papers.computed(papers.TABLES[request.param], digits, TINY[request.param])


# ---- what is quoted ----


@pytest.mark.parametrize("name", NAMES)
def test_the_papers_figures_are_those_of_the_list_of_published_figures(name):
    line = next(line for line in SCIENCE.splitlines() if line.startswith(f"| {_first_author(name)}"))
    published = {}
    for entry in line.split("|")[2].split(" · "):
        label, numbers = re.fullmatch(r"\s*(.*?) ((?:[\d.e-]+(?:, )?)+)\s*", entry).groups()
        published[label] = [float(number) for number in numbers.split(", ")]
    rows = {row.name: row for row in papers.TABLES[name].rows}
    for label, numbers in published.items():
        if label in NAMES[name]:
            quoted = rows[NAMES[name][label]].paper
            assert [quoted[measure][0] for measure in papers.TABLES[name].measures[: len(numbers)]] == numbers
    assert {row for row in rows if rows[row].paper} == set(NAMES[name].values())


def _first_author(name: str) -> str:
    return {"contraction": "Rifai", "thirty": "Hinton", "ladder": "LISA"}[name]


def test_the_range_of_fine_tuned_copies_is_the_published_one():
    low, high = map(float, re.search(r"\+([\d.]+) to \+([\d.]+) points", SCIENCE).groups())
    quoted = [row for row in papers.TABLES["halves"].rows if row.paper]
    assert [row.name for row in quoted] == ["other_tuned"]
    assert set(quoted[0].paper.values()) == {(low, high)}


def test_a_share_is_a_slope_over_the_plain_autoencoders():
    rows = {row.name: row.paper for row in papers.TABLES["contraction"].rows}
    for paper in rows.values():
        assert paper["share"][0] == pytest.approx(paper["jacobian"][0] / rows["ae"]["jacobian"][0])


@pytest.mark.parametrize("table", papers.TABLES.values(), ids=lambda table: table.name)
def test_what_is_expected_holds_of_the_papers_own_figures(table):
    rows = {row.name: row.paper for row in table.rows}
    for one in table.expected:
        figure, other = rows[one.row].get(one.measure), rows[one.other].get(one.beside or one.measure) if one.other else (0.0,)
        if figure and other:
            gap = figure[0] - other[0] - one.than
            assert gap > 0 if one.side == "higher" else gap < 0, one.name


# ---- what was computed ----


@pytest.mark.parametrize("name", papers.TABLES)
def test_a_table_has_a_shipped_result_of_its_present_settings(name):
    found = papers.shipped(name)
    assert found is not None, f"{name} is stale: make claims ONLY={name}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found.date) and found.seconds > 0
    assert set(found.versions) == set(papers.LIBRARIES)
    for row in found.table.rows:
        for measure in found.table.measures:
            values = found.values(row.name, measure)
            assert len(values) in (1, found.table.settings.seeds) and np.isfinite(values).all(), (row.name, measure)


@pytest.mark.parametrize("name", papers.TABLES)
def test_an_interval_contains_its_mean_and_every_expectation_has_a_verdict(name):
    found = papers.shipped(name)
    assert found is not None
    for row in found.table.rows:
        for measure in found.table.measures:
            known = found.ours(row.name, measure)
            assert known is not None and known.low <= known.mean <= known.high
            assert known.mean == pytest.approx(np.mean(found.values(row.name, measure)))
    assert {found.side(one) for one in found.table.expected} <= {"same", "unclear", "opposite"}


NOTED = {
    "contraction": ["same", "same", "same", "same", "unclear", "same", "same", "unclear"],
    "thirty": ["same", "same", "same", "opposite"],
    "ladder": ["same", "unclear"],
    "halves": ["opposite", "same", "unclear", "unclear"],
}
"""The verdicts, in the order of `expected`, for which the sentence below each table was written."""


@pytest.mark.parametrize("name", papers.TABLES)
def test_the_sentence_below_a_table_was_written_for_what_came_out(name):
    found = papers.shipped(name)
    assert found is not None
    told = [found.side(one) for one in found.table.expected]
    assert told == NOTED[name], f"read papers.{name}.note in both languages again"


def test_the_slopes_stand_in_the_papers_order_but_for_weight_decay_as_the_sentence_says():
    found = papers.shipped("contraction")
    assert found is not None
    there = [row.name for row in sorted(found.table.rows, key=lambda row: row.paper["jacobian"])]
    here = [row.name for row in sorted(found.table.rows, key=lambda row: found.ours(row.name, "jacobian").mean)]
    assert there == ["cae", "dae_gaussian", "ae_decay", "dae_binary", "ae"]
    assert here == ["cae", "dae_gaussian", "dae_binary", "ae_decay", "ae"]
    assert min(found.table.rows, key=lambda row: found.ours(row.name, "error").mean).name == "dae_binary"


def test_a_small_experiment_fills_every_cell_with_finite_numbers(small):
    for row in small.table.rows:
        for measure in small.table.measures:
            values = small.values(row.name, measure)
            assert len(values) in (1, 2) and np.isfinite(values).all()
    for one in small.table.expected:
        assert np.isfinite(small.difference(one)).all()


def test_equal_settings_give_equal_numbers(digits):
    table, settings = papers.TABLES["contraction"], TINY["contraction"]
    first, again = (papers.computed(table, digits, settings).rows for _ in range(2))
    assert first == again


# ---- the experiments themselves ----


def test_the_mean_slope_is_that_of_the_exact_jacobian(digits):
    import torch

    settings = TINY["contraction"]
    members = contraction.network(settings, 64, 10)
    x = torch.from_numpy(digits.x_test[:40].reshape(40, -1).copy())
    for place, found in enumerate(contraction.slopes(members, x)):
        exact = measures.mean_jacobian_norm(lambda some, place=place: members.up(some, 0, 1)[place], x)
        assert found == pytest.approx(exact, rel=1e-5)


def test_decay_shrinks_the_weights_and_none_leaves_them(digits):
    import torch

    x = torch.from_numpy(digits.x_train.reshape(len(digits.x_train), -1).copy())
    sizes = {}
    for decay in (0.0, 1.0, 10.0):
        settings = contraction.Contraction(units=24, epochs=5, seeds=2, batch_size=50, decay=decay)
        sizes[decay] = float(contraction.decayed(settings, x, 10).weights["encoder.0.weight"].norm())
    assert sizes[0.0] > sizes[1.0] > sizes[10.0]


def test_without_decay_the_decaying_autoencoder_is_the_plain_one_of_its_seed(digits):
    """So that a difference between the two rows is the decay's."""
    import torch

    settings = contraction.Contraction(units=12, epochs=2, tuning_epochs=1, seeds=2, batch_size=50, decay=0)
    x = torch.from_numpy(np.array(digits.x_train)).flatten(1)
    found = contraction.decayed(settings, x, 10).weights["encoder.0.weight"]
    for seed, weight in enumerate(found):
        plain = trained(contraction.experiments(settings, "digits", seed)["ae"].changed(train_size=200), digits)
        torch.testing.assert_close(weight, plain.encoder[0].weight.detach(), rtol=0, atol=1e-6)


def test_the_classifier_begins_with_the_autoencoders_own_weights(digits):
    import torch

    from replearn_core.properties.study import trained

    settings = TINY["contraction"]
    members = contraction.begun(settings, digits, "cae", 64, 10)
    for place, seed in enumerate(settings.each_seed):
        encoder = trained(contraction.experiments(settings, "digits", seed)["cae"], digits).encoder[0]
        assert torch.equal(members.state(place)["encoder.0.weight"], encoder.weight.detach())
        assert torch.equal(members.state(place)["encoder.0.bias"], encoder.bias.detach())


def test_a_code_sought_for_each_image_has_no_slope_left(digits):
    """The derivative of the cross-entropy by the code vanishes where the search ends."""
    import torch

    random = torch.Generator().manual_seed(0)
    settings = thirty.Thirty(numbers=3, sought_steps=400)
    directions, centre = torch.randn(3, 64, generator=random), torch.zeros(64)
    x = torch.from_numpy(digits.x_test[:20].reshape(20, -1).copy())
    codes = thirty.codes_of(settings, x, directions, centre, torch.zeros(20, 3), ()).requires_grad_()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(codes @ directions + centre, x, reduction="sum")
    (slope,) = torch.autograd.grad(loss, codes)
    assert float(slope.abs().max()) < 0.02


def test_sought_directions_beat_none(digits):
    settings = TINY["thirty"]
    mean_image = measures.pca_error(digits.x_train, digits.x_test, 0)
    assert thirty.sought_error(settings, digits.x_train, digits.x_test, 0) < mean_image / 2


def test_the_two_halves_share_no_class_and_every_seed_draws_its_own(digits):
    settings = halves.Halves(per_class=5, seeds=4)
    a, b = halves.halves_of(settings, digits)
    drawn = []
    for seed in range(settings.seeds):
        classes = [{int(digits.y_train[row]) for row in half.rows[seed].tolist()} for half in (a, b)]
        assert len(classes[0]) == len(classes[1]) == 5 and not classes[0] & classes[1]
        labels = b.y[seed][b.rows[seed]]
        assert sorted(set(labels.tolist())) == list(range(5))
        drawn.append(frozenset(classes[0]))
    assert len(set(drawn)) > 1


def test_copied_layers_are_the_donors_and_the_rest_begins_alike_for_both(digits):
    import torch

    settings = TINY["halves"]
    donors = tuple(halves.stack(settings, 64, 5, [seed + begin for seed in settings.each_seed]) for begin in (0, 100))
    members = halves.copies(settings, donors, 2)
    for place in range(len(members)):
        donor, seed = donors[place // settings.seeds], place % settings.seeds
        for layer in range(halves.DEPTH):
            own = members.state(place)[f"encoder.{layer}.weight"]
            assert torch.equal(own, donor.state(seed)[f"encoder.{layer}.weight"]) == (layer < 2)
            if layer >= 2:
                assert torch.equal(own, members.state(seed)[f"encoder.{layer}.weight"])


# ---- verdicts ----


def result(**values: tuple[float, ...]) -> Result:
    table = Table("made_up", "", ("error",), tuple(Row(name) for name in values), (), Settings(), lambda *_: {})
    return Result(table, {name: {"error": one} for name, one in values.items()}, "2030-01-01", 1.0)


@pytest.mark.parametrize(
    ("a", "b", "side"),
    [
        ((1.0, 1.1, 1.2), (2.0, 2.1, 2.2), "same"),
        ((2.0, 2.1, 2.2), (1.0, 1.1, 1.2), "opposite"),
        ((1.0, 2.0, 3.0), (2.0, 2.0, 2.0), "unclear"),
        ((1.0, 1.1, 1.2), (2.0,), "same"),  # a row without chance is one number
    ],
)
def test_a_verdict_says_on_which_side_the_whole_interval_lies(a, b, side):
    assert result(a=a, b=b).side(Expected("", "a", "error", "lower", "b")) == side


def test_a_border_other_than_zero_counts():
    found = result(a=(-0.5, -0.6, -0.7))
    assert found.side(Expected("", "a", "error", "higher", than=-1.0)) == "same"
    assert found.side(Expected("", "a", "error", "higher")) == "opposite"


def test_a_measure_that_nobody_took_is_no_verdict():
    with pytest.raises(ValueError, match="no error of b"):
        result(a=(1.0, 2.0), b=()).difference(Expected("", "b", "error", "lower"))


def test_one_value_is_its_own_interval():
    assert spread((3.0,)) == (3.0, 3.0, 3.0, 1) and spread(()) is None


# ---- kept, and made again ----


def test_a_result_of_other_settings_is_not_shown(tmp_path):
    told = json.loads((papers.SHIPPED / "halves.json").read_text("utf-8"))
    told["settings"]["epochs"] += 1
    (tmp_path / "halves.json").write_text(json.dumps(told), "utf-8")
    assert papers.shipped("halves", tmp_path) is None and papers.shipped("ladder", tmp_path) is None


def test_what_is_made_is_what_is_read(tmp_path, digits, monkeypatch):
    table = papers.TABLES["thirty"]
    small = Table(**{**vars(table), "settings": TINY["thirty"]})
    monkeypatch.setattr(papers, "TABLES", {"thirty": small})
    monkeypatch.setattr(papers.datasets, "load", lambda name: digits)
    said: list[str] = []
    papers.make(("thirty",), tmp_path, said.append)
    found = papers.shipped("thirty", tmp_path)
    assert found is not None and found.rows == papers.computed(small, digits).rows
    assert said[0] == "thirty …" and len(said) > 1
    papers.shipped.cache_clear()


def test_without_mnist_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    def gone(name):
        raise datasets.Unavailable(name, "missing", ["train-images-idx3-ubyte.gz"])

    monkeypatch.setattr(papers.datasets, "load", gone)
    assert cli.main(["claims", "papers", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "mnist" in said.err and "train-images-idx3-ubyte.gz" in said.err and "REPLEARN_DATA" in said.err
    assert not list(tmp_path.iterdir())


def test_a_table_of_no_such_name_is_one_clear_line():
    command = [sys.executable, "-m", "replearn_core", "claims", "paper"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2 and "papers" in ran.stderr and "Traceback" not in ran.stderr


def test_no_table_has_the_name_of_a_claim():
    assert not {papers.ALL, *papers.TABLES} & set(claims.CLAIMS)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(
    not os.environ.get("REPLEARN_DATA") or datasets.origin("mnist") != "folder", reason="REPLEARN_DATA names no folder with MNIST"
)
def test_pca_and_a_base_network_computed_again_give_the_shipped_numbers():
    """Two cheap rows: PCA, which has no chance in it, equals its kept value; the base networks lie in their interval."""
    import torch

    data = datasets.load("mnist")
    pca = papers.shipped("thirty").values("pca", "squared_error")
    assert measures.pca_error(data.x_train, data.x_test, 30) == pytest.approx(pca[0], rel=1e-4)
    settings, kept = papers.TABLES["halves"].settings, papers.shipped("halves").ours("base", "accuracy")
    x = torch.from_numpy(np.array(data.x_train)).flatten(1)
    side = halves.halves_of(settings, data)[1]
    base = halves.stack(settings, 784, 5, [seed + halves.ANEW for seed in settings.each_seed])
    phase = halves.tune("base", settings.epochs, halves.DEPTH, 0)
    assert kept.low <= float(halves.learned(settings, base, phase, x, side).mean()) <= kept.high
