"""Makes what a site without a network installs: `python -m tools.bundle dist`.

The folder has every wheel of the lock that the product needs, Tillwatch's own, pip's, compiled machine code, the bill
of materials, systemd units with the pages that tell of them, an installer and checksums of all of it. It is for
machines of this one's kind: its system, its processor's architecture, its Python. Packages are fetched with the lock's
hashes checked; the installer checks those of the bundle.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.licences import licences
from tools.locked import LOCK, locked
from tools.sbom import bill

CPU = "generic"
"""What machine code is compiled for: the site's processors are not known here."""
INSTALLER = Path("deploy/bundle/install.sh")
UNITS = Path("deploy/systemd")
GRANTS = Path("deploy/postgres/grafana.sql")
PAGES = (Path("docs/deploy.md"), Path("docs/settings.md"), Path("docs/commands.md"))
"""What is needed at the site to start it."""


def bundle(into: Path) -> Path:
    """Make the bundle's folder and its archive; returns the archive."""
    version = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    name = f"tillwatch-{version}-py{sys.version_info.major}{sys.version_info.minor}-{sys.platform}-{platform.machine()}"
    folder = into / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wheels").mkdir(parents=True)
    get_wheels(folder / "wheels")
    (folder / "requirements.txt").write_text(requirements(folder / "wheels"), encoding="utf-8")
    compile_into(folder / "cache")
    (folder / "sbom.cdx.json").write_text(json.dumps(bill(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    table = "".join(f"{each.name}\t{each.version}\t{each.licence}\n" for each in licences())
    (folder / "licences.tsv").write_text(table, encoding="utf-8")
    (folder / "built-for").write_text(f"{sys.version_info.major}.{sys.version_info.minor} {CPU}\n", encoding="utf-8")
    shutil.copy2(INSTALLER, folder / INSTALLER.name)
    shutil.copytree(UNITS, folder / "systemd")
    shutil.copy2(GRANTS, folder / GRANTS.name)
    (folder / "docs").mkdir()
    for page in PAGES:
        shutil.copy2(page, folder / "docs" / page.name)
    (folder / "SHA256SUMS").write_text(checksums(folder), encoding="utf-8")
    archive = into / f"{name}.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, arcname=name, filter=_of_nobody)
    (into / f"{archive.name}.sha256").write_text(f"{digest(archive)}  {archive.name}\n", encoding="utf-8")
    return archive


def get_wheels(into: Path) -> None:
    """Get or build the wheels: of the lock, by its hashes, and of this tree."""
    text = LOCK.read_text(encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps"]
    with TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(locked(text, "tillwatch") + locked(text, "pip").partition("\npip-")[0], encoding="utf-8")
        subprocess.run([*pip, "--require-hashes", "--wheel-dir", into, "--requirement", wanted], check=True)  # noqa: S603
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", into, "."], check=True)  # noqa: S603


def requirements(wheels: Path) -> str:
    """What the installer installs: each wheel of the bundle, by its hash."""
    lines = []
    for wheel in sorted(wheels.glob("*.whl")):
        name, version, *_ = wheel.name.split("-")
        if name != "pip":
            lines.append(f"{name}=={version} --hash=sha256:{digest(wheel)}\n")
    return "".join(lines)


def compile_into(cache: Path) -> None:
    """Compile everything into a folder, for any processor of this kind."""
    environment = {**os.environ, "TILLWATCH_CACHE": str(cache.resolve()), "NUMBA_CPU_NAME": CPU}
    subprocess.run([sys.executable, "-m", "tillwatch", "warm"], env=environment, check=True)
    for folder in cache.rglob("__pycache__"):
        shutil.rmtree(folder)


def checksums(folder: Path) -> str:
    """SHA-256 of every file, as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{digest(path)}  ./{path.relative_to(folder)}\n" for path in files)


def digest(path: Path) -> str:
    """A file's SHA-256, in hexadecimal digits."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An archive's entry without this machine's user, readable by all."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


if __name__ == "__main__":
    print(bundle(Path(sys.argv[1])))
