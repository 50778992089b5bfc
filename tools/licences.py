"""Lists the licences of what the product is installed with, and refuses those that are not on the list.

`python -m tools.licences` prints a table of every package of the lock that the product needs: name, version, licence,
and where its distribution says so. It ends with 1 where one is not allowed.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, NamedTuple

from tools.locked import LOCK, names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import PackageMetadata

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-3.0-only", "LicenseRef-Repoze",
    "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib",
})  # fmt: skip
"""Licences, by SPDX identifier, under which a package may be shipped beside ours: none asks for our source.
LGPL's asks for that of the package alone, which is installed as it was published and can be replaced. Repoze's is BSD's
with a clause that changed files are marked."""
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
    "Repoze Public License": "LicenseRef-Repoze",
    "The Unlicense (Unlicense)": "Unlicense",
}
_NAMES = {
    "apache 2": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "apache-2": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "apache license version 2.0": "Apache-2.0", "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause", "3-clause bsd": "BSD-3-Clause", "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause", "mit license": "MIT", "the mit license": "MIT", "expat": "MIT", "psf": "PSF-2.0",
    "zpl": "ZPL-2.1", "dual license": "", "unlicense": "Unlicense",
}  # fmt: skip
READ = {"llvmlite": ("BSD-2-Clause AND Apache-2.0 WITH LLVM-exception", "LICENSE, LICENSE.thirdparty")}
"""Packages whose metadata does not say it, with what their files say: looked at by hand."""


class Licence(NamedTuple):
    """What a distribution says of its licence.

    Attributes:
        name: of the distribution.
        version: that is installed.
        licence: an SPDX expression, or what stands there in its place, "" for nothing.
        source: where that is from.
    """

    name: str
    version: str
    licence: str
    source: str


def licences() -> Iterator[Licence]:
    """The licences of the packages that the product needs and that are installed; those of other systems are not."""
    for name in names(LOCK.read_text(encoding="utf-8"), "tillwatch"):
        try:
            metadata = distribution(name).metadata
        except PackageNotFoundError:
            continue
        yield _licence(name, metadata)


def _licence(name: str, metadata: PackageMetadata) -> Licence:
    version = metadata["Version"]
    if name in READ:
        return Licence(name, version, *READ[name])
    if expression := metadata.get("License-Expression"):
        return Licence(name, version, expression, "License-Expression")
    classifiers = metadata.get_all("Classifier") or ()
    said = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    text = (metadata.get("License") or "").strip()
    if (spdx := _NAMES.get(text.lower(), text)) in ALLOWED:
        return Licence(name, version, spdx, "License")
    if known := [_CLASSIFIERS.get(each, each) for each in said if each != "OSI Approved"]:
        return Licence(name, version, " OR ".join(known), "Classifier")
    return Licence(name, version, text[:60].split("\n")[0], "License")


def is_allowed(expression: str) -> bool:
    """Whether all that an SPDX expression asks for is on the list.

    >>> is_allowed("MIT AND (Apache-2.0 OR GPL-2.0-only)"), is_allowed("MIT AND GPL-3.0-only"), is_allowed("")
    (True, False, False)
    """
    # Of alternatives one is enough, of conjunctions all: innermost brackets first.
    while bracket := re.search(r"\(([^()]*)\)", expression):
        held = "MIT" if is_allowed(bracket[1]) else "refused"
        expression = expression[: bracket.start()] + held + expression[bracket.end() :]
    return any(
        all(each.split(" WITH ")[0].strip() in ALLOWED for each in option.split(" AND "))
        for option in expression.split(" OR ")
    )


def main() -> None:
    """Print the table; end with 1 where a licence is not allowed."""
    found = [*licences()]
    for each in found:
        print(f"{each.name}\t{each.version}\t{each.licence}\t{each.source}")
    refused = [f"{each.name}: {each.licence or 'none said'}" for each in found if not is_allowed(each.licence)]
    if refused:
        sys.exit(f"licences must be among {', '.join(sorted(ALLOWED))}, got {'; '.join(refused)}")


if __name__ == "__main__":
    main()
