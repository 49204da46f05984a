"""Both catalogues and all lesson files: complete, alike, and written by Taiwan's rules of spacing."""

import math
import re
import string

import pytest

from pages.ui import notes, text
from replearn_core import catalog
from replearn_core.experiment import Experiment, Problem

ROOT = text.ASSETS.parent
LANGUAGES = tuple(text.LANGUAGES)
PAGES = [*(ROOT / "pages").rglob("*.py")]
SOURCES = [path.read_text(encoding="utf-8") for path in PAGES]
CORE = [path.read_text(encoding="utf-8") for path in (ROOT / "replearn_core").rglob("*.py")]


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_both_catalogues_have_the_same_keys():
    assert set(text.catalogue("zh-TW")) == set(text.catalogue("en"))


def test_a_sentence_has_the_same_placeholders_in_both_languages():
    chinese, english = text.catalogue("zh-TW"), text.catalogue("en")
    assert [key for key in english if placeholders(chinese[key]) != placeholders(english[key])] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_sentence_is_empty(lang):
    assert [key for key, sentence in text.catalogue(lang).items() if not sentence.strip()] == []


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("dataset", catalog.DATASETS),
        ("code", catalog.CODES),
        ("corruption", catalog.CORRUPTIONS),
        ("penalty", catalog.PENALTIES),
        ("reconstruction", catalog.RECONSTRUCTIONS),
        ("activation", catalog.ACTIVATIONS),
        ("strategy", catalog.STRATEGIES),
        ("network", catalog.NETWORKS),
    ],
)
def test_every_entry_of_the_catalogue_has_a_name_and_an_explanation(group, names):
    assert [name for name in names for part in ("name", "idea") if not text.has(f"{group}.{name}.{part}")] == []


def test_every_variant_has_a_name_a_card_and_a_diagram():
    assert [name for name in catalog.VARIANTS for part in ("name", "card") if not text.has(f"variant.{name}.{part}")] == []
    drawn = {path.stem for path in (text.ASSETS / "images" / "variants").glob("*.svg")}
    assert drawn == set(catalog.VARIANTS)


def test_every_knob_has_a_name_and_one_sentence_of_help():
    options = {knob.name for code in catalog.CODES.values() for knob in code.options}
    fields = (set(Experiment.model_fields) - {"code_options"}) | options | set(catalog.PENALTIES) - {"l1", "kl_sparsity"}
    assert [name for name in sorted(fields) for part in ("name", "help") if not text.has(f"knob.{name}.{part}")] == []


def test_every_problem_that_the_core_can_raise_has_a_sentence():
    raised = {key for source in [*CORE, *SOURCES] for key in re.findall(r'"(problem\.[a-z_0-9]+)"', source)}
    assert len(raised) > 30
    assert sorted(key for key in raised if not text.has(key)) == []


def test_every_key_that_a_page_names_is_in_the_catalogue():
    named = {key for source in SOURCES for key in re.findall(r'\bt\("([a-z_0-9.]+)"', source)}
    assert len(named) > 30
    assert sorted(key for key in named if not text.has(key)) == []


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("variant", catalog.VARIANTS)
def test_every_variant_has_a_lesson_whose_next_step_can_be_taken(lang, variant):
    lesson = text._lesson(lang, "autoencoder")[variant]
    assert lesson["notice"].count("- ") >= 3 and lesson["question"] and lesson["next"]
    other = text._lesson("en", "autoencoder")[variant]
    assert lesson["try"] == other["try"]
    experiment, problems = Experiment.from_query({"variant": variant} | dict(notes.parse_qsl(lesson["try"])))
    plain, _ = Experiment.from_query({"variant": variant})
    assert problems == () and experiment != plain


def test_chinese_sentences_use_full_width_punctuation():
    halves = re.compile(r"[\u4e00-\u9fff][,;:!?]|[\u4e00-\u9fff]\.(?!\w)|[\u4e00-\u9fff]\(|\)[\u4e00-\u9fff]")
    assert [key for key, sentence in text.catalogue("zh-TW").items() if halves.search(sentence)] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_chinese_stands_in_the_english_catalogue_and_no_sentence_is_left_in_english(lang):
    chinese = {key for key, sentence in text.catalogue(lang).items() if re.search(r"[\u4e00-\u9fff]", sentence)}
    if lang == "en":
        assert chinese == {"app.language"}
    else:
        bare = {key: re.sub(r"{\w+}", "", sentence) for key, sentence in text.catalogue(lang).items() if key not in chinese}
        latin = {key for key, sentence in bare.items() if re.search(r"[A-Za-z]{4}", sentence)}
        names = {"dataset.dsprites.name", "knob.hidden.none", "variant.lista.name", "code.lista.name"}
        functions = ("sigmoid", "tanh", "relu", "leaky_relu")
        names |= {f"{group}.{name}.name" for group in ("code", "activation") for name in functions}
        assert latin <= names


