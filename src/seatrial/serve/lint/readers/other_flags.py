"""Flags of the servers that are not llama.cpp, as far as rules look at them.

These programs have hundreds of flags and take `--name value` and `--name=value` alike, so the
tables only say what is a switch and what has two names; any other long flag is read as an option
of its own name. Sources: vllm/engine/arg_utils.py and vllm/entrypoints/openai/cli_args.py,
sglang/srt/server_args.py, mlx_lm/server.py, LM Studio's documentation of `lms load`.

In: nothing. Out: a `Table` for each.
"""

from __future__ import annotations

from seatrial.serve.lint.readers.flags import Table

VLLM = Table(
    """
model t
max-model-len h
host t
port n
served-model-name t
dtype t
quantization t -q
kv-cache-dtype t
tensor-parallel-size n -tp
pipeline-parallel-size n -pp
data-parallel-size n -dp
gpu-memory-utilization n
max-num-seqs n
max-num-batched-tokens h
tool-call-parser t
reasoning-parser t
chat-template t
generation-config t
override-generation-config t
speculative-config t -sc
compilation-config t -cc -O
api-key t
hf-token t
enable-auto-tool-choice s
enable-prefix-caching s
enable-chunked-prefill s
enforce-eager s
trust-remote-code s
enable-reasoning s
enable-lora s
enable-expert-parallel s -ep
language-model-only s
async-scheduling s
disable-log-requests s
disable-log-stats s
enable-log-requests s
enable-prompt-tokens-details s
enable-force-include-usage s
return-tokens-as-token-ids s
enable-server-load-tracking s
disable-custom-all-reduce s
disable-uvicorn-access-log s
enable-sleep-mode s
headless s
""",
    strict=False,
)

SGLANG = Table(
    """
model-path t --model
context-length n
host t
port n
served-model-name t
dtype t
quantization t
kv-cache-dtype t
tp-size n --tensor-parallel-size --tp
dp-size n --data-parallel-size --dp
mem-fraction-static n
max-running-requests n
max-total-tokens n
chunked-prefill-size n
tool-call-parser t
reasoning-parser t
chat-template t
sampling-defaults t
speculative-algorithm t --speculative-algo
api-key t
enable-cache-report s
enable-metrics s
trust-remote-code s
disable-radix-cache s
disable-cuda-graph s
disable-overlap-schedule s
enable-torch-compile s
enable-mixed-chunk s
enable-multimodal s
enable-deterministic-inference s
allow-auto-truncate s
skip-server-warmup s
log-requests s
""",
    strict=False,
)

MLX = Table(
    """
model t
adapter-path t
host t
port n
allowed-origins t
draft-model t
num-draft-tokens n
trust-remote-code s
log-level t
chat-template t
use-default-chat-template s
chat-template-args t
temp n
top-p n
top-k n
min-p n
max-tokens n
decode-concurrency n
prompt-concurrency n
prompt-cache-size n
prompt-cache-bytes t
pipeline s
""",
    strict=False,
)

LM_STUDIO = Table(
    """
context-length n -c
gpu t
identifier t
ttl n
parallel n
host t
port n -p
bind t
exact s
yes s -y
cors s
verbose s
quiet s
estimate-only s
""",
    strict=False,
)

APR = Table(
    """
model t -m
host t
port n -p
gpu s
cpu s
ctx-size n --context-length
""",
    strict=False,
)

NO_FLAGS = Table("", strict=False)
"""`ollama serve` has none: everything comes from the environment."""
