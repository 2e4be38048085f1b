"""The flags of llama-server: canonical names, aliases, kinds and environment variables.

A table and nothing else; `flags` reads words by it. The canonical name is the long flag without
dashes (of several, the one that says most: `n-predict`, `n-gpu-layers`, `spec-draft-model`), so
`-c`, `--ctx-size` and `LLAMA_ARG_CTX_SIZE` are all `ctx-size`. From tools/server/README.md of
llama.cpp 00dc8057, checked against the strings of build b11549.

Values as rules see them: a switch is True or False (`--no-jinja`: `jinja` = False; `--no-mmproj`
and `--no-mmproj-auto`: `mmproj` = False; a switch of kind `s` has no `--no-` form, one of kind `b`
has); flags that know on, off and auto are the words "on", "off", "auto" (`flash-attn`, `fit`,
`reasoning`, `log-colors`; a bare `-fa` of an old build is "on"); numbers are int or float
(`n-gpu-layers` may be the word "all"); the rest is text.

In: nothing. Out: `LLAMA_SERVER`, `REMOVED`, `RETIRED`.
"""

from __future__ import annotations

from seatrial.serve.lint.readers.flags import Table

_COMMON = """
help s -h --usage
version s
cache-list s -cl
completion-bash s
threads n -t THREADS
threads-batch n -tb
cpu-mask t -C
cpu-range t -Cr
cpu-strict n
prio n
poll n
cpu-mask-batch t -Cb
cpu-range-batch t -Crb
cpu-strict-batch n
prio-batch n
poll-batch n
ctx-size n -c CTX_SIZE
n-predict n -n --predict N_PREDICT
batch-size n -b BATCH
ubatch-size n -ub UBATCH
keep n
swa-full s SWA_FULL
flash-attn o -fa FLASH_ATTN
perf b PERF
escape b -e
rope-scaling t ROPE_SCALING_TYPE
rope-scale n ROPE_SCALE
rope-freq-base n ROPE_FREQ_BASE
rope-freq-scale n ROPE_FREQ_SCALE
yarn-orig-ctx n YARN_ORIG_CTX
yarn-ext-factor n YARN_EXT_FACTOR
yarn-attn-factor n YARN_ATTN_FACTOR
yarn-beta-slow n YARN_BETA_SLOW
yarn-beta-fast n YARN_BETA_FAST
grp-attn-n n -gan GRP_ATTN_N
grp-attn-w n -gaw GRP_ATTN_W
kv-offload b -kvo !-nkvo KV_OFFLOAD
repack b !-nr REPACK
no-host s NO_HOST
cache-type-k t -ctk CACHE_TYPE_K
cache-type-v t -ctv CACHE_TYPE_V
defrag-thold n -dt DEFRAG_THOLD
rpc t RPC
load-mode t -lm LOAD_MODE
lazy-mode t -lzm LAZY_MODE
numa t NUMA
device t -dev DEVICE
list-devices s
override-tensor t -ot OVERRIDE_TENSOR
cpu-moe s -cmoe CPU_MOE
n-cpu-moe n -ncmoe N_CPU_MOE
moe-cache-mib n MOE_CACHE_MIB
n-cpu-ffn n -ncffn N_CPU_FFN
n-gpu-layers n -ngl --gpu-layers N_GPU_LAYERS
split-mode t -sm SPLIT_MODE
tensor-split t -ts TENSOR_SPLIT
main-gpu n -mg MAIN_GPU
fit o -fit FIT
fit-target t -fitt FIT_TARGET
fit-ctx n -fitc FIT_CTX
check-tensors s
override-kv t
op-offload b
lora t
lora-scaled t
control-vector t
control-vector-scaled t
control-vector-layer-range 2
model t -m MODEL
model-url t -mu MODEL_URL
docker-repo t -dr DOCKER_REPO
hf-repo t -hf -hfr HF_REPO
hf-file t -hff HF_FILE
hf-token t -hft =HF_TOKEN
log-disable s
log-file t LOG_FILE
log-jsonl b LOG_JSONL
log-colors o LOG_COLORS
verbose s -v --log-verbose
offline s OFFLINE
log-verbosity n -lv --verbosity LOG_VERBOSITY
log-prefix b LOG_PREFIX
log-timestamps b LOG_TIMESTAMPS
"""

_SAMPLING = """
samplers t
seed n -s
sampler-seq t --sampling-seq
ignore-eos s
temp n --temperature TEMPERATURE
top-k n TOP_K
top-p n TOP_P
min-p n MIN_P
top-n-sigma n --top-nsigma
xtc-probability n
xtc-threshold n
typical-p n --typical
repeat-last-n n
repeat-penalty n REPEAT_PENALTY
presence-penalty n PRESENCE_PENALTY
frequency-penalty n FREQUENCY_PENALTY
dry-multiplier n
dry-base n
dry-allowed-length n
dry-penalty-last-n n
dry-sequence-breaker t
adaptive-target n
adaptive-decay n
dynatemp-range n
dynatemp-exp n
mirostat n
mirostat-lr n
mirostat-ent n
logit-bias t -l
grammar t
grammar-file t
json-schema t -j
json-schema-file t -jf
backend-sampling s -bs BACKEND_SAMPLING
"""

