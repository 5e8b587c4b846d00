"""SIGKILL at twenty random moments of `yelian run`, from the first file to the release."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path

from project import command, environment, run_json

DATA_STAGES = ("corpus.read", "corpus.clean", "instruct.build")
KILLS = 20


def contents(folder: Path, facts: dict) -> dict[str, str]:
    """Content digests of the data stages."""
    return {
        stage: json.loads((folder / ".yelian/artifacts" / facts["artifacts"][stage] / "manifest.json").read_text())[
            "content"
        ]
        for stage in DATA_STAGES
    }


def test_twenty_kills_leave_no_half_artifact_and_change_no_data(fresh_project):
    calm = fresh_project()
    start = time.monotonic()
    wanted = run_json(calm)
    seconds = time.monotonic() - start
    dice, stormy, kills, moments = random.Random(7), fresh_project(), 0, []
    while kills < KILLS:
        process = subprocess.Popen(
            command("run", "recipe.yaml", "--json"),
            cwd=stormy,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        moment = dice.uniform(0.4, 0.6 * seconds)
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
            moments.append(moment)
        process.communicate()
        for artifact in (stormy / ".yelian" / "artifacts").glob("*"):
            whole = json.loads((artifact / "manifest.json").read_text(encoding="utf-8"))
            ledger = whole["ledger"]
            assert ledger["read"] == ledger["kept"] + sum(ledger["dropped"].values()) + sum(ledger["rejected"].values())
            for name, facts in whole["files"].items():
                assert (artifact / name).stat().st_size == facts["bytes"], f"{artifact.name}/{name} after {moments}"
        if process.returncode == 0:  # it was through before the kill: begin again
            stormy = fresh_project()
    facts = run_json(stormy)
    assert facts["ledgers_balance"]
    assert contents(stormy, facts) == contents(calm, wanted)
