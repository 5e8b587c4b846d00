import sys

import psutil
import pytest

from yelian.core import memory


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps freed memory that can be given back")
def test_freed_memory_goes_back_to_the_system():
    process = psutil.Process()
    held = [bytes(100_000) for _ in range(2_000)]  # 200 MB in pieces that glibc keeps in its arena
    pin = bytes(100_000)  # on top of them, so that the arena cannot shrink from its end
    held.clear()
    kept = process.memory_info().rss
    memory.release()
    assert process.memory_info().rss < kept - 100_000_000
    assert pin
