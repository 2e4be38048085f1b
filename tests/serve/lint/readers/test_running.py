"""The command line of a real process, read as it stands in `/proc`."""

import subprocess
import sys

from seatrial.serve.lint.load import read_command
from seatrial.serve.sockets import arguments


def test_the_words_of_a_process_keep_what_a_shell_would_part(tmp_path):
    fake = tmp_path / "llama-server"
    fake.write_text(f"#!{sys.executable}\nimport time\nprint('up', flush=True)\ntime.sleep(60)\n")
    fake.chmod(0o755)
    words = [fake, "-m", "/a b/it's.gguf", "-c", "4096", "--chat-template-kwargs", '{"a": "$b"}']
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        seen = arguments(process.pid)
        process.kill()
    found = read_command(seen)
    assert (found.family, found.name, found.get("ctx-size")) == ("llama.cpp", "it's.gguf", 4096)
    assert found.get("chat-template-kwargs") == '{"a": "$b"}'
