"""Which failure an error of an endpoint is: of now, of this item, of a parameter, of the run.

The status decides first, then codes and types, then words: providers that call themselves
compatible agree on little else. The words are those of OpenAI, Azure, DashScope, DeepSeek,
OpenRouter, SiliconFlow, Zhipu, Moonshot, Mistral, Gemini, vLLM, SGLang, llama.cpp and Ollama. A
400 that none of them fits concerns the request itself, and stops the run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field

from tasks.endpoint import sentences
from tasks.endpoint.error_bodies import ErrorBody, retry_after_s
from tasks.endpoint.failures import (
    EndpointRefused,
    ItemRefused,
    ParameterRefused,
    RequestParameter,
    TransientFailure,
)
from tasks.endpoint.options import EndpointOptions
from tasks.records import Record

Failure = TransientFailure | ItemRefused | ParameterRefused | EndpointRefused


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


# --- codes, in lower case --------------------------------------------------------------------

_PAYMENT_CODES = {
    "insufficient_quota",
    "insufficient_balance",
    "insufficient_user_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "exceeded_current_quota_error",  # Moonshot
    "pre_consume_token_quota_failed",
    "arrearage",  # DashScope
    "allocationquota.freetieronly",  # DashScope
    "1113",  # Zhipu
    "30001",  # SiliconFlow
}
_KEY_CODES = {"invalid_api_key", "invalidapikey", "incorrect_api_key_error", "api_key_invalid"}
_CONTENT_CODES = {
    "content_filter",
    "content_policy_violation",
    "data_inspection_failed",
    "datainspectionfailed",
    "moderation_blocked",
    "responsibleaipolicyviolation",
    "sensitive_words_detected",
    "prompt_blocked",
    "prohibited_content",
    "flagged_input",  # OpenRouter's moderation, a 403
    "1301",  # Zhipu
}
_CONTEXT_CODES = {
    "context_length_exceeded",
    "exceed_context_size_error",
    "string_above_max_length",
    "request_too_large",
    "1261",  # Zhipu
}
_IMAGE_CODES = {
    "invalid_image",
    "invalid_image_format",
    "invalid_image_url",
    "invalid_base64_image",
    "image_parse_error",
    "image_too_large",
    "image_too_small",
    "image_content_policy_violation",
    "unsupported_image",
    "unsupported_image_media_type",
    "sanitizer_server_error",
    "invalidparameter.datainspection",  # DashScope: the picture cannot be opened
}
_MODEL_CODES = {
    "model_not_found",
    "model_not_exist",
    "model_not_available",
    "modelnotfound",
    "invalid_model",
    "deploymentnotfound",
    "1211",  # Zhipu
    "20012",  # SiliconFlow
}

# --- words -----------------------------------------------------------------------------------

_PAYMENT = _words(
    r"insufficient[ _](?:account )?(?:balance|credits?|funds)",
    r"balance is (?:insufficient|not enough|too low)",
    r"credit balance is too low|requires more credits|payment required",
    r"arrear|欠费|余额不足|good standing",
    r"account .{0,60}(?:suspended|not active)",
    r"free tier of the model has been exhausted",
)
_KEY = _words(r"api[ -]?key not valid|(?:incorrect|invalid) api[ -]?key")
_CONTENT = _words(
    r"data_?inspection_?failed|inappropriate content",
    r"content management policy|content[ _]policy|safety system|content_filter",
    r"content exists risk|considered high risk|sensitive ?content",
    r"unsafe or sensitive|敏感|不安全",
)
_CONTEXT = _words(
    r"(?:maximum|model's|model’s) context length|maximum (?:model|sequence|input) length",
    r"context (?:length|window|size)(?: \(| of|,| is| exceed|\.|$)|available context size|n_ctx",
    r"range of input length|input (?:token )?length (?:is )?(?:too long|exceed)",
    r"prompt (?:is )?too long|prompt exceeds max|prompt 超长|exceeded model token limit",
    r"max_seq_len|max_tokens must be at least 1, got -|reduce the length of",
    r"input token count .{0,40}exceed|too large for model with|message size \d+ exceeds",
    r"inputs? tokens .{0,40}must|request too large for|输入.{0,20}(?:超|过长)",
)
_SUBJECT = r"(?:image|picture|图片|图像|media|multimodal|data-uri|base64)"
_COMPLAINT = (
    r"(?:illegal|invalid|not (?:a )?valid|unsupported|not supported|cannot|could not|can't|failed"
    r"|unable|too (?:large|small|big|many)|larger than|smaller|exceed|at least|do(?:es)? not meet"
    r"|restriction|max(?:imum)? (?:bytes|size|pixels)|limit|corrupt|truncat|decod|pars|格式|解析"
    r"|过大|过小|尺寸|错误)"
)
_IMAGE = _words(rf"{_SUBJECT}.{{0,160}}{_COMPLAINT}", rf"{_COMPLAINT}.{{0,80}}{_SUBJECT}")
_NO_IMAGES = _words(
    r"(?:does|do|is|are) not (?:currently )?(?:support|accept|allow|process)(?:ing|ed)?"
    r" (?:any )?(?:image|vision|multi-?modal)(?!.{0,3}(?:format|type|size))",
    r"image(?:s|[ _]inputs?|_url)? (?:content )?(?:is|are) (?:not|only) supported",
    r"image_url is only supported|unknown variant `?image_url|no endpoints found that support im",
    r"not a (?:vlm|vision|multi-?modal)|at most 0 image|missing data required for image",
    r"mmproj|unexpected item type in content|content must be a string",
    r"content.{0,40}(?:should be|expected) a (?:valid )?string|(?:模型|model).{0,20}不支持.{0,6}图",
)
_MODEL = _words(
    r"\bmodels?\b.{0,80}(?:not (?:found|exist|available)|n[o']t exist|no longer available"
    r"|not a valid|is not valid|unknown|decommissioned|deprecated|has been (?:retired|removed))",
    r"(?:no such|unknown|invalid|not found the|unsupported|not a valid) model",
    r"not have access to (?:the )?model|模型.{0,40}不存在|no endpoints found for",
)
_ABSENT = r"(?:unsupported|not supported|not support|unrecognized|unknown|deprecated|not allowed)"
_PARAMETERS: Mapping[RequestParameter, re.Pattern[str]] = {
    "max_tokens": _words(
        rf"{_ABSENT}.{{0,60}}\bmax_tokens|\bmax_tokens\W.{{0,60}}{_ABSENT}",
        r"use '?max_completion_tokens",
    ),
    "max_completion_tokens": _words(
        rf"{_ABSENT}.{{0,60}}max_completion_tokens|max_completion_tokens.{{0,60}}{_ABSENT}",
        r"max_completion_tokens.{0,40}(?:extra|forbidden|not permitted)",
    ),
    "temperature": _words(r"\btemperature\b"),
    "response_format": _words(
        r"response_?format|json_?(?:schema|object|mode)|structured[ _]outputs?",
        r"guided[ _](?:json|decoding)|must contain the word 'json'|\bgrammar\b",
    ),
}


class Sent(Record):
    """What is to be known of a call, to tell what its refusal means."""

    options: EndpointOptions
    parameters: frozenset[str] = Field(description="of the body, without those of extra_body")
    has_images: bool
    key: str = Field(repr=False)

    def quoted(self, error: ErrorBody) -> str:
        return "" if error.is_html else sentences.quoted(error.message, self.key)


def failure_of(error: ErrorBody, sent: Sent, headers: Mapping[str, str]) -> Failure:
    """The failure that an answer with a status of 300 or more stands for."""
    for rule in (_of_key_or_money, _of_limits, _of_item, _of_address, _of_parameter, _of_server):
        if (failure := rule(error, sent, headers)) is not None:
            return failure
    said = sent.quoted(error)
    sentence = sentences.request_refused(sent.options, error.status, said)
    return EndpointRefused("request", sentence)


def _of_key_or_money(error: ErrorBody, sent: Sent, _headers: Mapping[str, str]) -> Failure | None:
    options, said = sent.options, sent.quoted(error)
    if _owes_money(error, options):
        return EndpointRefused("payment", sentences.payment(options, said))
    if error.status == 401 or (
        error.status in (400, 403) and (error.names & _KEY_CODES or _KEY.search(error.everything))
    ):
        return EndpointRefused("key", sentences.key_refused(options))
    return None


def _owes_money(error: ErrorBody, options: EndpointOptions) -> bool:
    if error.status == 402:
        return True
    codes = error.names & _PAYMENT_CODES
    if error.status == 429 and codes == {"insufficient_quota"} and _is_alibaba(error, options):
        return False  # DashScope calls its limit of tokens a minute by this name
    return bool(codes or (error.is_json and _PAYMENT.search(error.everything)))


def _is_alibaba(error: ErrorBody, options: EndpointOptions) -> bool:
    host = options.host.partition(":")[0]
    words = ("aliyun", "alibabacloud", "allocated quota exceeded")
    return host.endswith("aliyuncs.com") or any(word in error.everything for word in words)


def _of_limits(error: ErrorBody, sent: Sent, headers: Mapping[str, str]) -> Failure | None:
    if error.status not in (429, 529):
        return None
    if "request too large for" in error.everything:
        return None  # no waiting makes it fit: _of_item
    wait = retry_after_s(headers, error.message)
    detail = _status_line(error, sent)
    return TransientFailure("limited", detail, retry_after_s=wait, limited=True)


def _of_item(error: ErrorBody, sent: Sent, _headers: Mapping[str, str]) -> Failure | None:
    """Also with a status of 500: some servers answer so to an input that they cannot take."""
    if error.status < 400 or (error.status >= 500 and not error.is_json):
        return None
    words, names, said = error.everything, error.names, sent.quoted(error)
    client_fault = error.status < 500
    if names & _CONTENT_CODES or (client_fault and _CONTENT.search(words)):
        return ItemRefused("content_refused", f"{sent.options.host} refuses the content: {said}")
    if sent.has_images and _NO_IMAGES.search(words):
        return EndpointRefused("no_images", sentences.no_images(sent.options, said))
    if error.status == 413 and sent.has_images:
        return ItemRefused("image_refused", f"{sent.options.host} finds the picture too large")
    if error.status == 413 or names & _CONTEXT_CODES or _CONTEXT.search(words):
        detail = f"too long for {sent.options.model}: {said or error.status}"
        return ItemRefused("context_too_long", detail)
    if not client_fault or not sent.has_images:
        return None
    about_parameter = _parameter_refused(error, sent) is not None
    if names & _IMAGE_CODES or (not about_parameter and _IMAGE.search(words)):
        return ItemRefused("image_refused", f"{sent.options.host} refuses the picture: {said}")
    return None


def _of_address(error: ErrorBody, sent: Sent, headers: Mapping[str, str]) -> Failure | None:
    options, said = sent.options, sent.quoted(error)
    if 300 <= error.status < 400:
        target = sentences.quoted(headers.get("location", ""), sent.key)
        return EndpointRefused("path", sentences.redirected(options, error.status, target))
    may_say = error.status in (400, 403, 404, 410, 422) and not error.is_html
    if may_say and _names_no_model(error, sent):
        return EndpointRefused("model", sentences.no_such_model(options, said))
    if error.status in (404, 405):
        return EndpointRefused("path", sentences.no_such_path(options, error.status))
    if error.status == 403:
        return EndpointRefused("forbidden", sentences.forbidden(options, said))
    return None


def _names_no_model(error: ErrorBody, sent: Sent) -> bool:
    """Whether it is the model that is not there: "this model does not exist", in many words."""
    if error.names & _MODEL_CODES:
        return True
    if error.status == 404 and error.is_json and sent.options.model.lower() in error.everything:
        return True
    # "temperature is deprecated for this model" speaks of a parameter.
    return bool(_MODEL.search(error.everything)) and _parameter_refused(error, sent) is None


def _of_parameter(error: ErrorBody, sent: Sent, _headers: Mapping[str, str]) -> Failure | None:
    if error.status not in (400, 415, 422, 501):
        return None
    parameter = _parameter_refused(error, sent)
    return ParameterRefused(parameter, sent.quoted(error)) if parameter is not None else None


def _parameter_refused(error: ErrorBody, sent: Sent) -> RequestParameter | None:
    for name, pattern in _PARAMETERS.items():
        if name in sent.parameters and pattern.search(error.everything):
            return name
    return None


def _of_server(error: ErrorBody, sent: Sent, headers: Mapping[str, str]) -> Failure | None:
    if error.status not in (408, 409, 425) and error.status < 500:
        return None
    return TransientFailure(
        "status",
        _status_line(error, sent),
        retry_after_s=retry_after_s(headers),
        maybe_billed=error.status in (504, 524),  # a gateway gave up on work that goes on
    )


def _status_line(error: ErrorBody, sent: Sent) -> str:
    said = sent.quoted(error)
    return f"status {error.status}" + (f", {said}" if said else "")


def error_in_success(error: ErrorBody, sent: Sent) -> Failure:
    """The failure behind an error that came with the status 200.

    Only what is certain is final: the rest is made again.
    """
    code = int(error.code) if error.code.isdigit() and 400 <= int(error.code) < 600 else 400
    failure = failure_of(error.model_copy(update={"status": code}), sent, {})
    if isinstance(failure, ItemRefused) or (
        isinstance(failure, EndpointRefused) and failure.kind in ("payment", "key", "no_images")
    ):
        return failure
    if isinstance(failure, TransientFailure) and failure.limited:
        return failure
    detail = f"an error with the status 200: {sent.quoted(error)}"
    return TransientFailure("error_body", detail, maybe_billed=True)
