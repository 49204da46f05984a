"""The catalogue: every entry is complete, its defaults are legal, and every name has its code."""

import inspect
import json

import pytest

from replearn_core import catalog, codes, corruptions, penalties, strategies
from replearn_core.experiment import Experiment
from replearn_core.presets import preset

KNOBS = [
    *catalog.BOUNDS.values(),
    *[entry.strength for group in (catalog.CORRUPTIONS, catalog.PENALTIES) for entry in group.values()],
    *[knob for group in (catalog.CODES, catalog.PENALTIES) for entry in group.values() for knob in entry.options],
]
GROUPS = (catalog.CODES, catalog.CORRUPTIONS, catalog.PENALTIES, catalog.RECONSTRUCTIONS)
ENTRIES = [entry for group in GROUPS for entry in group.values()]


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_a_knobs_default_lies_within_its_bounds_and_has_its_kind(knob):
    assert knob.low <= knob.default <= knob.high
    assert knob.symbol
    if knob.integer:
        assert float(knob.default).is_integer() and float(knob.low).is_integer() and float(knob.high).is_integer()


@pytest.mark.parametrize("entry", [*ENTRIES, *catalog.VARIANTS.values()], ids=lambda entry: entry.name)
def test_every_entry_has_its_equation_and_its_paper(entry):
    assert entry.equation and any(character.isdigit() for character in entry.paper)
    assert entry.equation.count("{") == entry.equation.count("}")


@pytest.mark.parametrize("entry", catalog.DATASETS.values(), ids=lambda entry: entry.name)
def test_every_data_set_has_a_source_a_licence_and_sizes_that_hold(entry):
    assert entry.source and entry.licence
    assert 0 < entry.usual_train_size <= entry.train_size
    assert entry.test_size >= 300  # enough for the pictures of points, and for probes
    assert catalog.BOUNDS["train_size"].low <= entry.usual_train_size <= catalog.BOUNDS["train_size"].high


def test_the_size_of_a_data_set_is_the_product_of_its_sides():
    assert [catalog.DATASETS[name].size for name in ("digits", "sprites", "s_curve")] == [64, 1024, 3]


def test_every_corruption_penalty_and_reconstruction_has_its_function():
    assert set(corruptions.CORRUPTIONS) == set(catalog.CORRUPTIONS)
    assert set(penalties.PENALTIES) == set(catalog.PENALTIES)
    assert set(penalties.RECONSTRUCTIONS) == set(catalog.RECONSTRUCTIONS)
    assert set(strategies.STRATEGIES) == set(catalog.STRATEGIES)
    assert set(codes.ACTIVATIONS) == set(catalog.ACTIVATIONS)


@pytest.mark.parametrize("name", catalog.PENALTIES)
def test_the_options_of_a_penalty_are_the_arguments_of_its_function(name):
    taken = list(inspect.signature(penalties.PENALTIES[name]).parameters)[1:]
    assert taken == [knob.name for knob in catalog.PENALTIES[name].options]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_function_shown_beside_an_equation_exists(entry):
    if entry.code_names:
        assert any(hasattr(module, entry.code_names) for module in (codes, corruptions, penalties))


def test_every_activation_has_the_slope_that_the_contraction_needs():
    assert set(codes.SLOPES) == set(catalog.ACTIVATIONS)


def test_the_lecture_has_six_variants_in_its_order():
    cards = [variant.name for variant in catalog.VARIANTS.values() if variant.lecture]
    assert cards == ["undercomplete", "sparse", "denoising", "contractive", "deep", "psc"]


@pytest.mark.parametrize("name", catalog.VARIANTS)
def test_the_settings_of_a_variant_are_fields_of_an_experiment(name):
    settings = catalog.VARIANTS[name].settings
    assert set(settings) <= set(Experiment.model_fields)
    with pytest.raises(TypeError):
        settings["code"] = "linear"


def test_variants_are_what_their_names_say():
    made = {name: preset("mnist", name) for name in catalog.VARIANTS}
    assert made["denoising"].corruption is not None and not made["denoising"].penalties
    assert [term.name for term in made["contractive"].penalties] == ["contraction"]
    assert [term.name for term in made["sparse"].penalties] == ["kl_sparsity"]
    assert len(made["deep"].hidden) >= 2
    assert made["linear"].code == "linear" and not made["linear"].hidden and made["linear"].reconstruction == "squared_error"
    assert made["k_sparse"].tied and made["k_sparse"].code == "k_sparse"
    assert {term.name for term in made["psc"].penalties} == {"l1", "prediction"} and made["psc"].code == "predictive"
    assert made["beta_vae"].penalties[0].weight > made["vae"].penalties[0].weight == 1


def test_the_groups_cannot_be_changed():
    with pytest.raises(TypeError):
        catalog.DATASETS["mine"] = None


def test_the_catalogue_is_json_and_complete():
    listed = json.loads(json.dumps(catalog.as_json(), allow_nan=False))
    assert [entry["name"] for entry in listed["variants"]] == list(catalog.VARIANTS)
    assert [entry["name"] for entry in listed["bounds"]] == list(catalog.BOUNDS)
    assert listed["strategies"] == list(catalog.STRATEGIES)
    by_name = {entry["name"]: entry for entry in listed["variants"]}
    assert by_name["denoising"]["settings"]["corruption"] == ["masking", 0.3, {}]
