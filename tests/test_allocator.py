"""Page faults of large arrays that are made and let go again and again, in processes of their own."""

import platform
import subprocess
import sys

import pytest

MEASURED = """
import queue, resource
from lstm_gru import cli, workers

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * 64_000_000  # 15,625 pages.
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

cores = queue.Queue()
cores.put(0)
{begin}
faults()
print("faults", max(faults() for _ in range(3)))
"""
BEGINNINGS = ("cli.main(['--help'])", "workers._begin_worker(cores)")


def most_faults(begin):
    done = subprocess.run(
        [sys.executable, "-c", MEASURED.format(begin=begin)], capture_output=True, check=True, text=True
    )
    return int(done.stdout.split("faults")[-1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.parametrize("begin", BEGINNINGS)
def test_freed_memory_is_used_again_by_commands_and_workers(begin):
    assert most_faults(begin) < 100


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_without_it_every_page_faults_again():
    assert most_faults("pass") > 1000
