"""Files of strangers and real logs: every bad file is refused by name, leaking columns never become features."""

import gzip
import io
import json
import struct
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn_core.applications.notifications import limited, tables
from replearn_core.datasets import Unavailable
from replearn_core.own import csvfile
from replearn_core.own import limited as processes

GOOD = "user,app,clicked\n" + "".join(f"u{place % 9},a{place % 4},{place % 3 == 0:d}\n" for place in range(30))


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "empty"),
        (b"  \n\n", "empty"),
        (b",", "empty"),
        (b";;\n;;\n", "empty"),
        (b"a,b\n", "no_rows"),
        (b"alone\n1\n", "one_column"),
        (b"a,b\n1,2\n1,2,3\n", "ragged"),
        (b"a,b\n1\n", "ragged"),
        (b"a,a\n1,2\n", "repeated"),
        (b"a,\n1,2\n", "unnamed"),
        (b"a,b\n1,\x002\n" + b"1,2\n" * 30, "nul"),
        (b"a,b\n1," + b"x" * 5_000 + b"\n", "cell"),
        (b'a,b\n1,"' + b"x\n" * 5_000, "cell"),
        (b"a,b\n1,\xff\xfe\xfa\n", "encoding"),
        (",".join(f"c{place}" for place in range(300)).encode() + b"\n", "too_many_columns"),
        (b"a,b\n" + b"1,2\n" * (csvfile.MOST_ROWS + 1), "too_many_rows"),
        (b"x" * (csvfile.MOST_BYTES + 1), "too_big"),
    ],
)
def test_a_bad_file_is_refused_by_name(data, key):
    with pytest.raises(csvfile.Refusal) as refused:
        csvfile.read(data)
    assert refused.value.key == key


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "big5"])
def test_a_table_is_the_same_in_every_encoding(encoding):
    text = "使用者,點擊\n" + "甲,1\n乙,0\n" * 40 if not encoding.startswith("utf-16-") else "user,click\n" + "ann,1\nbob,0\n" * 40
    table = csvfile.read(text.encode(encoding))
    assert table.rows == 80 and len(table.columns) == 2
    first = next(iter(table.columns.values()))
    assert first.name in ("使用者", "user") and set(first.texts) in ({"甲", "乙"}, {"ann", "bob"})


def test_semicolons_and_decimal_commas_are_numbers():
    table = csvfile.read(b"price;click\n1,5;1\n-0,25;0\n")
    assert csvfile.numbers_of(table.columns["price"], table.separator) == [1.5, -0.25]
    assert csvfile.numbers_of(csvfile.read(b'price,click\n"1,5",1\n').columns["price"], ",") is None


def test_times_that_cannot_be_read_are_counted_with_the_first_row():
    lines = "".join(f"2026-01-{1 + place % 28:02d} 10:00,{place % 2}\n" for place in range(20))
    table = csvfile.read(f"when,click\n{lines}yesterday,1\n".encode())
    assert csvfile.kind_of(table.columns["when"], ",") == "time"
    assert csvfile.first_bad_time(table.columns["when"]) == (1, 21)


def test_formulas_are_escaped_on_export_and_numbers_are_not():
    assert [csvfile.escaped(one) for one in ("=1+1", "+a", "-b", "@c", " =d", "-1.5", "plain")] == [
        *("'=1+1", "'+a", "'-b", "'@c", "' =d", "-1.5", "plain")
    ]
    assert csvfile.escaped("＝1+1") == "'＝1+1" and csvfile.escaped("＠c") == "'＠c", "a Chinese spreadsheet reads them alike"
    assert "'=cmd" in csvfile.written(["name"], [["=cmd"]])


def test_control_characters_leave_the_names():
    table = csvfile.read("a\u202eb,click\n1,0\n".encode())
    assert list(table.columns) == ["ab", "click"]


@given(st.binary(max_size=600))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_table_or_a_refusal(data):
    try:
        table = csvfile.read(data)
    except csvfile.Refusal as refused:
        assert refused.key
    else:
        assert table.rows > 0 and all(len(column.codes) == table.rows for column in table.columns.values())
        json.dumps(csvfile.summary(table))


# ---- what leaks ----


def built(rows: int = 600) -> str:
    random = np.random.default_rng(0)
    lines = ["user,app,hour,response_time,tell,clicked"]
    for place in range(rows):
        clicked = int(random.uniform() < 0.4)
        lines.append(
            f"u{place % 30},a{random.integers(4)},{random.integers(24)},{random.uniform():.3f},{1 + 2 * clicked},{clicked}"
        )
    return "\n".join(lines) + "\n"


def test_columns_that_tell_the_outcome_are_left_out_by_name_and_by_what_they_hold():
    log = tables.own(built().encode(), {"outcome": "clicked", "user": "user", "time": ""})
    assert set(log.left_out) == {"response_time", "tell"}
    assert not {"response_time", "tell", "clicked"} & {*log.categories, *log.numbers}
    assert log.users_known and len(np.unique(log.user)) == 30


