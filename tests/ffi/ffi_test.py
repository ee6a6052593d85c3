"""ffi_test.py SHARED_LIBRARY: the library used from Python through ctypes, without a line of C."""
import sys

import demist

SPEC = "sampler=%s schedule=linear grid=trailing:steps=6 model=epsilon guidance=cfg:scale=2 dtype=%s seed=3"
SIZE = (2, 5)


def denoise(times, rows):
    return [[v / (1 + time / 1000) for v in row] for time, row in zip(times, rows)]


class Failing:
    """denoise, which raises at its calls of the given numbers."""

    def __init__(self, *when):
        self.calls, self.when = 0, when

    def __call__(self, times, rows):
        self.calls += 1
        if self.calls in self.when:
            raise ValueError(f"call {self.calls}")
        return denoise(times, rows)


def driven(lib, spec):
    run = demist.Run(lib, spec, *SIZE, denoise)
    run.all()
    state = run.state()
    run.free()
    return state


def stepped(lib, spec):
    run = demist.Run(lib, spec, *SIZE)
    for request in run.requests():
        demist.answer_request(request, denoise)
    state = run.state()
    run.free()
    return state


def disturbed(lib, spec):
    """Two calls raise: the first of all, and one halfway into the second evaluation's branches."""
    run = demist.Run(lib, spec, *SIZE, Failing(1, 5))
    raised = []
    while True:
        try:
            run.all()
            break
        except demist.Failure as failure:
            assert failure.error.status == demist.ERR_CALLBACK, failure.error.status
            assert failure.error.user_code == 77, failure.error.user_code
            raised.append(str(run.exception))
    assert raised == ["call 1", "call 5"], raised
    state = run.state()
    run.free()
    return state


def explains_a_misspelling(lib):
    try:
        demist.Run(lib, SPEC % ("dimm", "f32"), *SIZE)
    except demist.Failure as failure:
        assert failure.error.status == demist.ERR_NAME and "ddim" in str(failure), failure
        assert lib.dm_status_name(failure.error.status) == b"DM_ERR_NAME"
    else:
        raise AssertionError("an unknown sampler was accepted")


def main():
    lib = demist.load(sys.argv[1])
    for sampler in ("ddim:eta=1", "heun", "dpmpp_2m"):
        for dtype in ("f32", "f64"):
            spec = SPEC % (sampler, dtype)
            expected = driven(lib, spec)
            assert len(set(expected)) == SIZE[0] * SIZE[1], expected
            assert stepped(lib, spec) == expected, f"step mode differs: {spec}"
            assert disturbed(lib, spec) == expected, f"the resumed run differs: {spec}"
    explains_a_misspelling(lib)
    print("step mode, driver mode and a callback that raises: the same samples")


main()
