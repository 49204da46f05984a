"""The index in SQL: who works on which run, with an SQLite of one server and with a PostgreSQL that several share."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from replearn_core import database, neighbours
from replearn_core.events import Finished
from replearn_core.experiment import Experiment
from replearn_core.folder import write_run
from replearn_core.index import Index, Row
from replearn_core.neighbours import Neighbours
from replearn_core.storage import Storage
from replearn_core.store import Store

RUN, OTHER = "a" * 32, "b" * 32
PROBLEM = json.dumps(["problem.interrupted", "", {}])


def row(run_id=RUN, server="one", state="queued", used=1.0, size=10, parent=None):
    return Row(run_id, state, "{}", parent, used, used, size, 0, None, None, 1, server)


def experiment(seed: int = 0) -> Experiment:
    return Experiment(dataset="digits", seed=seed, epochs=2)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def index(request, tmp_path):
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").database()
    made = Index(database.connect(url, tmp_path))
    made.prepare(lambda: ())
    yield made
    made.close()


@pytest.fixture
def shared(postgres, tmp_path):
    """Opens servers' stores, of one storage and one PostgreSQL."""
    url, opened = postgres.database(), []

    def open_one(where=tmp_path / "store", **options):
        opened.append(Store(where, shipped=None, database=url, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


# ---- the index alone ----


def test_a_run_is_one_servers_until_it_has_ended_or_the_server_is_gone(index):
    for server in ("one", "two"):
        assert index.beat(server, 0) is False and index.beat(server, 1) is True
    assert index.claim(row(server="one")) == 0 and index.claim(row(server="two")) is None
    index.change(RUN, server="two", state="running")
    assert index.row(RUN).state == "queued", "only its own server moves it on"
    index.change(RUN, server="one", state="running")
    index.bury("one", 99, PROBLEM)
    assert index.row(RUN).state == "running", "it has counted on since"
    index.bury("one", 1, PROBLEM)
    assert (index.row(RUN).state, index.row(RUN).problem) == ("interrupted", PROBLEM) and set(index.servers()) == {"two"}
    assert index.claim(row(server="two")) == 1 and index.row(RUN).attempts == 2 and index.row(RUN).problem is None


def test_what_has_ended_well_is_not_claimed_again_by_another_server(index):
    index.claim(row())
    index.change(RUN, state="finished")
    assert index.claim(row(server="two")) is None and index.row(RUN).state == "finished"
    index.change(RUN, state="stopped")
    assert index.claim(row(server="two")) == 1


def test_what_a_forgotten_server_left_behind_is_interrupted(index):
    index.beat("one", 0)
    index.claim(row(RUN, server="one"))
    index.claim(row(OTHER, server="forgotten"))
    index.interrupt_orphans(PROBLEM)
    assert (index.row(RUN).state, index.row(OTHER).state) == ("queued", "interrupted")


def test_servers_that_wait_for_a_run_are_known_until_they_leave_or_die(index):
    index.beat("two", 0)
    for _ in range(2):
        index.want(RUN, "two")
    index.want(OTHER, "three")
    assert index.wanted([RUN, OTHER], "one") == {RUN, OTHER} and index.wanted([RUN], "two") == frozenset()
    index.bury("two", 0, PROBLEM)
    index.unwant(OTHER, "three")
    assert index.wanted([RUN, OTHER], "one") == frozenset()


def test_the_coldest_run_makes_room_but_none_that_is_needed(index):
    states = {"1": ("finished", 1.0), "2": ("running", 2.0), "3": ("finished", 3.0), "4": ("finished", 4.0)}
    for name, (state, used) in states.items():
        index.claim(row(name * 32, state=state, used=used, parent="1" * 32 if name == "4" else None))
    assert index.total() == 40 and index.coldest() == "3" * 32, "1 is the ancestor of a kept run, 2 is running"
    assert index.remove("3" * 32) and not index.remove("3" * 32)
    assert index.coldest() is None, "the latest stays"


def test_a_run_that_was_begun_again_or_continued_since_makes_no_room(index):
    for name, used in (("1", 1.0), ("2", 2.0), ("3", 3.0)):
        index.claim(row(name * 32, state="finished", used=used))
    assert index.coldest() == "1" * 32
    index.change("1" * 32, state="queued")  # by another server, at this moment
    assert not index.remove("1" * 32, still_free=True)
    index.change("1" * 32, state="finished")
    index.claim(row("4" * 32, used=4.0, parent="1" * 32))
    assert not index.remove("1" * 32, still_free=True) and index.row("1" * 32)
    assert index.remove("2" * 32, still_free=True) and index.row("2" * 32) is None


def test_run_folders_are_listed_in_full_by_whoever_follows_one_that_was_killed_while_listing(tmp_path):
    def killed():
        yield row("1" * 32)
        raise KeyboardInterrupt

    first = Index(database.connect(None, tmp_path))
    with pytest.raises(KeyboardInterrupt):
        first.prepare(killed)
    first.close()
    second = Index(database.connect(None, tmp_path))
    second.prepare(lambda: [row("1" * 32), row("2" * 32)])
    assert {one.id for one in second.latest(9)} == {"1" * 32, "2" * 32}
    second.prepare(lambda: pytest.fail("listed once is enough"))
    second.close()


def test_a_row_comes_back_as_it_was(index):
    kept = Row(RUN, "finished", '{"π": "é"}', OTHER, 1.7e9 + 0.25, 2.5, 2**40, 3, 0.125, PROBLEM, 4, "one")
    index.claim(kept)
    assert index.row(RUN) == kept and index.latest(5) == [kept] and index.rows([RUN, OTHER]) == [kept] and index.rows([]) == []


@pytest.mark.slow
def test_of_many_servers_that_ask_at_once_one_gets_the_run(postgres):
    url = postgres.database()
    servers = [Index(database.connect(url)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.prepare(lambda: [row(OTHER)]), servers))  # they come up at once, too
        assert len(servers[0].latest(9)) == 1
        for number, one in enumerate(servers):
            one.beat(f"server {number}", 0)
        for run in range(20):
            barrier = threading.Barrier(4)

            def claim(number, run=run, barrier=barrier):
                barrier.wait()
                return servers[number].claim(row(f"{run:032x}", server=f"server {number}"))

            assert sorted(map(str, pool.map(claim, range(4)))) == ["0", "None", "None", "None"]
    for one in servers:
        one.close()


@pytest.mark.slow
def test_a_server_that_hangs_amid_a_transaction_holds_the_others_up_for_seconds(postgres):
    url = postgres.database()
    one, two = (Index(database.connect(url)) for _ in range(2))
    one.prepare(lambda: [row()])
    with one.engine.begin() as hangs:
        hangs.exec_driver_sql("select * from runs_2 for update")
        with pytest.raises(SQLAlchemyError, match="lock timeout"):
            two.claim(row(server="two"))
        assert hangs.exec_driver_sql("show idle_in_transaction_session_timeout").scalar() == "15s"
        network = hangs.connection.driver_connection.info.get_parameters()
        assert network["tcp_user_timeout"] == "5000" and network["keepalives_idle"] == "5"
    assert two.row(RUN)
    for index in (one, two):
        index.close()


# ---- the database ----


def test_object_storage_needs_a_database_of_its_own_and_the_message_names_it(tmp_path, monkeypatch):
    monkeypatch.delenv("REPLEARN_DATABASE", raising=False)
    with pytest.raises(ValueError, match="REPLEARN_DATABASE"):
        Store("memory://lab", shipped=None)
    with pytest.raises(ArgumentError):
        database.connect("not a url", tmp_path)


def test_one_server_keeps_its_runs_in_object_storage_with_its_index_in_a_file(tmp_path):
    url, where = f"sqlite:///{tmp_path}/index.sqlite", f"memory://{tmp_path.name}"
    first = Store(where, shipped=None, database=url)
    first.enter(experiment())
    first.write(experiment(), (Finished(2, 0.5, {}),), "finished", weights=b"", metrics={"l0": 1.0})
    first.write_task(RUN, b"answer")
    second = Store(where, shipped=None, database=url)
    assert second.problem.key == "problem.store_locked"
    for store in (first, second):
        assert store.read(experiment().id).metrics == {"l0": 1.0} and store.read_task(RUN) == b"answer"
        store.close()
    (tmp_path / "index.sqlite").write_bytes(b"broken" * 500)
    third = Store(where, shipped=None, database=url)
    assert [kept.state for kept in third.runs()] == ["finished"] and third.problem is None, "rebuilt from the folders"
    third.delete(experiment().id)
    third.forget_task(RUN)
    assert third.storage.folders() == [] and third.read_task(RUN) is None and third.runs() == ()
    third.close()


def test_a_wrong_host_is_a_problem_and_not_a_crash(tmp_path):
    pytest.importorskip("psycopg", reason="no postgres driver: psycopg is not installed")
    write_run(tmp_path / experiment().id, experiment(), (Finished(2, 0.5, {}),))
    store = Store(tmp_path, shipped=None, database="postgresql+psycopg://me:secret@127.0.0.1:9/lab")
    assert store.problem.key == "problem.store_unreachable" and "secret" not in str(store.problem.numbers)
    assert store.kept(experiment().id).state == "finished" and store.read(experiment().id).events, "read without the index"
    assert store.kept(RUN) is None and store.runs() == ()
    store.close()


# ---- stores that share ----


@pytest.mark.slow
def test_two_stores_see_one_anothers_runs_and_answers(shared):
    one, two = shared(), shared()
    assert one.problem is None and two.problem is None, "no lock keeps the second one out"
    assert one.enter(experiment()) == 0 and two.enter(experiment()) is None
    assert two.kept(experiment().id).elsewhere and not one.kept(experiment().id).elsewhere
    one.write(experiment(), (Finished(2, 0.5, {}),), "finished", metrics={"l0": 1.0})
    assert two.read(experiment().id).metrics == {"l0": 1.0} and not two.kept(experiment().id).elsewhere
    two.write_task(RUN, b"answer")
    assert one.read_task(RUN) == b"answer"


@pytest.mark.slow
def test_leaving_and_dying_interrupt_ones_own_runs_alone(shared, monkeypatch):
    monkeypatch.setattr(neighbours, "BEAT", 0.1)
    monkeypatch.setattr(neighbours, "DEAD", 1.5)
    one, two, three = shared(), shared(), shared()
    for seed, store in enumerate((one, two, three)):
        store.enter(experiment(seed))
    one.close()
    assert [two.kept(experiment(seed).id).state for seed in range(3)] == ["interrupted", "queued", "queued"]
    three.neighbours._ending.set()  # its heart stops
    gone = threading.Event()
    while two.kept(experiment(2).id).state == "queued":
        gone.wait(0.05)
    assert [kept.state for kept in map(two.kept, [experiment(1).id, experiment(2).id])] == ["queued", "interrupted"]
    three.neighbours.attend()
    assert three.neighbours.take_revived() and not three.neighbours.take_revived(), "it learns that it was given up"
    three.mark(experiment(2).id, "running")
    assert two.kept(experiment(2).id).state == "running", "and takes its runs back, where nobody else has them"


@pytest.mark.slow
def test_a_run_that_another_server_deleted_meanwhile_leaves_no_files(shared):
    one, two = shared(), shared()
    one.enter(experiment())
    two.delete(experiment().id)
    assert one.write(experiment(), (Finished(2, 0.5, {}),), "finished", metrics={"l0": 1.0}) is False
    assert one.kept(experiment().id) is None and one.storage.folders() == []


@pytest.mark.slow
def test_a_database_that_comes_back_is_used_again(shared, postgres, monkeypatch):
    monkeypatch.setattr(neighbours, "BEAT", 0.1)
    store = shared()
    postgres.stop()
    waiting = threading.Event()
    try:
        while store.problem is None:
            waiting.wait(0.05)
        assert store.problem.key == "problem.store_unreachable" and store.runs() == ()
    finally:
        postgres.start()
    while store.problem is not None:
        waiting.wait(0.05)
    assert store.enter(experiment()) == 0


def test_a_heart_that_cannot_beat_says_so_and_goes_on():
    class Broken:
        def __getattr__(self, name):
            def fail(*_):
                raise SQLAlchemyError("no answer")

            return fail

    lonely = Neighbours(Broken(), lambda: None, PROBLEM)
    assert lonely.lost
    lonely.attend()
    assert lonely.lost and lonely.live == 1
    lonely.close()


def test_the_index_is_never_part_of_what_a_worker_imports():
    import subprocess
    import sys

    code = "import sys, replearn_core.engine.preload, replearn_core.engine.questions; print('sqlalchemy' in sys.modules)"
    root = Storage(".").folder.resolve()
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True).stdout.strip() == "False"
