"""Files that strangers bring: every limit is kept, every refusal names the item, and whatever the bytes are, an answer comes."""

import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from PIL import Image

from replearn_core import catalog
from replearn_core.own import arrays, found, limited, numbers, pictures, worker, zips
from replearn_core.own.refusal import Refused
from tests.uploads import link, png, zipped


def npz(**named) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, about names that only its newer header can hold
        np.savez(stream, **named)
    return stream.getvalue()


def npy(array, **own) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **own)
    return stream.getvalue()


def table(rows=120, columns=3, label=True) -> bytes:
    random = np.random.default_rng(1)
    names = [f"n{place}" for place in range(columns)] + (["species"] if label else [])
    lines = [",".join(names)]
    for row in range(rows):
        cells = [f"{value:.4f}" for value in random.normal(size=columns)] + (["ant" if row % 2 else "bee"] if label else [])
        lines.append(",".join(cells))
    return "\n".join(lines).encode()


GOOD = [(f"{name}/{number}.png", png(100 * place + number)) for place, name in enumerate(("ant", "bee")) for number in range(60)]
ROOT = str(Path(catalog.__file__).resolve().parents[1])
X = np.random.default_rng(0).random((120, 28, 28)).astype(np.float32)


def problem_of(ask) -> tuple[str, dict]:
    with pytest.raises(Refused) as caught:
        ask()
    return caught.value.problem.key.removeprefix("problem."), dict(caught.value.problem.numbers)


def read(data, **options):
    """What comes of a file: the facts, and the arrays of the npz that would be kept."""
    facts, kept = worker.read(data, **options)
    return facts, dict(np.load(io.BytesIO(kept), allow_pickle=False))


def same(first: bytes, second: bytes) -> bool:
    """Whether two npz files hold equal arrays."""
    with np.load(io.BytesIO(first)) as one, np.load(io.BytesIO(second)) as other:
        return one.files == other.files and all(np.array_equal(one[name], other[name]) for name in one.files)


# ---- pictures ----


def test_folders_become_classes_and_pictures_squares():
    facts, kept = read(zipped(GOOD))
    assert facts["classes"] == ["ant", "bee"] and facts["kind"] == "image"
    assert kept["x_train"].shape == (96, 28, 28) and kept["x_train"].dtype == np.uint8 and kept["x_test"].shape == (24, 28, 28)
    assert facts["counts"] == [[48, 12], [48, 12]]


@pytest.mark.parametrize(("pixels", "side"), [(8, 8), (9, 16), (20, 28), (28, 28), (30, 32), (200, 32)])
def test_the_side_is_the_smallest_that_loses_little(pixels, side):
    assert pictures.side_for(pixels) == side


def test_another_side_is_taken_when_it_is_asked_for():
    assert read(zipped(GOOD), side=8)[1]["x_train"].shape[1:] == (8, 8)


def test_pictures_of_the_right_size_are_not_touched():
    sized = [(f"a/{n}.png", png(n, (16, 16))) for n in range(120)]
    kept = read(zipped(sized))[1]
    rows = {bytes(one.tobytes()) for one in np.concatenate([kept["x_train"], kept["x_test"]])}
    assert rows == {np.asarray(Image.open(io.BytesIO(content))).tobytes() for _, content in sized}


def test_without_folders_or_with_one_there_are_no_labels_and_it_is_said():
    loose = read(zipped([(f"{n}.png", png(n)) for n in range(120)]))[0]
    one = read(zipped([(f"all/{n}.png", png(n)) for n in range(120)]))[0]
    assert loose["classes"] == one["classes"] == []
    assert loose["notes"]["no_folders"] and one["notes"]["one_class"]


def test_a_class_with_one_image_is_learned_from_and_never_asked_about():
    facts, kept = read(zipped([*GOOD, ("cat/only.png", png(999))]))
    assert facts["classes"] == ["ant", "bee", "cat"] and facts["counts"][2] == [1, 0]
    assert set(kept["y_train"]) == {0, 1, 2} and set(kept["y_test"]) <= {0, 1}


def test_equal_pictures_are_never_on_both_sides():
    copies = [(f"{'ant' if n % 2 else 'bee'}/copy{n}.png", GOOD[n % 5][1]) for n in range(30)]
    facts, kept = read(zipped([*GOOD, *copies]))
    train, test = ({one.tobytes() for one in kept[f"x_{half}"]} for half in ("train", "test"))
    assert not train & test and facts["notes"]["repeated"] == 30


