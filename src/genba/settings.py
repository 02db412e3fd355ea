"""What can be configured, and from where: `genba.init(...)` first, then the environment, then the default.

OpenTelemetry's own variables are obeyed where they are used (by its SDK, or in `exporting.pipeline`); the ones here are those that
genba reads itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EVENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"
DEFAULT_STORE = ".genba/genba.db"

Content: TypeAlias = Literal["none", "span", "event", "both"]
Semconv: TypeAlias = Literal["latest", "1.37"]
TokenLevel: TypeAlias = Literal["off", "counts", "pieces", "full"]
TensorKinds: TypeAlias = Literal["off", "logits", "embeddings", "all"]

_CONTENT_WORDS: Mapping[str, Content] = {
    "none": "none",
    "no_content": "none",
    "false": "none",
    "span": "span",
    "span_only": "span",
    "true": "span",
    "event": "event",
    "event_only": "event",
    "both": "both",
    "span_and_event": "both",
}


class SettingsError(ValueError):
    """An option or environment variable that genba cannot use. The message names it and says what to write instead."""


class Entry(NamedTuple):
    """One setting, for the documentation."""

    option: str
    env: str
    default: str
    description: str


TABLE = (
    Entry("tracer_provider", "", "the global one", "Where spans go. Without one, genba uses a private provider."),
    Entry("meter_provider", "", "the global one", "Where metrics go. Without one, none are made."),
    Entry("logger_provider", "", "the global one", "Where the details and exception events go. Without one, none are made."),
    Entry("store", "GENBA_STORE", DEFAULT_STORE, "File of the embedded store, or `off`. Asked for explicitly, it is written even "
          "beside the app's own pipeline."),
    Entry("export", "GENBA_EXPORT", "store", "Destinations of genba's own: `store`, `console`, `jsonl:PATH`, `otlp`, a SpanExporter, or several."),
    Entry("capture_content", CONTENT_VARIABLE, "span", "Where prompts and completions go: `none`, `span`, `event` or `both` (or the "
          "standard's NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT)."),
    Entry("redact", "GENBA_REDACT", "secrets", "What is taken out before anything leaves the process or touches a disk: `secrets`, `personal`, "
          "single kinds such as `mail,ip`, several of these, `off`, or a `genba.Redaction`."),
    Entry("", "GENBA_REDACT_KEY", "", "Key of the pseudonyms that stand for what was redacted, at least 16 bytes. Without one there are none."),
    Entry("semconv", "GENBA_SEMCONV", "latest", "Version of the GenAI conventions to write: `latest` or `1.37`."),
    Entry("stream_usage", "GENBA_STREAM_USAGE", "", "`inject` asks OpenAI chat streams for usage and hides the extra chunk. Default: "
          "requests are sent as they are."),
    Entry("instrument", "GENBA_INSTRUMENT", "all", "Names of the client libraries to trace, such as `openai,anthropic`."),
    Entry("carry_context", "GENBA_CARRY_CONTEXT", "", "Where the current span follows by itself to work done elsewhere: any of `threads`, "
          "`multiprocessing`, `process_pools`, `subprocess`, `celery`, `ray`, or `all`. Default: nowhere; see `genba.carry`."),
    Entry("provider_names", "GENBA_PROVIDER_NAMES", "", 'Who serves the model at an address that does not tell: `{"10.0.0.5:8000": "vllm"}`, '
          "in the environment `10.0.0.5:8000=vllm,…`. Without a port it counts for every port, and for the hosts below."),
    Entry("tokens", "GENBA_TOKENS", "counts", "What is recorded of tokens: `off`; `counts`, where each number comes from, and what the provider "
          "sends by itself; `pieces`, also ids and pieces from the best source there is; `full`, also log-probabilities and alternatives."),
    Entry("tokenizers", "GENBA_TOKENIZERS", "", 'The tokenizer of a model whose provider tells no ids: `{"smollm2-135m": "smollm2.gguf", '
          '"gpt-4o*": "o200k_base"}`, in the environment `smollm2-135m=smollm2.gguf,…`. Each call is then counted again, and compared.'),
    Entry("tensors", "GENBA_TENSORS", "off", "Tensors of engines in this process that are summarised by themselves: `logits`, `embeddings`, "
          "`all` or `off`."),
    Entry("set_global", "GENBA_SET_GLOBAL", "false", "Make genba's provider the global one when the app has none."),
    Entry("service_name", "OTEL_SERVICE_NAME", "unknown_service", "`service.name` of genba's private provider."),
    Entry("", EVENT_VARIABLE, "with content", "`true` or `false`: whether the details event is emitted. Default: with `event` and `both`."),
    Entry("", "OTEL_SDK_DISABLED", "false", "`true` switches genba off with the rest of OpenTelemetry."),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force."""

    tracer_provider: Any = None
    meter_provider: Any = None
    logger_provider: Any = None
    store: str | None = None
    """A path, `off`, or None when nobody said."""
    store_origin: str = "genba.init(store=…)"
    """Who said so, for error messages."""
    export_origin: str = "genba.init(export=…)"
    export: tuple[Any, ...] | None = None
    """Destinations asked for, or None when nobody said."""
    capture_content: Content = "span"
    emit_event: bool = False
    redact: Any = None
    """As it was given to `init`: see `redacting.redaction`, which reads GENBA_REDACT too."""
    semconv: Semconv = "latest"
    stream_usage: Literal["inject"] | None = None
    instrument: tuple[str, ...] | None = None
    carry_context: tuple[str, ...] = ()
    provider_names: Mapping[str, str] = field(default_factory=dict)
    """`gen_ai.provider.name` by host, or by host and port."""
    tokens: TokenLevel = "counts"
    tokenizers: Mapping[str, str] = field(default_factory=dict)
    """By the name of a model, or a pattern of such names, the name or file of its tokenizer."""
    tensors: TensorKinds = "off"
    set_global: bool = False
    service_name: str | None = None
    warnings: tuple[str, ...] = ()
    """What was odd in the environment, in words for the log."""


