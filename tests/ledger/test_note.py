"""Signed notes: what reads as one, what is refused, and what its signatures are worth."""

from __future__ import annotations

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tlog_scales import tlog
from tlog_scales.signing import MLDSA44CosignatureSigner, Vkey, VkeySet

from hefu_ledger.encoding import to_base64
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.keys import (
    COSIGNATURE,
    ED25519,
    Ed25519Signer,
    MLDSA44Signer,
    VerifierKey,
    format_vkey,
    parse_vkey,
    verify_signature,
)
from hefu_ledger.tlog.note import (
    GoodLine,
    Lines,
    Note,
    SignatureLine,
    Verified,
    cosign,
    format_note,
    judge_lines,
    parse_note,
    sign_note,
    verify_note,
)

SPEC_KEY = parse_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
SEED = sha256(b"seed").digest()
SIGNER = Ed25519Signer("a.example/key", SEED)
WITNESS = Ed25519Signer("w.example", bytes(32), COSIGNATURE)
TEXT = "line 1\n\nline 3\n"
NOTE = format_note(sign_note(TEXT, [SIGNER]))
UNKNOWN = SignatureLine("z.example", b"\1\2\3\4", b"grease")

texts = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"])).map(
    lambda text: text.replace("|", "\n") + "\n"
)
notes = st.builds(
    Note,
    texts,
    st.lists(
        st.builds(
            SignatureLine,
            st.text("ab./—中", min_size=1),
            st.binary(min_size=4, max_size=4),
            st.binary(min_size=1, max_size=90),
        ),
        min_size=1,
        max_size=16,
    ).map(tuple),
)


def line(name: str, data: bytes) -> str:
    return f"— {name} {to_base64(data)}\n"


def test_the_note_of_the_specification_verifies() -> None:
    note = parse_note(SPEC_NOTE)
    assert note.text == "This is an example message.\n"
    assert verify_note(note, [SPEC_KEY]) == ([Verified(SPEC_KEY, None)], [])
    assert format_note(note) == SPEC_NOTE


def test_the_text_ends_at_the_last_blank_line() -> None:
    assert parse_note(NOTE).text == TEXT
    assert parse_note(NOTE.replace(b"\n\n\xe2", b"\n\n\n\xe2")).text == TEXT + "\n"


@given(notes)
def test_every_note_reads_back(note: Note) -> None:
    assert parse_note(format_note(note)) == note


@given(st.integers(0, len(NOTE) - 1), st.binary(max_size=2), st.integers(0, 2))
def test_a_note_with_bytes_changed_is_refused_or_read_strictly_and_proves_no_more(
    at: int, new: bytes, cut: int
) -> None:
    changed = NOTE[:at] + new + NOTE[at + cut :]
    if changed == NOTE:
        return
    try:
        note = parse_note(changed)
        verified, _ = verify_note(note, [SIGNER.key])
    except (MalformedError, VerificationError):
        return
    assert format_note(note) == changed
    assert verified == []  # the line is of another name or key id by now, so it is nobody's


@given(st.binary(max_size=80))
def test_random_bytes_are_refused_as_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_note(data)


