"""Files by name below a URL: the same on a folder of this machine and in a storage that knows no folders."""

import errno
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core import storage
from replearn_core.storage import Storage


@pytest.fixture(params=["folder", "file", "memory"])
def files(request, tmp_path):
    """A storage of each kind; fsspec's storage in memory stands for a bucket."""
    if request.param == "folder":
        yield Storage(tmp_path / "files")
    elif request.param == "file":
        yield Storage((tmp_path / "files").as_uri())
    else:
        bucket = Storage(f"memory://{tmp_path.name}")
        yield bucket
        for name in [*(file.name for file in bucket.names()), *bucket.folders()]:
            bucket.remove(name)


def test_what_was_written_is_read_and_what_was_not_is_none(files):
    assert files.read("a/b.txt") is None and files.names() == [] and files.names("a") == [] and files.folders() == []
    files.write("a/b.txt", b"one")
    files.write("a/b.txt", b"other", durable=False)
    files.write("c.txt", b"")
    assert files.read("a/b.txt") == b"other" and files.read("c.txt") == b"" and files.read("a/b") is None


def test_files_and_folders_are_listed_apart_with_size_and_time(files):
    before = time.time() - 5
    files.write("a/b.txt", b"four")
    files.write("a/deep/c.txt", b"1")
    files.write("top", b"22")
    (top,), (inner,) = files.names(), files.names("a")
    assert (top.name, top.bytes, inner.name, inner.bytes) == ("top", 2, "a/b.txt", 4)
    assert before < inner.modified < time.time() + 5
    assert files.folders() == ["a"] and files.folders("a") == ["a/deep"]
    assert files.read(inner.name) == b"four", "a listed name can be read as it is"


def test_a_storage_below_another_sees_its_folder_alone(files):
    inner = files.below("a")
    inner.write("b/c.txt", b"here")
    assert files.read("a/b/c.txt") == b"here" and inner.below("b").read("c.txt") == b"here"
    assert [file.name for file in inner.names("b")] == ["b/c.txt"]


def test_a_file_and_a_folder_are_removed_and_removing_twice_is_no_error(files):
    files.write("a/b.txt", b"1")
    files.write("a/deep/c.txt", b"1")
    files.write("other", b"1")
    for _ in range(2):
        files.remove("a")
        files.remove("other")
    assert files.names() == [] and files.folders() == [] and files.read("a/deep/c.txt") is None


def test_a_file_over_the_limit_is_refused_unread(files):
    files.write("big", bytes(100))
    assert files.read("big", most=100) == bytes(100) and files.read("missing", most=1) is None
    with pytest.raises(OSError) as error:
        files.read("big", most=99)
    assert error.value.errno == errno.EFBIG


def test_touching_makes_a_file_the_latest_used_or_does_nothing(files):
    files.write("a", b"1")
    files.touch("a")
    files.touch("missing")
    assert [file.name for file in files.names()] == ["a"]


HOSTILE = [
    "..",
    "../a",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "a/",
    "",
    ".hidden",
    "a/.b",
    "a\n",
    "a\x00",
    "c:\\a",
    "a b",
    "é",
    "a" * 201,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_could_leave_the_storage_are_refused_everywhere(files, name):
    for call in (files.read, files.remove, files.touch, files.below, lambda name: files.write(name, b"")):
        with pytest.raises(ValueError):
            call(name)


@given(st.text(max_size=30))
def test_an_accepted_name_always_lies_below_the_folder(name):
    if storage.NAME.fullmatch(name):
        assert os.path.normpath(os.path.join("/store", name)) == f"/store/{name}"


def test_hidden_and_half_written_files_are_not_listed(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".a.1.2.part").write_text("")
    (tmp_path / "a").write_text("1")
    assert [file.name for file in Storage(tmp_path).names()] == ["a"]


def test_a_reader_never_sees_half_of_a_file(tmp_path):
    files, seen, ending = Storage(tmp_path), set(), threading.Event()
    files.write("a", b"0" * 200_000)

    def read():
        while not ending.is_set():
            seen.add(files.read("a"))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        files.write("a", str(number % 10).encode() * 200_000, durable=False)
    ending.set()
    reader.join()
    assert all(len(data) == 200_000 and len(set(data)) == 1 for data in seen) and seen


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    files = Storage(tmp_path)
    files.write("a", b"old")

    def full(source, target):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        files.write("a", b"new")
    assert files.read("a") == b"old" and [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_a_clouds_library_raises_becomes_an_os_error(monkeypatch):
    files = Storage("memory://errors")

    def refused(*_, **__):
        raise RuntimeError("no credentials")

    for method in ("cat_file", "pipe_file", "rm", "ls"):
        monkeypatch.setattr(files._place.files, method, refused)
    for call in (lambda: files.read("a"), lambda: files.write("a", b""), lambda: files.remove("a"), files.names):
        with pytest.raises(OSError, match="no credentials"):
            call()


def test_messages_name_the_place_without_its_password():
    assert str(Storage("memory://user:secret@host/lab")) == "memory://host/lab"


def test_the_shared_storage_is_the_one_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path / "one"))
    storage.shared().write("a", b"1")
    assert (tmp_path / "one" / "a").read_bytes() == b"1"
    monkeypatch.setenv("REPLEARN_STORE", "memory://two")
    assert storage.shared().url == "memory://two" and storage.shared().folder is None
