"""The text of a patient file: strict YAML."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

from twin.errors import TwinError
from twin.patient_folder.names import FILE, SCHEMA


def read_text(folder: Path, file: str = FILE, schema: str = SCHEMA) -> tuple[dict[str, Any], str]:
    """The content of a folder's patient file, or another of its kind, and its SHA-256.

    Raises:
        TwinError: without the file, for invalid YAML, a key given twice, another schema version.
    """
    path = folder / file
    if not path.is_file():
        raise TwinError(
            f"there is no {file}" if folder.is_dir() else "there is no such folder",
            where=str(folder),
            expected=f"a folder with {file}",
            fix="docs/reference/patient-folder.md shows one in full",
        )
    try:
        raw = path.read_bytes()
        content = yaml.load(raw.decode("utf-8"), Loader=StrictLoader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise TwinError("cannot be read", where=str(path), got=str(error.strerror)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise TwinError(
            "not valid YAML", where=file, got=detail, fix="Correct it at the line named"
        ) from error
    if not isinstance(content, dict):
        raise TwinError(
            f"not a {file.removesuffix('.yaml')} file",
            where=file,
            expected="keys and values",
            got=type(content).__name__,
        )
    if content.get("schema", schema) != schema:
        raise TwinError(
            "another schema version",
            where=f"{file}: schema",
            expected=schema,
            got=str(content["schema"]),
            fix="Convert the file, or use the version of oncotwin that wrote it",
        )
    return content, hashlib.sha256(raw).hexdigest()


class NoDuplicates(yaml.SafeLoader):
    """Refuses a key given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"duplicate key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class StrictLoader(NoDuplicates):
    """YAML with text for dates, only true and false as booleans, and no key given twice."""


_FLOAT = re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$|^[-+]?\.(inf|Inf)$|^\.(nan|NaN)$")
_DROPPED = ("bool", "float", "timestamp")
StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in resolvers if tag.rpartition(":")[2] not in _DROPPED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf")
)
StrictLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