@every_case(
    ("defect", "data"),
    [
        ("empty", b""),
        ("only a blank line", b"\n\n"),
        ("no signature line", b"text\n\n"),
        ("no blank line", NOTE.replace(b"3\n\n", b"3\n").replace(b"1\n\n", b"1\n")),
        ("no final newline", NOTE[:-1]),
        ("space for the final newline", NOTE[:-1] + b" "),
        ("signature lines alone", NOTE[NOTE.index("—".encode()) :]),
        ("blank line at the end", NOTE + b"\n"),
        ("text below the signatures", NOTE + b"text\n"),
        ("hyphen for dash", NOTE.replace("—".encode(), b"-")),
        ("en dash for em dash", NOTE.replace("—".encode(), "–".encode())),
        ("no dash", NOTE.replace("— ".encode(), b"")),
        ("no space after the dash", NOTE.replace("— ".encode(), "—".encode())),
        ("two spaces after the dash", NOTE.replace("— ".encode(), "—  ".encode())),
        ("two dashes", NOTE.replace("— ".encode(), "— — ".encode())),
        ("no-break space after the name", NOTE.replace(b"key ", "key\u00a0".encode())),
        ("two spaces after the name", NOTE.replace(b"key ", b"key  ")),
        ("no signature", b"text\n\n" + "— name\n".encode()),
        ("empty signature", b"text\n\n" + "— name \n".encode()),
        ("no name", NOTE.replace(b"a.example/key ", b" ")),
        ("plus in the name", NOTE.replace(b"a.example", b"a+example")),
        ("line separator in the name", NOTE.replace(b"a.example", "a\u2028example".encode())),
        ("space at the end of the line", NOTE[:-1] + b" \n"),
        ("carriage returns", NOTE.replace(b"\n", b"\r\n")),
        ("one carriage return", NOTE[:-1] + b"\r\n"),
        ("not UTF-8", b"\xff" + NOTE),
        ("overlong UTF-8", b"\xc0\x8a" + NOTE),
        ("surrogate in UTF-8", b"\xed\xa0\x80" + NOTE),
        ("base64 without padding", NOTE.replace(b"=\n", b"\n")),
        ("base64 with stray bits", SPEC_NOTE.replace(b"QM=", b"QN=")),
        ("base64 of the URL alphabet", SPEC_NOTE.replace(b"FXm", b"F_m")),
        ("base64 with a space", SPEC_NOTE.replace(b"Uw2Q", b"Uw 2Q")),
        ("key id alone", f"text\n\n{line('name', bytes(4))}".encode()),
        ("less than a key id", f"text\n\n{line('name', bytes(3))}".encode()),
    ],
)
def test_a_malformed_note_is_refused(defect: str, data: bytes) -> None:
    assert data not in (NOTE, SPEC_NOTE), defect
    with pytest.raises(MalformedError):
        parse_note(data)


@every_case("control", sorted(set(range(0x20)) - {0x0A}))
def test_a_control_character_is_refused_in_text_and_lines(control: int) -> None:
    for data in (bytes((control,)) + NOTE, NOTE.replace(b"a.example", bytes((control,)) + b".example")):
        with pytest.raises(MalformedError, match="control"):
            parse_note(data)
    with pytest.raises(MalformedError, match="control"):
        sign_note(f"a{chr(control)}b\n", [SIGNER])


@pytest.mark.parametrize("other", ["\u2028", "\u2029", "\x85", "\x7f"])
def test_nothing_but_a_line_feed_ends_a_line(other: str) -> None:
    text = f"a{other}{other}— b{other}\n"
    note = parse_note(format_note(sign_note(text, [SIGNER])))
    assert note.text == text
    assert verify_note(note, [SIGNER.key]) == ([Verified(SIGNER.key, None)], [])


def test_a_note_as_long_as_the_limit_is_read_and_one_byte_more_refused() -> None:
    assert parse_note(NOTE, limit=len(NOTE)).text == TEXT
    with pytest.raises(MalformedError, match="at most"):
        parse_note(NOTE, limit=len(NOTE) - 1)


def test_a_note_above_64_kib_is_refused_unless_asked_for() -> None:
    data = b"x" * (65536 - len(NOTE)) + NOTE
    assert len(parse_note(data).signatures) == 1
    with pytest.raises(MalformedError, match="65536"):
        parse_note(b"x" + data)


def test_sixteen_signature_lines_are_read_and_seventeen_refused() -> None:
    lines = [line(f"n{number}", bytes(9)) for number in range(17)]
    assert len(parse_note(f"t\n\n{''.join(lines[:16])}".encode()).signatures) == 16
    with pytest.raises(MalformedError, match="16"):
        parse_note(f"t\n\n{''.join(lines)}".encode())


