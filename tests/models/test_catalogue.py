"""Names stand for shipped files, paths for themselves, anything else is told in one line."""

import pytest

from seatrial.core.errors import UserError
from seatrial.models import ADAPTERS, MODELS, adapter_path, model_path, profile_for

TEXT_FIELDS = {"path": "p", "count": 2, "exit": 1, "why": "w", "cut": 3}


def test_names_are_unique_and_lie_in_one_folder():
    entries = [*MODELS, *ADAPTERS]
    assert len({entry.name for entry in entries}) == len(entries)
    assert {entry.path.parent.name for entry in entries} == {"dinghy"}
    assert all(entry.path.suffix == ".gguf" and entry.about for entry in entries)


def test_a_name_is_its_file():
    assert model_path("dinghy").name == "dinghy.gguf"
    assert adapter_path("dinghy-heal").name == "dinghy-heal.gguf"


def test_a_path_is_itself(tmp_path):
    file = tmp_path / "my.gguf"
    file.write_bytes(b"GGUF")
    assert model_path(str(file)) == file


@pytest.mark.parametrize("name", ["dinghi", "", "/no/such.gguf", "a" * 5000, "dinghy-heal", "\0"])
def test_what_is_neither_is_told(name):
    with pytest.raises(UserError) as caught:
        model_path(name)
    assert "\n" not in caught.value.message


def test_the_hint_names_what_there_is():
    with pytest.raises(UserError) as caught:
        adapter_path("dinghy")
    assert "dinghy-heal" in (caught.value.hint or "")


def test_every_shipped_model_has_the_frozen_profile_and_others_none():
    assert {profile_for(model.name).name for model in MODELS} == {"dinghy"}
    assert profile_for("other.gguf") is None


def test_the_frozen_texts_can_be_filled_in():
    profile = profile_for("dinghy")
    for key in profile.texts.__struct_fields__:
        text = getattr(profile.texts, key)
        assert "{" not in text.format(**TEXT_FIELDS)
