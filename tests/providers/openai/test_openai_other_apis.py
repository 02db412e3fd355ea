"""Text completions, embeddings, images, sound and moderation: what is read from requests and answers."""

from __future__ import annotations

import base64
import struct

import pytest

from genba.conversation import Usage
from genba.providers.openai.audio import SPEECH, TRANSCRIPTION
from genba.providers.openai.completions import TEXT_COMPLETION
from genba.providers.openai.embeddings import EMBEDDINGS
from genba.providers.openai.images import IMAGES
from genba.providers.openai.moderations import MODERATION


def text(content):
    return {"type": "text", "content": content}


@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        ("Once", [[text("Once")]]),
        (["Once", "Twice"], [[text("Once")], [text("Twice")]]),
        ([1, 2, 3], [[{"type": "token_ids", "content": [1, 2, 3]}]]),
        ([[1, 2], [3]], [[{"type": "token_ids", "content": [1, 2]}], [{"type": "token_ids", "content": [3]}]]),
        (None, []),
    ],
)
def test_a_prompt_is_text_or_token_ids_one_or_many(prompt, turns, well_formed):
    for endpoint, key in ((TEXT_COMPLETION, "prompt"), (EMBEDDINGS, "input"), (MODERATION, "input")):
        messages = well_formed(endpoint.request({"model": "m", key: prompt}).messages)
        assert messages == [{"role": "user", "parts": parts} for parts in turns]


def test_a_text_completion_is_read(well_formed):
    request = TEXT_COMPLETION.request(
        {"model": "davinci-002", "prompt": "Once", "suffix": "end", "max_tokens": 6, "stop": ["a", "b"], "n": 2}
    )
    assert (request.model, request.max_tokens, request.stop_sequences, request.choice_count) == ("davinci-002", 6, ("a", "b"), 2)
    assert well_formed(request.messages)[0]["parts"] == [text("Once"), {"type": "suffix", "content": "end"}]
    logprobs = {"tokens": [" upon"], "token_logprobs": [-0.5], "top_logprobs": None, "text_offset": [4]}
    response = TEXT_COMPLETION.response(
        {
            "id": "cmpl-1",
            "model": "davinci-002",
            "choices": [{"index": 0, "text": " upon", "finish_reason": "length", "logprobs": logprobs, "prompt_token_ids": [7]}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    )
    assert well_formed(response.messages) == [{"role": "assistant", "parts": [text(" upon")], "finish_reason": "length"}]
    seen, said = response.tokens
    assert (seen.side, seen.ids, said.side, said.pieces, said.logprobs) == ("input", [7], "output", [b" upon"], [-0.5])
    assert response.usage == Usage(
        input_tokens=1, output_tokens=1, raw={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    )


def test_an_embedding_request_names_its_form():
    request = EMBEDDINGS.request({"model": "m", "input": "bees", "encoding_format": "base64", "dimensions": 256})
    assert (request.encoding_formats, request.dimension_count) == (("base64",), 256)


@pytest.mark.parametrize("length", [1, 2, 3, 256])
def test_the_length_of_a_vector_is_known_in_both_encodings(length):
    packed = base64.b64encode(struct.pack(f"{length}f", *range(length))).decode()
    for vector in ([0.5] * length, packed):
        body = {"model": "m", "data": [{"index": 0, "embedding": vector}], "usage": {"prompt_tokens": 6, "total_tokens": 6}}
        response = EMBEDDINGS.response(body)
        assert (response.dimension_count, response.messages) == (length, ())
        assert response.usage == Usage(input_tokens=6, raw={"prompt_tokens": 6, "total_tokens": 6})


IMAGE_USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 2},
    "output_tokens": 40,
    "output_tokens_details": {"text_tokens": 1, "image_tokens": 39},
    "total_tokens": 52,
}


def test_pictures_are_blobs_or_links(well_formed):
    data = [{"b64_json": "AAAA", "revised_prompt": "A bee."}, {"url": "https://example.com/a.png"}]
    response = IMAGES.response({"created": 1, "data": data, "output_format": "png", "usage": IMAGE_USAGE})
    assert [message["parts"] for message in well_formed(response.messages)] == [
        [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA", "revised_prompt": "A bee."}],
        [{"type": "uri", "modality": "image", "uri": "https://example.com/a.png"}],
    ]
    assert response.usage == Usage(
        input_tokens=12,
        output_tokens=40,
        text_input_tokens=10,
        image_input_tokens=2,
        text_output_tokens=1,
        image_output_tokens=39,
        raw=IMAGE_USAGE,
    )


def test_an_edit_names_the_pictures_it_was_given(well_formed):
    request = IMAGES.request(
        {
            "model": "gpt-image-2",
            "prompt": "Add a bee.",
            "n": 2,
            "image": [{"filename": "a.png", "bytes": 9}],
            "images": [{"image_url": "https://example.com/b.png"}],
            "mask": {"filename": "m.png", "bytes": 3},
        }
    )
    [message] = well_formed(request.messages)
    assert message["parts"] == [
        text("Add a bee."),
        {"type": "upload", "modality": "image", "filename": "a.png", "bytes": 9},
        {"type": "uri", "modality": "image", "uri": "https://example.com/b.png"},
        {"type": "upload", "modality": "image", "filename": "m.png", "bytes": 3, "purpose": "mask"},
    ]
    assert (request.output_type, request.choice_count, IMAGES.operation) == ("image", 2, "generate_content")


def test_a_stream_of_pictures_ends_in_the_picture_or_its_last_preview(well_formed):
    assert IMAGES.fold is not None
    preview = {"type": "image_generation.partial_image", "b64_json": "AA==", "partial_image_index": 0, "output_format": "png"}
    final = {"type": "image_generation.completed", "b64_json": "BBBB", "output_format": "webp", "usage": IMAGE_USAGE}
    whole = IMAGES.response(IMAGES.fold([preview, final]))
    assert whole.messages[0]["parts"] == [{"type": "blob", "modality": "image", "mime_type": "image/webp", "content": "BBBB"}]
    assert whole.usage is not None
    cut = IMAGES.response(IMAGES.fold([preview]))
    assert cut.messages[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AA==", "partial": True}
    ]
    assert (cut.usage, IMAGES.response(IMAGES.fold([])).messages) == (None, [])


def test_speech_is_text_in_and_sound_out(well_formed):
    assert SPEECH.fold is not None
    request = SPEECH.request(
        {"model": "tts-1", "input": "Buzz.", "voice": "alloy", "instructions": "Whisper.", "stream_format": "sse"}
    )
    assert well_formed(request.messages) == [{"role": "user", "parts": [text("Buzz.")]}]
    assert (request.system_instructions, request.output_type, request.stream) == ([text("Whisper.")], "speech", True)
    usage = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}
    pieces = [base64.b64encode(piece).decode() for piece in (b"a", b"bc")]
    events = [*({"type": "speech.audio.delta", "audio": piece} for piece in pieces), {"type": "speech.audio.done", "usage": usage}]
    response = SPEECH.response(SPEECH.fold(events))
    assert well_formed(response.messages)[0]["parts"] == [{"type": "blob", "modality": "audio", "content": "YWJj"}]
    assert response.usage == Usage(input_tokens=3, output_tokens=9, raw=usage)
    assert SPEECH.response({"bytes": 48210}).attributes == {"genba.content.bytes": 48210}


def test_a_transcription_is_sound_in_and_text_out(well_formed):
    request = TRANSCRIPTION.request(
        {
            "model": "whisper-1",
            "file": {"filename": "a.wav", "bytes": 9, "content_type": None},
            "prompt": "Bees.",
            "temperature": 0.5,
            "response_format": "srt",
        }
    )
    assert well_formed(request.messages)[0]["parts"] == [
        text("Bees."),
        {"type": "upload", "modality": "audio", "filename": "a.wav", "bytes": 9},
    ]
    assert (request.temperature, request.output_type) == (0.5, "text")
    assert TRANSCRIPTION.response("1\nBuzz.").messages == [{"role": "assistant", "parts": [text("1\nBuzz.")]}]


def test_what_was_heard_is_counted_in_tokens_or_in_seconds(well_formed):
    tokens = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        "output_tokens": 7,
        "total_tokens": 21,
    }
    heard = TRANSCRIPTION.response({"text": "The bees are back.", "usage": tokens})
    assert heard.usage == Usage(input_tokens=14, output_tokens=7, text_input_tokens=0, audio_input_tokens=14, raw=tokens)
    segments = [{"id": "seg_1", "speaker": "A", "start": 0.0, "end": 1.5, "text": "Buzz."}]
    long = TRANSCRIPTION.response(
        {"task": "transcribe", "text": "Buzz.", "segments": segments, "usage": {"type": "duration", "seconds": 2}}
    )
    assert well_formed(long.messages)[0]["parts"] == [{**text("Buzz."), "segments": segments}]
    assert long.usage == Usage(raw={"type": "duration", "seconds": 2})


