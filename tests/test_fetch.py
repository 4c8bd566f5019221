"""Fetching: where a file is looked for, what is downloaded, and that nothing with another checksum is ever used."""

import hashlib
import os
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lstm_gru.data import fetch as module
from lstm_gru.data.fetch import FILES, PublicFile, fetch
from lstm_gru.errors import InputError

CONTENT = b"\x1f\x8b a file \x00" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
DATA = os.environ.get("LSTM_GRU_DATA")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, declared, body = self.server.answers[self.path]
        self.send_response(status)
        if declared is not None:
            self.send_header("Content-Length", str(declared))
        self.end_headers()
        self.wfile.write(body)
        self.server.released.wait(0 if body or status != 200 else 10)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on this machine; ``asked`` lists what was asked of it."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.3)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.released = [], threading.Event()
        server.answers = {
            "/good": (200, len(CONTENT), CONTENT),
            "/missing": (404, 9, b"not found"),
            "/truncated": (200, len(CONTENT), CONTENT[:5000]),
            "/truncated_without_length": (200, None, CONTENT[:5000]),
            "/other": (200, 5, b"other"),
            "/silent": (200, 5, b""),
        }
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no data folder."""
    monkeypatch.delenv("LSTM_GRU_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "lstm_gru"


def at(server, path):
    return PublicFile("kind/file.gz", f"http://127.0.0.1:{server.server_port}{path}", SHA256, "none")


def nowhere():
    """A file whose server does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return PublicFile("kind/file.gz", f"http://127.0.0.1:{port}/good", SHA256, "none")


def put(folder, content=CONTENT):
    path = folder / "kind" / "file.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def everything_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_downloaded_once_and_found_in_the_cache_afterwards(server, cache):
    path = fetch(at(server, "/good"))
    assert path == cache / "kind" / "file.gz"
    assert everything_in(cache) == [path]
    assert path.read_bytes() == CONTENT
    assert fetch(at(server, "/good")) == path
    assert server.asked == ["/good"]


def test_without_a_cache_of_its_own_the_home_directory_holds_it(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert fetch(at(server, "/good")) == tmp_path / "home" / ".cache" / "lstm_gru" / "kind" / "file.gz"


def test_the_folder_given_comes_first_then_the_variable_then_the_cache(server, cache, tmp_path, monkeypatch):
    given, named = tmp_path / "given", tmp_path / "named"
    paths = [put(folder) for folder in (given, named, cache)]
    monkeypatch.setenv("LSTM_GRU_DATA", str(named))
    assert fetch(at(server, "/good"), given) == paths[0]
    assert fetch(at(server, "/good"), str(given)) == paths[0]
    assert fetch(at(server, "/good")) == paths[1]
    paths[1].unlink()
    assert fetch(at(server, "/good")) == paths[2]
    paths[0].unlink()
    paths[0].parent.rmdir()
    assert fetch(at(server, "/good"), given) == paths[2]
    assert server.asked == []


def test_what_is_missing_in_the_folder_is_downloaded_into_the_cache_only(server, cache, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    assert fetch(at(server, "/good"), folder) == cache / "kind" / "file.gz"
    assert everything_in(folder) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "HTTP Error 404: Not Found"),
        ("/truncated", f"IncompleteRead.5000 bytes read, {len(CONTENT) - 5000} more expected."),
        ("/silent", "timed out"),
    ],
)
def test_a_failed_download_names_file_folders_source_and_remedy_and_leaves_nothing(
    server, cache, tmp_path, path, reason
):
    file = at(server, path)
    message = (
        f"^kind/file.gz: there is no {tmp_path}/kind/file.gz nor {cache}/kind/file.gz, and downloading {file.url} "
        rf"failed \(.*{reason}.*\); put the file into a folder as kind/file.gz and name the folder by "
        "LSTM_GRU_DATA$"
    )
    with pytest.raises(InputError, match=message):
        fetch(file, tmp_path)
    assert everything_in(tmp_path) == []


def test_a_server_that_is_down_is_named(cache, tmp_path):
    with pytest.raises(InputError, match=rf"^kind/file.gz: there is no {cache}/kind/file.gz, .*127.0.0.1.*refused"):
        fetch(nowhere())
    assert everything_in(tmp_path) == []


