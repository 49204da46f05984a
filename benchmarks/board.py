"""A class of 40 in one room: seconds until answers sent at the same moment stand on the board. `python benchmarks/board.py`

Forty threads answer as forty sessions would, in the server's process, while three boards look once a second, as the page does.
The last figure is what a board waits for: from the press of an answer to the first look that has it.
"""

import statistics
import tempfile
import threading
import time
from pathlib import Path

from replearn_core import database
from replearn_core.room_values import question
from replearn_core.rooms import Rooms

STUDENTS, BOARDS, ROUNDS = 40, 3, 5
POLL = 1.0  # seconds, as pages/ui/teaching/board_page.py has it


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = database.connect(f"sqlite:///{Path(folder) / 'class.sqlite'}")
        rooms = Rooms(engine)
        runs = [_round(rooms) for _ in range(ROUNDS)]
        engine.dispose()
    answer, look, seen = ([value for one in runs for value in one[part]] for part in range(3))
    print("| | median | 95 % | most |\n| --- | --- | --- | --- |")
    for name, values in (("an answer is kept, s", answer), ("a board is read, s", look), ("press → on the board, s", seen)):
        ordered = sorted(values)
        print(f"| {name} | {statistics.median(ordered):.3f} | {ordered[int(0.95 * len(ordered))]:.3f} | {ordered[-1]:.3f} |")


def _round(rooms: Rooms) -> tuple[list[float], list[float], list[float]]:
    """(seconds of each answer, of each look, from each press to the first look that has it)."""
    room = rooms.open(question("How many numbers does a digit need?"))
    members = [rooms.join(room.code, f"student {i}") for i in range(STUDENTS)]
    took, looks, seen, pressed = [], [], {}, {}
    begin, over = threading.Barrier(STUDENTS + BOARDS), threading.Event()

    def answer(member) -> None:
        begin.wait()
        pressed[member.number] = before = time.perf_counter()
        rooms.answer(room.code, member.token, "q1", float(member.number))
        took.append(time.perf_counter() - before)

    def look(first: bool) -> None:
        begin.wait()
        while not over.is_set():
            before = time.perf_counter()
            board = rooms.board(room.code)
            looks.append(time.perf_counter() - before)
            if first:
                for number in board.answers.get("q1", {}):
                    seen.setdefault(number, time.perf_counter())
            over.wait(POLL)

    threads = [threading.Thread(target=answer, args=(one,)) for one in members]
    watching = [threading.Thread(target=look, args=(i == 0,)) for i in range(BOARDS)]
    for thread in (*threads, *watching):
        thread.start()
    for thread in threads:
        thread.join()
    while len(seen) < STUDENTS:
        time.sleep(0.01)
    over.set()
    for thread in watching:
        thread.join()
    return took, looks, [seen[number] - pressed[number] for number in seen]


if __name__ == "__main__":
    main()
