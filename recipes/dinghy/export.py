"""Checkpoints as GGUF files: the networks in Q8_0, the adapters in F16.

In: a network or adapter and the tokenizer. Out: a file that llama.cpp loads, with the chat
template, the licence and a one-line description inside. The stock converter refuses a tokenizer
it does not know, so the keys are written here.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import gguf
from lora import ALPHA_PER_RANK
from model import Dinghy
from tokenizer import CONTROL, END_OF_TEXT, END_OF_TURN, USER_DEFINED, parts
from tokenizers import Tokenizer
from torch import Tensor

ARCHITECTURE = "qwen3"
TEMPLATE = Path(__file__).with_name("chat_template.jinja")


def template_text() -> str:
    """The chat template as it goes into the file: one line, because it trims its own blanks."""
    return re.sub(r"\n\s*", "", TEMPLATE.read_text())


def _general(writer: gguf.GGUFWriter, name: str, description: str, version: str) -> None:
    writer.add_name(name)
    writer.add_description(description)
    writer.add_version(version)
    writer.add_license("apache-2.0")
    writer.add_author("The Seatrial authors")
    writer.add_basename("dinghy")
    writer.add_languages(["en"])


def _vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    ids, merges = parts(tokenizer)
    pieces = sorted(ids, key=ids.__getitem__)
    kinds = {text: gguf.TokenType.CONTROL for text in CONTROL}
    kinds |= {text: gguf.TokenType.USER_DEFINED for text in USER_DEFINED}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("tekken")
    writer.add_token_list(pieces)
    writer.add_token_types([kinds.get(piece, gguf.TokenType.NORMAL) for piece in pieces])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_eos_token_id(ids[END_OF_TURN])
    writer.add_eot_token_id(ids[END_OF_TURN])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    # This pre-tokenizer's default would put a token in front that training never saw.
    writer.add_add_bos_token(False)
    writer.add_chat_template(template_text())


def _network_keys(writer: gguf.GGUFWriter, model: Dinghy) -> None:
    shape = model.shape
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocab)


def _close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_model(
    model: Dinghy, tokenizer: Tokenizer, path: Path, *, name: str, description: str, version: str
) -> None:
    """Write a network; vectors stay F32, matrices become Q8_0."""
    writer = gguf.GGUFWriter(str(path), ARCHITECTURE)
    writer.add_type("model")
    _general(writer, name, description, version)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _network_keys(writer, model)
    _vocabulary(writer, tokenizer)
    q8 = gguf.GGMLQuantizationType.Q8_0
    for key, tensor in model.state_dict().items():
        array = tensor.float().numpy()
        if array.ndim == 1:
            writer.add_tensor(key, array)
        else:
            writer.add_tensor(key, gguf.quants.quantize(array, q8), raw_dtype=q8)
    _close(writer)


def write_adapter(
    adapter: Mapping[str, Tensor], path: Path, *, name: str, description: str, version: str
) -> None:
    """Write a trained LoRA."""
    writer = gguf.GGUFWriter(str(path), ARCHITECTURE)
    writer.add_type("adapter")
    _general(writer, name, description, version)
    writer.add_string("adapter.type", "lora")
    rank = next(t.shape[0] for key, t in adapter.items() if key.endswith(".lora_a"))
    writer.add_float32("adapter.lora.alpha", ALPHA_PER_RANK * rank)
    for key, tensor in adapter.items():
        matrix, side = key.rsplit(".", 1)
        writer.add_tensor(f"{matrix}.weight.{side}", tensor.half().numpy())
    _close(writer)