def test_a_file_without_an_address_is_asked_of_the_user(cache, tmp_path):
    file = PublicFile("kind/file.gz", None, SHA256, "none", by_hand="a shop, https://shop.example/file")
    remedy = "put it into a folder as kind/file.gz and name the folder by LSTM_GRU_DATA"
    message = (
        f"^kind/file.gz: there is no {tmp_path}/kind/file.gz nor {cache}/kind/file.gz, and it cannot be downloaded "
        f"without you; get it from a shop, https://shop.example/file, {remedy}$"
    )
    with pytest.raises(InputError, match=message):
        fetch(file, tmp_path)
    path = put(tmp_path)
    assert fetch(file, tmp_path) == path
    path.write_bytes(b"other")
    with pytest.raises(InputError, match=f"^kind/file.gz: {path} has SHA-256 {OTHER}, .*; replace it$"):
        fetch(file, tmp_path)


@pytest.mark.parametrize(
    ("path", "sha256"),
    [("/other", OTHER), ("/truncated_without_length", hashlib.sha256(CONTENT[:5000]).hexdigest())],
)
def test_a_download_with_another_checksum_is_not_kept(server, tmp_path, path, sha256):
    file = at(server, path)
    message = f"^kind/file.gz: what {file.url} sent has SHA-256 {sha256}, expected {SHA256}; .*/lstm_gru/kind$"
    with pytest.raises(InputError, match=message):
        fetch(file)
    assert everything_in(tmp_path) == []


def test_a_changed_file_is_refused_wherever_it_lies_and_never_passed_over(server, cache, tmp_path):
    path = fetch(at(server, "/good"))
    path.write_bytes(b"other")
    with pytest.raises(InputError, match=f"^kind/file.gz: {path} has SHA-256 {OTHER}, expected {SHA256}; delete it"):
        fetch(at(server, "/good"))
    path.write_bytes(CONTENT)
    changed = put(tmp_path / "data", b"other")
    with pytest.raises(InputError, match=f"^kind/file.gz: {changed} has SHA-256 {OTHER}, .*; replace it$"):
        fetch(at(server, "/good"), tmp_path / "data")
    assert server.asked == ["/good"]


def test_what_cannot_be_read_or_written_is_named(server, cache, tmp_path):
    (tmp_path / "data" / "kind" / "file.gz").mkdir(parents=True)
    with pytest.raises(InputError, match=r"^kind/file.gz: .*/data/kind/file.gz cannot be read \(.*directory"):
        fetch(at(server, "/good"), tmp_path / "data")
    cache.parent.mkdir()
    cache.write_text("not a folder")
    with pytest.raises(InputError, match=f"^kind/file.gz: {cache}/kind/file.gz cannot be written .* XDG_CACHE_HOME$"):
        fetch(at(server, "/good"))


def test_a_part_is_removed_when_writing_fails(server, cache, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        fetch(at(server, "/good"))
    assert everything_in(cache) == []


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_data_folder_that_is_none_is_named(server, tmp_path, monkeypatch, by_variable):
    folder = tmp_path / "typo"
    if by_variable:
        monkeypatch.setenv("LSTM_GRU_DATA", str(folder))
    origin = "LSTM_GRU_DATA" if by_variable else "data_dir"
    with pytest.raises(InputError, match=f"^kind/file.gz: {origin} = {folder} is not a folder; .* kind/file.gz$"):
        fetch(at(server, "/good"), None if by_variable else folder)


def test_the_table_holds_whole_checksums_and_fixed_commits():
    assert len(FILES) == len({file.sha256 for file in FILES.values()}) == len({file.url for file in FILES.values()})
    for name, file in FILES.items():
        assert name == file.name
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.licence
        assert (file.url is None) == bool(file.by_hand)
        if file.url:
            assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/.*", file.url)
            assert name.endswith(file.url.rpartition("/")[2])


@pytest.mark.skipif(not DATA, reason="LSTM_GRU_DATA names no data folder")
@pytest.mark.parametrize("name", FILES)
def test_a_data_folder_holds_what_the_table_says(name):
    assert fetch(FILES[name], DATA) == Path(DATA) / name
