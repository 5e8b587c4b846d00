"""A small project with a tiny model: every stage is real, nothing is large."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

YELIAN = Path(sys.executable).with_name("yelian")
PLACES = ["临湾市", "青岚县", "南屿区", "云栖镇", "沐阳乡", "白鹭洲", "石桥村", "柳荫街"]
THINGS = ["图书馆", "菜市场", "公交线路", "湿地公园", "养老食堂", "夜市", "博物馆", "物流园"]

RECIPE = """\
yelian: 1
name: tiny
corpus:
  sources:
    - path: docs
      licence: CC0-1.0
  held_out: 0.3
instruct:
  max_chars: 600
model:
  base: base
  trim: {general_words: 100}
  lora: {rank: 2, alpha: 4.0}
  sft: {tokens: 6000, learning_rate: 1e-2, batch_tokens: 600, micro_batch: 2, window: 700, save_steps: 2}
assay:
  items_per_task: 3
  max_new_tokens: 6
  bootstrap: 200
  questions: questions.yaml
"""
QUESTIONS = """\
questions:
  - id: q1
    task: MU01
    messages:
      - {role: user, content: 给临湾市图书馆的消息拟一个标题。}
"""


def article(index: int) -> str:
    """A short report, different in every sentence from the others."""
    neighbour = "甲乙丙丁戊己庚辛"[index % 8]
    place, thing, number = PLACES[index % 8], THINGS[(index * 3 + index // 8) % 8], 120 + 37 * index
    return (
        f"{place}{thing}第{index}期改造完成\n\n"
        f"{place}{thing}第{index}期改造{index % 28 + 1}日完成，新增{number}个座位，周边{number * 3}户居民从此不必再"
        f"到邻镇排队，项目方还为老人留出{index + 5}个优先窗口。\n\n"
        f"“以前要走{index + 2}公里，现在下楼就到。”居民周{neighbour}说。改造花了{index + 3}个月，"
        f"其间{thing}没有停止开放，工人分{index % 3 + 2}批在夜里施工，白天把通道让给来往的人。\n\n"
        f"项目负责人介绍，{thing}每天开放{8 + index % 6}小时，全年投入{number * 2}万元，由{place}承担，"
        f"每季度公布一次账目，接受{number}名居民代表的查问。\n\n"
        f"下一步，{place}还将为{thing}增设{index + 4}处无障碍通道，预计明年{index % 12 + 1}月建成，"
        f"方案将在门口张贴{index % 9 + 7}天，收集大家的意见。\n"
    )


def make_project(folder: Path, base: Path) -> Path:
    """Write documents, questions and recipe into an empty folder."""
    (folder / "docs").mkdir(parents=True)
    for index in range(24):
        (folder / "docs" / f"{index:02}.txt").write_text(article(index), encoding="utf-8")
    (folder / "docs" / "copy.txt").write_text(article(0), encoding="utf-8")
    (folder / "docs" / "empty.txt").write_bytes(b"")
    (folder / "base").symlink_to(base)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (folder / "questions.yaml").write_text(QUESTIONS, encoding="utf-8")
    return folder


def command(*arguments: object) -> list[str]:
    """The command line, as an installed user would type it."""
    return [str(YELIAN), *map(str, arguments)]


def environment() -> dict[str, str]:
    """One passive thread: tests share the machine."""
    return os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}


def yelian(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def run_json(folder: Path, *arguments: object) -> dict[str, Any]:
    """`yelian run recipe.yaml --json`: its last line."""
    done = yelian(folder, "run", "recipe.yaml", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