def test_equal_files_are_split_equally():
    first, second = (worker.read(zipped(GOOD)) for _ in range(2))
    assert first[0] == second[0] and same(first[1], second[1])


def test_too_few_different_pictures_are_refused_with_the_number_needed():
    assert problem_of(lambda: read(zipped(GOOD[:5]))) == ("own_few", {"count": 5, "limit": worker.LEAST})


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (zipped([]), "zip_empty"),
        (zipped(GOOD)[:-300], "zip_damaged"),
        (zipped([("a/x.txt", b"text")]), "zip_no_image"),
        (zipped([*GOOD, ("ant/more.zip", b"PK")]), "zip_nested"),
        (zipped([*GOOD, ("ant/more.png", zipped(GOOD[:1]))]), "zip_nested"),
        (zipped([(f"{n}/x.png", png(n, (2, 2))) for n in range(found.CLASSES + 1)]), "own_classes"),
    ],
    ids=["no members", "cut off", "no image", "nested by name", "nested by content", "too many classes"],
)
def test_what_is_no_usable_zip_is_refused(data, key):
    assert problem_of(lambda: read(data))[0] == key


@pytest.mark.parametrize("name", ["../evil.png", "/etc/passwd.png", "C:\\x\\y.png", "a/../../b.png", "\\\\host\\x.png"])
def test_paths_that_point_elsewhere_are_refused_by_name(name):
    key, told = problem_of(lambda: read(zipped([*GOOD, (name, png())])))
    assert key == "zip_path" and told["file"]


@pytest.mark.parametrize("name", ["ant/\u202egnp.exe", "ant/x\u200b.png", "a\u2066nt/x.png", "ant/x\n.png"])
def test_invisible_characters_in_names_are_refused_and_not_repeated(name):
    key, told = problem_of(lambda: read(zipped([*GOOD, (name, png())])))
    assert key == "zip_name" and told["file"].isprintable()


def test_a_long_class_name_is_cut_and_no_offence():
    facts = read(zipped([(f"{'a' * 90}/{n}.png", png(n)) for n in range(60)] + GOOD[60:]))[0]
    assert facts["classes"] == ["a" * found.CLASS_NAME, "bee"]


def test_links_encrypted_members_and_two_of_one_name_are_refused():
    assert problem_of(lambda: read(zipped([(link(), "/etc/passwd")]))) == ("zip_link", {"file": "link.png"})
    locked = bytearray(zipped(GOOD[:1]))
    place = locked.index(b"PK\x01\x02")
    locked[place + 8] |= 1
    assert problem_of(lambda: read(bytes(locked)))[0] == "zip_encrypted"
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped([GOOD[0], GOOD[0]])
    assert problem_of(lambda: read(twice))[0] == "zip_twice"


def test_a_million_members_are_refused_by_the_list_before_it_is_read():
    record = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 70_000_000, 0, 0)
    assert problem_of(lambda: read(b"PK\x03\x04" + bytes(200) + record)) == ("zip_members", {"limit": pictures.MEMBERS})


def test_a_bomb_is_counted_while_it_is_read():
    bomb = zipped([("a/bomb.png", bytes(60 * 2**20))] + GOOD)
    tracemalloc.start()
    facts = read(bomb)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts["skipped"] == {"too_long": 1} and peak < 40 * 2**20


def test_all_images_together_are_counted_too(monkeypatch):
    monkeypatch.setattr(pictures, "UNPACKED", 4_000)
    assert problem_of(lambda: read(zipped(GOOD)))[0] == "zip_too_much"


def test_system_files_and_images_of_no_use_are_skipped_and_counted():
    left_behind = [(name, b"x") for name in ("__MACOSX/ant/._1.png", "ant/.DS_Store", "ant/Thumbs.db")]
    junk = [*left_behind, ("ant/no.png", b"no"), ("bee/0.png", b"")]
    facts = read(zipped([*[one for one in GOOD if one[0] != "bee/0.png"], *junk]))[0]
    assert facts["skipped"] == {"hidden": 3, "not_image": 1, "empty": 1} and facts["first"]["not_image"] == "no.png"


