"""The numbers of a plain test while the run goes on: packed, and text only when somebody reads them.

A line of text for each test costs it 10 to 25 us between two tests, for its
400 bytes stay; packed it is a tenth of that. In a mapped journal
packed tests and lines of text lie one behind the other, and `lines_of` tells
them apart.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii
from struct import Struct
from typing import TYPE_CHECKING, Final

from pytest_snapshot_memory.record import OUTCOMES, RECORD_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

# A test's own frames and caches: growth no report shows.
_QUIET_BYTES: Final = 64 * 1024
# A byte for MARK; how long the node id is, outcome, line, gauge's error; reusable bytes and slack bytes
# of set-up and tear-down, slack bytes of the call; of each phase start, peak, end and seconds.
_NUMBERS: Final = Struct("<xIBqqqqq" + "3qd" * 3)
# the most it may have grown, reusable bytes, highest peak, the most that counts as quiet
Quiet = tuple[int, int, int, int]
MARK: Final = 1  # before a packed test in a journal; text never begins so
_LENGTH: Final = Struct("<I")
_PHASES: Final = ",".join(
    [f'["{name}","resident",%d,%d,%d,%d,%d,1,%.6f,0,"suite",%d]' for name in ("setup", "call", "teardown")]
)
_TEXT: Final = f'{{"v":{RECORD_VERSION},"n":%s,"o":"%s","p":[{_PHASES}],"f":%s,"l":%d%s}}'

OUTCOME_NUMBERS: Final = {outcome: number for number, outcome in enumerate(OUTCOMES)}
# pack(bytes of the node id, outcome, line, error, reusable, slack, slack of the call, four numbers for each phase)
pack: Final = _NUMBERS.pack


def text_of(nodeid: str, packed: bytes, worker: str = "") -> str:
    """Return the encoded record; the file is what the node id begins with."""
    _, outcome, line, error_bytes, reusable_bytes, slack_bytes, of_call_bytes, *numbers = _NUMBERS.unpack(
        packed
    )
    of_phases = [
        number
        for at, slack in ((0, slack_bytes), (4, of_call_bytes), (8, slack_bytes))
        for number in (*numbers[at : at + 3], reusable_bytes, error_bytes, numbers[at + 3], slack)
    ]
    name, path = encode_basestring_ascii(nodeid), encode_basestring_ascii(nodeid.partition("::")[0])
    of_worker = f',"w":{encode_basestring_ascii(worker)}' if worker else ""
    return _TEXT % (name, OUTCOMES[outcome], *of_phases, path, line, of_worker)


def quiet_numbers(packed: bytes) -> Quiet | None:
    """Return what a short report says of the test; None where it shows the test."""
    # Once for each test of the run, so without loops.
    numbers = _NUMBERS.unpack(packed)
    error_bytes, reusable_bytes, call = numbers[3], numbers[4], numbers[12] - numbers[11]
    most = error_bytes if error_bytes > _QUIET_BYTES else _QUIET_BYTES
    if call > most or numbers[8] - numbers[7] > most or numbers[16] - numbers[15] > most:
        return None
    peak_bytes = numbers[12] if numbers[12] > numbers[16] else numbers[16]
    return call + reusable_bytes + error_bytes, reusable_bytes, peak_bytes, most


def lines_of(journal: bytes) -> Iterator[str]:
    """Yield the records in a journal as text, up to one that a death cut short; NUL bytes are room left over."""
    at = 0
    while at < len(journal):
        if journal[at] == 0:
            at = len(journal) - len(journal[at:].lstrip(b"\0"))
        elif journal[at] == MARK:
            begins = at + _NUMBERS.size
            if len(journal) < begins:
                return
            ends = begins + _LENGTH.unpack_from(journal, at + 1)[0]
            if journal[ends : ends + 1] != b"\n":
                return
            yield text_of(journal[begins:ends].decode("utf-8", "surrogatepass"), journal[at:begins])
            at = ends + 1
        else:
            ends = journal.find(b"\n", at)
            if ends < 0 or b"\0" in journal[at:ends]:
                return
            yield journal[at:ends].decode()
            at = ends + 1
