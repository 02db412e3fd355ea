"""Every number that was given out is accounted for, whatever order things happen in, on however many threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from genba.recording import ledger as ledgers
from genba.recording.ledger import ELSEWHERE, EVERYWHERE, SAMPLED_OUT, Absence, Ledger


def numbers(absences: Iterable[Absence], reason: str, destination: str = EVERYWHERE) -> list[int]:
    return sorted(
        number for first, last, to, why in absences if (to, why) == (destination, reason) for number in range(first, last + 1)
    )


@given(st.lists(st.sampled_from(["skip", "lose", "keep", "look", "store"]), max_size=200))
def test_the_ranges_are_just_the_numbers_that_were_said(steps: list[str]) -> None:
    ledger = Ledger()
    skipped: list[int] = []
    lost: list[int] = []
    stored: dict[tuple[int, str, str], int] = {}
    for step in steps:
        if step == "look":
            ledger.absences()
        elif step == "store":
            told = ledger.absences()
            stored.update({(one.first, one.destination, one.reason): one.last for one in told})
            ledger.stored(told)
        else:
            number = ledger.number()
            if step == "skip":
                ledger.skip(number)
                skipped.append(number)
            elif step == "lose":
                ledger.lose([number, None], "gone", "there")
                lost.append(number)
    stored.update({(one.first, one.destination, one.reason): one.last for one in ledger.absences()})
    everything = [Absence(first, last, to, why) for (first, to, why), last in stored.items()]
    assert numbers(everything, SAMPLED_OUT) == skipped
    assert numbers(everything, "gone", "there") == lost
    assert (ledger.sampled_out, ledger.made) == (len(skipped), len(skipped) + len(lost) + steps.count("keep"))
    assert ledger.dropped["there: gone"] == 2 * len(lost)


def test_many_threads_at_once_lose_no_count() -> None:
    ledger = Ledger()

    def work() -> None:
        for at in range(1500):
            number = ledger.number()
            if at % 3:
                ledger.count_end()
            else:
                ledger.skip(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ledger.made, ledger.ended, ledger.sampled_out) == (12_000, 8_000, 4_000)
    assert len(numbers(ledger.absences(), SAMPLED_OUT)) == ledger.sampled_out


def test_what_nobody_stores_takes_no_more_room_than_is_allowed() -> None:
    ledger = Ledger()
    for _ in range(ledgers.MOST_RANGES + 500):
        ledger.skip(ledger.number())
        ledger.number()
    assert len(ledger.absences()) == ledgers.MOST_RANGES
    assert ledger.sampled_out == ledgers.MOST_RANGES + 500


def test_calls_that_go_to_another_pipeline_are_named_while_they_do() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.number()
    ledger.goes_elsewhere(True)
    for _ in range(4):
        ledger.number()
    assert numbers(ledger.absences(), ELSEWHERE) == [3, 4, 5, 6, 7]
    ledger.number()
    ledger.goes_elsewhere(False)
    ledger.number()
    assert numbers(ledger.absences(), ELSEWHERE) == [3, 4, 5, 6, 7, 8]