def test_what_was_done_to_images_is_counted():
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = io.BytesIO()
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 100).save(deep, format="PNG")
    frames, moving = [Image.fromarray(np.full((20, 20), value, np.uint8)) for value in (10, 200)], io.BytesIO()
    frames[0].save(moving, format="PNG", save_all=True, append_images=frames[1:])
    more = {
        "rgb": png(1, mode="RGB"), "p": png(2, mode="P"), "cmyk": png(3, mode="CMYK", form="JPEG"), "rgba": png(4, mode="RGBA"),
        "exif": png(5, form="JPEG", exif=exif), "deep": deep.getvalue(), "moving": moving.getvalue(),
        "wide": png(6, (1_000, 10)), "one": png(8, (1, 1)), "tall": png(9, (1, 10_000)),
    }  # fmt: skip
    facts = read(zipped([*GOOD, *((f"ant/{name}.png", content) for name, content in more.items())]), side=16)[0]
    assert facts["notes"] == {
        "colour": 4, "alpha": 1, "rotated": 1, "deep": 1, "animated": 1, "cropped": 2, "resized": 130,
    }  # fmt: skip


def test_what_is_transparent_becomes_white():
    stream = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(stream, format="PNG")
    assert (zips.grey(stream.getvalue())[0] == 255).all()


@pytest.mark.parametrize("form", ["GIF", "TIFF", "BMP", "PPM"])
def test_only_png_and_jpeg_are_decoded_whatever_the_name_says(form):
    with pytest.raises(zips.Skip, match="not_image"):
        zips.grey(png(form=form))


# ---- arrays ----


def test_arrays_with_labels_become_a_set():
    facts, kept = read(npz(x=X, y=np.arange(120) % 4))
    assert facts["classes"] == ["0", "1", "2", "3"] and kept["x_train"].shape == (96, 28, 28)
    assert facts["said"]["used"] == ["x", "y"]


@pytest.mark.parametrize(
    "shape", [(120, 28, 28), (120, 28, 28, 1), (120, 28, 28, 3), (120, 3, 28, 28), (120, 784), (120, 20, 30)]
)
def test_images_are_taken_in_every_usual_shape(shape):
    facts, kept = read(npz(images=np.random.default_rng(1).random(shape)))
    assert facts["kind"] == "image" and kept["x_train"].shape[1:] == (28, 28)


def test_columns_in_fortran_order_are_read_the_right_way_round():
    x = np.random.default_rng(1).random((120, 5))
    straight, turned = read(npy(x))[1], read(npy(np.asfortranarray(x)))[1]
    assert np.array_equal(straight["x_train"], turned["x_train"])


def test_bytes_stay_as_they_are_and_other_ranges_are_stretched_and_it_is_said():
    whole = np.random.default_rng(0).integers(0, 256, (120, 8, 8), np.uint8)
    facts, kept = read(npz(x=whole))
    assert "stretched" not in facts["notes"]
    assert {one.tobytes() for one in whole} == {one.tobytes() for half in ("x_train", "x_test") for one in kept[half]}
    facts, kept = read(npz(x=np.random.default_rng(0).integers(0, 17, (120, 8, 8)).astype(float)))
    assert facts["said"]["stretched"] == [0, 16] and kept["x_train"].max() == 255


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (npy(np.array([{}, 1], object), allow_pickle=True), "own_objects"),
        (npz(x=X.astype(complex)), "own_type"),
        (npz(x=np.array(["a"] * 120)), "own_type"),
        (npz(x=np.zeros(120, [("a", "f4")])), "own_type"),
        (npz(z=X), "own_no_array"),
        (npz(x=X[0, 0]), "own_rank"),
        (npz(x=X[:, :, :, None, None]), "own_rank"),
        (npz(x=X, y=np.arange(119)), "own_length"),
        (npz(x=X, y=np.arange(120) - 1), "own_label_negative"),
        (npz(x=X, y=np.arange(120) / 2), "own_label_fraction"),
        (npz(x=np.zeros((300, 3)), y=np.arange(300)), "own_classes"),
        (npz(x=X, y=np.zeros((120, 3))), "own_label_rank"),
        (npz(x=np.ones((120, 201))), "own_width"),
        (npz(x=np.zeros((120, 5))), "own_few"),
        (npz(x=X)[:-4_000] + npz(x=X)[-400:], "zip_damaged"),
        (npy(X)[:-5], "own_array_damaged"),
        (npy(X)[:20], "own_array_damaged"),
        (npz(x=np.zeros((30, 0))), "own_few"),
    ],
)
def test_arrays_of_no_use_are_refused_by_name(data, key):
    told = problem_of(lambda: read(data))[0]
    assert told == key or (key == "zip_damaged" and told in ("own_array_damaged", "zip_damaged"))