def test_unknown_lines_are_kept_in_order_and_reported() -> None:
    other = SignatureLine(SIGNER.key.name, b"\0\0\0\0", bytes(64))  # the name of a known key, of another id
    again = SignatureLine("b.example", SIGNER.key.key_id, bytes(64))  # the id of a known key, of another name
    signed = sign_note(TEXT, [SIGNER])
    note = Note(TEXT, (UNKNOWN, other, *signed.signatures, again, UNKNOWN))
    verified, unknown = verify_note(parse_note(format_note(note)), [SPEC_KEY, SIGNER.key])
    assert verified == [Verified(SIGNER.key, None)]
    assert unknown == [UNKNOWN, other, again, UNKNOWN]


def test_without_a_known_key_nothing_is_verified() -> None:
    assert verify_note(parse_note(NOTE), [SPEC_KEY]) == ([], list(parse_note(NOTE).signatures))
    assert verify_note(parse_note(NOTE), []) == ([], list(parse_note(NOTE).signatures))


def test_a_signature_of_a_known_key_that_fails_refuses_the_note_whatever_else_holds() -> None:
    other = Ed25519Signer("b.example", bytes(32))
    note = sign_note(TEXT, [SIGNER, other])
    broken = note.signatures[1]._replace(signature=bytes(64))
    with pytest.raises(VerificationError, match=r"b\.example"):
        verify_note(note._replace(signatures=(note.signatures[0], broken)), [SIGNER.key, other.key])


def test_a_changed_text_is_refused() -> None:
    with pytest.raises(VerificationError):
        verify_note(parse_note(NOTE.replace(b"line 1", b"line 2")), [SIGNER.key])


def test_two_lines_of_one_known_key_are_refused() -> None:
    note = sign_note(TEXT, [SIGNER])
    with pytest.raises(VerificationError, match="two signatures"):
        verify_note(note._replace(signatures=note.signatures * 2), [SIGNER.key])


def test_a_key_given_twice_counts_once() -> None:
    assert verify_note(parse_note(NOTE), [SIGNER.key, SIGNER.key])[0] == [Verified(SIGNER.key, None)]


def colliding_keys() -> tuple[Ed25519Signer, Ed25519Signer]:
    """Two keys of one name and id: counting seeds up finds them in seconds."""
    return (
        Ed25519Signer("k", (104_291).to_bytes(32, "big")),
        Ed25519Signer("k", (197_956).to_bytes(32, "big")),
    )


@pytest.mark.parametrize("order", [1, -1])
def test_two_keys_that_share_name_and_id_are_refused_in_either_order(order: int) -> None:
    first, second = colliding_keys()
    assert first.key != second.key
    assert first.key.key_id == second.key.key_id
    with pytest.raises(VerificationError, match="two different keys"):
        verify_note(sign_note(TEXT, [first]), [first.key, second.key][::order])


def test_keys_that_share_an_id_are_no_matter_to_a_note_that_names_neither() -> None:
    first, second = colliding_keys()
    assert verify_note(parse_note(NOTE), [first.key, SIGNER.key, second.key])[0] == [Verified(SIGNER.key, None)]


def test_several_keys_sign_one_note() -> None:
    signers = [Ed25519Signer(f"n{number}", bytes((number,)) * 32) for number in range(16)]
    note = parse_note(format_note(sign_note(TEXT, signers)))
    verified, unknown = verify_note(note, reversed([signer.key for signer in signers]))
    assert [item.key for item in verified] == [signer.key for signer in signers]
    assert unknown == []


@pytest.mark.parametrize("text", ["", "no line feed", "a\n\rb\n", "a\ud800\n"])
def test_a_text_that_could_not_be_read_back_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedError):
        sign_note(text, [SIGNER])
    with pytest.raises(MalformedError):
        cosign(text, WITNESS, 0)


def test_a_note_is_signed_by_one_to_sixteen_keys_of_the_right_type() -> None:
    for signers in ([], [SIGNER] * 17, [SIGNER, WITNESS]):
        with pytest.raises(ValueError, match="1 to 16"):
            sign_note(TEXT, signers)