def resolve(
    options: Mapping[str, Any],
    known_clients: Sequence[str],
    environ: Mapping[str, str] | None = None,
    carriers: Sequence[str] = (),
) -> Settings:
    """Settings from the options given to `init` and the environment.

    Raises:
        SettingsError: an option or variable that cannot be used.
    """
    env = os.environ if environ is None else environ
    _only_known_options(options)
    warnings: list[str] = []
    content = _content(options.get("capture_content"), env, warnings)
    return Settings(
        tracer_provider=_provider(options, "tracer_provider", "get_tracer"),
        meter_provider=_provider(options, "meter_provider", "get_meter"),
        logger_provider=_provider(options, "logger_provider", "get_logger"),
        store=_store(options.get("store"), env),
        store_origin=_origin("store", options, env),
        export_origin=_origin("export", options, env),
        export=_export(options.get("export"), env),
        capture_content=content,
        emit_event=_flag(None, env, EVENT_VARIABLE, default=content in ("event", "both")),
        redact=options.get("redact"),
        semconv=_one_of(options.get("semconv"), env, "semconv", "GENBA_SEMCONV", ("latest", "1.37")) or "latest",
        stream_usage=_one_of(options.get("stream_usage"), env, "stream_usage", "GENBA_STREAM_USAGE", ("inject",)),
        instrument=_clients(options.get("instrument"), env, known_clients),
        carry_context=_carriers(options.get("carry_context"), env, carriers),
        provider_names=_provider_names(options.get("provider_names"), env),
        tokens=_one_of(options.get("tokens"), env, "tokens", "GENBA_TOKENS", ("off", "counts", "pieces", "full")) or "counts",
        tokenizers=_tokenizers(options.get("tokenizers"), env),
        tensors=_one_of(options.get("tensors"), env, "tensors", "GENBA_TENSORS", ("off", "logits", "embeddings", "all")) or "off",
        set_global=_flag(options.get("set_global"), env, "GENBA_SET_GLOBAL", "set_global", default=False),
        service_name=_name(options.get("service_name")),
        warnings=tuple(warnings),
    )