_SERVER = """
lookup-cache-static t -lcs
lookup-cache-dynamic t -lcd
kv-unified-per-slot n KV_UNIFIED_PER_SLOT
ctx-checkpoints n -ctxcp --swa-checkpoints CTX_CHECKPOINTS
checkpoint-min-step n -cms CHECKPOINT_MIN_SPACING_NT
cache-ram n -cram CACHE_RAM
kv-unified b -kvu !-no-kvu KV_UNIFIED
cache-idle-slots b CACHE_IDLE_SLOTS
context-shift b CONTEXT_SHIFT
reverse-prompt t -r
special s -sp
warmup b
spm-infill s
pooling t POOLING
parallel n -np N_PARALLEL
cont-batching b -cb !-nocb CONT_BATCHING
mmproj t -mm MMPROJ
mmproj-url t -mmu MMPROJ_URL
mmproj-auto b MMPROJ_AUTO
mmproj-offload b MMPROJ_OFFLOAD
mmproj-device t -mmdev =MTMD_BACKEND_DEVICE
image-min-tokens n IMAGE_MIN_TOKENS
image-max-tokens n IMAGE_MAX_TOKENS
mtmd-batch-max-tokens n MTMD_BATCH_MAX_TOKENS
video-fps n VIDEO_FPS
video-timestamp-interval n VIDEO_TIMESTAMP_INTERVAL
video-ffmpeg-dir t VIDEO_FFMPEG_DIR
alias t -a ALIAS
tags t TAGS
embd-normalize n
host t HOST
port n PORT
reuse-port s REUSE_PORT
path t STATIC_PATH
cors-origins t CORS_ORIGINS
cors-methods t CORS_METHODS
cors-headers t CORS_HEADERS
cors-credentials b CORS_CREDENTIALS
api-prefix t API_PREFIX
ui-config t --webui-config UI_CONFIG
ui-config-file t --webui-config-file UI_CONFIG_FILE
ui-mcp-proxy b --webui-mcp-proxy UI_MCP_PROXY
tools t TOOLS
tools-runtime t TOOLS_RUNTIME
mcp-servers-config t MCP_SERVERS_CONFIG
mcp-servers-json t MCP_SERVERS_JSON
agent b -ag !-no-ag AGENT
ui b --webui UI
embeddings s --embedding EMBEDDINGS
reranking s --rerank RERANKING
api-key t =LLAMA_API_KEY
api-key-file t API_KEY_FILE
ssl-key-file t SSL_KEY_FILE
ssl-cert-file t SSL_CERT_FILE
chat-template-kwargs t CHAT_TEMPLATE_KWARGS
timeout n -to TIMEOUT
sse-ping-interval n SSE_PING_INTERVAL
threads-http n THREADS_HTTP
cache-prompt b CACHE_PROMPT
cache-reuse n CACHE_REUSE
metrics s ENDPOINT_METRICS
props s ENDPOINT_PROPS
slots b ENDPOINT_SLOTS
slot-save-path t SLOT_SAVE_PATH
media-path t
models-dir t MODELS_DIR
models-preset t MODELS_PRESET
models-max n MODELS_MAX
models-autoload b MODELS_AUTOLOAD
jinja b JINJA
reasoning-format t THINK
reasoning o -rea REASONING
reasoning-effort t REASONING_EFFORT
reasoning-budget n THINK_BUDGET
reasoning-budget-message t THINK_BUDGET_MESSAGE
reasoning-preserve b REASONING_PRESERVE
chat-template t CHAT_TEMPLATE
chat-template-file t CHAT_TEMPLATE_FILE
skip-chat-parsing b SKIP_CHAT_PARSING
prefill-assistant b PREFILL_ASSISTANT
slot-prompt-similarity n -sps
lora-init-without-apply s
sleep-idle-seconds n
log-prompts-dir t
verbose-prompt s
"""