@pytest.mark.parametrize("time_s", [0, 1, 1_780_000_000, 2**63 - 1])
def test_a_cosignature_states_its_time(time_s: int) -> None:
    note = sign_note(TEXT, [SIGNER])
    note = note._replace(signatures=(*note.signatures, cosign(TEXT, WITNESS, time_s)))
    verified, unknown = verify_note(parse_note(format_note(note)), [WITNESS.key, SIGNER.key])
    assert verified == [Verified(SIGNER.key, None), Verified(WITNESS.key, time_s)]
    assert unknown == []


def test_a_cosignature_signs_header_time_and_whole_text() -> None:
    signature = cosign("origin\n1\nroot\n", WITNESS, 1_679_315_147).signature
    assert signature[:8] == (1_679_315_147).to_bytes(8, "big")
    verify_signature(WITNESS.key, b"cosignature/v1\ntime 1679315147\norigin\n1\nroot\n", signature[8:])


def test_a_cosignature_with_another_time_is_refused() -> None:
    good = cosign(TEXT, WITNESS, 7)
    for time_s in (8, 2**63, 2**64 - 1):
        note = Note(TEXT, (good._replace(signature=time_s.to_bytes(8, "big") + good.signature[8:]),))
        with pytest.raises(VerificationError):
            verify_note(note, [WITNESS.key])


def test_a_cosignature_of_a_time_above_the_range_is_refused_though_it_was_signed() -> None:
    message = b"cosignature/v1\ntime %d\n%b" % (2**63, TEXT.encode())
    signature = (2**63).to_bytes(8, "big") + WITNESS.sign(message)
    with pytest.raises(VerificationError, match="2\\^63"):
        verify_note(Note(TEXT, (SignatureLine("w.example", WITNESS.key.key_id, signature),)), [WITNESS.key])


def test_a_cosignature_cut_short_is_refused() -> None:
    good = cosign(TEXT, WITNESS, 7)
    for length in (1, 7, 8, 71):
        with pytest.raises(VerificationError):
            verify_note(Note(TEXT, (good._replace(signature=good.signature[:length]),)), [WITNESS.key])


@pytest.mark.parametrize("time_s", [-1, 2**63])
def test_no_cosignature_is_made_out_of_range(time_s: int) -> None:
    with pytest.raises(ValueError, match="second"):
        cosign(TEXT, WITNESS, time_s)


def test_a_note_key_makes_no_cosignature() -> None:
    with pytest.raises(ValueError, match="0x04"):
        cosign(TEXT, SIGNER, 7)


def test_a_plain_signature_by_the_key_of_a_witness_is_no_cosignature_and_the_other_way() -> None:
    plain = Ed25519Signer("w.example", bytes(32), ED25519)
    signed = sign_note(TEXT, [plain]).signatures[0]
    cosigned = cosign(TEXT, WITNESS, 7)
    for key, signature in (
        (WITNESS.key, signed.signature),
        (WITNESS.key, bytes(8) + signed.signature),
        (plain.key, cosigned.signature),
        (plain.key, cosigned.signature[8:]),
    ):
        with pytest.raises(VerificationError):
            verify_note(Note(TEXT, (SignatureLine("w.example", key.key_id, signature),)), [key])


# --- ML-DSA-44 (c2sp.org/tlog-cosignature, type 06) ---

POINT = Checkpoint("log.example/ledger", 20_852_163, sha256(b"root").digest())
TREE = format_checkpoint(POINT)
QUANTUM = MLDSA44Signer("w.example/pq", bytes(32))


@pytest.mark.parametrize("time_s", [0, 1, 1_780_000_000, 2**63 - 1])
def test_a_cosignature_of_ml_dsa_states_its_time(time_s: int) -> None:
    good = cosign(TREE, QUANTUM, time_s)
    assert (len(good.signature), good.key_id) == (8 + 2420, QUANTUM.key.key_id)
    assert verify_note(Note(TREE, (good,)), [QUANTUM.key]) == ([Verified(QUANTUM.key, time_s)], [])
    assert verify_note(Note(TREE, (cosign(TREE, WITNESS, time_s),)), [WITNESS.key])[0][0].time_s == time_s


