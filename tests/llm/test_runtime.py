from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from yelian.core.errors import RecipeError
from yelian.llm.runtime import compute_dtype, prepare, usable_threads

CPU = torch.device("cpu")


def test_threads_are_passive_and_capped_before_torch_is_loaded() -> None:
    code = (
        "import os, sys\nfrom yelian.llm.runtime import prepare\nassert 'torch' not in sys.modules\n"
        "prepare(2, 'cpu')\nimport torch\n"
        "print(os.environ['OMP_WAIT_POLICY'], os.environ['OMP_NUM_THREADS'], torch.get_num_threads())"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    out = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["PASSIVE", "2", "2"]


def test_without_a_number_the_usable_cores_are_taken_but_at_most_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert usable_threads(None) == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert usable_threads(None) == 3
    assert usable_threads(5) == 5


def test_cuda_where_there_is_none_is_the_recipes_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RecipeError, match=r"run\.device is cuda") as caught:
        prepare(1, "cuda")
    assert caught.value.key == ("run", "device")
    assert prepare(1, "auto") == CPU


@pytest.mark.parametrize(
    ("stored", "able", "chosen"),
    [
        (torch.bfloat16, True, torch.bfloat16),
        (torch.bfloat16, False, torch.float32),
        (torch.float16, True, torch.bfloat16),
        (torch.float32, True, torch.float32),
    ],
)
def test_bfloat16_only_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, stored: torch.dtype, able: bool, chosen: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able, "amx_bf16": False})
    assert compute_dtype(stored, CPU) == chosen