def test_nan_is_counted_and_placed():
    spoiled = X.copy()
    spoiled[6, 3, 3] = np.nan
    spoiled[9, 1, :2] = np.inf
    assert problem_of(lambda: read(npz(x=spoiled))) == ("own_not_finite", {"name": "x", "count": 3, "row": 7})


def test_a_header_that_announces_terabytes_allocates_nothing():
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    tracemalloc.start()
    assert problem_of(lambda: read(head.getvalue() + bytes(64)))[0] == "own_array_big"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_bomb_of_zeros_ends_at_the_limit():
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.zeros((2_000, 256, 256), np.uint8))
    assert len(stream.getvalue()) < 300_000
    assert problem_of(lambda: read(stream.getvalue()))[0] == "own_array_big"


def test_of_a_published_npz_the_training_half_is_taken_and_the_rest_named():
    facts = read(npz(x_train=X, y_train=np.arange(120) % 2, x_test=X[:3], y_test=np.arange(3)))[0]
    assert facts["said"] == {"used": ["x_train", "y_train"], "aside": ["x_test", "y_test"]} | facts["said"]


# ---- tables ----


def test_columns_become_numbers_and_a_column_of_words_the_label():
    looked = numbers.look(table())
    assert [one["name"] for one in looked["columns"] if one["kind"] == "number"] == ["n0", "n1", "n2"]
    facts, kept = read(table(), columns=["n0", "n2"], label="species")
    assert facts["classes"] == ["ant", "bee"] and kept["x_train"].shape == (96, 2) and kept["x_train"].dtype == np.float32


def test_the_training_half_of_each_column_spans_0_to_1():
    facts, kept = read(table(rows=200), columns=["n0", "n1", "n2"])
    assert (kept["x_train"].min(axis=0) == 0).all() and (kept["x_train"].max(axis=0) == 1).all()
    assert kept["x_test"].min() >= 0 and kept["x_test"].max() <= 1
    name, low, high = facts["columns"][0]
    assert name == "n0" and low < 0 < high


def test_rows_with_an_empty_cell_are_left_out_and_counted():
    spoiled = table() + b"\n,1,2,ant\n1,2,,bee\n1,2,3,"
    assert read(spoiled, columns=["n0", "n1", "n2"], label="species")[0]["notes"]["incomplete"] == 3


def test_a_file_without_names_gets_names():
    data = b"\n".join(table(label=False).splitlines()[1:])
    looked = numbers.look(data)
    assert looked["headless"] and [one["name"] for one in looked["columns"]] == ["c1", "c2", "c3"] and looked["rows"] == 120


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b" \n \n", "notifications.refusal.empty"),
        (b"a,b\n1,2\n1,2,3\n", "notifications.refusal.ragged"),
        (b"a,a\n1,2\n", "notifications.refusal.repeated"),
        (b"a,b\n1,\x002\n", "notifications.refusal.nul"),
        (b'a,b\n"' + b"x" * 5_000 + b'",2\n', "notifications.refusal.cell"),
    ],
    ids=["empty", "ragged", "repeated", "NUL", "a long cell"],
)
def test_what_is_no_usable_table_is_refused(data, key):
    assert problem_of(lambda: numbers.look(data))[0] == key


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp950"])
def test_other_encodings_are_read(encoding):
    looked = numbers.look(table().decode().replace("ant", "螞蟻").encode(encoding))
    assert looked["rows"] == 120 and looked["preview"][1]["species"] == "螞蟻"


def test_semicolons_with_decimal_commas_are_read():
    data = table().decode().replace(",", ";").replace(".", ",").encode()
    assert read(data, columns=["n0", "n1"], label="species")[0]["train"] == 96


def test_columns_of_words_and_too_few_columns_are_refused_by_name():
    assert problem_of(lambda: read(table(), columns=["n0", "species"])) == ("own_not_numbers", {"column": "species"})
    assert problem_of(lambda: read(table(), columns=["n0"]))[0] == "own_width"


def test_huge_numbers_do_not_overflow():
    data = b"a,b,c\n" + b"\n".join(b"%d,%s,1e%d" % (n, b"-1e308" if n % 2 else b"1e308", n) for n in range(120))
    kept = read(data, columns=["a", "b", "c"])[1]
    assert np.isfinite(kept["x_train"]).all() and np.isfinite(kept["x_test"]).all()


# ---- whatever the bytes are ----


