/* demist/base.h: status and errors, options by name, listings, allocator, versions.
 *
 * Rules that hold in every header:
 * - Every fallible function returns a dm_status and takes, last, an optional dm_error to explain it.
 * - Objects are opaque and reference counted inside: an object keeps what it was made from alive, so they may be freed
 *   in any order. dm_x_free(NULL) does nothing. When a create function fails, *out is NULL.
 * - Structs that the caller fills start with struct_size = sizeof of that struct; older and newer sizes are accepted.
 *   With a size that cannot be right nothing in the struct is believed, not even its destroy.
 * - Schedules, grids, models, guidances, noises, samplers, plans and arrays never change after creation and may be
 *   shared by threads. A run belongs to one thread at a time; only dm_run_cancel may be called from elsewhere.
 * - The library never prints, exits, reads the environment or keeps global state. */
#ifndef DEMIST_BASE_H
#define DEMIST_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
#define DM_EXTERN extern "C"
#else
#define DM_EXTERN extern
#endif
#if defined(_WIN32) && defined(DM_SHARED)
#if defined(DM_BUILDING)
#define DM_API DM_EXTERN __declspec(dllexport)
#else
#define DM_API DM_EXTERN __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define DM_API DM_EXTERN __attribute__((visibility("default")))
#else
#define DM_API DM_EXTERN
#endif

#define DM_VERSION_MAJOR 0
#define DM_VERSION_MINOR 1
#define DM_VERSION_PATCH 0

/* ------------------------------------------------------------------------------------------------------- status */

/* 0: ok. Positive: states a caller asks for. Negative: errors. A callback's own return value never appears here: it
 * comes back in dm_error.user_code beside DM_ERR_CALLBACK. The numbers never change. */
typedef int32_t dm_status;

enum {
	DM_OK = 0,
	DM_EVAL = 1, /* dm_run_next: a request waits for its answer */
	DM_DONE = 2, /* dm_run_next: the samples are finished */

	DM_ERR_ARGUMENT = -1,     /* an argument is NULL, not finite, or out of its range */
	DM_ERR_NAME = -2,         /* unknown method, option or choice; the message names the nearest one */
	DM_ERR_MEMORY = -3,       /* the allocator returned NULL, or the caller's memory is too small */
	DM_ERR_OVERFLOW = -4,     /* a size, sample index or draw does not fit its number */
	DM_ERR_UNSUPPORTED = -5,  /* the combination has no meaning; the message says why */
	DM_ERR_STATE = -6,        /* not now: the call does not fit the state of the object */
	DM_ERR_BUSY = -7,         /* a callback called back into its own run */
	DM_ERR_CALLBACK = -8,     /* a callback returned non-zero: see user_code */
	DM_ERR_CANCELLED = -9,    /* dm_run_cancel was called; the next call goes on */
	DM_ERR_NOT_FINITE = -10,  /* a model output holds NaN or infinity */
	DM_ERR_NOT_WRITTEN = -11, /* a callback reported success but left its output unwritten */
	DM_ERR_SAMPLER = -12,     /* a sampler emitted something that is not allowed */
	DM_ERR_LIMIT = -13        /* an adaptive method used up its evaluations */
};

/* What went wrong and where. Owned by the caller; overwritten by the call it was given to, only when that call fails.
 */
typedef struct dm_error {
	dm_status status;
	int32_t user_code;                           /* what the callback returned, with DM_ERR_CALLBACK */
	int64_t step, eval, branch, sample, element; /* where; -1: does not apply */
	double value;                                /* the offending number; 0 where there is none */
	char message[256];                           /* one sentence, ends with NUL */
} dm_error;

/* "DM_ERR_MEMORY" for -3 and so on; "unknown status" for numbers that are none. Never NULL. */
DM_API const char *dm_status_name(dm_status status);

/* The version of the library that is linked: major * 10000 + minor * 100 + patch; and of its binary interface. */
DM_API int32_t dm_version(void);
DM_API int32_t dm_abi_version(void);

/* ---------------------------------------------------------------------------------------------------- allocator */

/* Where objects take their memory from; NULL in its place means malloc and free. Both functions are required. The
 * struct is copied; user must stay valid until the last object made with it is gone. */
typedef struct dm_allocator {
	size_t struct_size;
	void *user;
	void *(*allocate)(void *user, size_t bytes); /* aligned for any type; NULL when there is no more */
	void (*release)(void *user, void *memory, size_t bytes);
} dm_allocator;

/* ------------------------------------------------------------------------------------------------ names, options */

/* A method is asked for by a spec: its name and options, "ddim:eta=0.5,clip=1". Options not named keep their default.
 * Real numbers may be given in any form C understands; the decimal point is always a point. */

enum { DM_OPTION_REAL = 1, DM_OPTION_INTEGER = 2, DM_OPTION_CHOICE = 3, DM_OPTION_LIST = 4 };

/* One option of a method. choice: for DM_OPTION_CHOICE the NULL-terminated list of words; the value is an index into
 * it. A DM_OPTION_LIST is written as numbers separated by '/', each within low and high. */
typedef struct dm_option {
	size_t struct_size;
	const char *name, *help;
	int32_t type;
	double value, low, high; /* default and bounds, both included */
	const char *const *choice;
} dm_option;

/* A method that can be asked for by name. */
typedef struct dm_method {
	size_t struct_size;
	const char *name, *help;
	const char *source; /* paper and equation, or the convention it follows */
	int32_t n_option;
	/* What it is called elsewhere, NULL where nothing is known: "diffusers: UniPCMultistepScheduler; ComfyUI: uni_pc
	 * (variant=bh1), uni_pc_bh2 (variant=bh2)". In brackets the options here that are meant by the name, or a note. An
	 * unknown name that stands here is answered with the spec it has in this library. */
	const char *known_as;
} dm_method;

enum {
	DM_KIND_SCHEDULE = 1,
	DM_KIND_GRID = 2,
	DM_KIND_MODEL = 3,
	DM_KIND_GUIDANCE = 4,
	DM_KIND_SAMPLER = 5,
	DM_KIND_TIME = 6,
	DM_KIND_WEIGHT = 7,
	DM_KIND_GRID_EDIT = 8 /* behind a grid in its spec */
};

/* The i-th method of a kind and its k-th option, to fill menus and lists; NULL past the end. Lent, never freed. */
DM_API const dm_method *dm_method_at(int32_t kind, int32_t i);
DM_API const dm_option *dm_method_option(int32_t kind, int32_t i, int32_t k);

#endif
