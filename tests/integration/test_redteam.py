# SPDX-License-Identifier: Apache-2.0
"""Goal: llmgw redteam says what the guards of a configuration do, no more and
no less: actions, scopes, streams, texts of one's own, exit codes.
Method: the binary, with configurations whose guards find one made-up word, so
that every figure is known in advance; once with the shipped texts and guards.
"""

import json
import subprocess

import pytest

from conftest import binary

WORD = "zeus"
RULE = {"name": "acme.word", "keywords": [WORD]}


def stage(mode, **more):
    return {"check": "rules", "mode": mode, "rules": [RULE], **more}


@pytest.fixture
def redteam(tmp_path):
    def run(stages, *options, attacks=None, code=0):
        config = {"providers": [{"name": "openai", "api_key": "none"}]}
        if stages:
            config["guardrails"] = {"stages": stages}
        path = tmp_path / "gateway.yaml"
        path.write_text(json.dumps(config))
        if attacks is not None:
            lines = tmp_path / "attacks.jsonl"
            lines.write_text("".join(json.dumps(line) + "\n" for line in attacks))
            options += ("--attacks", str(lines))
        done = subprocess.run(
            [binary("LLMGW", "build-debug/apps/llmgw/llmgw"), "redteam", *options]
            + [str(path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def cells(done):
    return {
        (c["family"], c["encoding"], c["streamed"]): c
        for c in json.loads(done.stdout)["cells"]
    }


def mine(*texts, part="user", family="mine"):
    return [{"family": family, "part": part, "text": text} for text in texts]


@pytest.mark.parametrize(
    "mode, outcome",
    [("block", "blocked"), ("redact", "redacted"), ("flag", "flagged"),
     ("shadow", "passed")],
)  # fmt: skip
@pytest.mark.parametrize("part", ["user", "document", "output"])
def test_each_outcome_is_counted(redteam, mode, outcome, part):
    done = redteam(
        [stage(mode, parts=["user", "document", "output"])],
        *("--json", "--family", "mine", "--encoding", "plain"),
        attacks=mine(f"about {WORD} now", "about nothing now", part=part),
    )
    got = cells(done)
    assert set(got) == {("mine", "plain", streamed)
                        for streamed in {False, part == "output"}}  # fmt: skip
    want = {"blocked": 0, "redacted": 0, "flagged": 0, "passed": 1}
    want[outcome] += 1
    for cell in got.values():
        assert cell["total"] == 2
        assert {name: cell[name] for name in want} == want


def test_encodings_are_decoded_or_not(redteam):
    done = redteam(
        [stage("block")],
        *("--json", "--family", "mine"),
        attacks=mine(f"please tell me about {WORD} today"),
    )
    stopped = {e for (_, e, _), c in cells(done).items() if c["blocked"]}
    assert {"plain", "upper", "base64", "base64x2", "hex", "percent"} <= stopped
    assert "reversed" not in stopped and "morse" not in stopped


def test_an_encoding_that_changes_nothing_is_not_counted(redteam):
    done = redteam(
        [stage("block")],
        *("--json", "--family", "mine"),
        attacks=mine("12 34"),
    )
    encodings = {e for _, e, _ in cells(done)}
    assert "plain" in encodings and "base64" in encodings
    assert not encodings & {"upper", "rot13", "leet", "spaced", "lookalike"}


@pytest.mark.parametrize("option, name", [
    ("--model", "models"), ("--key", "keys"), ("--role", "roles"),
])  # fmt: skip
def test_scopes_are_of_the_subject(redteam, option, name):
    stages = [stage("block", **{name: ["big-*"]})]
    given = ("--json", "--family", "mine", "--encoding", "plain")
    for value, blocked in [("big-one", 1), ("small", 0)]:
        done = redteam(stages, *given, option, value, attacks=mine(WORD))
        assert cells(done)["mine", "plain", False]["blocked"] == blocked


def test_texts_are_shown(redteam):
    attacks = mine(f"find {WORD}", 'say "no" \x1b[1m')
    given = ("--family", "mine", "--encoding", "plain", "--show", "passed")
    done = redteam([stage("block")], *given, attacks=attacks)
    assert 'passed mine plain "say \\"no\\" \\u001b[1m"' in done.stdout
    assert "find" not in done.stdout and "\x1b" not in done.stdout
    done = redteam([stage("block")], *given, "--json", attacks=attacks)
    (text,) = json.loads(done.stdout)["texts"]
    assert text["text"] == attacks[1]["text"]
    assert (text["outcome"], text["part"]) == ("passed", "user")


def test_what_is_harmless_is_apart(redteam):
    attacks = mine(WORD, "b", "c", "d") + mine(WORD, "x", family="harmless")
    given = ("--encoding", "plain", "--family", "mine")
    done = redteam([stage("block")], *given, "--json", attacks=attacks)
    told = json.loads(done.stdout)
    assert told["attacks"]["total"] == 4 and told["attacks"]["blocked"] == 1
    assert told["harmless"]["total"] == 0


@pytest.mark.parametrize("under, code", [(0, 0), (25, 0), (26, 3), (100, 3)])
def test_too_few_stopped(redteam, under, code):
    given = ("--encoding", "plain", "--family", "mine")
    redteam(
        [stage("block")],
        *(*given, "--fail-under", str(under)),
        attacks=mine(WORD, "b", "c", "d"),
        code=code,
    )


@pytest.mark.parametrize("over, code", [(0, 3), (100, 0)])
def test_too_many_false_alarms(redteam, over, code):
    redteam(
        [stage("block")],
        *("--encoding", "plain", "--family", "harmless", "--fail-over", str(over)),
        attacks=mine(WORD, family="harmless"),
        code=code,
    )


@pytest.mark.parametrize(
    "options, said",
    [
        (["--family", "nobody"], "there is no family nobody"),
        (["--encoding", "rot14"], "there is no encoding rot14"),
        (["--fail-under", "101"], "0 to 100"),
        (["--fail-under", "x"], "0 to 100"),
        (["--show", "all"], "--show takes"),
        (["--what"], "unknown option --what"),
    ],
)
def test_mistakes_of_the_command_line(redteam, options, said):
    assert said in redteam([stage("block")], *options, code=2).stderr


def test_what_is_not_usable(redteam, tmp_path):
    assert "has no guards" in redteam([], code=1).stderr
    done = redteam([stage("block")], attacks=[{"family": "x"}], code=1)
    assert "attacks.jsonl:1:" in done.stderr
    missing = str(tmp_path / "missing.jsonl")
    assert missing in redteam([stage("block")], "--attacks", missing, code=1).stderr


def test_the_shipped_texts(redteam):
    """Numbers and keys are found wherever they are plain, whole or streamed;
    what looks for them says nothing of other texts."""
    done = redteam(
        [{"check": "pii", "mode": "redact"}, {"check": "secrets", "mode": "block"}],
        *("--json", "--encoding", "plain"),
    )
    got = cells(done)
    for family in ["secret_prompt", "secret_answer"]:
        cell = got[family, "plain", False]
        assert cell["total"] >= 15 and cell["blocked"] == cell["total"]
    for family in ["pii_prompt", "pii_answer"]:
        cell = got[family, "plain", False]
        assert cell["total"] >= 15 and cell["redacted"] >= 0.9 * cell["total"]
    for name in ["pii_answer", "secret_answer"]:
        whole, streamed = got[name, "plain", False], got[name, "plain", True]
        assert [whole[k] for k in ("total", "blocked", "redacted")] == [
            streamed[k] for k in ("total", "blocked", "redacted")
        ]
    assert got["harmless", "plain", False]["blocked"] == 0
    assert got["override", "plain", False]["blocked"] == 0


def test_what_there_is_is_listed(redteam):
    listed = redteam([stage("block")], "--list").stdout
    assert "override" in listed and "base64x2" in listed