def test_a_cosignature_of_ml_dsa_signs_the_subtree_from_the_first_leaf() -> None:
    signature = cosign(TREE, QUANTUM, 1_679_315_147).signature
    message = (
        b"subtree/v1\n\0\x0cw.example/pq"
        + (1_679_315_147).to_bytes(8, "big")
        + b"\x12log.example/ledger"
        + bytes(8)
        + (20_852_163).to_bytes(8, "big")
        + sha256(b"root").digest()
    )
    verify_signature(QUANTUM.key, message, signature[8:])


def test_a_cosignature_of_ml_dsa_holds_for_nothing_else() -> None:
    good = cosign(TREE, QUANTUM, 7)
    other = QUANTUM.key._replace(name="w.example/other")
    texts = [
        format_checkpoint(changed)
        for changed in (
            POINT._replace(origin="log.example/other"),
            POINT._replace(size=POINT.size + 1),
            POINT._replace(root=bytes(32)),
            POINT._replace(extensions=("an extension line is not signed",)),
        )
    ]
    lines = [good._replace(signature=time_s.to_bytes(8, "big") + good.signature[8:]) for time_s in (0, 8, 2**63)]
    lines += [good._replace(signature=good.signature[:length]) for length in (1, 7, 8, 2427)]
    notes = [(Note(text, (good,)), QUANTUM.key) for text in [*texts, "no checkpoint\n", TEXT]]
    notes += [(Note(TREE, (line,)), QUANTUM.key) for line in lines]
    notes.append((Note(TREE, (good._replace(name=other.name, key_id=other.key_id),)), other))
    for note, key in notes:
        with pytest.raises(VerificationError):
            verify_note(note, [key])
        assert judge_lines(note, [key]) == Lines((), note.signatures, ())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TEXT, "w.example"),
        (format_checkpoint(POINT._replace(extensions=("more",))), "w.example"),
        (format_checkpoint(POINT._replace(origin="o" * 256)), "w.example"),
        (TREE, "w" * 256),
    ],
    ids=["no checkpoint", "extension lines", "a long origin", "a long name"],
)
def test_what_ml_dsa_cannot_cosign_is_refused(text: str, name: str) -> None:
    with pytest.raises(MalformedError):
        cosign(text, MLDSA44Signer(name, bytes(32)), 7)


def test_the_longest_origin_and_name_are_cosigned() -> None:
    signer, text = MLDSA44Signer("w" * 255, bytes(32)), format_checkpoint(POINT._replace(origin="o" * 255))
    assert verify_note(Note(text, (cosign(text, signer, 7),)), [signer.key])[0] == [Verified(signer.key, 7)]


def test_a_key_of_ml_dsa_signs_no_note() -> None:
    with pytest.raises(ValueError, match="0x01"):
        sign_note(TREE, [QUANTUM])


def test_sixteen_lines_of_ml_dsa_fit_into_a_note() -> None:
    lines = [cosign(TREE, MLDSA44Signer("w" * 252 + f"{number:03d}", bytes(32)), 7) for number in range(16)]
    assert len(parse_note(format_note(Note(TREE, tuple(lines)))).signatures) == 16


def test_another_program_verifies_our_line_and_we_its_own() -> None:
    ours = Note(TREE, (*sign_note(TREE, [SIGNER]).signatures, cosign(TREE, QUANTUM, 7), cosign(TREE, WITNESS, 9)))
    known_keys = [SIGNER.key, QUANTUM.key, WITNESS.key]
    read = tlog.Checkpoint.from_text(format_note(ours).decode())
    known = VkeySet(*(Vkey.from_string(format_vkey(key)) for key in known_keys))
    assert len(known.verify(read.signatures, read)) == 3
    theirs = MLDSA44CosignatureSigner("w.example/pq", bytes(32)).sign(read).serialize()
    ((verified,), unknown) = verify_note(parse_note(f"{TREE}\n{theirs}\n".encode()), known_keys)
    assert (verified.key, unknown) == (QUANTUM.key, [])


