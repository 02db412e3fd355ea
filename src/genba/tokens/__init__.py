"""What the model really saw and said: tokenizers, tokens and tensors, without importing any library of theirs."""
