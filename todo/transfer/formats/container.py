"""The bytes of a file as text: its encoding, and the members of an archive within bounds."""

import io
import zipfile

from todo.errors import InvalidArguments

MOST_BYTES = 64 << 20
"""Bytes of a file, and of everything in an archive together."""
MOST_MEMBERS = 2_000
_CHUNK = 1 << 20


def read_text(content: bytes) -> str:
    """Return a file's text: UTF-8, or UTF-16 that says so; raises `InvalidArguments` with the line that is neither."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16").lstrip("\ufeff")
        except UnicodeDecodeError:
            raise InvalidArguments("The file begins as UTF-16 and is not.", "Save it as UTF-8.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidArguments(f"Line {line} is not UTF-8.", "Save the file as UTF-8 and try again.") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidArguments(f"Line {line} holds a NUL character: this is no text.", "Export the file again.")
    return text


def read_members(content: bytes) -> dict[str, bytes]:
    """Return the files of a ZIP archive by name; raises `InvalidArguments` for a damaged one and for a bomb.

    What is unpacked is counted as it comes out: the sizes in an archive can say anything.
    """
    left = MOST_BYTES
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = [each for each in archive.infolist() if not each.is_dir()]
            if len(infos) > MOST_MEMBERS:
                raise InvalidArguments(f"The archive holds {len(infos)} files.", f"At most {MOST_MEMBERS} are read.")
            for info in infos:
                parts = []
                with archive.open(info) as member:
                    while part := member.read(min(_CHUNK, left + 1)):
                        left -= len(part)
                        if left < 0:
                            raise InvalidArguments(
                                f"The archive unpacks to more than {MOST_BYTES >> 20} MiB.", "Import its files singly."
                            )
                        parts.append(part)
                members[info.filename] = b"".join(parts)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise InvalidArguments(f"The archive cannot be read: {str(error)[:100]}.", "Export it again.") from None
    except Exception as error:
        if type(error).__module__ not in ("zlib", "lzma"):
            raise
        raise InvalidArguments("The archive is damaged.", "Export it again.") from None
    return members
