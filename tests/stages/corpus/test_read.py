import json
import os
import tracemalloc

import pyarrow.parquet as pq
import pytest

from stages.corpus.samples import LEAD, TEXT, TITLE, fill, jsonl, markdown, page, txt
from support import recipe, run_stage
from yelian.core import records
from yelian.core.errors import RecipeError
from yelian.core.records import Document, document_id
from yelian.engine.job import FolderJob
from yelian.recipe.schema import Run
from yelian.stages.corpus import read
from yelian.stages.corpus.read import Read


def documents(artifact) -> list[Document]:
    return list(records.rows(Document, artifact.batches("documents")))


def removals(artifact) -> list[tuple[str, str, str, str]]:
    rows = [row for part in sorted((artifact.path / "removed").iterdir()) for row in pq.read_table(part).to_pylist()]
    return [(row["source"], row["locator"], row["outcome"], row["reason"]) for row in rows]


def run(tmp_path, **corpus):
    corpus.setdefault("sources", ({"path": "docs"},))
    return run_stage(Read.from_recipe(recipe(tmp_path, corpus=corpus)), tmp_path / "out")


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def test_one_file_of_every_type_gives_a_document_each(tmp_path):
    fill(tmp_path / "docs")
    artifact = run(tmp_path)
    found = documents(artifact)
    assert [document.source for document in found] == [
        f"docs/{name}" for name in ("a.txt", "b.md", "c.html", "d.docx", "e.pdf", "f.jsonl")
    ]
    assert {document.title for document in found} == {TITLE}
    assert {document.language for document in found} == {"zh"}
    assert artifact.ledger.as_json() == {"unit": "documents", "read": 6, "kept": 6, "dropped": {}, "rejected": {}}
    assert found[0].tags == ["format:txt", "encoding:gb18030"]
    assert found[1].tags == ["format:md", "encoding:utf-8", "author:储鸣", "publisher:碧湖晚报"]
    assert (found[5].locator, found[5].published_at, found[5].licence) == ("line 1", "2026-05-06", "CC0-1.0")
    assert found[5].tags == ["format:jsonl", "id:7", "encoding:utf-8"]


def test_an_id_says_where_a_text_stood_and_how_it_read(tmp_path, docs):
    (docs / "a.txt").write_text(txt(), encoding="utf-8")
    (document,) = documents(run(tmp_path))
    assert document.id == document_id("docs/a.txt", "", TEXT)


def test_the_licence_of_the_document_goes_before_that_of_its_source(tmp_path, docs):
    (docs / "a.md").write_text(markdown(), encoding="utf-8")
    (docs / "b.html").write_text(page(), encoding="utf-8")
    (docs / "c.txt").write_text(txt(), encoding="utf-8")
    found = documents(run(tmp_path, sources=({"path": "docs", "licence": "CC0-1.0"},)))
    assert [document.licence for document in found] == ["CC-BY-4.0", "未经授权不得转载。", "CC0-1.0"]


def test_one_line_of_garbage_among_a_thousand_costs_one_line(tmp_path, docs):
    lines = jsonl(*({"text": f"第{i}条消息的正文，足够长。"} for i in range(1000))).splitlines(keepends=True)
    lines[499] = b"\xff\xfe{garbage\x80\n"
    (docs / "a.jsonl").write_bytes(b"".join(lines))
    artifact = run(tmp_path)
    assert artifact.ledger.kept == 999
    assert removals(artifact) == [("docs/a.jsonl", "line 500", "rejected", "undecodable")]


def test_garbage_in_the_first_line_does_not_condemn_the_others(tmp_path, docs):
    (docs / "a.jsonl").write_bytes(b"\xff\xfe\x00\xd8garbage\n" + jsonl({"text": LEAD}))
    artifact = run(tmp_path)
    assert [document.text for document in documents(artifact)] == [LEAD]
    assert removals(artifact) == [("docs/a.jsonl", "line 1", "rejected", "undecodable")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{not json}", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"text": ' + b"1" * 5_000 + b"}", "bad_json"),
        (b"[1, 2]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b'{"title": "x"}', "no_text"),
        (b'{"text": 5, "body": ["x"]}', "no_text"),
        (b'{"text": "  "}', "no_text"),
        (b'{"text": "half \\ud800 pair"}', "garbled"),
        (b'{"text": "sound", "title": "half \\udc00 pair"}', "garbled"),
    ],
)
def test_a_bad_line_is_rejected_with_its_reason_and_position(tmp_path, docs, line, reason):
    (docs / "a.jsonl").write_bytes(jsonl({"text": LEAD}) + b"\n" + line + b"\n" + jsonl({"content": LEAD}))
    artifact = run(tmp_path)
    assert [document.locator for document in documents(artifact)] == ["line 1", "line 4"]
    assert removals(artifact) == [("docs/a.jsonl", "line 3", "rejected", reason)]


