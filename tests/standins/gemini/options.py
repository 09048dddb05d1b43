"""Are the options beside the contents acceptable: tools, calling modes, generation, thinking?

Rules: google-genai 3.6.1, types.py (the docstrings of FunctionDeclaration, FunctionCallingConfig, GenerationConfig,
ThinkingConfig). Wordings: owndev/Open-WebUI-Functions #135, AstrBotDevs/AstrBot #7407, googleapis/python-genai
#867, google-gemini/gemini-cli #2966; "unverified" marks one from memory. Names of functions: error bodies of 2025
and 2026 say at most 64 characters, the SDK's docstring says 128; the shorter one is enforced.
"""

import re

from tests.standins.gemini.catalogue import Model
from tests.standins.gemini.errors import Refused, broken_rule
from tests.standins.gemini.requests import Declaration, GenerateRequest, GenerationConfig, ThinkingConfig
from tests.standins.gemini.schemas import check_json_schema, check_openapi

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
MODES = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
LEVELS = ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
JSON_TYPE, ENUM_TYPE = "application/json", "text/x.enum"
ANSWERS = ("text/plain", JSON_TYPE, "application/xml", "application/yaml", ENUM_TYPE)
INT32 = 2**31


def check_options(request: GenerateRequest, model: Model) -> None:
    """Raises Refused for what the vendor refuses."""
    _check_tools(request)
    _check_calling(request)
    config = request.config
    _check_numbers(config)
    _check_answer(config)
    if request.declarations and config.response_mime_type == JSON_TYPE and model.generation < 3:
        raise Refused("Function calling with a response mime type: 'application/json' is unsupported")
    if config.thinking_config is not None:
        _check_thinking(config.thinking_config, model)


def _check_tools(request: GenerateRequest) -> None:
    seen: set[str] = set()
    for number, tool in enumerate(request.tools or ()):
        for index, given in enumerate(tool.function_declarations or ()):
            _check_declaration(given, f"tools[{number}].function_declarations[{index}]")
            if given.name in seen:
                raise Refused(f"Duplicate function declaration found: {given.name}")
            seen.add(given.name)


def _check_declaration(given: Declaration, path: str) -> None:
    if not NAME.fullmatch(given.name):
        says = (
            "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), "
            "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
        )
        raise broken_rule(f"{path}.name", says)
    if given.parameters is not None and given.parameters_json_schema is not None:  # wording unverified
        raise broken_rule(path, "parameters and parameters_json_schema are mutually exclusive")
    if given.parameters is not None:
        check_openapi(given.parameters, f"{path}.parameters", root_object=True)
    if given.parameters_json_schema is not None:
        check_json_schema(given.parameters_json_schema, f"{path}.parameters_json_schema", root_object=True)


def _check_calling(request: GenerateRequest) -> None:
    if request.tool_config is None or request.tool_config.function_calling_config is None:
        return
    calling, path = request.calling, "tool_config.function_calling_config"
    if calling.mode not in MODES:
        raise Refused(f"Invalid value at '{path}.mode' (FunctionCallingConfig.Mode), \"{calling.mode}\"")
    if not request.declarations:
        raise Refused("Function calling config is set without function_declarations.")
    if calling.allowed_function_names is None:
        return
    if calling.mode not in ("ANY", "VALIDATED"):  # wording unverified
        raise Refused("Allowed function names should be set only when function calling mode is ANY.")
    known = {given.name for given in request.declarations}
    for name in calling.allowed_function_names:
        if name not in known:  # wording unverified
            raise broken_rule(f"{path}.allowed_function_names", f"{name!r} is not among the function declarations")


def _check_numbers(config: GenerationConfig) -> None:
    path = "generation_config"
    if config.max_output_tokens is not None and config.max_output_tokens < 1:
        raise broken_rule(f"{path}.max_output_tokens", "max_output_tokens must be positive.")
    if config.temperature is not None and not 0 <= config.temperature <= 2:
        raise broken_rule(f"{path}.temperature", "temperature must be in the range [0.0, 2.0].")
    if config.top_p is not None and not 0 <= config.top_p <= 1:
        raise broken_rule(f"{path}.top_p", "top_p must be in the range [0.0, 1.0].")
    if config.seed is not None and not -INT32 <= config.seed < INT32:
        raise Refused(f"Invalid value at '{path}.seed' (TYPE_INT32), {config.seed}")
    if config.candidate_count not in (None, 1):
        raise Refused("Multiple candidates is not enabled for this model")
    if len(config.stop_sequences or ()) > 5:
        raise broken_rule(f"{path}.stop_sequences", "at most 5 stop sequences are allowed")


def _check_answer(config: GenerationConfig) -> None:
    path = "generation_config"
    if config.response_mime_type not in ANSWERS:
        allowed = "`text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`."
        raise broken_rule(f"{path}.response_mime_type", f"allowed mimetypes are {allowed}")
    has_schema = config.response_schema is not None or config.response_json_schema is not None
    if has_schema and config.response_mime_type not in (JSON_TYPE, ENUM_TYPE):  # wording unverified
        raise broken_rule(f"{path}.response_schema", "only allowed when response_mime_type is `application/json`")
    if config.response_schema is not None and config.response_json_schema is not None:  # wording unverified
        raise broken_rule(f"{path}.response_json_schema", "response_schema must be omitted")
    if config.response_schema is not None:
        check_openapi(config.response_schema, f"{path}.response_schema", root_object=False)
    if config.response_json_schema is not None:
        check_json_schema(config.response_json_schema, f"{path}.response_json_schema", root_object=False)


def _check_thinking(thinking: ThinkingConfig, model: Model) -> None:
    """Wordings unverified."""
    if thinking.thinking_budget is not None and thinking.thinking_level is not None:
        raise Refused("You can only set only one of thinking budget and thinking level.")
    if thinking.thinking_level is not None:
        if thinking.thinking_level.upper() not in LEVELS:
            raise Refused("Invalid value at 'generation_config.thinking_config.thinking_level'")
        if model.generation < 3:
            raise Refused("Thinking level is not supported for this model.")
    if thinking.thinking_budget is not None and thinking.thinking_budget < -1:
        raise Refused(f"The thinking budget {thinking.thinking_budget} is invalid.")
    if not model.thinks and (thinking.include_thoughts or thinking.thinking_budget):
        raise Refused("Thinking is not enabled for this model.")