def test_what_is_none_of_the_three_is_refused_by_its_first_bytes():
    assert problem_of(lambda: worker.kind_of(b""))[0] == "own_empty"
    for image in (png(), png(form="GIF"), png(form="TIFF"), b"8BPS....", b"SIMPLE  =  T"):
        assert problem_of(lambda image=image: worker.kind_of(image)) == ("own_one_image", {"limit": worker.LEAST})


def settled(data: bytes) -> None:
    """A value or a refusal, and nothing else."""
    for ask in (lambda: worker.read(data, columns=["a", "b", "n0", "n1"], label="species"), lambda: numbers.look(data)):
        try:
            ask()
        except Refused as refused:
            assert refused.problem.key.startswith(("problem.", "notifications.refusal."))
            json.dumps(dict(refused.problem.numbers))


SEEDS = {"zip": zipped(GOOD), "npz": npz(x=X, y=np.arange(120) % 3), "npy": npy(X), "csv": table()}


@pytest.mark.parametrize("kind", SEEDS)
@given(noise=st.binary(max_size=60), place=st.integers(0, 30_000), cut=st.integers(0, 200))
def test_whatever_is_done_to_a_file_there_is_a_value_or_a_refusal(kind, noise, place, cut):
    data = SEEDS[kind]
    place %= len(data)
    settled(data[:place] + noise + data[min(len(data), place + cut) :])


@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"a,b\n1,2\n", b"\xff\xfe"]))
def test_whatever_the_bytes_are_there_is_a_value_or_a_refusal(noise, head):
    settled(head + noise)


@given(
    arrays_of.arrays(
        st.one_of(arrays_of.scalar_dtypes(), arrays_of.array_dtypes(max_size=2)),
        arrays_of.array_shapes(min_dims=0, max_dims=4, max_side=40),
    )
)
def test_whatever_an_array_is_there_is_a_value_or_a_refusal(array):
    settled(npz(x=array, y=np.arange(len(array)) if array.ndim else array))


@given(st.lists(st.lists(st.floats(width=32) | st.sampled_from(["", "x", "=1+1", "<b>"]), min_size=2, max_size=2), max_size=200))
def test_whatever_a_table_holds_there_is_a_value_or_a_refusal(rows):
    settled(b"a,b\n" + "\n".join(",".join(map(str, row)) for row in rows).encode())


# ---- the process ----


def test_the_process_gives_what_the_parser_gives():
    here, there = worker.read(zipped(GOOD)), worker.prepared(zipped(GOOD))
    assert there[0] == json.loads(json.dumps(here[0])) and same(here[1], there[1])
    assert worker.looked(table())["rows"] == 120


def test_the_process_hands_on_a_refusal_and_refuses_sizes_before_it_begins():
    assert problem_of(lambda: worker.prepared(zipped(GOOD[:3])))[0] == "own_few"
    assert problem_of(lambda: worker.prepared(bytes(worker.LIMIT + 1)))[0] == "own_too_large"
    assert problem_of(lambda: worker.looked(b"a" * (worker.LIMIT + 1)))[0] == "own_too_large"


def test_the_process_may_not_write_files_nor_take_all_memory(tmp_path):
    code = (
        "from replearn_core.own import limited\n"
        "def answer(data):\n"
        "    told = []\n"
        "    for act in (lambda: os.write(os.open('written', os.O_CREAT | os.O_WRONLY), b'x'), lambda: bytearray(2**30)):\n"
        "        try:\n            act(); told.append('could')\n"
        "        except (OSError, MemoryError) as error:\n            told.append(type(error).__name__)\n"
        "    return {'told': told}, b''\n"
        "import os, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limited.serve(answer, 5, 512)\n"
    )
    env = os.environ | {"PYTHONPATH": ROOT}
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, check=True, cwd=tmp_path, env=env)
    assert json.loads(done.stdout[8:])["told"] == ["OSError", "MemoryError"]


def test_when_all_places_are_taken_it_says_so(monkeypatch):
    monkeypatch.setattr(limited, "PATIENCE", 0.01)
    taken = [limited._free.acquire() for _ in range(limited.WORKERS)]
    try:
        assert problem_of(lambda: worker.prepared(zipped(GOOD)))[0] == "uploads_busy"
    finally:
        for _ in taken:
            limited._free.release()


def test_the_sizes_that_are_offered_are_those_that_a_name_may_have():
    assert found.SIDES == catalog.OWN_SIDES and found.COLUMNS == catalog.OWN_WIDTH
    assert arrays.FLAT[784] == 28
