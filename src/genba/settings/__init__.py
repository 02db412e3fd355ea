"""What can be configured, and from where: `genba.init(...)` first, then the environment, then the default.

OpenTelemetry's own variables are obeyed where they are used (by its SDK, or in `exporting.pipeline`); the ones here are those that
genba reads itself.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from .. import quantities
from .table import CONTENT_VARIABLE, DEFAULT_SPOOL, EVENT_VARIABLE, HOOK_VARIABLE, TABLE, UPLOAD_FORMAT_VARIABLE, UPLOAD_VARIABLE

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
    spool: str | None = DEFAULT_SPOOL
    """A folder; None for waiting in memory."""
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
    flush_on_sigterm: bool = False
    offload_above: int | None = 64 << 10
    """Bytes of media that stay in a message; None: all of them."""
    blobs: str | None = None
    """A folder or URL, `off`, or None when nobody said."""
    blobs_max: tuple[int | None, float | None] = (2 << 30, None)
    """Bytes and seconds."""
    upload: Literal["json", "jsonl"] | None = None
    """The form in which whole messages are written to the blob store too, if they are."""
    set_global: bool = False
    service_name: str | None = None
    warnings: tuple[str, ...] = ()
    """What was odd in the environment, in words for the log."""


def resolve(
    options: Mapping[str, Any],
    known_clients: Sequence[str],
    environ: Mapping[str, str] | None = None,
    carriers: Sequence[str] = (),
    backends: Mapping[str, str | None] = MappingProxyType({}),
) -> Settings:
    """Settings from the options given to `init` and the environment.

    `backends` are the destinations that are known by name; for one that cannot be used so, it says why.

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
        export=_export(options.get("export"), env, backends),
        spool=_spool(options.get("spool"), env),
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
        flush_on_sigterm=_flag(options.get("flush_on_sigterm"), env, "GENBA_FLUSH_ON_SIGTERM", "flush_on_sigterm", default=False),
        offload_above=_offload_above(options.get("offload_above"), env),
        blobs=_blobs(options.get("blobs"), env, warnings),
        blobs_max=_blobs_max(options.get("blobs_max"), env),
        upload=_upload(env, content, warnings),
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
        _not_a_table(said, "GENBA_STORE")
        return _at_home(said, f"GENBA_STORE={said!r}") if said else None
    if option is False:
        return "off"
    if isinstance(option, (str, os.PathLike)) and os.fspath(option):
        _not_a_table(option, "genba.init(store=…)")
        return _at_home(os.fspath(option), f"genba.init(store={option!r})")
    raise SettingsError(f"genba.init(store={option!r}) is not a file path. Write a path such as '.genba/genba.db', or 'off'.")


def _not_a_table(said: object, origin: str) -> None:
    """What was said is not in the message: there may be a password in it."""
    if isinstance(said, str) and said.strip().lower().startswith("clickhouse://"):
        raise SettingsError(
            f"{origin} names a ClickHouse table. genba's commands read from one; what writes to it is an OpenTelemetry Collector. Have the "
            "program send its spans there, with OTEL_EXPORTER_OTLP_ENDPOINT or genba.init(export='otlp'), and set "
            "GENBA_STORE=clickhouse://… only where genba list, show, tokens, drift and export are called."
        )


def _offload_above(option: object, env: Mapping[str, str]) -> int | None:
    said, origin = _said(option, env, "offload_above")
    if said in ("off", False):
        return None
    size = quantities.size(said) if said is not None else 64 << 10
    if size is None or size < 4096:
        raise SettingsError(f"{origin} is no size of at least 4KiB. Write a number of bytes, '64KiB', '1MiB' or 'off'.")
    return size


def _blobs(option: object, env: Mapping[str, str], warnings: list[str]) -> str | None:
    said, origin = _said(option, env, "blobs")
    if said is None and env.get(UPLOAD_VARIABLE, "").strip() and env.get(HOOK_VARIABLE, "").strip() in ("", "upload"):
        if "://" in env[UPLOAD_VARIABLE] and not _is_reachable(env[UPLOAD_VARIABLE].strip()):
            # Others read it too, and would go on without.
            warnings.append(f"{UPLOAD_VARIABLE} is not used: fsspec is not installed. Run: pip install 'genba[offload]'")
        else:
            said, origin = env[UPLOAD_VARIABLE].strip(), UPLOAD_VARIABLE
    if said is None or said in ("off", False):
        return None if said is None else "off"
    if not isinstance(said, (str, os.PathLike)) or not os.fspath(said):
        raise SettingsError(
            f"{origin} is no place. Write a folder such as '.genba/blobs', a URL such as 's3://bucket/blobs', or 'off'."
        )
    place = os.fspath(said)
    if "://" in place and not _is_reachable(place):
        raise SettingsError(
            f"{origin} is a URL, and fsspec, which writes there, is not installed. Run: pip install 'genba[offload]'"
        )
    return place if "://" in place else _at_home(place, origin)