def test_a_column_that_is_filled_in_only_after_a_click_is_found_by_its_gaps():
    text = "app,note,clicked\n" + "".join(
        f"a{place % 5},{'x' if place % 3 == 0 else ''},{place % 3 == 0:d}\n" for place in range(600)
    )
    assert "note" in tables.own(text.encode(), {"outcome": "clicked"}).left_out


def test_asking_for_a_leaking_column_as_a_feature_is_refused():
    table = csvfile.read(built().encode())
    with pytest.raises(tables.Leak) as refused:
        tables.from_table("own", table, ["app", "tell"], np.zeros(600, np.uint8), np.arange(600), None, ("tell",))
    assert refused.value.columns == ("tell",)


@pytest.mark.parametrize(
    ("roles", "key"),
    [
        ({"outcome": "app"}, "bad_outcome"),
        ({"outcome": "none such"}, "no_such_column"),
        ({"outcome": "clicked", "time": "app"}, "bad_times"),
    ],
)
def test_a_column_in_the_wrong_place_is_told(roles, key):
    with pytest.raises(csvfile.Refusal) as refused:
        tables.own(built().encode(), roles)
    assert refused.value.key == key


def test_too_few_clicks_are_told():
    with pytest.raises(csvfile.Refusal) as refused:
        tables.own(GOOD.encode(), {"outcome": "clicked"})
    assert refused.value.key == "too_few_outcomes"


# ---- in a process of its own ----


def test_a_file_is_read_in_a_process_of_its_own():
    found = limited.look(GOOD.encode())
    assert found["summary"]["rows"] == 30 and [one["name"] for one in found["summary"]["columns"]] == ["user", "app", "clicked"]
    assert limited.look(b"a,b\n1\n") == {"problem": ["ragged", {"line": 2, "found": 1, "expected": 2}]}


def test_many_different_texts_and_one_empty_cell_are_no_reason_to_give_up():
    rows = "".join(f"u{place % 99},id{place},{place % 2}\n" for place in range(60_000))
    found = limited.look(f"user,id,clicked\n{rows}u,,1\n".encode())
    assert found["summary"]["columns"][1]["distinct"] == 60_001 and found["summary"]["columns"][1]["missing"] == 1


def test_a_fitting_that_is_stopped_leaves_nothing_and_lets_the_next_begin():
    first = limited.Fitting(built().encode(), {"outcome": "clicked"}, {"seeds": 5})
    with pytest.raises(limited.Busy):
        limited.Fitting(built().encode(), {"outcome": "clicked"}, {"seeds": 5})
    folder = first._folder.name
    first.stop()
    assert not Path(folder).exists()
    limited.Fitting(built().encode(), {"outcome": "clicked"}, {"seeds": 5}).stop()


def test_nothing_of_a_visitors_file_stays_where_the_server_is_killed(tmp_path):
    folder = tmp_path / "fitting"
    folder.mkdir()
    (folder / limited.SO_FAR).write_bytes(b"something")
    command = [sys.executable, "-m", limited.__name__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=limited.ROOT) as child:
        header = json.dumps({"roles": {"outcome": "clicked"}, "settings": {"seeds": 20}}).encode()
        for part in (header, built().encode()):
            child.stdin.write(struct.pack("<Q", len(part)) + part)
        child.stdin.close()  # as the system does for a server that is gone
        assert child.wait(60) == 1
    assert not folder.exists()


def test_a_fitting_that_has_ended_lets_the_next_begin_though_nobody_looks():
    first = limited.Fitting(GOOD.encode(), {"outcome": "clicked"}, {"seeds": 5})  # too few clicks: it ends at once
    end = time.monotonic() + 60
    while True:
        try:
            limited.Fitting(GOOD.encode(), {"outcome": "clicked"}, {"seeds": 5}).stop()
            break
        except limited.Busy:
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)
    assert first.result()["problem"][0] == "too_few_outcomes", "its answer is still there for its owner"


def test_a_fitting_that_cannot_begin_keeps_nobody_waiting(monkeypatch):
    def fails(*_, **__):
        raise OSError("no more processes")

    with monkeypatch.context() as patch:
        patch.setattr(limited.subprocess, "Popen", fails)
        with pytest.raises(OSError, match="no more"):
            limited.Fitting(GOOD.encode(), {"outcome": "clicked"}, {"seeds": 5})
    limited.Fitting(GOOD.encode(), {"outcome": "clicked"}, {"seeds": 5}).stop()


def test_files_are_read_in_turn_with_all_other_files_of_strangers(monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.01)
    monkeypatch.setattr(processes, "_free", threading.BoundedSemaphore(1))
    with processes.turn():
        assert limited.look(GOOD.encode()) == {"problem": ["busy", {}]}
    assert "summary" in limited.look(GOOD.encode())