def test_a_transcript_that_is_streamed_is_whole_or_as_far_as_it_came():
    assert TRANSCRIPTION.fold is not None
    deltas = [{"type": "transcript.text.delta", "delta": piece, "logprobs": [{"token": piece}]} for piece in ("The ", "bees")]
    cut = TRANSCRIPTION.response(TRANSCRIPTION.fold(deltas))
    assert cut.messages[0]["parts"] == [text("The bees")]
    assert [tokens.pieces for tokens in cut.tokens] == [[b"The ", b"bees"]]
    done = {"type": "transcript.text.done", "text": "The bees.", "usage": {"type": "tokens", "input_tokens": 1, "output_tokens": 2}}
    whole = TRANSCRIPTION.response(TRANSCRIPTION.fold([*deltas, done]))
    assert whole.messages[0]["parts"] == [text("The bees.")]
    assert whole.usage is not None


def test_a_moderation_gives_its_verdicts(well_formed):
    content = [{"type": "text", "text": "bees"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    asked = well_formed(MODERATION.request({"model": "omni", "input": content}).messages)
    assert [part["type"] for message in asked for part in message["parts"]] == ["text", "uri"]
    verdict = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9}}
    response = MODERATION.response({"id": "modr-1", "model": "omni", "results": [verdict]})
    assert (response.id, response.model) == ("modr-1", "omni")
    assert well_formed(response.messages) == [{"role": "assistant", "parts": [{"type": "moderation", **verdict}]}]


@pytest.mark.parametrize("endpoint", [TEXT_COMPLETION, EMBEDDINGS, IMAGES, SPEECH, TRANSCRIPTION, MODERATION])
@pytest.mark.parametrize(
    "body", [None, 5, [], {"prompt": 5, "input": {}, "image": 3, "file": 4, "data": [None, {"embedding": {}}], "results": 1}]
)
def test_a_body_of_any_shape_is_read_as_far_as_it_goes(endpoint, body):
    endpoint.request(body)
    endpoint.response(body)
    if endpoint.fold is not None:
        endpoint.response(endpoint.fold([body, None, {"type": 5, "b64_json": 4}]))
