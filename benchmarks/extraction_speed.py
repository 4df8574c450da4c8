"""Pages a second: the flow against one docling converter with the same engines.

    uv run python benchmarks/extraction_speed.py FOLDER [--copies 3] [--workers 2]

Takes the PDF files of FOLDER, several copies of each (a comment at the end makes them different
files), and extracts them in one run of this script: by one docling converter in one process with as
many threads as there are cores (docling's own pipeline with the same layout, table and OCR engines;
then the same with our page pipeline), and by the flow with its worker processes. All are warm: each
has extracted one document before the clock starts. Also prints how much of the time in a
worker is our own, outside docling, and how much of the workers' time the flow leaves unused.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def copy_documents(folder: Path, target: Path, copies: int) -> tuple[list[Path], int]:
    """Copies of the PDF files that are extracted without an error, and their pages in all."""
    import pypdfium2

    from tasks.errors import FileRejected
    from tasks.probe import probe_file

    made, pages = [], 0
    for path in sorted(folder.glob("*.pdf")):
        try:
            probe_file(path, "pdf")
        except FileRejected as error:
            print(f"left out: {path.name}: {error}")
            continue
        document = pypdfium2.PdfDocument(path)
        count = len(document)
        document.close()
        for copy in range(copies):
            out = target / f"{path.stem}-{copy}.pdf"
            out.write_bytes(path.read_bytes() + f"\n% copy {copy}\n".encode())
            made.append(out)
            pages += count
    return made, pages


def plain_docling() -> Any:
    """docling's own PDF pipeline, with our layout and table engines and RapidOCR in it."""
    from docling.datamodel.accelerator_options import AcceleratorDevice, AcceleratorOptions
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.pipeline_options import RapidOcrOptions, ThreadedPdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption

    from tasks.extraction.converters import register_engines
    from tasks.extraction.layout_cdla import CdlaLayoutOptions
    from tasks.extraction.table_slanet import SlanetTableOptions

    register_engines()
    options = ThreadedPdfPipelineOptions(
        accelerator_options=AcceleratorOptions(
            num_threads=os.cpu_count() or 1, device=AcceleratorDevice.CPU
        ),
        images_scale=2.0,
        generate_picture_images=True,
        layout_options=CdlaLayoutOptions(),
        table_structure_options=SlanetTableOptions(),
        ocr_options=RapidOcrOptions(backend="onnxruntime", use_cls=False),
    )
    return DocumentConverter(
        allowed_formats=[InputFormat.PDF],
        format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)},
    )


def our_pipeline() -> Any:
    """The converter that a worker uses, with as many threads as there are cores."""
    from tasks.extraction.converters import converter_for
    from tasks.extraction.options import ExtractionOptions

    return converter_for("pdf", ExtractionOptions(threads=os.cpu_count() or 1))


def time_converter(converter: Any, paths: list[str]) -> None:
    """Prints seconds for all documents but the first, which warms it (in a subprocess)."""
    converter.convert(paths[0])
    started = time.perf_counter()
    for _ in converter.convert_all(paths[1:]):
        pass
    print(f"SECONDS {time.perf_counter() - started}")


def own_share(paths: list[str]) -> None:
    """Prints seconds of `extract_file` and of docling's part in it (a subprocess, one thread)."""
    from docling.document_converter import DocumentConverter

    from tasks.extraction.options import ExtractionOptions
    from tasks.extraction.worker import extract_file

    inside = {"s": 0.0}
    real = DocumentConverter.convert

    def timed(self: Any, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return real(self, *arguments, **options)
        finally:
            inside["s"] += time.perf_counter() - started

    DocumentConverter.convert = timed
    with tempfile.TemporaryDirectory() as images:
        extract_file(Path(paths[0]), "pdf", ExtractionOptions(), Path(images))
        inside["s"], started = 0.0, time.perf_counter()
        for path in paths:
            extract_file(Path(path), "pdf", ExtractionOptions(), Path(images))
        print(f"SECONDS {time.perf_counter() - started} {inside['s']}")


def subprocess_seconds(mode: str, paths: list[Path]) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.extraction_speed", f"--{mode}", *map(str, paths)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("SECONDS"))
    return [float(part) for part in line.split()[1:]]


def through_the_flow(source: Path, output: Path, warm: Path, workers: int) -> dict[str, Any]:
    """The flow's summary; its workers were warmed before."""
    from flows.local_server import connect

    connect()
    from flows.ingest import ingest
    from tasks.worker_pool import shared_pool

    pool = shared_pool(workers)
    from concurrent.futures import ThreadPoolExecutor

    from tasks.extraction.options import ExtractionOptions

    with ThreadPoolExecutor(workers) as threads:
        jobs = [
            threads.submit(
                pool.run,
                "tasks.extraction.worker:extract_file",
                warm,
                "pdf",
                ExtractionOptions(),
                output / "warm",
            )
            for _ in range(workers)
        ]
        for job in jobs:
            job.result()
    return ingest(source=str(source), output=str(output), workers=workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clara-speed-") as folder:
        source, output = Path(folder) / "source", Path(folder) / "out"
        source.mkdir()
        output.mkdir()
        paths, pages = copy_documents(options.folder, source, options.copies)
        warm = Path(folder) / "warm.pdf"
        warm.write_bytes(paths[0].read_bytes() + b"\n% warm\n")
        print(f"{len(paths)} documents, {pages} pages, {options.workers} workers")
        baseline_s = subprocess_seconds("plain-docling", [warm, *paths])[0]
        pipeline_s = subprocess_seconds("our-pipeline", [warm, *paths])[0]
        whole_s, docling_s = subprocess_seconds("own-share", paths)
        summary = through_the_flow(source, output, warm, options.workers)
        flow_s = summary["steps"]["extract"]["seconds"]
    baseline, flow = pages / baseline_s, pages / flow_s
    print(f"one docling converter, one process: {baseline:.2f} pages/s ({baseline_s:.1f} s)")
    print(
        f"the same with our page pipeline:    {pages / pipeline_s:.2f} pages/s ({pipeline_s:.1f} s)"
    )
    print(f"the flow:                           {flow:.2f} pages/s ({flow_s:.1f} s)")
    print(f"ratio of the flow to one converter: {flow / baseline:.2f}")
    print(
        f"our own time outside docling: {whole_s - docling_s:.2f} s of {whole_s:.2f} s "
        f"({100 * (whole_s - docling_s) / whole_s:.1f} %), one process, one thread"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plain-docling"]:
        time_converter(plain_docling(), sys.argv[2:])
    elif sys.argv[1:2] == ["--our-pipeline"]:
        time_converter(our_pipeline(), sys.argv[2:])
    elif sys.argv[1:2] == ["--own-share"]:
        own_share(sys.argv[2:])
    else:
        main()
