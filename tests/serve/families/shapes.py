"""What servers of each family answer, written from their sources and documentation."""

from __future__ import annotations

from typing import Any

TEMPLATE = "{%- for message in messages %}<|im_start|>{{ message.role }}\n{%- endfor %}"
PARAMS = {
    "seed": 4294967295,
    "temperature": 0.800000011920929,
    "top_k": 40,
    "top_p": 0.949999988079071,
    "min_p": 0.05000000074505806,
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "dry_multiplier": 0.0,
    "dry_penalty_last_n": 64,
    "max_tokens": -1,
    "stream": False,
    "samplers": ["penalties", "dry", "top_k", "temperature"],
    "lora": [],
}
PROPS: dict[str, Any] = {
    "default_generation_settings": {"params": PARAMS, "n_ctx": 8192},
    "total_slots": 4,
    "model_alias": "qwen",
    "model_ftype": "Q4_K - Medium",
    "model_path": "/models/Qwen3-Coder-30B-Q4_K_M.gguf",
    "modalities": {"vision": False, "audio": False},
    "chat_template": TEMPLATE,
    "chat_template_caps": {
        "supports_tool_calls": True,
        "supports_tools": True,
        "supports_parallel_tool_calls": False,
        "supports_system_role": True,
        "supports_preserve_reasoning": False,
    },
    "bos_token": "<|endoftext|>",
    "eos_token": "<|im_end|>",
    "build_info": "b11549-0c1e57098",
    "is_sleeping": False,
}
META = {
    "vocab_type": 2,
    "n_vocab": 151936,
    "n_ctx": 8192,
    "n_ctx_train": 262144,
    "n_embd": 2048,
    "n_params": 30532122624,
    "size": 18554753024,
    "ftype": "Q4_K - Medium",
}
LLAMA_CPP: dict[str, Any] = {
    "/props": PROPS,
    "/health": {"status": "ok"},
    "/slots": [{"id": i, "n_ctx": 8192, "is_processing": False} for i in range(4)],
    "/lora-adapters": [],
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": "qwen", "object": "model", "created": 1, "owned_by": "llamacpp", "meta": META}
        ],
    },
}

ROUTER: dict[str, Any] = {
    "/props": {"role": "router", "build_info": "b11549-0c1e57098", "is_sleeping": False},
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "ggml-org/gemma-3-4b-it-GGUF:Q4_K_M",
                "object": "model",
                "owned_by": "llamacpp",
                "path": "/cache/gemma-3-4b-it-Q4_K_M.gguf",
                "status": {
                    "value": "loaded",
                    "args": ["llama-server", "--port", "5", "-c", "32768", "--api-key", "s3cret"],
                },
            },
            {
                "id": "qwen3-coder",
                "object": "model",
                "owned_by": "llamacpp",
                "path": "/models/qwen3-coder.gguf",
                "status": {"value": "unloaded"},
            },
        ],
    },
    "/props?model=ggml-org/gemma-3-4b-it-GGUF:Q4_K_M&autoload=false": {
        **PROPS,
        "model_path": "/cache/gemma-3-4b-it-Q4_K_M.gguf",
    },
}

COMMAND = (
    "/app/llama-server\n# fast one\n--model /models/qwen3-coder.gguf \\\n"
    "-c 32768 --port 5801 --chat-template-kwargs '{\"a\": true}'"
)
LLAMA_SWAP: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "coder",
                "object": "model",
                "created": 1,
                "owned_by": "llama-swap",
                "meta": {"n_ctx": 131072, "llamaswap": {"context": 131072}},
            },
            {"id": "small", "object": "model", "created": 1, "owned_by": "llama-swap"},
        ],
    },
    "/running": {
        "running": [
            {
                "model": "coder",
                "state": "ready",
                "cmd": COMMAND,
                "proxy": "http://localhost:1",
                "ttl": 300,
                "name": "",
                "description": "",
            }
        ]
    },
    "/api/version": {"version": "v171", "commit": "0bdb372", "build_date": "2026-08-22"},
    "/api/profiles": {"active": "", "profiles": []},
    "/upstream/coder/props": PROPS,
    "/upstream/coder/v1/models": LLAMA_CPP["/v1/models"],
    "/upstream/coder/slots": LLAMA_CPP["/slots"],
    "/upstream/coder/lora-adapters": [],
    "/health": "OK",
}

OLLAMA_ROW = {
    "name": "qwen3:latest",
    "model": "qwen3:latest",
    "size": 6591830464,
    "digest": "500a1f067a9f782620b40bee6f7b0c89e17ae61f686b92c24933e4ca4b2b8b41",
    "details": {"format": "gguf", "family": "qwen3", "quantization_level": "Q4_K_M"},
    "expires_at": "2026-11-21T19:00:00Z",
    "size_vram": 6591830464,
    "context_length": 4096,
}
OLLAMA: dict[str, Any] = {
    "/": "Ollama is running",
    "/api/version": {"version": "0.33.1"},
    "/api/ps": {"models": [OLLAMA_ROW]},
    "/api/tags": {
        "models": [
            {"name": "qwen3:latest", "digest": OLLAMA_ROW["digest"]},
            {"name": "gemma3:4b", "digest": "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55"},
        ]
    },
    "/api/show": {
        "modelfile": "FROM /blobs/sha256-1",
        "parameters": (
            "temperature                    0.6\ntop_k   20\nnum_ctx 16384\n"
            'stop                           "<|im_end|>"\nrepeat_penalty 1\n'
        ),
        "template": "{{- range .Messages }}{{ .Content }}{{ end }}",
        "details": {"format": "gguf", "family": "qwen3", "quantization_level": "Q4_K_M"},
        "model_info": {
            "general.architecture": "qwen3",
            "general.parameter_count": 8190735360,
            "qwen3.context_length": 40960,
            "tokenizer.ggml.tokens": None,
        },
        "capabilities": ["completion", "tools", "thinking"],
    },
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": "qwen3:latest", "object": "model", "created": 1, "owned_by": "library"},
            {"id": "gemma3:4b", "object": "model", "created": 1, "owned_by": "library"},
        ],
    },
}

