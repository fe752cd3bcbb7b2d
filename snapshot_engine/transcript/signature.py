"""Tell what a file is when it is not WebVTT, from its first bytes.

In: the first bytes, some hundred of them. Out: a sentence for the reader of the error, with the next step.
"""

from __future__ import annotations

import re

from snapshot_engine.errors import NotWebVTT

_MAGIC = (
    (b"\xff\xfe", "text in UTF-16, little-endian", "Save it as UTF-8."),
    (b"\xfe\xff", "text in UTF-16, big-endian", "Save it as UTF-8."),
    (b"PK\x03\x04", "a zip archive or an Office document", "Unpack it, or export the transcript as .vtt."),
    (b"%PDF", "a PDF document", "Export the transcript as .vtt."),
    (b"\x1f\x8b", "gzip data", "Read it with StreamingVTTReader, which unpacks gzip."),
    (b"{\\rtf", "a rich text document", "Save it as plain text in WebVTT."),
    (b"ID3", "an MP3 recording", "Transcribe it first."),
    (b"OggS", "an Ogg recording", "Transcribe it first."),
    (b"RIFF", "a RIFF recording (WAV or AVI)", "Transcribe it first."),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM recording", "Transcribe it first."),
)
_TEXT = (
    (re.compile(r"webvtt", re.I), "a signature that is nearly WebVTT's", "The first line must be WEBVTT in capitals, then a space or a line end."),
    (re.compile(r"[0-9]+\s+[0-9]+:[0-9]+:[0-9]+,[0-9]+ *-->"), "SubRip (.srt)", "Convert it to WebVTT, for example: ffmpeg -i talk.srt talk.vtt"),
    (re.compile(r"[0-9]+:[0-9]+[:.][0-9.]+ *-->|[0-9]+\s+[0-9]+:[0-9:.]+ *-->"), "cues without the WEBVTT line", "Put WEBVTT and an empty line before the first cue."),
    (re.compile(r"[0-9]+:[0-9]{2}:[0-9]{2}\.[0-9]+,[0-9]+:"), "SubViewer (.sbv)", "Convert it to WebVTT."),
    (re.compile(r"\[Script Info\]"), "SubStation Alpha (.ass, .ssa)", "Convert it to WebVTT, for example: ffmpeg -i talk.ass talk.vtt"),
    (re.compile(r"[{\[]"), "JSON", "Export the transcript as .vtt."),
    (re.compile(r"<(!doctype html|html)", re.I), "an HTML page", "A download link may have led to a sign-in page."),
    (re.compile(r"<(\?xml|tt\b)", re.I), "XML (perhaps TTML)", "Convert it to WebVTT."),
)  # fmt: skip


def not_webvtt(first_bytes: bytes, source: str = "") -> NotWebVTT:
    """Return the error that says what `first_bytes`, the start of a file, look like.

    source: the file's name for the message, "" when unknown.
    """
    found, next_step = _look(first_bytes)
    where = f"{source} line 1" if source else "line 1"
    return NotWebVTT(
        f"{where}: not WebVTT: found {found}. A WebVTT file begins with the line WEBVTT. {next_step}",
        source=source,
        line_number=1,
    )


def _look(first_bytes: bytes) -> tuple[str, str]:
    if not first_bytes:
        return "an empty file", "Check that the download or export finished."
    for magic, found, next_step in _MAGIC:
        if first_bytes.startswith(magic):
            return found, next_step
    if first_bytes[4:8] == b"ftyp":
        return "an MP4 recording", "Transcribe it first."
    shown = ascii(first_bytes[:24].decode("utf-8", "replace"))
    controls = sum(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in first_bytes)
    if controls * 16 > len(first_bytes):
        return f"binary data ({first_bytes[:8].hex(' ')})", "Export the transcript as .vtt."
    text = first_bytes.decode("utf-8", "replace")
    if not text.strip("\ufeff \t\r\n"):
        return f"only blanks ({shown})", "Check that the download or export finished."
    stripped = text.lstrip("\ufeff \t\r\n")
    if text != stripped and stripped.startswith("WEBVTT"):
        return f"something before the signature ({shown})", "Delete what stands before WEBVTT."
    for pattern, found, next_step in _TEXT:
        if pattern.match(stripped):
            return f"{found} ({shown})", next_step
    return f"text ({shown})", "Export the transcript as .vtt."