def test_every_line_is_decoded_on_its_own(tmp_path, docs):
    line = json.dumps({"text": LEAD}, ensure_ascii=False) + "\n"
    (docs / "a.jsonl").write_bytes(line.encode("utf-8") + line.encode("gb18030"))
    found = documents(run(tmp_path))
    assert [document.text for document in found] == [LEAD, LEAD]
    assert [document.tags[1] for document in found] == ["encoding:utf-8", "encoding:gb18030"]


def test_a_jsonl_in_utf_16_is_read_by_lines_too(tmp_path, docs):
    (docs / "a.jsonl").write_bytes((jsonl({"text": LEAD}) * 2).decode().encode("utf-16"))
    assert [document.locator for document in documents(run(tmp_path))] == ["line 1", "line 2"]


def test_what_cannot_be_read_costs_none_of_its_neighbours(tmp_path, docs):
    (tmp_path / "secret.txt").write_text(txt(), encoding="utf-8")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (docs / "empty.txt").write_bytes(b"")
    (docs / "empty.jsonl").write_bytes(b"\n\n")
    (docs / "good.txt").write_text(txt(), encoding="utf-8")
    (docs / "gone.txt").symlink_to(docs / "nothing.txt")
    (docs / "inside.txt").symlink_to(docs / "good.txt")
    (docs / "linked").symlink_to(docs, target_is_directory=True)
    (docs / "out.txt").symlink_to(tmp_path / "secret.txt")
    (docs / "picture.png").write_bytes(b"\x89PNG")
    (docs / "spaces.txt").write_text(" \n\u3000", encoding="utf-8")
    (docs / "zeros.txt").write_bytes(bytes(10_000))
    os.mkfifo(docs / "pipe.txt")
    artifact = run(tmp_path)
    assert [document.source for document in documents(artifact)] == ["docs/good.txt", "docs/inside.txt"]
    assert sorted(removals(artifact)) == [
        ("docs/broken.pdf", "", "rejected", "unreadable_pdf"),
        ("docs/empty.jsonl", "", "rejected", "empty"),
        ("docs/empty.txt", "", "rejected", "empty"),
        ("docs/gone.txt", "", "rejected", "unreadable"),
        ("docs/linked", "", "dropped", "linked_folder"),
        ("docs/out.txt", "", "rejected", "link_outside"),
        ("docs/picture.png", "", "rejected", "unsupported_type"),
        ("docs/pipe.txt", "", "rejected", "unsupported_type"),
        ("docs/spaces.txt", "", "rejected", "empty"),
        ("docs/zeros.txt", "", "rejected", "binary"),
    ]


def test_hidden_files_and_folders_are_not_counted(tmp_path, docs):
    (docs / ".git").mkdir()
    (docs / ".git" / "a.txt").write_text(txt(), encoding="utf-8")
    (docs / ".DS_Store").write_bytes(b"\0")
    (docs / "a.txt").write_text(txt(), encoding="utf-8")
    assert run(tmp_path).ledger.read == 1


def test_a_file_beyond_the_limit_is_never_opened(tmp_path, docs):
    with (docs / "zeros.txt").open("wb") as file:
        file.truncate(1 << 33)  # sparse; opening it would not fail, reading it would
    (docs / "a.txt").write_text(txt(), encoding="utf-8")
    stage = Read.from_recipe(recipe(tmp_path))
    assert list(stage.outside()) == ["docs/a.txt"]
    artifact = run(tmp_path)
    assert removals(artifact) == [("docs/zeros.txt", "", "rejected", "too_large")]


