"""How PyTorch runs in this process: threads, device, number format, repeatability.

Call `prepare` before anything imports torch: OpenMP reads its environment once, when it is loaded.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Literal

from yelian.core.errors import RecipeError

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda"]

MOST_THREADS = 8  # small models gain nothing from more, and other processes lose


def usable_threads(threads: int | None) -> int:
    """`threads`, or as many as the cores this process may run on, at most 8."""
    if threads is not None:
        return threads
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def prepare(threads: int | None, device: Device) -> torch.device:
    """Set up this process for torch and return the device; RecipeError where CUDA is asked for and absent.

    Threads wait passively: on a busy two-core machine two spinning threads made 19 tokens/s where one passive
    thread made 72. Values already in the environment win.
    """
    count = usable_threads(threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OMP_NUM_THREADS", str(count))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if count > 1 else "false")
    os.environ.setdefault("TQDM_DISABLE", "1")  # progress is ours to show
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only with a fixed workspace
    import torch
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # for authors of libraries
    torch.set_num_threads(count)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs a pass over memory
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if device == "cuda" and not torch.cuda.is_available():
        raise RecipeError(
            "run.device is cuda, but PyTorch finds no CUDA device here",
            fix="set run.device to auto or cpu, or install a CUDA build of PyTorch on a machine with a GPU",
            key=("run", "device"),
        )
    use_cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if use_cuda else "cpu")


def compute_dtype(stored: torch.dtype, device: torch.device) -> torch.dtype:
    """The number format to compute in: bfloat16 for 16-bit weights where the hardware multiplies it, else float32.

    Float32 weights stay float32: whoever stores them so wants their precision.
    """
    import torch

    if stored == torch.float32:
        return torch.float32
    return torch.bfloat16 if device.type == "cuda" or _cpu_multiplies_bfloat16() else torch.float32


def attention(device: torch.device) -> str:
    """The attention that is fastest: PyTorch's fused one on a GPU, plain matrix products on a CPU.

    Gemma 3 270M in bfloat16 on two cores, 10 thousand tokens of texts of 400: 1,691 tokens/s plain, 1,211 fused.
    """
    return "sdpa" if device.type == "cuda" else "eager"


def _cpu_multiplies_bfloat16() -> bool:
    """Without AVX512-BF16 or AMX-BF16, PyTorch emulates bfloat16 products and is slower than in float32."""
    import torch

    abilities = torch.cpu.get_capabilities()
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
