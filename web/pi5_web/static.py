"""The dashboard's files: compressed beforehand, immutable by their hashed names, kept in memory."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from pi5_web import errors

FOLDER = Path(__file__).parent / "static"
_IMMUTABLE = "public, max-age=31536000, immutable"
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_NOT_BUILT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Pi5 Trading System</title>"
    "<h1>The dashboard has not been built</h1><p>The system runs; only its pages are missing. "
    "Run <code>make setup</code> in the source folder, or install the released package.</p>"
    "<p>The interface for programs is described at <a href=/docs>/docs</a>.</p></html>"
)
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")


@dataclass(frozen=True, slots=True)
class File:
    """One file and its compressed variants by encoding."""

    content: bytes
    media_type: str
    etag: str
    variants: dict[str, bytes]


class StaticFiles:
    """Serves a folder, and index.html for the paths that only the page's own router knows.

    Only what was found in the folder can be asked for, so no path leads out of it. The folder is
    read again when its index changes, which is what a new build does.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, File] = {}
        self._index_changed_ns = -1

    def answer(self, request: Request) -> Response:
        """Return a file, or the page."""
        self._read_again()
        if request.method not in {"GET", "HEAD"}:
            return errors.answer(405, "WRONG_METHOD", "only GET is possible here")
        path = request.scope["path"].lstrip("/")
        file = self._files.get(path)
        if file is not None and path != "index.html":
            immutable = path.startswith("assets/")
            return _respond(request, file, _IMMUTABLE if immutable else "public, max-age=3600")
        if path.startswith("assets/") or ("." in path.rpartition("/")[2] and path != "index.html"):
            return errors.answer(404, "NO_SUCH_FILE", "there is no such file")
        index = self._files.get("index.html")
        if index is None:
            return Response(_NOT_BUILT, 503, media_type="text/html")
        return _respond(request, index, "no-cache")

    def _read_again(self) -> None:
        try:
            changed_ns = (self._folder / "index.html").stat().st_mtime_ns
        except FileNotFoundError:
            self._files, self._index_changed_ns = {}, -1
            return
        if changed_ns != self._index_changed_ns:
            self._files = _read(self._folder)
            self._index_changed_ns = changed_ns


def _read(folder: Path) -> dict[str, File]:
    contents = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    files = {}
    for name, content in contents.items():
        if name.endswith((".br", ".gz")) and name[:-3] in contents:
            continue
        variants = {
            encoding: contents[name + ending]
            for encoding, ending in _ENCODINGS
            if name + ending in contents
        }
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        files[name] = File(content, media_type, etag, variants)
    return files


def _respond(request: Request, file: File, cache: str) -> Response:
    accepted = {
        part.partition(";")[0].strip()
        for part in request.headers.get("accept-encoding", "").split(",")
        if part.replace(" ", "").partition(";q=")[2] not in {"0", "0.0"}
    }
    encoding = next((name for name, _ in _ENCODINGS if name in accepted & set(file.variants)), "")
    headers = {"Cache-Control": cache, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    content = file.variants[encoding] if encoding else file.content
    return Response(content, headers=headers, media_type=file.media_type)
