import threading

import pytest

from toy import ran
from yelian.core.errors import InputError, StageError
from yelian.engine.job import Display


def test_an_artifact_is_never_overwritten(path, store):
    result = ran(path, store)
    store.building(result.artifacts["toy.count"].id).mkdir(parents=True)
    with pytest.raises(StageError, match="exists already"):
        store.seal(result.artifacts["toy.count"].id, {})


def test_an_unknown_artifact_is_the_callers_mistake(store):
    with pytest.raises(InputError, match=r"no artifact toy\.read-1"):
        store.get("toy.read-1")


def test_who_waits_for_another_run_is_told(store):
    said, release = [], threading.Event()

    class Ear(Display):
        def note(self, message: str) -> None:
            said.append(message)
            release.set()

    def hold() -> None:
        with store.lock("toy.read-1", Display()):
            held.set()
            release.wait(10)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    with store.lock("toy.read-1", Ear()):
        pass
    holder.join()
    assert said == ["waiting: another run is making toy.read-1"]
