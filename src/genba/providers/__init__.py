"""The clients, engines and stores that genba traces by wrapping their functions: one declaration each, listed in `libraries`."""
