"""Run by the interpreter of an environment with GPTCache: reads items from standard input, one a
line ({threshold, size, steps}), and writes for each which of its steps found an answer.

A step is a question: degrees of an angle, whose direction is its embedding. What is not found is
put into the cache, as its callers do.
"""

import json
import logging
import math
import os
import sys
import tempfile

import numpy as np
from gptcache import Cache, Config
from gptcache.adapter.api import get, init_similar_cache, put
from gptcache.manager import manager_factory


class Direction:
    """Longer than one, as embeddings are before they are normalised."""

    dimension = 2

    def to_embeddings(self, data, **_):
        angle = math.radians(float(data))
        return np.array([3 * math.cos(angle), 3 * math.sin(angle)], dtype="float32")


def play(item, folder):
    cache, words = Cache(), {"vector_params": {"dimension": Direction.dimension}}
    if item["size"] is not None:
        words["eviction_params"] = {"max_size": item["size"]}
    manager = manager_factory("sqlite,faiss", data_dir=folder, **words)
    config = Config(similarity_threshold=item["threshold"])
    init_similar_cache(cache_obj=cache, embedding=Direction(), data_manager=manager, config=config)
    found = []
    for question in map(str, item["steps"]):
        found.append(get(question, cache_obj=cache) is not None)
        if not found[-1]:
            put(question, "an answer", cache_obj=cache)
    return found


logging.disable(logging.CRITICAL)
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    with tempfile.TemporaryDirectory() as folder:
        out.write(json.dumps(play(json.loads(line), folder)) + "\n")
        out.flush()
os._exit(0)  # nothing is written at the end to folders that are gone