_SPECULATION = """
spec-type t SPEC_TYPE
spec-default s
spec-draft-model t -md --model-draft SPEC_DRAFT_MODEL
spec-draft-hf t -hfd -hfrd --hf-repo-draft SPEC_DRAFT_HF_REPO
spec-draft-ngl n -ngld --gpu-layers-draft --n-gpu-layers-draft N_GPU_LAYERS_DRAFT
spec-draft-device t -devd --device-draft
spec-draft-type-k t -ctkd --cache-type-k-draft SPEC_DRAFT_CACHE_TYPE_K
spec-draft-type-v t -ctvd --cache-type-v-draft SPEC_DRAFT_CACHE_TYPE_V
spec-draft-n-max n SPEC_DRAFT_N_MAX
spec-draft-n-min n SPEC_DRAFT_N_MIN
spec-draft-p-min n --draft-p-min SPEC_DRAFT_P_MIN
spec-draft-p-split n --draft-p-split SPEC_DRAFT_P_SPLIT
spec-draft-sampling t SPEC_DRAFT_SAMPLING
spec-draft-backend-sampling b SPEC_DRAFT_BACKEND_SAMPLING
spec-draft-override-tensor t -otd --override-tensor-draft
spec-draft-cpu-moe s -cmoed --cpu-moe-draft SPEC_DRAFT_CPU_MOE
spec-draft-n-cpu-moe n --spec-draft-ncmoe -ncmoed --n-cpu-moe-draft SPEC_DRAFT_N_CPU_MOE
spec-draft-threads n -td --threads-draft
spec-draft-threads-batch n -tbd --threads-batch-draft
spec-draft-cpu-mask t -Cd --cpu-mask-draft
spec-draft-cpu-range t -Crd --cpu-range-draft
spec-draft-cpu-strict n --cpu-strict-draft
spec-draft-prio n --prio-draft
spec-draft-poll n --poll-draft
spec-draft-cpu-mask-batch t -Cbd --cpu-mask-batch-draft
spec-draft-cpu-range-batch t --cpu-range-batch-draft
spec-draft-cpu-strict-batch n --cpu-strict-batch-draft
spec-draft-prio-batch n --prio-batch-draft
spec-draft-poll-batch n --poll-batch-draft
spec-synth-len n SPEC_SYNTH_LEN
spec-synth-rates t SPEC_SYNTH_RATES
spec-ngram-mod-n-min n
spec-ngram-mod-n-max n
spec-ngram-mod-n-match n
spec-ngram-simple-size-n n
spec-ngram-simple-size-m n
spec-ngram-simple-min-hits n
spec-ngram-map-k-size-n n
spec-ngram-map-k-size-m n
spec-ngram-map-k-min-hits n
spec-ngram-map-k4v-size-n n
spec-ngram-map-k4v-size-m n
spec-ngram-map-k4v-min-hits n
"""

_PRESETS = """
embd-gemma-default s
fim-qwen-1.5b-default s
fim-qwen-3b-default s
fim-qwen-7b-default s
fim-qwen-7b-spec s
fim-qwen-14b-spec s
fim-qwen-30b-default s
gpt-oss-20b-default s
gpt-oss-120b-default s
vision-gemma-4b-default s
vision-gemma-12b-default s
"""

_RETIRED = """
mlock s MLOCK
mmap b MMAP
direct-io b -dio !-ndio DIO
"""

REMOVED: dict[str, str] = {
    "--draft": "--spec-draft-n-max or --spec-ngram-mod-n-max",
    "--draft-n": "--spec-draft-n-max or --spec-ngram-mod-n-max",
    "--draft-max": "--spec-draft-n-max or --spec-ngram-mod-n-max",
    "--draft-min": "--spec-draft-n-min or --spec-ngram-mod-n-min",
    "--draft-n-min": "--spec-draft-n-min or --spec-ngram-mod-n-min",
    "--spec-ngram-size-n": "--spec-ngram-mod-n-match, or the --spec-ngram-*-size-n of its type",
    "--spec-ngram-size-m": "the --spec-ngram-*-size-m of its type",
    "--spec-ngram-min-hits": "the --spec-ngram-*-min-hits of its type",
    "--spec-replace": "nothing: the draft model must have the same vocabulary",
    "--ctx-size-draft": "nothing: the draft has the window of the model",
    "-cd": "nothing: the draft has the window of the model",
    "LLAMA_ARG_DRAFT_MAX": "LLAMA_ARG_SPEC_DRAFT_N_MAX",
    "LLAMA_ARG_DRAFT_MIN": "LLAMA_ARG_SPEC_DRAFT_N_MIN",
}
"""Flag -> what to write instead. llama-server ends at once when it meets one of these (b10576)."""

RETIRED: dict[str, str] = {
    "mlock": "--load-mode mlock",
    "mmap": "--load-mode mmap, or none for --no-mmap",
    "direct-io": "--load-mode dio",
}
"""Options that builds up to b10734 accept and builds from b11053 on refuse -> what they became.

They stand in `options`, not in `unknown`: whether they are wrong depends on the build.
"""

LLAMA_SERVER = Table(
    _COMMON + _SAMPLING + _SERVER + _SPECULATION + _PRESETS + _RETIRED,
    env_prefix="LLAMA_ARG_",
    negated={"--no-mmproj": "mmproj", "--no-mmproj-auto": "mmproj"},
    with_value=frozenset(REMOVED) - {"LLAMA_ARG_DRAFT_MAX", "LLAMA_ARG_DRAFT_MIN"},
)
