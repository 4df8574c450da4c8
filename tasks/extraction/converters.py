"""docling's converters, built once per process and options."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from docling.backend.image_backend import ImageDocumentBackend
from docling.datamodel.accelerator_options import AcceleratorDevice, AcceleratorOptions
from docling.datamodel.backend_options import (
    CsvBackendOptions,
    HTMLBackendOptions,
    MarkdownBackendOptions,
    PdfBackendOptions,
    ThreadedDoclingParseBackendOptions,
)
from docling.datamodel.base_models import InputFormat
from docling.datamodel.pipeline_options import ThreadedPdfPipelineOptions
from docling.document_converter import (
    CsvFormatOption,
    DocumentConverter,
    ExcelFormatOption,
    FormatOption,
    HTMLFormatOption,
    ImageFormatOption,
    MarkdownFormatOption,
    PdfFormatOption,
    PowerpointFormatOption,
    WordFormatOption,
)
from docling.models.factories import (
    get_layout_factory,
    get_ocr_factory,
    get_table_structure_factory,
)

from tasks.errors import EngineUnavailable
from tasks.extraction.engines import heron_artifacts_path
from tasks.extraction.invisible_pdf import SeenTextDocumentBackend
from tasks.extraction.layout_cdla import CdlaLayoutModel, CdlaLayoutOptions
from tasks.extraction.no_layout import NoLayoutModel, NoLayoutOptions
from tasks.extraction.ocr_pages import PageOcrModel, PageOcrOptions
from tasks.extraction.options import ExtractionOptions
from tasks.extraction.page_stages import PagePipeline
from tasks.records import FileKind, Profile

if TYPE_CHECKING:
    from docling.models.factories.base_factory import BaseFactory

FORMATS: dict[FileKind, InputFormat] = {
    "pdf": InputFormat.PDF,
    "image": InputFormat.IMAGE,
    "docx": InputFormat.DOCX,
    "pptx": InputFormat.PPTX,
    "xlsx": InputFormat.XLSX,
    "html": InputFormat.HTML,
    "markdown": InputFormat.MD,
    "csv": InputFormat.CSV,
}
PAGE_FORMATS: frozenset[FileKind] = frozenset({"pdf", "image"})

_LOCK = threading.Lock()


def _register(factory: BaseFactory[Any], model: Any) -> None:
    if model.get_options_type() not in factory.classes:
        factory.register(model, "clara", model.__module__)


def register_engines() -> None:
    """Makes our engines known to docling, in this process."""
    # The factories are cached by their arguments, so these must be those of the pipeline.
    # Registered by hand and not by an entry point: docling then needs no leave to load
    # whatever other plugins are installed beside it.
    from tasks.extraction.table_slanet import SlanetTableModel

    _register(get_layout_factory(allow_external_plugins=False), CdlaLayoutModel)
    _register(get_layout_factory(allow_external_plugins=False), NoLayoutModel)
    _register(get_ocr_factory(allow_external_plugins=False), PageOcrModel)
    _register(get_table_structure_factory(allow_external_plugins=False), SlanetTableModel)


def _forbid_libreoffice() -> None:
    """docling would start LibreOffice, where it is installed, for metafiles and drawings.

    Another program, 60 seconds each, and other data on machines that have it: the same file
    would give different documents.
    """
    from docling.backend import msexcel_backend, mspowerpoint_backend, msword_backend

    for module in (msexcel_backend, mspowerpoint_backend, msword_backend):
        module.get_docx_to_pdf_converter = lambda: None


def page_pipeline_options(options: ExtractionOptions) -> ThreadedPdfPipelineOptions:
    """docling's options for PDF and image pages under our profile."""
    pipeline = ThreadedPdfPipelineOptions(
        accelerator_options=AcceleratorOptions(
            num_threads=options.threads, device=AcceleratorDevice.CPU
        ),
        images_scale=options.images_scale,
        generate_picture_images=True,
        generate_parsed_pages=True,
        do_ocr=options.ocr != "never" and options.profile != "native",
        ocr_options=PageOcrOptions(backend="onnxruntime", use_cls=False, policy=options.ocr),
        layout_batch_size=1,
        ocr_batch_size=1,
        table_batch_size=1,
        queue_max_size=4,
    )
    if options.profile == "heron":
        artifacts = heron_artifacts_path()
        pipeline.artifacts_path = artifacts
        pipeline.accelerator_options.device = AcceleratorDevice.AUTO
    elif options.profile == "embedded":
        from tasks.extraction.table_slanet import SlanetTableOptions

        pipeline.layout_options = CdlaLayoutOptions()
        pipeline.table_structure_options = SlanetTableOptions()
    else:
        pipeline.layout_options = NoLayoutOptions()
        pipeline.do_table_structure = False
    return pipeline


def profile_of(kind: FileKind, options: ExtractionOptions, ocr_used: bool) -> Profile:
    """Which engines ran: `direct` where a format needs no model."""
    if kind not in PAGE_FORMATS:
        return Profile(name="direct")
    layout, tables = {
        "embedded": ("cdla", "slanet-plus"),
        "heron": ("docling-layout-heron", "tableformer"),
        "native": (None, None),
    }[options.profile]
    return Profile(
        name=options.profile, layout=layout, tables=tables, ocr="rapidocr" if ocr_used else None
    )


@cache
def converter_for(kind: FileKind, options: ExtractionOptions) -> DocumentConverter:
    """The converter of one kind of file, its models loaded.

    Raises EngineUnavailable where they cannot be: that is no fault of the file.
    """
    with _LOCK:
        register_engines()
        _forbid_libreoffice()
    document_format = FORMATS[kind]
    converter = DocumentConverter(
        allowed_formats=[document_format],
        format_options={document_format: _format_option(kind, options)},
    )
    try:
        converter.initialize_pipeline(document_format)
    except EngineUnavailable:
        raise
    except Exception as error:  # whatever a model's loader raises
        raise EngineUnavailable(
            f"The engines of the extraction profile '{options.profile}' cannot start: {error}. "
            "`clara doctor` says what is missing."
        ) from error
    return converter


def _format_option(kind: FileKind, options: ExtractionOptions) -> FormatOption:
    closed = {"enable_remote_fetch": False, "enable_local_fetch": False}
    if kind == "pdf":
        return PdfFormatOption(
            backend=SeenTextDocumentBackend,
            pipeline_cls=PagePipeline,
            pipeline_options=page_pipeline_options(options),
            backend_options=ThreadedDoclingParseBackendOptions(
                parser_threads=1,
                max_concurrent_results=4,
                render_scale=options.images_scale,
                release_native_memory_every_n_pages=options.page_window,
                **closed,
            ),
        )
    if kind == "image":
        return ImageFormatOption(
            pipeline_cls=PagePipeline,
            pipeline_options=page_pipeline_options(options),
            backend=ImageDocumentBackend,
            backend_options=PdfBackendOptions(**closed),
        )
    if kind == "html":
        return HTMLFormatOption(
            backend_options=HTMLBackendOptions(
                fetch_images=True,  # of data: URIs only: the next two forbid everything else
                infer_furniture=False,  # text before the first heading is text
                add_title=False,
                **closed,
            )
        )
    if kind == "markdown":
        return MarkdownFormatOption(
            backend_options=MarkdownBackendOptions(fetch_images=True, **closed)
        )
    if kind == "csv":
        return CsvFormatOption(backend_options=CsvBackendOptions(**closed))
    return {"docx": WordFormatOption, "pptx": PowerpointFormatOption, "xlsx": ExcelFormatOption}[
        kind
    ]()