LM_STUDIO_LOST = (200, {"error": "Unexpected endpoint or method. (GET /props)"})
LM_STUDIO: dict[str, Any] = {
    "/api/v1/models": {
        "models": [
            {
                "type": "llm",
                "publisher": "lmstudio-community",
                "key": "qwen/qwen3-coder-30b",
                "display_name": "Qwen3 Coder 30B",
                "architecture": "qwen3moe",
                "quantization": {"name": "Q4_K_M", "bits_per_weight": 4},
                "size_bytes": 18632000000,
                "params_string": "30B",
                "loaded_instances": [
                    {
                        "id": "qwen/qwen3-coder-30b",
                        "config": {
                            "context_length": 4096,
                            "eval_batch_size": 512,
                            "flash_attention": True,
                        },
                    }
                ],
                "max_context_length": 262144,
                "format": "gguf",
                "capabilities": {"vision": False, "trained_for_tool_use": True},
                "selected_variant": "qwen/qwen3-coder-30b@q4_k_m",
            },
            {
                "type": "embedding",
                "key": "nomic-embed",
                "quantization": {"name": "F16"},
                "loaded_instances": [{"id": "nomic-embed", "config": {"context_length": 2048}}],
                "max_context_length": 2048,
            },
        ]
    },
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": "qwen/qwen3-coder-30b", "object": "model", "owned_by": "organization_owner"},
            {"id": "nomic-embed", "object": "model", "owned_by": "organization_owner"},
        ],
    },
}
LM_STUDIO_V0: dict[str, Any] = {
    "/api/v0/models": {
        "object": "list",
        "data": [
            {
                "id": "meta-llama-3.1-8b-instruct",
                "object": "model",
                "type": "llm",
                "arch": "llama",
                "compatibility_type": "gguf",
                "quantization": "Q4_K_M",
                "state": "loaded",
                "max_context_length": 131072,
                "loaded_context_length": 8192,
                "capabilities": ["tool_use"],
            },
            {
                "id": "qwen2-vl-7b-instruct",
                "type": "vlm",
                "quantization": "4bit",
                "state": "not-loaded",
                "max_context_length": 32768,
            },
        ],
    },
    "/v1/models": LM_STUDIO["/v1/models"],
}

VLLM: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "coder",
                "object": "model",
                "created": 1,
                "owned_by": "vllm",
                "root": "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8",
                "parent": None,
                "max_model_len": 65536,
                "permission": [{"id": "modelperm-1", "object": "model_permission"}],
            },
            {
                "id": "tuned",
                "object": "model",
                "created": 1,
                "owned_by": "vllm",
                "root": "/loras/tuned",
                "parent": "coder",
                "max_model_len": None,
            },
        ],
    },
    "/version": {"version": "0.33.0"},
}

SGLANG: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "default",
                "object": "model",
                "created": 1,
                "owned_by": "sglang",
                "root": "default",
                "parent": None,
                "max_model_len": 262144,
            }
        ],
    },
    "/get_model_info": {
        "model_path": "Qwen/Qwen3-Coder-30B-A3B-Instruct",
        "tokenizer_path": "Qwen/Qwen3-Coder-30B-A3B-Instruct",
        "is_generation": True,
        "preferred_sampling_params": None,
        "has_image_understanding": False,
    },
    "/get_server_info": {
        "model_path": "Qwen/Qwen3-Coder-30B-A3B-Instruct",
        "context_length": None,
        "max_total_num_tokens": 98304,
        "max_running_requests": 48,
        "tool_call_parser": "qwen3_coder",
        "reasoning_parser": None,
        "enable_cache_report": True,
        "quantization": None,
        "version": "0.5.23",
    },
}

MLX_LOST = (404, "Not Found")
MLX: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": "mlx-community/Qwen3-4B-4bit", "object": "model", "created": 1},
            {"id": "/models/fused", "object": "model", "created": 1},
        ],
    },
    # It looks at the beginning of the path only, and filters by the rest.
    "/v1/models/no/such": {"object": "list", "data": []},
    "/health": {"status": "ok"},
}

APR: dict[str, Any] = {
    "/": {"service": "apr serve", "version": "0.31.0", "routes": ["GET /", "GET /v1/models"]},
    "/v1/models": {
        "object": "list",
        "data": [{"id": "default", "object": "model", "created": 1, "owned_by": "realizar"}],
    },
}

OPENAI: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [{"id": "m", "object": "model", "owned_by": "me", "context_length": 131072}],
    }
}

ALL: dict[str, dict[str, Any]] = {
    "llama.cpp": LLAMA_CPP,
    "llama.cpp-router": ROUTER,
    "llama-swap": LLAMA_SWAP,
    "ollama": OLLAMA,
    "lm-studio": LM_STUDIO,
    "vllm": VLLM,
    "sglang": SGLANG,
    "mlx": MLX,
    "apr": APR,
    "openai": OPENAI,
}
LOST: dict[str, Any] = {"lm-studio": LM_STUDIO_LOST, "mlx": MLX_LOST}
