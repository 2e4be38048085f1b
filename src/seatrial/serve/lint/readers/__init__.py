"""Readers of command lines and files: what people wrote, with the place of every word.

`serve.lint.load` finds the reader for a file; each module reads one kind. For rules:

- Names of options: llama-server's are in `llama_flags`; vLLM, SGLang and mlx_lm have their own
  long flags without dashes; a Modelfile's are the words of `PARAMETER` (`num_ctx`) and `from`,
  `template`, `system`; LM Studio's are `context-length`, `gpu`, … in the words of `lms load`.
- `ServerConfig.family` is the program that serves the model, and `llama-swap` for llama-server
  behind llama-swap: the same options, and what the proxy adds. vLLM behind it stays `vllm` with a
  `proxy`; a program that nobody knows is `openai`, without options. Models of a router's presets
  are `llama.cpp-router`.
- `proxy` is empty where there is no proxy, and else holds `kind` (`llama-swap`) and only what the
  file says.
- `ServerConfig.unknown` holds flags that llama-server refuses: `value` is the flag as written
  (look it up in `llama_flags.REMOVED`), `written` the flag with its value.
- `Setting.written` stands verbatim in line `place.line` of `place.source`, unless it goes over
  several lines; the value of a secret is `<hidden>` in both.
- A file that cannot be read as what it is raises `UserError` with one line and a hint.
"""
