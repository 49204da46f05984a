"""`Experiment`: its three spellings agree, and whatever is wrong becomes Problems, never another exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core import catalog
from replearn_core.cost import MAX_SECONDS, estimated_seconds, macs, too_costly
from replearn_core.experiment import INFERRED_CODES, Experiment, InvalidExperiment, Problem, Term, _combinations
from replearn_core.presets import preset, variant_of

# ---- the space of valid experiments ----


def whole_numbers(knob):
    return st.integers(int(knob.low), int(knob.high))


def knob_values(knob):
    return whole_numbers(knob) if knob.integer else st.floats(knob.low, knob.high)


def terms(entry):
    options = st.fixed_dictionaries({}, optional={knob.name: knob_values(knob) for knob in entry.options})
    weight = knob_values(entry.strength)
    return st.builds(lambda weight, chosen: Term(name=entry.name, weight=weight, options=chosen), weight, options)


def deepest(data, network, code):
    """How many hidden layers are allowed."""
    if code in INFERRED_CODES:
        return 0
    if network == "dense":
        return catalog.MAX_HIDDEN_LAYERS
    side = data.shape[0]
    return (side & -side).bit_length() - 1


def allowed_penalties(code):
    excluded = {"gaussian_kl", "prediction", "kl_sparsity"}
    excluded -= {"gaussian_kl"} if code == "gaussian" else set()
    excluded -= {"kl_sparsity"} if code == "sigmoid" else set()
    excluded -= {"prediction"} if code in INFERRED_CODES else set()
    excluded |= {"l1"} if code == "gaussian" else set()
    excluded |= {"contraction"} if code == "lista" else set()
    return [name for name in catalog.PENALTIES if name not in excluded]


@st.composite
def valid_values(draw):
    """Plain values of an Experiment, anywhere in the space that the rules leave."""
    bounds = catalog.BOUNDS
    data = draw(st.sampled_from(list(catalog.DATASETS.values())))
    code = draw(st.sampled_from(list(catalog.CODES)))
    inferred = code in INFERRED_CODES
    network = "dense" if inferred or data.kind == "points" else draw(st.sampled_from(catalog.NETWORKS))
    depth = deepest(data, network, code)
    hidden = draw(st.lists(whole_numbers(bounds["hidden"]), min_size=int(network == "conv"), max_size=depth))
    stackable = hidden and network == "dense" and code != "gaussian"
    strategy = draw(st.sampled_from(catalog.STRATEGIES)) if stackable else "end_to_end"
    names = draw(st.lists(st.sampled_from(allowed_penalties(code)), unique=True))
    size = draw(whole_numbers(bounds["code_size"]))
    options = {knob.name: draw(knob_values(knob)) for knob in catalog.CODES[code].options}
    if code == "k_sparse":
        options["k"] = draw(st.integers(1, size))
    greedy_kl = strategy != "end_to_end" and "kl_sparsity" in names
    clean = inferred or draw(st.booleans())
    return {
        "dataset": data.name,
        "train_size": draw(st.none() | whole_numbers(bounds["train_size"])),
        "network": network,
        "hidden": hidden,
        "code_size": size,
        "activation": "sigmoid" if greedy_kl else draw(st.sampled_from(catalog.ACTIVATIONS)),
        "code": code,
        "code_options": options,
        "tied": network == "dense" and code != "gaussian" and not inferred and draw(st.booleans()),
        "reconstruction": "squared_error" if inferred else draw(st.sampled_from(list(catalog.RECONSTRUCTIONS))),
        "corruption": None if clean else draw(st.sampled_from(list(catalog.CORRUPTIONS.values())).flatmap(terms)),
        "penalties": [draw(terms(catalog.PENALTIES[name])) for name in names],
        "strategy": strategy,
        "epochs": draw(whole_numbers(bounds["epochs"])),
        "batch_size": draw(whole_numbers(bounds["batch_size"])),
        "learning_rate": draw(knob_values(bounds["learning_rate"])),
        "seed": draw(whole_numbers(bounds["seed"])),
        "continues": draw(st.none() | st.tuples(st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(0, 100_000))),
    }


def valid():
    return valid_values().map(Experiment.from_values)


def refusal(values) -> tuple[Problem, ...]:
    with pytest.raises(InvalidExperiment) as caught:
        Experiment.from_values(values)
    return caught.value.problems


def refusal_of_text(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidExperiment) as caught:
        Experiment.from_json(text)
    return caught.value.problems


def assert_can_be_told(problem: Problem) -> None:
    """A page can look its key up, and repeat its numbers without filling the screen or failing to encode them."""
    assert problem.key.startswith("problem.")
    assert len(problem.setting) <= 40
    for value in problem.numbers.values():
        assert len(str(value)) <= 400
    json.dumps([problem.key, problem.setting, dict(problem.numbers)], ensure_ascii=False).encode()


# ---- spellings ----


def test_a_data_set_alone_is_an_experiment():
    assert Experiment(dataset="digits").epochs >= 1


@given(valid())
def test_json_reads_back_as_the_same_experiment(experiment):
    assert Experiment.from_json(experiment.as_json()) == experiment


@given(valid())
def test_a_link_reads_back_as_the_same_experiment_without_problems(experiment):
    assert Experiment.from_query(experiment.to_query()) == (experiment, ())


@given(valid())
def test_a_link_may_hold_lists_of_one_value_as_browsers_send_them(experiment):
    listed = {key: [value] for key, value in experiment.to_query().items()}
    assert Experiment.from_query(listed) == (experiment, ())


@given(valid())
def test_equal_experiments_have_equal_ids_and_hashes(experiment):
    again = Experiment.from_values(experiment.model_dump())
    assert (again, again.id, hash(again)) == (experiment, experiment.id, hash(experiment))
    assert len(experiment.id) == 32 and set(experiment.id) <= set("0123456789abcdef")


@given(valid(), valid())
def test_ids_are_equal_exactly_when_experiments_are(one, other):
    assert (one.id == other.id) == (one == other)


CHANGES = {
    "train_size": 100, "hidden": (5,), "code_size": 7, "activation": "tanh", "code": "tanh", "tied": True,
    "reconstruction": "cross_entropy", "corruption": {"name": "masking", "weight": 0.2}, "penalties": [{"name": "l1"}],
    "epochs": 61,
    "batch_size": 129, "learning_rate": 0.5, "seed": 1, "continues": ("0" * 32, 3), "dataset": "mnist",
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_each_field_is_part_of_the_id(name):
    base = Experiment(dataset="digits")
    assert base.changed(**{name: CHANGES[name]}).id != base.id


def test_the_sign_of_zero_makes_no_other_run():
    signed = Experiment(dataset="digits", corruption={"name": "masking", "weight": -0.0})
    unsigned = Experiment(dataset="digits", corruption={"name": "masking", "weight": 0.0})
    assert signed == unsigned and signed.id == unsigned.id


def test_whole_numbers_and_floats_of_equal_value_are_one_run():
    one, other = (f'{{"dataset": "digits", "penalties": [{{"name": "l1", "weight": {number}}}]}}' for number in ("1", "1.0"))
    assert Experiment.from_json(one).id == Experiment.from_json(other).id


@given(st.permutations([Term(name="l1", weight=0.1), Term(name="kl_sparsity"), Term(name="contraction", weight=2)]))
def test_the_order_of_penalties_has_no_meaning(shuffled):
    fixed = Experiment(dataset="digits", penalties=shuffled[::-1])
    assert Experiment(dataset="digits", penalties=shuffled).id == fixed.id


def test_defaults_written_out_make_no_other_run():
    short = Experiment(dataset="digits", penalties=[{"name": "kl_sparsity"}], code="sigmoid")
    long = Experiment(dataset="digits", penalties=[{"name": "kl_sparsity", "weight": 1, "options": {"target": 0.05}}], version=1)
    assert short.id == long.id


def test_an_experiment_cannot_be_changed_in_place():
    experiment = Experiment(dataset="digits")
    with pytest.raises(ValueError, match="frozen"):
        experiment.epochs = 3


@given(valid())
def test_a_link_is_short_enough_to_be_read_again(experiment):
    assert sum(len(key) + len(value) for key, value in experiment.to_query().items()) < 1_000


# ---- presets ----

PRESETS = [(dataset, variant) for dataset in catalog.DATASETS for variant in catalog.VARIANTS]


@pytest.mark.parametrize(("dataset", "variant"), PRESETS)
def test_a_preset_is_valid_cheap_and_recognised(dataset, variant):
    experiment = preset(dataset, variant)
    assert variant_of(experiment) == variant
    assert experiment.to_query() == {"dataset": dataset, "variant": variant}
    assert too_costly(experiment) is None


@pytest.mark.parametrize("dataset", catalog.DATASETS)
def test_undercomplete_is_narrower_and_overcomplete_wider_than_the_data(dataset):
    size = catalog.DATASETS[dataset].size
    assert preset(dataset, "undercomplete").code_size < size
    if catalog.DATASETS[dataset].size <= 64:
        assert preset(dataset, "overcomplete").code_size > size


@pytest.mark.parametrize("name", catalog.VARIANTS)
def test_a_preset_takes_further_fields(name):
    assert preset("digits", name, epochs=3, seed=9).epochs == 3


def test_a_small_change_keeps_the_variant():
    assert variant_of(preset("digits", "denoising").changed(epochs=7)) == "denoising"


def test_a_changed_code_forgets_the_options_of_the_old_one():
    assert preset("digits", "k_sparse").changed(code="sigmoid").code_options == {}


# ---- fields that do not fit together ----

L1, KL, CONTRACTION = {"name": "l1"}, {"name": "kl_sparsity"}, {"name": "contraction"}
SENSELESS = {
    "problem.kl_needs_sigmoid": ("code", {"code": "relu", "penalties": [KL]}),
    "problem.gaussian_kl_needs_gaussian": ("code", {"penalties": [{"name": "gaussian_kl"}]}),
    "problem.prediction_needs_inferred": ("code", {"penalties": [{"name": "prediction"}]}),
    "problem.l1_on_gaussian": ("penalties", {"code": "gaussian", "penalties": [L1]}),
    "problem.contraction_on_lista": ("penalties", {"code": "lista", "penalties": [CONTRACTION]}),
    "problem.inferred_is_one_layer": ("hidden", {"code": "predictive", "hidden": [8]}),
    "problem.inferred_is_dense": ("network", {"code": "lista", "network": "conv"}),
    "problem.inferred_is_untied": ("tied", {"code": "predictive", "tied": True}),
    "problem.inferred_is_squared": ("reconstruction", {"code": "predictive", "reconstruction": "cross_entropy"}),
    "problem.inferred_is_clean": ("corruption", {"code": "lista", "corruption": {"name": "masking", "weight": 0.2}}),
    "problem.gaussian_is_untied": ("tied", {"code": "gaussian", "tied": True}),
    "problem.k_above_code_size": ("code_options", {"code": "k_sparse", "code_size": 4, "code_options": {"k": 5}}),
    "problem.conv_is_untied": ("tied", {"network": "conv", "hidden": [4], "tied": True}),
    "problem.conv_needs_images": ("network", {"dataset": "moons", "network": "conv", "hidden": [4]}),
    "problem.conv_needs_hidden": ("hidden", {"network": "conv"}),
    "problem.conv_too_deep": ("hidden", {"network": "conv", "hidden": [4, 4, 4, 4]}),
    "problem.greedy_needs_hidden": ("strategy", {"strategy": "greedy"}),
    "problem.greedy_is_dense": ("strategy", {"strategy": "greedy_frozen", "network": "conv", "hidden": [4]}),
    "problem.greedy_is_not_gaussian": ("strategy", {"strategy": "greedy", "hidden": [8], "code": "gaussian"}),
    "problem.greedy_kl_needs_sigmoid": (
        "activation",
        {"strategy": "greedy", "hidden": [8], "activation": "relu", "penalties": [KL]},
    ),
}


@pytest.mark.parametrize("key", SENSELESS)
def test_a_senseless_combination_is_refused_with_its_key_and_the_setting_to_change(key):
    setting, fields = SENSELESS[key]
    assert Problem(key, setting) in refusal({"dataset": "digits"} | fields)


def test_every_refused_combination_has_its_test():
    keys = {key for key, _, _ in _combinations(Experiment(dataset="digits"))}
    assert keys == set(SENSELESS)


@given(valid())
def test_no_valid_experiment_breaks_a_rule(experiment):
    assert not [key for key, _, wrong in _combinations(experiment) if wrong]


# ---- bad settings as JSON ----


@pytest.mark.parametrize(
    ("text", "line", "column"), [("", 1, 1), ("{", 1, 2), ('{"dataset":\n  digits}', 2, 3), ("{'a': 1}", 1, 2), ("<b>", 1, 1)]
)
def test_text_that_is_not_json_is_told_with_line_and_column(text, line, column):
    assert refusal_of_text(text) == (Problem("problem.not_json", "", {"line": line, "column": column}),)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, '{"dataset":"digits","code_options":' + "[" * 200_000])
def test_deeply_nested_text_is_not_json_for_us(text):
    assert refusal_of_text(text)[0].key == "problem.not_json"


@pytest.mark.parametrize("text", ["[]", "3", '"digits"', "null", "true", "NaN"])
def test_json_that_is_no_object_is_refused(text):
    assert refusal_of_text(text) == (Problem("problem.not_an_object"),)


def test_an_unknown_field_is_named():
    assert refusal({"dataset": "digits", "epoch": 3}) == (Problem("problem.unknown_field", "epoch"),)


def test_a_newer_version_is_told_apart_from_an_unknown_one():
    assert refusal({"dataset": "digits", "version": 2})[0] == Problem("problem.newer_version", "version", {"value": 2})
    assert refusal({"dataset": "digits", "version": 0})[0].key == "problem.unknown_version"


def test_a_missing_data_set_is_named():
    assert refusal({}) == (Problem("problem.missing_field", "dataset"),)


HUGE = ["9" * 30, "-" + "9" * 900, "9" * 100_000]
NOT_FINITE = ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"]


@pytest.mark.parametrize("number", [*NOT_FINITE, *HUGE], ids=lambda text: text[:9] + str(len(text)))
@pytest.mark.parametrize("setting", catalog.BOUNDS)
def test_numbers_that_are_huge_or_not_finite_are_out_of_range(setting, number):
    spelled = f"[{number}]" if setting == "hidden" else number
    (problem,) = refusal_of_text(f'{{"dataset": "digits", "{setting}": {spelled}}}')
    knob = catalog.BOUNDS[setting]
    assert (problem.key, problem.setting) == ("problem.out_of_range", setting)
    assert (problem.numbers["low"], problem.numbers["high"]) == (knob.low, knob.high)
    assert_can_be_told(problem)


@pytest.mark.parametrize("number", [*NOT_FINITE, *HUGE, "-1"], ids=lambda text: text[:9] + str(len(text)))
@pytest.mark.parametrize(
    "template",
    [
        '{"dataset": "digits", "corruption": {"name": "masking", "weight": %s}}',
        '{"dataset": "digits", "penalties": [{"name": "l1", "weight": %s}]}',
        '{"dataset": "digits", "penalties": [{"name": "kl_sparsity", "options": {"target": %s}}]}',
        '{"dataset": "digits", "code": "k_sparse", "code_options": {"k": %s}}',
        '{"dataset": "digits", "version": %s}',
        '{"dataset": "digits", "continues": ["00000000000000000000000000000000", %s]}',
        '{"dataset": %s}',
    ],
)
def test_such_numbers_are_refused_wherever_they_stand(template, number):
    for problem in refusal_of_text(template % number):
        assert_can_be_told(problem)


@pytest.mark.parametrize("name", Experiment.model_fields)
@pytest.mark.parametrize(
    "value", [[], {}, [[]], {"a": {}}, "", "\x00", "<script>alert(1)</script>", "\ud800", -1, 0.5, [None]], ids=repr
)
def test_a_value_of_the_wrong_kind_is_a_problem_or_harmless_but_never_an_accident(name, value):
    try:
        Experiment.from_values({"dataset": "digits", name: value})
    except InvalidExperiment as error:
        for problem in error.problems:
            assert_can_be_told(problem)


@pytest.mark.parametrize("place", [{"\ud800": 1}, {"code_options": {"\ud800": 1}}, {"corruption": {"name": "\udfff"}}])
def test_half_a_surrogate_pair_is_refused_and_can_be_told(place):
    for problem in refusal_of_text(json.dumps({"dataset": "digits"} | place)):
        assert_can_be_told(problem)


SETTING_NAMES = st.sampled_from([*Experiment.model_fields, "name", "weight", "options", "k", "target"])
KNOWN_WORDS = st.sampled_from([*catalog.DATASETS, *catalog.CODES, *catalog.CORRUPTIONS, *catalog.PENALTIES, "conv", "greedy"])
ANY_TEXT = st.text(st.characters(), max_size=30)  # with surrogates and control characters
SCALARS = st.none() | st.booleans() | st.integers() | st.integers(10**300, 10**310) | st.floats() | KNOWN_WORDS | ANY_TEXT
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SETTING_NAMES | ANY_TEXT, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(SETTING_NAMES | ANY_TEXT, ANY_JSON, max_size=6), st.booleans())
def test_any_json_object_is_an_experiment_or_problems(values, with_dataset):
    text = json.dumps(values | ({"dataset": "digits"} if with_dataset else {}))
    try:
        experiment = Experiment.from_json(text)
    except InvalidExperiment as error:
        assert error.problems
        for problem in error.problems:
            assert_can_be_told(problem)
    else:
        assert Experiment.from_json(experiment.as_json()) == experiment


@given(valid_values(), SETTING_NAMES, ANY_JSON)
def test_one_wrong_value_in_a_valid_experiment_is_an_experiment_or_problems(values, name, value):
    plain = Experiment.from_values(values).model_dump(mode="json") | {name: value}
    try:
        Experiment.from_json(json.dumps(plain))
    except InvalidExperiment as error:
        for problem in error.problems:
            assert_can_be_told(problem)


@given(st.text(st.characters(), max_size=200) | st.text('{}[]":,.eE+-0123456789truefalsn ', max_size=200))
def test_any_text_is_an_experiment_or_problems(text):
    try:
        Experiment.from_json(text)
    except InvalidExperiment as error:
        for problem in error.problems:
            assert_can_be_told(problem)


# ---- links ----


def from_link(**query):
    experiment, problems = Experiment.from_query(query)
    for problem in problems:
        assert_can_be_told(problem)
    return experiment, problems


def test_an_empty_link_is_the_first_preset():
    assert from_link() == (preset("digits", "undercomplete"), ())


@pytest.mark.parametrize(
    "text", ["1e9", "-1", "abc", "", "nan", "inf", "1.5", "0", "2001", "9" * 1_500, "<b>3</b>", "null", "0x10"]
)
def test_bad_epochs_leave_the_usual_number_and_say_the_bounds(text):
    experiment, (problem,) = from_link(epochs=text)
    assert experiment == preset("digits", "undercomplete")
    assert (problem.key, problem.setting) == ("problem.out_of_range", "epochs")
    assert (problem.numbers["low"], problem.numbers["high"]) == (1, 2_000)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "0", "2", "-0.1", "", "a", "1,5"])
def test_a_bad_learning_rate_leaves_the_usual_one(text):
    experiment, (problem,) = from_link(learning_rate=text)
    assert experiment == preset("digits", "undercomplete")
    assert (problem.key, problem.setting) == ("problem.out_of_range", "learning_rate")


@pytest.mark.parametrize("values", [["3", "4"], ["3", "3"]])
def test_a_repeated_setting_is_told_and_not_guessed(values):
    assert from_link(epochs=values) == (preset("digits", "undercomplete"), (Problem("problem.repeated", "epochs"),))


@pytest.mark.parametrize("key", ["lr", "__proto__", "dataset ", "<img src=x onerror=alert(1)>", "x" * 900])
def test_a_setting_that_does_not_exist_is_named(key):
    experiment, (problem,) = from_link(**{key: "1", "seed": "5"})
    assert experiment == preset("digits", "undercomplete", seed=5)
    assert (problem.key, problem.setting) == ("problem.unknown_field", key[:40])


@pytest.mark.parametrize("name", ["dataset", "variant", "code", "activation", "network", "reconstruction", "strategy"])
@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "../../etc/passwd", "", "\x00", "\ud800"])
def test_a_choice_that_does_not_exist_leaves_the_usual_one_and_lists_the_real_ones(name, value):
    experiment, (problem,) = from_link(**{name: value})
    assert experiment == preset("digits", "undercomplete")
    assert (problem.key, problem.setting) == ("problem.unknown_choice", name)
    assert problem.numbers["choices"]


@pytest.mark.parametrize(
    "query", [{"title": "x" * 2**20}, {"x" * 2**20: "1"}, {"epochs": ["1"] * 2**19}, {f"k{i}": "1" for i in range(2_000)}]
)
def test_a_link_of_a_megabyte_is_refused_as_a_whole(query):
    experiment, problems = from_link(**query)
    assert experiment == preset("digits", "undercomplete")
    assert [problem.key for problem in problems] == ["problem.long_query"]


@pytest.mark.parametrize(
    "value", ["../../etc,3", "abc,1", "0" * 32, "0" * 32 + ",x", "0" * 32 + ",-1", "0" * 33 + ",1", "0" * 32 + ",1,2"]
)
def test_a_bad_continuation_is_left_out(value):
    experiment, (problem,) = from_link(continues=value)
    assert experiment.continues is None and problem.setting == "continues"


def test_an_older_or_newer_link_is_explained():
    assert [problem.key for problem in from_link(version="2")[1]] == ["problem.newer_version"]
    assert [problem.key for problem in from_link(version="0")[1]] == ["problem.unknown_version"]


BAD_PARTS = [
    {"corruption": "gaussian:5"},
    {"corruption": "gaussian:-1"},
    {"corruption": "gaussian:nan"},
    {"corruption": "sandstorm:1"},
    {"corruption": "masking:0.3:level=1"},
    {"penalties": "l1:1000"},
    {"penalties": "l1:1:target=3"},
    {"penalties": "kl_sparsity:1:target=7"},
    {"penalties": "l1:1,l1:2"},
    {"penalties": "prediction:1"},
    {"penalties": ":::"},
    {"code_options": "k=3"},
    {"variant": "k_sparse", "code_options": "k=1e9"},
    {"variant": "k_sparse", "code_options": "k"},
    {"variant": "deep", "penalties": "kl_sparsity:1"},
    {"strategy": "greedy"},
    {"network": "conv"},
    {"hidden": "1,2,3,4,5,6,7,8"},
    {"hidden": "0"},
    {"tied": "maybe"},
    {"tied": "true"},
    {"batch_size": "0"},
]


@pytest.mark.parametrize("bad", BAD_PARTS, ids=lambda query: "&".join(f"{key}={value}" for key, value in query.items()))
def test_a_bad_value_in_a_link_is_told_and_the_good_ones_beside_it_hold(bad):
    experiment, problems = from_link(**bad, epochs="7", seed="3")
    assert problems
    assert experiment == preset("digits", bad.get("variant", "undercomplete"), epochs=7, seed=3)


LINK_KEYS = st.sampled_from([*Experiment.model_fields, "variant"]) | ANY_TEXT
LINK_WORDS = KNOWN_WORDS | st.sampled_from(
    ["none", "yes", "", "l1:0.1", "masking:0.2", "k=2", "1e9", "nan", "7", "8,4", "l1:1:target=1"]
)


@given(st.dictionaries(LINK_KEYS, LINK_WORDS | ANY_TEXT | st.lists(LINK_WORDS, max_size=3), max_size=8))
def test_any_link_gives_an_experiment_and_problems_that_can_be_told(query):
    experiment, problems = Experiment.from_query(query)
    assert Experiment.from_values(experiment.model_dump()) == experiment
    for problem in problems:
        assert_can_be_told(problem)


@given(valid(), LINK_KEYS, LINK_WORDS | ANY_TEXT)
def test_one_wrong_value_in_a_good_link_gives_an_experiment(experiment, key, value):
    Experiment.from_query(experiment.to_query() | {key: value})


# ---- cost ----


def test_legal_values_whose_product_is_huge_are_refused_with_the_knob_to_lower():
    query = {"dataset": "dsprites", "epochs": "2000", "hidden": "2048,2048", "code_size": "2048", "train_size": "60000"}
    experiment, problems = from_link(**query)
    assert problems == ()
    problem = too_costly(experiment)
    assert problem.key == "problem.too_costly" and problem.setting in query
    assert problem.numbers["seconds"] > problem.numbers["limit"] == MAX_SECONDS


ONE_EXTREME = {"epochs": 2_000, "train_size": 60_000, "batch_size": 1, "code_size": 2_048, "hidden": (2_048,) * 6}


@pytest.mark.parametrize("dataset", catalog.DATASETS)
@pytest.mark.parametrize("knob", ONE_EXTREME)
def test_where_one_knob_makes_a_preset_too_costly_that_knob_is_named(dataset, knob):
    for variant in ("undercomplete", "contractive", "deep"):
        problem = too_costly(preset(dataset, variant).changed(**{knob: ONE_EXTREME[knob]}))
        assert problem is None or problem.setting == knob


def test_the_inference_steps_are_named_where_they_make_it_too_costly():
    experiment = preset("dsprites", "psc", code_options={"steps": 200})
    problem = too_costly(experiment)
    assert problem is None or problem.setting in ("code_options", "steps")


LOWEST = {"epochs": 1, "train_size": 16, "batch_size": 4_096, "code_size": 1, "hidden": ()}


@given(valid())
def test_the_named_knob_does_lower_the_cost(experiment):
    problem = too_costly(experiment)
    if problem is not None and problem.setting in LOWEST:
        values = experiment.model_dump() | {problem.setting: LOWEST[problem.setting]}
        lowered = experiment.model_copy(update={problem.setting: values[problem.setting]})
        assert estimated_seconds(lowered) < estimated_seconds(experiment)


@given(valid())
def test_every_valid_experiment_has_a_positive_finite_cost(experiment):
    assert 0 < estimated_seconds(experiment) < 1e12
    assert macs(experiment) > 0


def test_multiply_adds_of_a_dense_network_are_its_weights():
    assert macs(Experiment(dataset="digits", hidden=(10,), code_size=3)) == 2 * (64 * 10 + 10 * 3)


def test_multiply_adds_of_a_convolutional_network_count_each_place():
    experiment = Experiment(dataset="digits", network="conv", hidden=(5, 7), code_size=3)
    assert macs(experiment) == 2 * (16 * 5 * 16 + 4 * 5 * 7 * 16 + 4 * 7 * 3)
