"""Keys, tokens, private keys and connection strings: what gives access to something.

Every pattern is bounded or begins with something that cannot begin within itself, so each takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, NamedTuple

from .assignments import assigned, is_random
from .finding import Match, Traits


class Key(NamedTuple):
    """A credential that can be told by how it begins."""

    kind: str
    begins: tuple[str, ...]
    """One of these must be in a long run of the text."""
    pattern: str
    is_mixed: bool = False
    """Whether it must look random: words may begin alike."""


_BARE: Final = r"(?<![A-Za-z0-9])"

KEYS: Final = (
    Key("anthropic_key", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{16,}"),
    Key("openai_key", ("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"), r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{16,}"),
    Key("openai_key", ("T3BlbkFJ",), r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    Key("openrouter_key", ("sk-or-",), r"sk-or-v1-[0-9a-f]{32,}"),
    Key("langfuse_key", ("sk-lf-",), r"sk-lf-[0-9a-f-]{32,}"),
    Key("openai_key", ("sk-",), _BARE + r"sk-[A-Za-z0-9_-]{20,}", is_mixed=True),
    Key("google_key", ("AIza",), r"AIza[A-Za-z0-9_-]{35}"),
    Key("google_token", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    Key("aws_key", ("AKIA", "ASIA", "ABIA", "ACCA"), r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}"),
    Key("aws_key", ("ABSK",), r"ABSK[A-Za-z0-9+/]{100,}={0,2}"),
    Key("azure_key", ("JQQJ9",), r"[A-Za-z0-9]{52}JQQJ9(?:9|D)[A-Za-z0-9]{26}"),
    Key("github_token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{30,}"),
    Key("github_token", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,}"),
    Key("gitlab_token", ("gl",), r"gl(?:pat|oas|rt|rtr|dt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_-]{20,}"),
    Key("slack_token", ("xox",), r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    Key("slack_token", ("xapp-",), r"xapp-[0-9]-[A-Za-z0-9-]{10,}"),
    Key("stripe_key", ("k_live_", "k_test_"), r"[srp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    Key("stripe_key", ("whsec_",), r"whsec_[A-Za-z0-9+/]{24,}"),
    Key("huggingface_token", ("hf_", "api_org_"), r"(?:(?<![A-Za-z0-9])hf|api_org)_[A-Za-z0-9]{30,}"),
    Key("npm_token", ("npm_",), r"npm_[A-Za-z0-9]{36}"),
    Key("pypi_token", ("pypi-",), r"pypi-AgE[A-Za-z0-9_-]{30,}"),
    Key("twilio_key", ("SK",), _BARE + r"SK[0-9a-f]{32}(?![0-9a-f])"),
    Key("telegram_token", ("AA",), r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}"),
    Key("groq_key", ("gsk_",), r"gsk_[A-Za-z0-9]{32,}"),
    Key("xai_key", ("xai-",), _BARE + r"xai-[A-Za-z0-9]{40,}"),
    Key("perplexity_key", ("pplx-",), r"pplx-[A-Za-z0-9]{32,}"),
    Key("replicate_token", ("r8_",), _BARE + r"r8_[A-Za-z0-9]{30,}"),
    Key("fireworks_key", ("fw_",), _BARE + r"fw_[A-Za-z0-9]{20,}", is_mixed=True),
    Key("voyage_key", ("pa-",), _BARE + r"pa-[A-Za-z0-9_-]{40,}", is_mixed=True),
    Key("cerebras_key", ("csk-",), r"csk-[a-z0-9]{32,}"),
    Key("together_key", ("tgp_v1_",), r"tgp_v1_[A-Za-z0-9_-]{32,}"),
    Key("nvidia_key", ("nvapi-",), r"nvapi-[A-Za-z0-9_-]{32,}"),
    Key("langsmith_key", ("lsv2_",), r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    Key("pinecone_key", ("pcsk_",), r"pcsk_[A-Za-z0-9_]{32,}"),
    Key("tavily_key", ("tvly-",), r"tvly-[A-Za-z0-9-]{20,}"),
    Key("elevenlabs_key", ("sk_",), _BARE + r"sk_[0-9a-f]{40,}"),
    Key("databricks_token", ("dapi",), _BARE + r"dapi[0-9a-f]{32}"),
    Key("digitalocean_token", ("_v1_",), r"do[opr]_v1_[0-9a-f]{64}"),
    Key("shopify_token", ("shp",), r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Key("postman_key", ("PMAK-",), r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Key("linear_key", ("lin_api_",), r"lin_api_[A-Za-z0-9]{32,}"),
    Key("notion_token", ("ntn_",), _BARE + r"ntn_[A-Za-z0-9]{40,}"),
    Key("atlassian_token", ("ATATT3",), r"ATATT3[A-Za-z0-9_=-]{50,}"),
    Key("newrelic_key", ("NRAK-",), r"NRAK-[A-Z0-9]{27}"),
    Key("grafana_token", ("glsa_", "glc_"), r"gl(?:sa|c)_[A-Za-z0-9_+/]{32,}={0,2}"),
    Key("docker_token", ("dckr_pat_",), r"dckr_pat_[A-Za-z0-9_-]{20,}"),
    Key("sentry_token", ("sntry",), r"sntry[su]_[A-Za-z0-9_+/=-]{40,}"),
    Key("supabase_key", ("sbp_",), r"sbp_[0-9a-f]{40}"),
    Key("mailgun_key", ("key-",), _BARE + r"key-[0-9a-f]{32}(?![0-9a-f])"),
    Key("mailchimp_key", ("-us",), _BARE + r"[0-9a-f]{32}-us[0-9]{1,2}"),
    Key("jwt", ("eyJ",), r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_.-]+)?"),
)
"""Told by how they begin. What comes first names what is found by two."""

NEAR: Final = (
    Key("sendgrid_key", ("SG.",), r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    Key("google_token", ("ya29.",), r"ya29\.[A-Za-z0-9_-]{20,}"),
    Key("vault_token", ("hvs.", "hvb."), r"hv[sb]\.[A-Za-z0-9_-]{24,}"),
    Key("doppler_token", ("dp.",), r"dp\.(?:pt|st|ct|scim|audit)\.[A-Za-z0-9._-]{40,}"),
    Key("azure_key", ("Q~",), r"(?<![A-Za-z0-9_.~-])[A-Za-z0-9_.~-]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}"),
    Key("slack_token", ("hooks.slack.com",), r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20,}"),
    Key("discord_token", ("api/webhooks/",), r"discord(?:app)?\.com/api/webhooks/[0-9]{10,25}/[A-Za-z0-9_-]{30,}"),
)
"""The same, with a sign in how they begin: looked for in the whole text."""

KINDS: Final = frozenset(
    {
        *(key.kind for key in (*KEYS, *NEAR)),
        *("aws_secret", "azure_key", "private_key", "password", "bearer_token", "credential"),
    }
)

_compiled = cache(re.compile)


def find(traits: Traits) -> Iterator[Match]:
    """Every secret in the text."""
    text = traits.text
    runs = traits.runs
    if runs:
        for key in KEYS:
            if any(begin in runs for begin in _encoded(key.begins)):
                yield from _keys(key, text)
        if b"AKIA" in runs or b"ASIA" in runs:
            yield from _aws_secrets(text)
        for key in NEAR:
            if any(begin in text for begin in key.begins):
                yield from _keys(key, text)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)
    if "://" in text and ("@" in text or "%40" in text):
        yield from _grouped(text, "password", _IN_A_URL, _is_no_template)
    if "jdbc:oracle" in text:
        yield from _grouped(text, "password", r"jdbc:oracle:thin:[\w.$#-]{1,100}/([^@\s\"']{1,200})@", _is_no_template)
    if runs and ("Key=" in text or "sig=" in text):
        yield from _grouped(text, "azure_key", _AZURE, None)
    yield from _headers(traits)
    yield from assigned(traits)


@cache
def _encoded(begins: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(begin.encode() for begin in begins)


def _keys(key: Key, text: str) -> Iterator[Match]:
    for found in _compiled(key.pattern).finditer(text):
        said = found.group()
        if not key.is_mixed or is_random(said):
            yield Match(found.start(), found.end(), key.kind, said)


_AWS: Final = r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
_NEAR: Final = 300


def _aws_secrets(text: str) -> Iterator[Match]:
    """A secret key has no sign of its own: it is taken for one where the id of a key is close by."""
    reached = 0
    for found in _compiled(r"A[KS]IA[A-Z2-7]{16}").finditer(text):
        start = max(found.start() - _NEAR, reached)
        reached = found.end() + _NEAR
        for one in _compiled(_AWS).finditer(text, start, min(reached, len(text))):
            if _is_of_all_letters(one.group()):
                yield Match(one.start(), one.end(), "aws_secret", one.group())


def _is_of_all_letters(said: str) -> bool:
    return any(c.isupper() for c in said) and any(c.islower() for c in said) and any(c.isdigit() for c in said)


_BEGIN: Final = r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_END: Final = r"-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_LONGEST_KEY: Final = 50_000
_CUT_OFF: Final = (
    r"(?:\s*[A-Za-z0-9-]{1,30}: [^\n]{0,200}\n)*(?:\s*[A-Za-z0-9+/]{24,}={0,2})*(?:\s+[A-Za-z0-9+/]{1,80}={0,2}(?=\s*(?:$|…)))?"
)
"""What follows the beginning of a key whose end is missing: headers and lines of base64."""


def _private_keys(text: str) -> Iterator[Match]:
    end = 0
    for found in _compiled(_BEGIN).finditer(text):
        if found.start() < end:
            continue
        following = text.find("-----BEGIN", found.end(), found.end() + _LONGEST_KEY)
        limit = found.end() + _LONGEST_KEY if following < 0 else following
        closed = _compiled(_END).search(text, found.end(), limit)
        if closed is not None:
            end = closed.end()
        else:
            cut_off = _compiled(_CUT_OFF).match(text, found.end())
            end = cut_off.end() if cut_off is not None else found.end()
            if end == found.end():  # only named, in a sentence
                continue
        yield Match(found.start(), end, "private_key", text[found.start() : end])


_IN_A_URL: Final = r"://[^\s:/@\"'<>\\]{0,256}:([^\s/\"'<>\\‹›]{1,256})@(?=[^\s@])"
_AZURE: Final = r"(?:AccountKey|SharedAccessKey|sig)=([A-Za-z0-9%+/]{32,}={0,2})"
_BEARER: Final = r"bearer\s{1,4}([A-Za-z0-9._~+/=-]{8,})"
_AUTHORIZATION: Final = (
    r"(?:proxy-)?authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
    r"((?:(?:basic|bearer|token|apikey|digest|negotiate|key|aws4-hmac-sha256)\s{1,4})?[^\s\"',;<>{}()\[\]\\‹›]{8,}(?:,[^\s\"'<>\\]{1,500})*)"
)


def _headers(traits: Traits) -> Iterator[Match]:
    if "bearer" in traits.lower:
        yield from _grouped(traits.text, "bearer_token", _BEARER, _is_a_token, re.IGNORECASE)
    if "authorization" in traits.lower:
        yield from _grouped(traits.text, "credential", _AUTHORIZATION, _is_an_authorization, re.IGNORECASE)


def _is_a_token(said: str) -> bool:
    return any(c.isdigit() for c in said) and (len(said) >= 16 or is_random(said))


def _is_an_authorization(said: str) -> bool:
    scheme, _, rest = said.replace("%20", " ").partition(" ")
    return _is_a_token(rest or scheme) or (scheme.lower() == "basic" and _is_user_and_password(rest.strip()))


def _is_user_and_password(said: str) -> bool:
    import base64

    try:
        return b":" in base64.b64decode(said, validate=True)
    except ValueError:
        return False


def _is_no_template(said: str) -> bool:
    """Whether it is a password, rather than where one goes."""
    return not said.startswith(("$", "{", "%(", "*", "…", "...", "[")) and said.lower() not in ("password", "redacted", "xxx")


def _grouped(text: str, kind: str, pattern: str, check: Callable[[str], bool] | None, flags: int = 0) -> Iterator[Match]:
    for found in _compiled(pattern, flags).finditer(text):
        said = found.group(1)
        if check is None or check(said):
            yield Match(found.start(1), found.end(1), kind, said)
