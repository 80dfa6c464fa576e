"""Bytes that are handed out once: to callers, threads and forked children."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from authsvc.entropy import BLOCK, Entropy


def test_every_size_is_served_also_across_a_block_s_end() -> None:
    entropy = Entropy()
    sizes = [1, BLOCK - 1, 16, BLOCK, BLOCK + 1, 0, 16]
    assert [len(entropy(size)) for size in sizes] == sizes


def test_no_bytes_are_handed_out_twice_by_several_threads() -> None:
    entropy = Entropy()
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: entropy(16), range(20_000)))
    assert len(set(taken)) == len(taken)


def test_a_forked_child_does_not_repeat_its_parent() -> None:
    entropy = Entropy()
    entropy(16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, entropy(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != entropy(16)
    os.close(reading)
    os.close(writing)