# --- each line by itself ---

PLAIN = Ed25519Signer("log.example/ledger", SEED)
SIGNED, COSIGNED, HEDGED = sign_note(TREE, [PLAIN]).signatures[0], cosign(TREE, WITNESS, 7), cosign(TREE, QUANTUM, 7)


def test_each_line_is_judged_by_itself() -> None:
    signed = sign_note(TREE, [PLAIN]).signatures[0]
    first, second, zero = cosign(TREE, WITNESS, 9), cosign(TREE, WITNESS, 7), cosign(TREE, QUANTUM, 0)
    junk = first._replace(signature=first.signature[:-1] + b"\0")
    late = first._replace(signature=(2**63).to_bytes(8, "big") + first.signature[8:])
    newer = VerifierKey("n.example", 0x07, b"\1")
    strange = SignatureLine("n.example", newer.key_id, b"\1")
    note = parse_note(format_note(Note(TREE, (junk, UNKNOWN, signed, first, late, second, zero, strange))))
    lines = judge_lines(note, [PLAIN.key, WITNESS.key, WITNESS.key, QUANTUM.key, newer])
    assert lines.good == (
        GoodLine(signed, PLAIN.key, None),
        GoodLine(first, WITNESS.key, 9),
        GoodLine(second, WITNESS.key, 7),
        GoodLine(zero, QUANTUM.key, 0),
    )
    assert (lines.failed, lines.unknown) == ((junk, late), (UNKNOWN, strange))


def test_of_two_keys_that_share_name_and_id_the_one_that_signed_is_named_in_either_order() -> None:
    first, second = colliding_keys()
    line = sign_note(TREE, [first]).signatures[0]
    for known in ([first.key, second.key], [second.key, first.key]):
        assert judge_lines(Note(TREE, (line,)), known) == Lines((GoodLine(line, first.key, None),), (), ())


line_kinds = st.lists(st.sampled_from(["signed", "cosigned", "quantum", "junk", "unknown"]), min_size=1, max_size=16)


@given(line_kinds)
def test_no_line_changes_how_another_is_judged(kinds: list[str]) -> None:
    good = {"signed": SIGNED, "cosigned": COSIGNED, "quantum": HEDGED}
    made = good | {"junk": COSIGNED._replace(signature=bytes(72)), "unknown": UNKNOWN}
    lines = judge_lines(Note(TREE, tuple(made[kind] for kind in kinds)), [PLAIN.key, WITNESS.key, QUANTUM.key])
    assert [item.line for item in lines.good] == [good[kind] for kind in kinds if kind in good]
    assert (len(lines.failed), len(lines.unknown)) == (kinds.count("junk"), kinds.count("unknown"))


def test_a_program_without_ml_dsa_does_not_know_the_line_and_reads_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: bytes) -> None:
        raise UnsupportedAlgorithm("an OpenSSL before 3.5")

    monkeypatch.setattr(MLDSA44PublicKey, "from_public_bytes", missing)
    lines = judge_lines(Note(TREE, (SIGNED, HEDGED)), [PLAIN.key, QUANTUM.key])
    assert lines == Lines((GoodLine(SIGNED, PLAIN.key, None),), (), (HEDGED,))


def spki(key: VerifierKey) -> bytes:
    return bytes.fromhex("302a300506032b6570032100") + key.public  # RFC 8410 section 4


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
def test_openssl_verifies_the_signature_of_a_note_and_refuses_another_text(tmp_path: Path) -> None:
    (tmp_path / "key.der").write_bytes(spki(SIGNER.key))
    (tmp_path / "signature").write_bytes(parse_note(NOTE).signatures[0].signature)
    codes = []
    for text in (TEXT, TEXT + "more\n"):
        (tmp_path / "text").write_text(text, newline="")
        command = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -sigfile signature -in text"
        codes.append(subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode)
    assert codes == [0, 1]