def test_zeros_within_the_limit_cost_their_head_and_no_memory(tmp_path, docs):
    for name in ("a.txt", "b.jsonl", "c.html", "d.pdf"):
        with (docs / name).open("wb") as file:
            file.truncate(1 << 26)
    tracemalloc.start()
    artifact = run(tmp_path, max_file_mb=100.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [reason for *_, reason in removals(artifact)] == ["binary", "binary", "binary", "unreadable_pdf"]
    assert peak < 1 << 24  # one file whole would be 64 MB


def test_a_file_that_vanishes_between_plan_and_run_is_unreadable(tmp_path, docs):
    (docs / "a.txt").write_text(txt(), encoding="utf-8")
    (docs / "b.jsonl").write_bytes(jsonl({"text": LEAD}))
    stage = Read.from_recipe(recipe(tmp_path))
    stage.params()
    (docs / "a.txt").unlink()
    (docs / "b.jsonl").unlink()
    job = FolderJob(stage.NAME, stage.UNIT, tmp_path / "out", {}, Run())
    stage.run(job)
    assert job.ledger().as_json()["rejected"] == {"unreadable": 2}


def test_a_file_name_that_is_not_utf_8_is_written_with_escapes(tmp_path, docs):
    path = os.fsencode(docs) + b"/\xb0\xa1.txt"
    try:
        with open(path, "wb") as file:  # noqa: PTH123 - a pathlib path cannot hold these bytes
            file.write(txt().encode())
    except OSError:
        pytest.skip("this file system allows UTF-8 names only")
    assert [document.source for document in documents(run(tmp_path))] == ["docs/\\xb0\\xa1.txt"]


def test_a_source_may_be_one_file(tmp_path):
    (tmp_path / "wire.jsonl").write_bytes(jsonl({"text": LEAD}))
    artifact = run(tmp_path, sources=({"path": "wire.jsonl", "name": "wire"},))
    assert [document.source for document in documents(artifact)] == ["wire/wire.jsonl"]


def test_parts_are_cut_by_files_bytes_and_lines(tmp_path, docs, monkeypatch):
    monkeypatch.setattr(read, "PART_FILES", 2)
    monkeypatch.setattr(read, "PART_LINES", 3)
    for index in range(5):
        (docs / f"a{index}.txt").write_text(txt(), encoding="utf-8")
    (docs / "b.jsonl").write_bytes(jsonl({"text": LEAD}) * 7)
    artifact = run(tmp_path)
    sizes = [pq.read_metadata(part).num_rows for part in sorted((artifact.path / "documents").iterdir())]
    assert sizes == [2, 2, 1, 3, 3, 1]
    monkeypatch.setattr(read, "PART_BYTES", 10)
    artifact = run_stage(Read.from_recipe(recipe(tmp_path)), tmp_path / "again")
    assert artifact.count("documents") == 12
    assert len(list((artifact.path / "documents").iterdir())) == 12


def test_a_killed_run_goes_on_to_the_same_parts(tmp_path, docs, monkeypatch):
    monkeypatch.setattr(read, "PART_LINES", 2)
    (docs / "a.txt").write_text(txt(), encoding="utf-8")
    (docs / "b.jsonl").write_bytes(jsonl(*({"text": f"{LEAD}{i}"} for i in range(5))) + b"{bad}\n")
    whole = run(tmp_path)
    stage = Read.from_recipe(recipe(tmp_path))

    class Killed(FolderJob):
        def commit(self, part, **rest):
            if part == "000002":
                raise KeyboardInterrupt
            super().commit(part, **rest)

    with pytest.raises(KeyboardInterrupt):
        stage.run(Killed(stage.NAME, stage.UNIT, tmp_path / "killed", {}, Run()))
    assert len(list((tmp_path / "killed" / "documents").iterdir())) == 2
    resumed = run_stage(stage, tmp_path / "killed")
    assert documents(resumed) == documents(whole)
    assert removals(resumed) == removals(whole)


def test_parameters_hold_no_path_and_outside_holds_every_file(tmp_path, docs):
    (docs / "sub").mkdir()
    (docs / "sub" / "a.txt").write_text(txt(), encoding="utf-8")
    (docs / "b.png").write_bytes(b"")
    stage = Read.from_recipe(recipe(tmp_path))
    assert stage.outside() == {"docs/sub/a.txt": docs / "sub" / "a.txt"}
    assert str(tmp_path) not in json.dumps(stage.params(), ensure_ascii=False)
    assert set(stage.params()["unread"]) == {"docs/b.png"}


def test_a_source_that_does_not_exist_names_its_setting_and_the_nearest(tmp_path, docs):
    (docs / "a.txt").write_text(txt(), encoding="utf-8")
    with pytest.raises(RecipeError, match="dosc") as error:
        Read.from_recipe(recipe(tmp_path, corpus={"sources": ({"path": "docs"}, {"path": "dosc"})})).check()
    assert error.value.key == ("corpus", "sources", 1, "path")
    assert "docs" in error.value.fix


def test_two_sources_of_one_name_are_refused(tmp_path, docs):
    (docs / "a.txt").write_text(txt(), encoding="utf-8")
    with pytest.raises(RecipeError, match="both named 'docs'") as error:
        Read.from_recipe(recipe(tmp_path, corpus={"sources": ({"path": "docs"}, {"path": "docs/../docs"})})).check()
    assert error.value.key == ("corpus", "sources", 1, "path")


def test_a_folder_without_files_is_refused(tmp_path, docs):
    with pytest.raises(RecipeError, match="holds no files"):
        Read.from_recipe(recipe(tmp_path)).check()
