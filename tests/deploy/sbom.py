"""The bill of materials (CycloneDX 1.6) of a root file system, for `.venv-deploy/bin/python`: Python's distributions as
their metadata say, and Debian's packages as dpkg knows them. It names packages by purl, and no address.

    sbom.py ROOT VERSION > authsvc.cdx.json
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

LICENCES = LicenseFactory()


def of_python(root: Path) -> Iterator[Component]:
    places = [str(place) for place in root.glob("opt/authsvc/lib/python3.*/site-packages")]
    for found in distributions(path=places):
        licence = found.metadata.get("License-Expression") or ""
        yield Component(
            name=found.name,
            version=found.version,
            type=ComponentType.LIBRARY,
            purl=PackageURL("pypi", None, found.name.lower().replace("_", "-"), found.version),
            licenses=[LICENCES.make_from_string(licence)] if licence else (),
        )


def of_debian(root: Path) -> Iterator[Component]:
    status = root / "var/lib/dpkg/status"
    for paragraph in status.read_text().split("\n\n") if status.exists() else ():
        said = HeaderParser().parsestr(paragraph)
        if said["Package"] and said["Status"] == "install ok installed":
            yield Component(
                name=said["Package"],
                version=said["Version"],
                type=ComponentType.LIBRARY,
                purl=PackageURL("deb", "debian", said["Package"], said["Version"], {"arch": said["Architecture"]}),
            )


def bill(root: Path, version: str) -> str:
    image = Component(
        name="authsvc",
        version=version,
        type=ComponentType.CONTAINER,
        licenses=[LICENCES.make_from_string("Apache-2.0")],
    )
    parts = sorted([*of_python(root), *of_debian(root)], key=lambda part: str(part.purl))
    bom = Bom(components=parts)
    bom.metadata.component = image
    bom.register_dependency(image, parts)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"no bill of CycloneDX: {wrong}")
    return text


if __name__ == "__main__":
    print(bill(Path(sys.argv[1]), sys.argv[2]))