def _only_known_options(options: Mapping[str, Any]) -> None:
    names = [entry.option for entry in TABLE if entry.option]
    for option in options:
        if option not in names:
            import difflib  # only for this message

            close = difflib.get_close_matches(option, names, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"The options are {', '.join(names)}."
            raise SettingsError(f"genba.init() has no option {option!r}. {hint}")


def _origin(option: str, options: Mapping[str, Any], env: Mapping[str, str]) -> str:
    variable = f"GENBA_{option.upper()}"
    return (
        f"the environment variable {variable}" if options.get(option) is None and env.get(variable) else f"genba.init({option}=…)"
    )


def _provider(options: Mapping[str, Any], name: str, method: str) -> Any:
    provider = options.get(name)
    if provider is not None and not callable(getattr(provider, method, None)):
        raise SettingsError(
            f"genba.init({name}=…) got a {type(provider).__name__}, which has no {method}(). "
            f"Pass an OpenTelemetry provider, for example opentelemetry.sdk's, or leave the option out."
        )
    return provider


def _store(option: object, env: Mapping[str, str]) -> str | None:
    if option is None:
        said = env.get("GENBA_STORE")
        return _at_home(said, f"GENBA_STORE={said!r}") if said else None
    if option is False:
        return "off"
    if isinstance(option, (str, os.PathLike)) and os.fspath(option):
        return _at_home(os.fspath(option), f"genba.init(store={option!r})")
    raise SettingsError(f"genba.init(store={option!r}) is not a file path. Write a path such as '.genba/genba.db', or 'off'.")


def _at_home(path: str, origin: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # nobody of that name
        raise SettingsError(
            f"{origin} begins with the home folder of a user who is not known here. Write the whole path."
        ) from None


def _export(option: object, env: Mapping[str, str]) -> tuple[Any, ...] | None:
    origin = "genba.init(export=…)"
    if option is None:
        words = env.get("GENBA_EXPORT")
        if not words:
            return None
        option, origin = [word.strip() for word in words.split(",")], "the environment variable GENBA_EXPORT"
    wanted = tuple(option) if isinstance(option, (list, tuple)) else (option,)
    for one in wanted:
        named = isinstance(one, str) and (
            one in ("store", "console", "otlp", "none") or (one.startswith("jsonl:") and len(one) > 6)
        )
        if not named and not callable(getattr(one, "export", None)):
            raise SettingsError(
                f"{origin} has {one!r}, which is no destination. Use 'store', 'console', 'jsonl:PATH', 'otlp', 'none', "
                "an OpenTelemetry SpanExporter, or a list of these."
            )
    return tuple(one for one in wanted if one != "none")


def _content(option: object, env: Mapping[str, str], warnings: list[str]) -> Content:
    if option is not None:
        word = _CONTENT_WORDS.get(str(option).lower()) if isinstance(option, (str, bool)) else None
        if word is None:
            raise SettingsError(f"genba.init(capture_content={option!r}): use 'none', 'span', 'event' or 'both'.")
        return word
    said = env.get(CONTENT_VARIABLE, "").strip()
    if not said:
        return "span"
    word = _CONTENT_WORDS.get(said.lower())
    if word is None:
        # The standard's reading of a word it does not know, and the safe one: no content.
        warnings.append(
            f"{CONTENT_VARIABLE}={said!r} is not a known value, so no prompts or completions are recorded. "
            "Use NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT."
        )
        return "none"
    return word


def _one_of(option: object, env: Mapping[str, str], name: str, variable: str, words: tuple[str, ...]) -> Any:
    value, origin = (
        (option, f"genba.init({name}={option!r})")
        if option is not None
        else (env.get(variable), f"{variable}={env.get(variable)!r}")
    )
    if value is None or value == "":
        return None
    if value not in words:
        raise SettingsError(f"{origin} is not a known value. Use {' or '.join(repr(word) for word in words)}.")
    return value


def _flag(option: object, env: Mapping[str, str], variable: str, name: str = "", *, default: bool) -> bool:
    if isinstance(option, bool):
        return option
    if option is not None:
        raise SettingsError(f"genba.init({name}={option!r}): use True or False.")
    said = env.get(variable, "").strip().lower()
    if said in ("true", "1", "yes", "on"):
        return True
    if said in ("false", "0", "no", "off"):
        return False
    if said:
        raise SettingsError(f"{variable}={env[variable]!r} is neither true nor false. Write 'true' or 'false'.")
    return default


def _name(option: object) -> str | None:
    if option is None or (isinstance(option, str) and option):
        return option
    raise SettingsError(f"genba.init(service_name={option!r}): write the service's name as text.")


def _provider_names(option: object, env: Mapping[str, str]) -> dict[str, str]:
    named = _mapping(option, env, "provider_names", ("10.0.0.5:8000", "vllm"), "an address and a name")
    return {_address(host): name for host, name in named.items()}


def _tokenizers(option: object, env: Mapping[str, str]) -> dict[str, str]:
    named = _mapping(option, env, "tokenizers", ("gpt-4o*", "o200k_base"), "a model and its tokenizer's name or file")
    origin = "genba.init(tokenizers=…)" if option is not None else "GENBA_TOKENIZERS"
    return {model: _at_home(tokenizer, f"{origin}, for {model!r},") for model, tokenizer in named.items()}


def _mapping(option: object, env: Mapping[str, str], name: str, example: tuple[str, str], what: str) -> dict[str, str]:
    """Texts by texts: what was given, or the pairs `a=b,…` of the environment."""
    origin, variable = f"genba.init({name}=…)", f"GENBA_{name.upper()}"
    if option is None:
        pairs = [pair.partition("=") for pair in env.get(variable, "").split(",") if pair.strip()]
        option, origin = {key.strip(): value.strip() for key, _, value in pairs}, variable
    if not isinstance(option, Mapping):
        raise SettingsError(f"{origin} must be a mapping such as {{{example[0]!r}: {example[1]!r}}}, not {option!r}.")
    given: dict[str, str] = {}
    for key, value in option.items():
        text = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not (isinstance(key, str) and key and isinstance(text, str) and text):
            raise SettingsError(f"{origin} has {key!r} for {value!r}. Write {what}, such as {example[0]!r} and {example[1]!r}.")
        given[key] = text
    return given


def _address(said: str) -> str:
    """Host and port, of a URL too."""
    return said.rpartition("://")[2].partition("/")[0].rpartition("@")[2].lower().rstrip(".")


def _clients(option: object, env: Mapping[str, str], known: Sequence[str]) -> tuple[str, ...] | None:
    if option is None and env.get("GENBA_INSTRUMENT", "").strip() in ("", "all"):
        return None
    return _listed(option, env, "instrument", "GENBA_INSTRUMENT", "client names", known)


def _carriers(option: object, env: Mapping[str, str], known: Sequence[str]) -> tuple[str, ...]:
    if option in (True, "all") or (option is None and env.get("GENBA_CARRY_CONTEXT", "").strip() == "all"):
        return tuple(known)
    if option is None and not env.get("GENBA_CARRY_CONTEXT", "").strip():
        return ()
    return () if option is False else _listed(option, env, "carry_context", "GENBA_CARRY_CONTEXT", "names", known)


def _listed(option: object, env: Mapping[str, str], name: str, variable: str, what: str, known: Sequence[str]) -> tuple[str, ...]:
    """Names out of `known`: those given, or those that the variable lists; `none` there is an empty list."""
    origin = f"genba.init({name}=…)"
    if option is None:
        words = [word.strip() for word in env.get(variable, "").split(",")]
        option, origin = [word for word in words if word not in ("", "none")], variable
    names = (option,) if isinstance(option, str) else option
    if not isinstance(names, (list, tuple, set, frozenset)):
        raise SettingsError(f"{origin} must be a list of {what}, not {option!r}. Known: {', '.join(known)}.")
    for one in names:
        if one not in known:
            raise SettingsError(f"{origin} names {one!r}, which genba does not know. Known: {', '.join(known)}.")
    return tuple(names)
