"""What LM Studio is told to load: the body of a load request, or its saved settings of a model.

Options have the words of `lms load` where there are any (`context-length`, `parallel`), else the
name of the field with dashes. In: JSON as items. Out: `ServerConfig`.
"""

from __future__ import annotations

import re

from seatrial.serve.lint.readers.document import Item
from seatrial.serve.lint.subject import Place, ServerConfig, Setting

_NAMES = {"num-parallel-sessions": "parallel", "max-parallel-predictions": "parallel"}
_REQUEST = frozenset(
    {"context_length", "eval_batch_size", "flash_attention", "offload_kv_cache_to_gpu",
     "echo_load_config", "num_experts"}
)  # fmt: skip
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_lm_studio(root: Item) -> bool:
    """Whether this JSON is a load request or the saved settings of a model."""
    if root.get("load", "fields") is not None:
        return True
    return root.get("model") is not None and bool(_REQUEST & set(root.fields()))


def read_lm_studio(root: Item, source: str, name: str) -> list[ServerConfig]:
    """The model that is loaded."""
    options: dict[str, Setting] = {}
    if root.get("load", "fields") is None:
        name = root.string("model") or name
        for key, item in root.fields().items():
            _take(options, key.replace("_", "-"), item, source)
    for group in ("load", "operation"):
        fields = root.get(group, "fields")
        for field in fields.entries() if fields is not None else ():
            label, value = field.string("key"), field.get("value")
            if label and value is not None:
                _take(options, _named(label), value, source)
    return [
        ServerConfig(family="lm-studio", name=name, place=Place(source, root.line), options=options)
    ]


def _take(options: dict[str, Setting], name: str, value: Item, source: str) -> None:
    if "checked" in value.fields():  # a value behind a tick counts only where it is ticked
        checked, inner = value.get("checked"), value.get("value")
        if checked is None or checked.value is not True or inner is None:
            return
        value = inner
    setting = value.setting(source)
    if setting is not None:
        options[_NAMES.get(name, name)] = setting


def _named(key: str) -> str:
    """`llm.load.llama.flashAttention` is `flash-attention`."""
    return _HUMP.sub("-", key.rpartition(".")[2]).lower()
