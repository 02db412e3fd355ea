"""A question to Gemini that the client answers with a function of ours: one trace of both turns and the call between them."""

from __future__ import annotations

from google import genai
from google.genai import types

import genba

genba.init()


def weather(city: str) -> str:
    """Say the weather in a city."""
    return f"The sky over {city} is blue."


weather.__annotations__ = {"city": str, "return": str}  # older clients read no annotations that are text

with genai.Client() as client:  # reads GOOGLE_API_KEY and GOOGLE_GEMINI_BASE_URL
    chat = client.chats.create(model="gemini-3-flash", config=types.GenerateContentConfig(tools=[weather]))
    print(chat.send_message("What is the weather in Bern?").text)