def test_a_thin_space_stands_between_chinese_and_latin_but_not_inside_formulas_or_code():
    assert text.spaced("用FISTA推論") == "用\u2009FISTA\u2009推論"
    assert text.spaced("第{epoch}週期") == "第\u2009{epoch}\u2009週期"
    assert text.spaced("大小$K$，`a中b`") == "大小\u2009$K$，`a中b`"


def test_no_chinese_line_ends_between_a_number_and_its_percent_sign():
    assert text.spaced("準確率 95 %，共 {n} %") == "準確率 95\u00a0%，共 {n}\u00a0%" and text.spaced("95 % right") == "95 % right"


def test_sentences_stand_apart_where_their_ends_bring_no_room_of_their_own():
    assert text.sentences("第一句。", "第二句。") == "第一句。第二句。"
    assert text.sentences("One.", "Two.", "Three.") == "One. Two. Three." and text.sentences() == ""


def test_a_chinese_word_in_the_place_of_a_number_has_no_space_round_it():
    words = {"rate": 5, "noticed": 99, "family": "甲"}
    chinese, latin = (text.said("zh-TW", "malware.says.unknown_real", score=one, **words) for one in ("距離", "AE"))
    assert "，距離發現了 99\u00a0%" in chinese and "，AE\u2009發現了" in latin and "「甲」" in latin


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0021349, "0.00213"),
        (12.345, "12.3"),
        (1234567, "1,234,567"),
        (1234.5, "1,230"),
        (-0.5, "−0.5"),
        (0.0, "0"),
        (99.96, "100"),
        (2.5e-7, "2.50 × 10⁻⁷"),
        (-2.5e-7, "−2.50 × 10⁻⁷"),
        (3.57e-17, "0"),
        (-3.57e-17, "0"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
    ],
)
def test_numbers_have_three_significant_digits(value, shown):
    assert text.number(value) == shown


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_space_stands_between_a_number_and_its_percent_sign_in_every_sentence_and_lesson(lang):
    files = [*(text.ASSETS / "lessons" / lang).glob("*.md"), *(text.ASSETS / "lessons" / "guided" / lang).glob("*.md")]
    written = dict(text.catalogue(lang)) | {path.name: path.read_text("utf-8") for path in files}
    assert len(files) > 20 and sum("%" in words for words in written.values()) > 100
    assert sorted(name for name, words in written.items() if re.search(r"[\d}]%|[\d}]\s*％", words)) == []


def test_a_space_stands_between_a_number_and_its_percent_sign_wherever_code_writes_one():
    close = re.compile(r":[,.]?\d?%\}|:[,.\d]*[fg]\}%(?!\{)")  # f"{share:.1%}", f"{share:.0f}%"
    lines = [line for source in SOURCES for line in source.splitlines()]
    assert [line for line in lines if close.search(line) and "style" not in line] == []


def test_a_missing_key_shows_itself_and_a_missing_number_leaves_the_sentence_whole():
    assert text.said("en", "no.such.key") == "no.such.key"
    assert text.said("en", "state.stopped") == text.catalogue("en")["state.stopped"]


@pytest.mark.parametrize(
    ("locale", "lang"), [("zh-TW", "zh-TW"), ("zh-Hans-CN", "zh-TW"), ("en-GB", "en"), ("de", "en"), (None, "en"), ("", "en")]
)
def test_the_browser_decides_the_first_language(locale, lang):
    assert text.of_locale(locale) == lang


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_problem_names_the_setting_as_its_knob_does_and_repeats_a_value_literally(lang):
    sentence = text.said(lang, "problem.out_of_range", setting="X", value="{0.__class__} **b**", low=1, high=2000)
    assert "{0.__class__} **b**" in sentence and "2,000" in sentence


def test_a_problem_without_a_text_shows_its_key():
    assert text.said("en", Problem("problem.never_written").key) == "problem.never_written"
