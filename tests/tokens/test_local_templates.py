"""Chat templates are rendered as transformers does it, and bounded: a template is somebody else's program."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("jinja2", reason="jinja2 is not installed")

from genba.tokens.local import templates
from genba.tokens.local.templates import RenderingError, render

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ELABORATE = """\
{{- bos_token }}
{%- set ns = namespace(count=0) %}
{%- for message in messages %}
    {%- if loop.index > 3 %}
        {%- break %}
    {%- endif %}
    {%- set ns.count = ns.count + 1 %}
    {% generation %}{{ ns.count }}{{ message | tojson }}{{ message.content | trim }}
    {% endgeneration %}
{%- endfor %}
  {% if tools %}{{ tools | tojson(indent=2) }}{% endif %}
{{ messages[0].content[:2] }}{{ '\\n' }}
"""
MESSAGES = [{"role": "system", "content": 'Be <brief> & "good". '}, {"role": "user", "content": " é日\u200d "}]


def test_a_conversation_is_rendered_up_to_where_the_model_answers() -> None:
    assert render(CHATML, MESSAGES[1:]).text == "<|im_start|>user\n é日\u200d <|im_end|>\n<|im_start|>assistant\n"


@settings(deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()}), min_size=1, max_size=4)
)
def test_it_comes_out_as_transformers_renders_it(messages: list[dict[str, str]]) -> None:
    theirs = pytest.importorskip("transformers.utils.chat_template_utils", reason="transformers is not installed")
    tools = [{"type": "function", "function": {"name": "f", "description": "ü<"}}]

    for template in (CHATML, ELABORATE):
        found = theirs.render_jinja_template(
            [messages], tools=tools, chat_template=template, add_generation_prompt=True, bos_token="<s>"
        )
        text = found[0][0] if isinstance(found, tuple) else found[0]
        assert render(template, messages, tools=tools, bos_token="<s>").text == text


def test_a_template_that_asks_for_the_time_is_known_to() -> None:
    assert render("{{ strftime_now('%Y') }}", MESSAGES).text == time.strftime("%Y")
    assert render("{{ strftime_now('%Y') }}", MESSAGES).is_dated
    assert not render(CHATML, MESSAGES).is_dated


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% for %}", "TemplateSyntaxError"),
        ("{{ messages[0].content + 1 }}", "TypeError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ messages.append(1) }}", "SecurityError"),
        ("{% include '/etc/hostname' %}", "fails"),
        ("{{ 'a' * 10 ** 12 }}", "makes more than"),
        ("{{ 10 ** 100000 }}", "makes more than"),
        ("{% for i in range(90000) %}{{ 'abcdefghij' * 1000 }}{% endfor %}", "makes more than"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
    ],
)
def test_a_template_that_refuses_fails_or_makes_too_much_is_a_reason(template: str, why: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(templates, "LONGEST", 100_000)
    with pytest.raises(RenderingError, match=why):
        render(template, MESSAGES)


def test_a_jinja2_whose_sandbox_can_be_left_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    templates._environment.cache_clear()
    templates._compiled.cache_clear()
    monkeypatch.setattr(templates.metadata, "version", lambda _name: "3.1.5")

    with pytest.raises(RenderingError, match=r"jinja2 3\.1\.5 is installed"):
        render(CHATML, MESSAGES)
