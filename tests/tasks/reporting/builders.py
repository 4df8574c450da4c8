"""Small rows for the tests of the report."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image, ImageDraw

from tasks.endpoint.options import Prices
from tasks.endpoint.spending import StepSpending
from tasks.records import (
    Describer,
    DocumentRow,
    Evidence,
    Grade,
    ImageRow,
    Language,
    Profile,
    QAPair,
    QuestionType,
    Reject,
    Synthesizer,
    TrainingRow,
)
from tasks.reporting.statistics import (
    EngineFacts,
    IngestRun,
    OutputFile,
    RunFacts,
    StepFacts,
    collect_facts,
)
from tasks.spent import ResultSpending, spent

STARTED = datetime(2026, 11, 22, 16, 24, tzinfo=UTC)
IMAGE_ID = "0123456789abcdef"


def ingest_run(**changes: Any) -> IngestRun:
    values: dict[str, Any] = {
        "source": "documents",
        "output": "out",
        "started_at": STARTED,
        "ended_at": STARTED + timedelta(seconds=65),
    }
    return IngestRun(**{**values, **changes})


def document_row(
    file_path: str, language: Language = "en", images: Sequence[str] = ()
) -> DocumentRow:
    return DocumentRow(
        file_path=file_path,
        filename=file_path.rsplit("/", 1)[-1],
        content="",
        product_area="",
        extracted_images=tuple(images),
        doc_id="d" * 64,
        language=language,
        page_count=2,
        profile=Profile(name="embedded", layout="cdla"),
    )


def image_row(file_path: str, description: str, image_id: str = IMAGE_ID, **more: Any) -> ImageRow:
    filename = f"{image_id}.jpg"
    values = {
        "file_path": file_path,
        "filename": filename,
        "content": f"[IMAGE DESCRIPTION of {filename}]\n{description}",
        "product_area": "",
        "image_id": image_id,
        "origin": "embedded",
        "page_no": 1,
        "describer": Describer(engine="ocr"),
    }
    return ImageRow(**{**values, **more})


def pair(
    question: str,
    answer: str,
    evidence: tuple[int, int] | None = None,
    type: QuestionType = "fact",
    language: Language = "en",
) -> QAPair:
    return QAPair(
        type=type,
        question=question,
        answer=answer,
        question_language=language,
        answer_language=language,
        evidence=None if evidence is None else Evidence(start=evidence[0], end=evidence[1]),
    )


def training_row(
    file_path: str,
    chunk: str,
    pairs: Sequence[QAPair] = (),
    *,
    id: str = "chunk",
    language: Language = "en",
    summary: str | None = None,
    headings: Sequence[str] = (),
) -> TrainingRow:
    return TrainingRow(
        id=id,
        doc_id="d" * 64,
        file_path=file_path,
        product_area="",
        pages=(1,),
        headings=tuple(headings),
        language=language,
        chunk=chunk,
        dense_summary=summary,
        qa_pairs=tuple(pairs),
        image_ids=(),
        synthesizer=Synthesizer(engine="extractive"),
        usage=None,
    )


def facts_of(
    documents: Sequence[DocumentRow] = (),
    images: Sequence[ImageRow] = (),
    training_rows: Sequence[TrainingRow] = (),
    rejects: Sequence[Reject] = (),
    run: IngestRun | None = None,
) -> RunFacts:
    return collect_facts(
        run or ingest_run(),
        documents=documents,
        images=images,
        training_rows=training_rows,
        rejects=rejects,
    )


def jpeg(width_px: int = 800, height_px: int = 500) -> bytes:
    picture = Image.new("RGB", (width_px, height_px), "white")
    ImageDraw.Draw(picture).rectangle([40, 40, width_px // 2, height_px // 2], fill="#2366b0")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return buffer.getvalue()


def spending_run(priced: bool = True) -> IngestRun:
    """A run that called two models, over a data set that an earlier run paid for in part."""
    prices = Prices(input_per_million=2, output_per_million=10) if priced else None
    now = (
        StepSpending(
            step="synthesize", need="text", model="qwen|turbo", calls=1200, reused=34,
            failed_attempts=1, prompt_tokens=2_000_000, completion_tokens=500_000,
            cost=9.0 if priced else None,
        ),
        StepSpending(step="two_hops", need="text", model="qwen|turbo", reused=7),
    )  # fmt: skip
    total = (
        ResultSpending(
            step="describe", need="vision", model="qwen-vl", results=3, prompt_tokens=5000,
            completion_tokens=100,
        ),
        ResultSpending(
            step="synthesize", need="text", model="qwen|turbo", results=1500,
            prompt_tokens=3_000_000, completion_tokens=600_000,
        ),
    )  # fmt: skip
    usage, cost = spent(now, total, {"text": prices, "vision": prices}, "USD")
    return ingest_run(usage=usage, cost=cost)


def graded(pair: QAPair, faithfulness: int, answerability: int) -> QAPair:
    grade = Grade(faithfulness=faithfulness, answerability=answerability)
    return pair.model_copy(update={"grade": grade})


def flagged(row: TrainingRow) -> TrainingRow:
    return row.model_copy(update={"flags": ("addresses_model",)})


def chinese_facts() -> RunFacts:
    """Chinese in every place of the report that shows text of a run."""
    simplified, traditional = "手册/水泵使用说明.pdf", "臺灣/濾芯更換.docx"
    chunk = "阀门带有弹簧，断电时自动关闭。🔧滤芯运行五百小时后更换。"
    other = "壓差超過限值時應當更換濾芯，並檢查電纜與機殼。"
    first, second = chunk.index("断电"), other.index("並檢查")
    return facts_of(
        documents=[
            document_row(simplified, "zh", [IMAGE_ID]),
            document_row(traditional, "zh"),
        ],
        images=[image_row(simplified, "流程图：启动，检查压力，停机。")],
        training_rows=[
            training_row(
                simplified,
                chunk,
                [
                    pair("阀门何时关闭？", "断电时自动关闭", (first, first + 7), language="zh"),
                    pair("多久更换滤芯？", "五百小时", None, "reasoning", "zh"),
                ],
                language="zh",
                summary="弹簧阀门断电即关。",
                headings=["第三章 维护", "更换滤芯"],
                id="a",
            ),
            training_row(
                traditional,
                other,
                [
                    pair(
                        "何時檢查電纜？",
                        "並檢查電纜與機殼",
                        (second, len(other) - 1),
                        language="zh",
                    )
                ],
                language="zh",
                headings=["保養"],
                id="b",
            ),
        ],
        rejects=[
            Reject(
                file_path="损坏/空文件.pdf", step="发现", reason="空文件", detail="此文件没有内容。"
            )
        ],
        run=ingest_run(
            source="资料夹",
            output="输出",
            steps=(StepFacts(name="提取文本", seconds=3.5, done=2),),
            engines=(EngineFacts(need="描述图片", engine="本地识别", reason="未设置模型。"),),
            files=(OutputFile(name="数据.jsonl", rows=3, size_bytes=900),),
            options={"分词器": "模型目录"},
            versions={"版本": "一"},
            held_out=(traditional,),
            notices=("语料很小，候选文档不足。",),
        ),
    )
