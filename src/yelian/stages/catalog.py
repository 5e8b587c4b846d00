"""The catalog of stages, in the order of the pipeline: one literal dict, nothing is registered elsewhere."""

from __future__ import annotations

CATALOG: dict[str, str] = {
    "corpus.read": "yelian.stages.corpus.read:Read",
    "corpus.clean": "yelian.stages.corpus.clean:Clean",
    "instruct.build": "yelian.stages.instruct.build:Build",
    "model.base": "yelian.stages.model.base:Base",
    "model.trim": "yelian.stages.model.trim:Trim",
    "model.tune": "yelian.stages.model.tune:Tune",
    "assay.base": "yelian.stages.assay.measure:MeasureBase",
    "assay.tuned": "yelian.stages.assay.measure:MeasureTuned",
    "assay.report": "yelian.stages.assay.report:Report",
    "release.pack": "yelian.stages.release.pack:Pack",
}
