"""float32 matrix product rate of numpy (whose wheels carry OpenBLAS), as one JSON line.

The number of threads is set from outside, with OPENBLAS_NUM_THREADS.
"""

import json
import time

import numpy


def sgemm(size=2048, repeats=20):
    """Rates in GFLOP/s: best and median of `repeats` after warming up."""
    random = numpy.random.default_rng(1)
    a, b = (random.random((size, size), dtype=numpy.float32) for _ in range(2))
    c = numpy.empty_like(a)
    seconds = []
    for _ in range(repeats + 3):
        start = time.perf_counter()
        numpy.matmul(a, b, out=c)
        seconds.append(time.perf_counter() - start)
    rates = sorted(2 * size**3 / s / 1e9 for s in seconds[3:])
    return {"gflops": rates[-1], "median": rates[len(rates) // 2]}


if __name__ == "__main__":
    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(json.dumps({"version": numpy.__version__, "blas": f"{blas['name']} {blas['version']}", **sgemm()}))