def _is_reachable(url: str) -> bool:
    return url.startswith("file://") or importlib.util.find_spec("fsspec") is not None


def _blobs_max(option: object, env: Mapping[str, str]) -> tuple[int | None, float | None]:
    said, origin = _said(option, env, "blobs_max")
    if said is None:
        return (2 << 30, None)
    if said in ("off", False):
        return (None, None)
    bounds = quantities.size_and_age(str(said))
    if bounds is None:
        raise SettingsError(f"{origin} is neither a size nor an age. Write '10GiB', '90d', both as '10GiB,90d', or 'off'.")
    return bounds


def _upload(env: Mapping[str, str], content: Content, warnings: list[str]) -> Any:
    """The form in which whole messages are uploaded, where the standard's hook is asked for."""
    if env.get(HOOK_VARIABLE, "").strip() != "upload":
        return None
    if content == "none":
        warnings.append(
            f"{HOOK_VARIABLE}=upload is set, and content is off, so nothing is uploaded: genba writes no content anywhere then. To have it "
            f"uploaded and not on spans, set {CONTENT_VARIABLE}=EVENT_ONLY and {EVENT_VARIABLE}=false."
        )
    form = env.get(UPLOAD_FORMAT_VARIABLE, "").strip().lower() or "json"
    if form not in ("json", "jsonl"):
        warnings.append(f"{UPLOAD_FORMAT_VARIABLE}={form!r} is not a known value, so json is written. Use 'json' or 'jsonl'.")
        form = "json"
    return form


def _said(option: object, env: Mapping[str, str], name: str) -> tuple[Any, str]:
    """What was said of a setting, and by whom; None if nothing was."""
    if option is not None:
        return option, f"genba.init({name}={option!r})"
    variable = f"GENBA_{name.upper()}"
    return env.get(variable, "").strip() or None, f"{variable}={env.get(variable)!r}"


def _at_home(path: str, origin: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # nobody of that name
        raise SettingsError(
            f"{origin} begins with the home folder of a user who is not known here. Write the whole path."
        ) from None


def _spool(option: object, env: Mapping[str, str]) -> str | None:
    said, origin = option, f"genba.init(spool={option!r})"
    if option is None:
        said, origin = env.get("GENBA_SPOOL", "").strip() or True, f"GENBA_SPOOL={env.get('GENBA_SPOOL')!r}"
    if isinstance(said, bool) or (isinstance(said, str) and said.lower() in ("on", "off", "true", "false")):
        return DEFAULT_SPOOL if said is True or str(said).lower() in ("on", "true") else None
    if isinstance(said, (str, os.PathLike)) and os.fspath(said):
        folder = _at_home(os.fspath(said), origin)
        if Path(folder).is_file():
            raise SettingsError(f"{origin} names a file. Name a folder, or write 'off'.")
        return folder
    raise SettingsError(f"{origin} is not a folder. Write a path such as '.genba/spool', or 'off'.")


def _export(option: object, env: Mapping[str, str], backends: Mapping[str, str | None]) -> tuple[Any, ...] | None:
    origin = "genba.init(export=…)"
    if option is None:
        words = env.get("GENBA_EXPORT")
        if not words:
            return None
        option, origin = [word.strip() for word in words.split(",")], "the environment variable GENBA_EXPORT"
    wanted = tuple(option) if isinstance(option, (list, tuple)) else (option,)
    for one in wanted:
        named = isinstance(one, str) and (
            one in ("store", "console", "otlp", "none", *backends) or (one.startswith("jsonl:") and len(one) > 6)
        )
        if named and backends.get(one):
            raise SettingsError(f"{origin} has {one!r}. {backends[one]}")
        if not named and not callable(getattr(one, "export", None)):
            raise SettingsError(
                f"{origin} has {one!r}, which is no destination. Use 'store', 'console', 'jsonl:PATH', 'otlp', 'none', "
                f"an OpenTelemetry SpanExporter, a list of these, or a backend: {', '.join(name for name, not_so in backends.items() if not not_so)}."
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
