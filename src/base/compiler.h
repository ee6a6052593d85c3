/* Everything that is not standard C stands here, and the two switches that would change bits are refused.
 * Every .c file of the library includes this header first. */
#ifndef DMI_COMPILER_H
#define DMI_COMPILER_H

#ifdef __FAST_MATH__
#error "demist promises the same bits everywhere: do not build it with -ffast-math"
#endif

/* a * b + c must stay two roundings. clang knows the standard pragma; gcc warns about it and has its own. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#if defined(__GNUC__) || defined(__clang__)
#define DMI_FORMAT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define DMI_RESTRICT __restrict__
#else
#define DMI_FORMAT_PRINTF(fmt, first)
#define DMI_RESTRICT
#endif

/* A flag that a signal handler or another thread may raise, and a count that several threads may change. */
#if !defined(__STDC_NO_ATOMICS__) && !defined(__TINYC__)
#include <stdatomic.h>
typedef atomic_int dmi_atomic_int;
#define dmi_atomic_set(p, v) atomic_store((p), (v))
#define dmi_atomic_get(p) atomic_load(p)
#define dmi_atomic_take(p) atomic_exchange((p), 0)
#define dmi_atomic_add(p, v) (atomic_fetch_add((p), (v)) + (v))
#else /* single-threaded builds only */
typedef volatile int dmi_atomic_int;
#define dmi_atomic_set(p, v) (*(p) = (v))
#define dmi_atomic_get(p) (*(p))
static inline int dmi_atomic_take(dmi_atomic_int *p)
{
	int v = *p;
	*p = 0;
	return v;
}
#define dmi_atomic_add(p, v) (*(p) += (v))
#endif

#endif
