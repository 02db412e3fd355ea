"""The frameworks that tell by callbacks, or by spans of their own, what they do: one declaration each."""
