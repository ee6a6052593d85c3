"""The part of demist's C interface that ffi_test.py uses, as a host language sees it: ctypes and nothing else."""
import ctypes
from ctypes import POINTER, c_char, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

OK, EVAL, DONE = 0, 1, 2
ERR_NAME, ERR_CALLBACK = -2, -8
F32, F64 = 1, 2


class Error(ctypes.Structure):
    _fields_ = [("status", c_int32), ("user_code", c_int32), ("step", c_int64), ("eval", c_int64),
                ("branch", c_int64), ("sample", c_int64), ("element", c_int64), ("value", c_double),
                ("message", c_char * 256)]


class Branch(ctypes.Structure):
    _fields_ = [("model", c_int32), ("condition", c_int32), ("perturbation", c_int32)]


class Request(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("kind", c_int32), ("n_branch", c_int32), ("eval", c_int64),
                ("step", c_int64), ("n_step", c_int64), ("sample", POINTER(c_int64)), ("seed", POINTER(c_uint64)),
                ("row", POINTER(c_size_t)), ("n_sample", c_size_t), ("n_element", c_size_t),
                ("time", POINTER(c_double)), ("alpha", POINTER(c_double)), ("sigma", POINTER(c_double)),
                ("n_time", c_size_t), ("x", c_void_p), ("x_type", c_int32), ("out_type", c_int32),
                ("x_stride", c_size_t), ("out_stride", c_size_t), ("branch", POINTER(Branch)),
                ("out", POINTER(c_void_p)), ("out_variance", POINTER(c_void_p)), ("x0", c_void_p),
                ("draw", c_uint32), ("draw_ordinal", c_int64), ("error", POINTER(Error))]


PREDICT = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Request))
DESTROY = ctypes.CFUNCTYPE(None, c_void_p)


class ModelOps(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("predict", PREDICT), ("destroy", DESTROY)]


class Failure(Exception):
    """A call of the library failed; error holds all it said."""

    def __init__(self, error):
        super().__init__(error.message.decode())
        self.error = error


def load(path):
    lib = ctypes.CDLL(path)
    lib.dm_status_name.restype = c_char_p
    lib.dm_status_name.argtypes = [c_int32]
    lib.dm_run_create_spec.argtypes = [POINTER(c_void_p), c_char_p, POINTER(ModelOps), c_void_p, c_size_t, c_size_t,
                                       c_void_p, POINTER(Error)]
    lib.dm_run_next.argtypes = [c_void_p, POINTER(POINTER(Request)), POINTER(Error)]
    lib.dm_run_all.argtypes = [c_void_p, POINTER(Error)]
    lib.dm_run_state.argtypes = [c_void_p, c_void_p, c_int32, POINTER(Error)]
    lib.dm_run_free.argtypes = [c_void_p]
    lib.dm_run_free.restype = None
    return lib


class Run:
    """A run whose denoiser is a Python function of (times, rows of numbers) that gives rows of numbers; None: the
    caller answers the requests."""

    def __init__(self, lib, spec, n_sample, n_element, denoise=None):
        self.lib, self.size, self.denoise = lib, (n_sample, n_element), denoise
        self.exception, self.handle = None, c_void_p()
        self.predict = PREDICT(self.answer) if denoise else PREDICT()  # kept: C holds no reference
        ops = ModelOps(ctypes.sizeof(ModelOps), self.predict, DESTROY())
        self.call("dm_run_create_spec", ctypes.byref(self.handle), spec.encode(), ctypes.byref(ops), None, n_sample,
                  n_element, None)

    def call(self, name, *arguments):
        error = Error()
        status = getattr(self.lib, name)(*arguments, ctypes.byref(error))
        if status < 0:
            raise Failure(error)
        return status

    def answer(self, _user, request):
        """No exception may pass through C: it is kept, and a code of our own goes through instead."""
        try:
            answer_request(request.contents, self.denoise)
        except Exception as exception:
            self.exception = exception
            return 77
        return 0

    def all(self):
        self.call("dm_run_all", self.handle)

    def requests(self):
        request = POINTER(Request)()
        while self.call("dm_run_next", self.handle, ctypes.byref(request)) == EVAL:
            yield request.contents

    def state(self):
        out = (c_double * (self.size[0] * self.size[1]))()
        self.call("dm_run_state", self.handle, out, F64)
        return list(out)

    def free(self):
        self.lib.dm_run_free(self.handle)
        self.handle = None


def answer_request(rq, denoise):
    n, x_type, out_type = rq.n_element, *(c_double if t == F64 else ctypes.c_float for t in (rq.x_type, rq.out_type))
    x = ctypes.cast(rq.x, POINTER(x_type))
    rows = [x[i * rq.x_stride:i * rq.x_stride + n] for i in range(rq.n_sample)]
    times = [rq.time[i if rq.n_time > 1 else 0] for i in range(rq.n_sample)]
    for b in range(rq.n_branch):
        out = ctypes.cast(rq.out[b], POINTER(out_type))
        for i, row in enumerate(denoise(times, rows)):
            for j, value in enumerate(row):
                out[i * rq.out_stride + j] = value
