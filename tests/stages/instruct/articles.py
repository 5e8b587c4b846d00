"""Articles long enough for every task."""

from __future__ import annotations

from yelian.core.records import Document, document_id

TITLE = "古镇恢复停办十四年的夜航船"
PARAGRAPHS = (
    "5月1日傍晚六点四十分，载着三十六名乘客的“菱歌一号”离开古镇东码头，驶进湖上的暮色，停办十四年的夜航船恢复运营。",
    "夜航船曾经是湖边人的公共汽车。老船工计水根今年七十一岁，从二十岁起就在船上撑篙。他记得，那时候每晚一班，挑菜的、走亲戚的、看电影的人挤在一条木船上。2012年环湖公路通车，当年秋天，夜航船停了。",
    "恢复夜航的想法，来自栗渚村的民宿经营者饶佩。她发现，客人白天在古镇玩，晚上要绕湖开车四十分钟才能回到住处。去年9月，她联合九户村民写了一份建议，镇里随后组织了三次夜间试航。",
    "新船是电动船，长十六米，核载四十人，船身仍旧做成木船的样子。船上配备了定位终端、雷达和足额的救生衣，风力达到五级时一律停航。航程约二十五分钟，成人票价二十元，本地居民凭证五元。",
    "据统计，5月1日至5日，夜航船共运行二十班，载客六百七十一人次，其中在栗渚村过夜的约占四成。饶佩说，她家的六间房全部住满，隔壁两家也是，但她并不急着加房间。",
)


def document(text: str = "\n\n".join(PARAGRAPHS), title: str | None = TITLE, **fields) -> Document:
    base = Document(
        id=document_id("docs/a.md", "", text), text=text, source="docs/a.md", locator="", language="zh", title=title,
        published_at=None, licence="CC0-1.0", tags=[], scores={},
    )  # fmt: skip
    return Document(**{**{name: getattr(base, name) for name in Document.__slots__}, **fields})
