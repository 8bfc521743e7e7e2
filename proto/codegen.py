"""Makes everything that is derived from the contract.

Typed Python stubs and the contract with its comments (contract.binpb) in services/pi5/api, and the
OpenAPI document that the dashboard's types are made from, web/ui/openapi.json.

python proto/codegen.py            write
python proto/codegen.py --check    fail when what is committed differs from what would be made
python proto/codegen.py --googleapis DIR   only copy the annotation protos that buf needs
"""

from __future__ import annotations

import argparse
import filecmp
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PROTO = Path(__file__).resolve().parent
ROOT = PROTO.parent
TARGET = ROOT / "services"
OPENAPI = ROOT / "web" / "ui" / "openapi.json"
CONTRACT = Path("pi5") / "api" / "contract.binpb"
PACKAGE_DOC = '"""Generated from proto/ by proto/codegen.py. Never edited by hand."""\n'


def well_known_root() -> Path:
    """Return the folder that holds google/api/*.proto, from the googleapis-common-protos wheel."""
    spec = importlib.util.find_spec("google.api.annotations_pb2")
    if spec is None or spec.origin is None:
        sys.exit("googleapis-common-protos is not installed: run `make setup`")
    return Path(spec.origin).parents[2]


def copy_googleapis(target: Path) -> None:
    """Copy the few annotation protos that buf has to resolve."""
    source = well_known_root() / "google" / "api"
    folder = target / "google" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("annotations.proto", "http.proto", "field_behavior.proto"):
        shutil.copyfile(source / name, folder / name)


def generate(target: Path) -> None:
    """Write messages, stubs and their types below `target`."""
    from grpc_tools import protoc  # noqa: PLC0415 - needed only here

    tools_include = Path(str(importlib.util.find_spec("grpc_tools").origin)).parent / "_proto"  # type: ignore[union-attr]
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    binaries = Path(sys.executable).parent
    code = protoc.main(
        [
            "protoc",
            f"-I{PROTO}",
            f"-I{well_known_root()}",
            f"-I{tools_include}",
            f"--plugin=protoc-gen-mypy={binaries / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={binaries / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet,only_async:{target}",
            f"--descriptor_set_out={target / 'contract.binpb'}",
            "--include_source_info",
            *files,
        ]
    )
    if code:
        sys.exit(code)
    keep_comments(target / "contract.binpb", target / CONTRACT)
    for service_stub in (target / "pi5" / "api").rglob("*_pb2_grpc.py"):
        if not service_stub.name.endswith("service_pb2_grpc.py"):
            service_stub.unlink()
            service_stub.with_suffix(".pyi").unlink(missing_ok=True)
    for types in (target / "pi5" / "api").rglob("*_grpc.pyi"):
        # A servicer may leave methods out: the guard answers UNIMPLEMENTED for planned ones.
        lines = types.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.strip() != "@_abc_1.abstractmethod"]
        types.write_text("".join(kept), encoding="utf-8")
    for folder in [target / "pi5" / "api", *(target / "pi5" / "api").rglob("*")]:
        if folder.is_dir() and folder.name != "__pycache__":
            (folder / "__init__.py").write_text(PACKAGE_DOC)


def keep_comments(described: Path, target: Path) -> None:
    """Write the descriptors without what only editors need: positions and trailing comments."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet, SourceCodeInfo  # noqa: PLC0415

    files = FileDescriptorSet.FromString(described.read_bytes())
    for file in files.file:
        said = [
            SourceCodeInfo.Location(path=location.path, leading_comments=location.leading_comments)
            for location in file.source_code_info.location
            if location.leading_comments
        ]
        file.source_code_info.CopyFrom(SourceCodeInfo(location=said))
    target.write_bytes(files.SerializeToString(deterministic=True))
    described.unlink()


def write_openapi(contract: Path, target: Path) -> None:
    """Write the OpenAPI document of a contract; in a process of its own, with fresh stubs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    subprocess.run(
        [sys.executable, "-m", "pi5_web.openapi", contract, target, project["version"]],
        check=True,
        env={**os.environ, "PYTHONPATH": f"{TARGET}{os.pathsep}{ROOT / 'web'}"},
    )


def differences(made: Path, committed: Path) -> list[str]:
    """Name the files that are missing, left over or different."""

    def files(folder: Path) -> set[str]:
        found = (p for p in folder.rglob("*") if p.suffix in {".py", ".pyi", ".binpb"})
        return {str(p.relative_to(folder)) for p in found}

    names, there = files(made), files(committed)
    changed = {
        name
        for name in names & there
        if not filecmp.cmp(made / name, committed / name, shallow=False)
    }
    return sorted((names ^ there) | changed)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--googleapis", type=Path)
    arguments = parser.parse_args()
    if arguments.googleapis:
        copy_googleapis(arguments.googleapis)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made, committed = Path(folder) / "pi5" / "api", TARGET / "pi5" / "api"
        if arguments.check:
            stale = differences(made, committed)
            if stale:
                sys.exit(
                    "services/pi5/api is not what proto/ makes; run `make codegen`:\n  "
                    + "\n  ".join(stale)
                )
            openapi = Path(folder) / "openapi.json"
            write_openapi(Path(folder) / CONTRACT, openapi)
            if not OPENAPI.exists() or openapi.read_bytes() != OPENAPI.read_bytes():
                sys.exit("web/ui/openapi.json is not what proto/ makes; run `make codegen`")
            return
        shutil.rmtree(committed, ignore_errors=True)
        shutil.copytree(made, committed)
        write_openapi(committed / "contract.binpb", OPENAPI)


if __name__ == "__main__":
    main()