# ---- real sets ----


def test_a_set_that_is_not_here_says_which_file_it_needs(monkeypatch, tmp_path):
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path))
    assert not tables.available("push_2019") and not tables.fetchable("push_2019") and tables.available("simulator")
    with pytest.raises(Unavailable) as missing:
        tables.load("push_2019")
    assert missing.value.files == tables.FILES["push_2019"] and missing.value.reason == "missing"


STAND_IN = """
    import os, pathlib, time
    import pandas

    def fetch_openml(data_id, as_frame, parser):
        folder = pathlib.Path(os.environ["SCIKIT_LEARN_DATA"], "openml", "openml.org")
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(bytes(750_000))
        time.sleep(0.6)
        from replearn_core.applications.notifications import openml
        count = openml.ROWS
        {behaviour}
        rows = range(count)
        frame = pandas.DataFrame({{one: [place % 97 for place in rows] for one in openml.COLUMNS}})
        frame["click"] = pandas.Categorical([str(int(place % 6 == 0)) for place in rows])
        frame["user_id"] = pandas.Categorical([str(place % 5_000) for place in rows])
        class Bunch: pass
        bunch = Bunch()
        bunch.frame = frame[sorted(frame)]
        return bunch
"""


@pytest.fixture
def openml_is(monkeypatch, tmp_path):
    """Let a package called sklearn stand for the network, for the child process alone, and behave in this way."""

    def standing(behaviour: str = "pass") -> None:
        package = tmp_path / "stand_in" / "sklearn" / "datasets"
        package.mkdir(parents=True, exist_ok=True)
        (package.parent / "__init__.py").write_text("")
        (package / "__init__.py").write_text(textwrap.dedent(STAND_IN).format(behaviour=behaviour))

    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stand_in"))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    monkeypatch.delenv("REPLEARN_DATA", raising=False)
    return standing


def test_the_click_log_is_fetched_once_with_progress_and_read_like_the_file(openml_is):
    openml_is()
    assert not tables.available("kdd") and tables.fetchable("kdd")
    shares: list[float] = []
    log = tables.load("kdd", shares.append)
    assert len(log) == 39_948 and log.clicked.sum() == 39_948 // 6 and log.users_known
    assert "impression" not in {*log.categories, *log.numbers}
    assert 0.5 in shares
    openml_is("raise SystemExit('no second download')")
    assert tables.available("kdd") and len(tables.load("kdd")) == len(log)


@pytest.mark.parametrize(
    "behaviour",
    ["raise OSError('network is unreachable')", "count = 3"],
    ids=["no network", "another table"],
)
def test_a_click_log_that_cannot_be_fetched_is_told_and_leaves_nothing(openml_is, tmp_path, behaviour):
    openml_is(behaviour)
    with pytest.raises(Unavailable) as found:
        tables.load("kdd")
    assert found.value.reason == "download" and found.value.files == tables.FILES["kdd"]
    assert not tables.available("kdd") and not list(tmp_path.rglob("*.csv.gz"))


def test_a_damaged_set_is_told_as_such(monkeypatch, tmp_path):
    path = tmp_path / tables.FILES["push_2019"][0]
    path.parent.mkdir()
    whole = io.BytesIO()
    with gzip.GzipFile(fileobj=whole, mode="wb") as file:
        file.write(b"user,action\n" * 1_000)
    path.write_bytes(whole.getvalue()[:-20])
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path))
    with pytest.raises(Unavailable) as damaged:
        tables.load("push_2019")
    assert damaged.value.reason == "damaged"


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["kdd", "push_2019", "push_2020"])
def test_real_logs_have_no_leaking_column_and_an_honest_split(name):
    if not tables.available(name):
        pytest.skip(f"{name} is not in REPLEARN_DATA")
    log = tables.load(name)
    assert not {*tables.LEAKS[name], tables.OUTCOMES[name][0]} & {*log.categories, *log.numbers}
    parts = tables.split(log, 0)
    assert not set(log.user[parts.new]) & set(log.user[parts.train])
    if name == "kdd":
        assert len(log) == 39_948 and log.clicked.sum() == 6_728


@pytest.mark.real_data
def test_the_real_campaign_never_shows_its_outcomes_to_a_model():
    from replearn_core.applications.notifications import uplift

    if not tables.available("hillstrom"):
        pytest.skip("hillstrom is not in REPLEARN_DATA")
    campaign = uplift.hillstrom("womens")
    assert not {*tables.LEAKS["hillstrom"], "segment"} & {*campaign.log.categories, *campaign.log.numbers}
    assert set(campaign.groups) == set(uplift.GROUPS) and campaign.treated.sum() == 21_387
