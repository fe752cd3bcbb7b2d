"""Markers and options out of thin air, in whole pytest runs: a sentence each, never an INTERNALERROR."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pytest_snapshot_memory.options import OPTIONS

Run = Callable[..., pytest.RunResult]

# as source text: what a user could type between the parentheses of a marker
VALUES = st.one_of(
    st.sampled_from(
        [
            *(
                "None",
                "True",
                "False",
                "0",
                "-1",
                "1",
                "100",
                "10**30",
                "0.5",
                "float('nan')",
                "float('inf')",
            ),
            *(
                "''",
                "' '",
                "'100 MB'",
                "'100MB'",
                "'1e3 KiB'",
                "'0 B'",
                "'-5 MB'",
                "'MB'",
                "'\\x00'",
                "'१ MB'",
            ),
            *(
                "b'1 MB'",
                "[]",
                "()",
                "{}",
                "[1, 2, 3]",
                "[3, 2, 1]",
                "range(1, 4)",
                "range(10**9)",
                "[1, 1, 1]",
            ),
            *(
                "object()",
                "object",
                "lambda: 1",
                "...",
                "print",
                "pytest.mark.skip",
                "1j",
                "{1: 2}",
                "'x' * 10**6",
            ),
            *(
                "'resident'",
                "'python'",
                "'thread'",
                "'tree'",
                "'allocated'",
                "'growth'",
                "'peak'",
                "'retained'",
            ),
            *(
                "'call'",
                "'setup'",
                "'all'",
                "'O(1)'",
                "'O(n)'",
                "'O(n log n)'",
                "'n²'",
                "5",
                "3",
                "10000",
                "10001",
            ),
        ]
    ),
    st.text(max_size=12).map(repr),
    st.integers(-9, 30).map(repr),
    st.integers(10**6).map(repr),
    st.floats().map(lambda number: f"float({str(number)!r})"),
)
KEYS = st.sampled_from(
    [
        *(
            "limit",
            "gauge",
            "of",
            "phase",
            "isolate",
            "enforce",
            "rounds",
            "warmup",
            "allowed",
            "law",
            "sizes",
        ),
        *("tolerance", "limt", "args", "name", "condition", "reason", "_"),
    ]
)
# with_args: a lone class or function between plain parentheses is what pytest would decorate
MARKERS = st.tuples(
    st.sampled_from(["memory_limit", "memory_leak", "memory_growth"]),
    st.lists(VALUES, max_size=3),
    st.dictionaries(KEYS, VALUES, max_size=4),
).map(
    lambda parts: (
        f"pytest.mark.{parts[0]}.with_args({', '.join([*parts[1], *(f'{key}={value}' for key, value in parts[2].items())])})"
    )
)
BODIES = ("def test_N(): pass", "def test_N(memory_size): list(range(memory_size % 1000))")


def whole_run_is_sound(result: pytest.RunResult, tests: int) -> None:
    text = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in text, text[-3000:]
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), text[-3000:]
    counted = result.parseoutcomes()
    ended = sum(counted.get(name, 0) for name in ("passed", "failed", "errors", "error"))
    assert ended == tests, text[-3000:]
    # a mistake is told by its sentence: where a traceback is shown, it is not ours
    assert not re.search(r"pytest_snapshot_memory/\w+\.py:\d+: \w+(Error|Mistake)", text), text[-3000:]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(markers=st.lists(MARKERS, min_size=40, max_size=40), body=st.sampled_from(BODIES))
def test_any_markers_end_each_test_and_the_run(
    pytester: pytest.Pytester, run_project: Run, workers: str, markers: list[str], body: str
) -> None:
    tests = [f"@{marker}\n{body.replace('N', str(number))}\n" for number, marker in enumerate(markers)]
    (pytester.path / "test_it.py").write_text("import pytest\n" + "\n".join(tests), "utf-8")
    options = ("-q", "--memory-no-rerun", "--tb=short", workers)
    whole_run_is_sound(run_project(*options), len(tests))


WORDS = [
    *(
        "",
        " ",
        "0",
        "-1",
        "1",
        "999999999",
        "full",
        "short",
        "off",
        "x",
        "é",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ),
    *(
        "resident",
        "python",
        "tree",
        "thread",
        "allocated",
        "growth>5%",
        "growth>5%+1MB,retained>1MB",
        "growth",
        ">>",
    ),
    *(
        "growth>" + "9" * 400 + "%",
        "100 MB",
        "1e400 MB",
        "main",
        "../up",
        ".hidden",
        "a/b",
        "/dev/full",
        "/proc/none/x",
    ),
    *("name", "class", "worker", "warn", "fail", "::", "con\nfig", "%s%n", "{}", "--", "=", "test_it.py"),
]


@pytest.mark.parametrize("seed", range(16))
def test_any_options_give_a_run_or_a_sentence(pytester: pytest.Pytester, run_project: Run, seed: int) -> None:
    chosen = random.Random(seed)
    options = []
    for option in chosen.sample(OPTIONS, 4):
        bare = option.kind in ("flag", "optional", "report") and chosen.random() < 0.5
        options.append(option.flag if bare else f"{option.flag}={chosen.choice(WORDS)}")
    pytester.makepyfile(test_it="def test_a(): pass\n")
    result = run_project(*options, *(["-n1"] if seed % 4 == 0 else []))
    text = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in text, (options, text[-3000:])
    assert "Traceback" not in text, (options, text[-3000:])
    assert result.ret in (0, 1, pytest.ExitCode.USAGE_ERROR), (options, text[-3000:])
    if result.ret == pytest.ExitCode.USAGE_ERROR:
        assert "memory" in text
