/* Tiles of normals by vectors of VECTOR_BYTES: the operations of normals.c in their order, so the same bits. Included by
 * the normals_*.c files, which say WIDE_MULTIPLY (the full products of the low halves of 64-bit lanes), ROOT (of
 * floats), FILL (the function's name) and may say HALF_MORE, CHOOSE and XOR3, where they have an instruction for it. */

/* The ten rounds are written out, and gcc mixes what does not depend on one another: half of the time otherwise. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("schedule-insns")
#endif

enum { LANES = VECTOR_BYTES / 4, ROUNDS = 10 };

typedef float vec __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t ivec __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t uvec __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t wide __attribute__((vector_size(VECTOR_BYTES)));

/* All bits of a lane as its sign bit. */
static DMI_INLINE uvec spread(uvec x)
{
	return (uvec)((ivec)x >> 31);
}

/* a where the sign bit of x is set, else b. */
#ifndef CHOOSE
static DMI_INLINE uvec choose(uvec x, uvec a, uvec b)
{
	return b ^ ((a ^ b) & spread(x));
}
#define CHOOSE choose
#endif

#ifndef XOR3
#define XOR3(a, b, c) ((a) ^ ((b) ^ (c)))
#endif

static DMI_INLINE vec to_float(uvec x)
{
	return __builtin_convertvector((ivec)x, vec);
}

/* v + 1/2, rounded once, for v < 2^31. */
#ifndef HALF_MORE
static DMI_INLINE vec half_more(uvec v)
{
	return to_float(v >> 16) * 65536.0f + (to_float(v & 0xffffu) + 0.5f);
}
#define HALF_MORE half_more
#endif

static DMI_INLINE vec log1p_tail(vec f)
{
	vec p = -0x1.39e12cp-4f * f + 0x1.05b3acp-3f;
	p = p * f - 0x1.0d903ap-3f;
	p = p * f + 0x1.22d6f6p-3f;
	p = p * f - 0x1.54717cp-3f;
	p = p * f + 0x1.99a02ep-3f;
	p = p * f - 0x1.000228p-2f;
	p = p * f + 0x1.555554p-2f;
	return f * f * (f * p - 0.5f);
}

static DMI_INLINE vec minus_two_log(uvec w)
{
	const uint32_t half_root = 0x3f3504f3u, one_less_half_root = 0x3e95f61au;
	vec p = HALF_MORE(w ^ spread(w)) * 0x1p-32f;
	uvec b = (uvec)p, shifted = b + (0x3f800000u - half_root);
	vec f_lower = (vec)((shifted & 0x007fffffu) + half_root) - 1.0f;
	uvec halved = spread(one_less_half_root - b);
	vec f_upper = (vec)(halved & 0x3f800000u) - (p + (vec)(halved & b));
	vec f = (vec)CHOOSE(w, (uvec)f_upper, (uvec)f_lower);
	vec e = to_float(CHOOSE(w, halved, (shifted >> 23) - 127u));
	vec tail = log1p_tail(f) + e * 0x1.7f7d1cp-20f;
	return -2.0f * ((f + tail) + e * 0x1.62e4p-1f);
}

static DMI_INLINE vec sine(vec x)
{
	vec z = x * x, s = -0x1.9956b6p-13f * z + 0x1.11077ep-7f;
	s = s * z - 0x1.555546p-3f;
	return x + x * z * s;
}

static DMI_INLINE vec cosine(vec x)
{
	vec z = x * x, c = 0x1.99e0eep-16f * z - 0x1.6c0c1ap-10f;
	c = c * z + 0x1.55554ap-5f;
	return 1.0f - (0.5f * z - z * z * c);
}

/* The angle is what the lowest 30 bits of w1 say, as a signed number; four times it is converted. */
static DMI_INLINE void box_muller(uvec w0, uvec w1, float *x, float *y)
{
	vec r = ROOT(minus_two_log(w0));
	uvec turn = w1 + 0x20000000u, odd = turn << 1;
	vec angle = to_float(w1 << 2) * 0x1.921fb6p-32f;
	uvec s = (uvec)sine(angle), c = (uvec)cosine(angle);
	vec a = r * (vec)(CHOOSE(odd, s, c) ^ ((turn + 0x40000000u) & 0x80000000u));
	vec b = r * (vec)(CHOOSE(odd, c, s) ^ (turn & 0x80000000u));
	memcpy(x, &a, sizeof a);
	memcpy(y, &b, sizeof b);
}

/* The key of one round, in all lanes. */
struct key {
	wide k0, k1;
};

/* One round of Philox on counters in the low halves of the lanes; what stands in the high halves does not matter. */
static DMI_INLINE void one_round(wide c[4], struct key key)
{
	const wide m0 = (wide){0} + 0xD2511F53u, m1 = (wide){0} + 0xCD9E8D57u;
	wide p = WIDE_MULTIPLY(c[0], m0), q = WIDE_MULTIPLY(c[2], m1);
	c[0] = XOR3(q >> 32, c[1], key.k0);
	c[1] = q;
	c[2] = XOR3(p >> 32, c[3], key.k1);
	c[3] = p;
}

/* Even counters in one set of lanes, odd ones in another, so that they interleave without a shuffle. */
static DMI_INLINE uvec interleave(wide even, wide odd)
{
	return (uvec)((even & 0xffffffffu) | odd << 32);
}

/* LANES counters from `block` on: words 0 to 3. */
static DMI_INLINE void words(uint32_t block, uint32_t draw, uint32_t low, uint32_t high, const struct key *key,
                             uvec word[4])
{
	wide lane, zero = {0};
	for (int i = 0; i < LANES / 2; i++)
		lane[i] = 2u * (uint32_t)i;
	wide even[4] = {lane + block, zero + draw, zero + low, zero + high};
	wide odd[4] = {even[0] + 1, even[1], even[2], even[3]};
#if defined(__GNUC__)
#pragma GCC unroll 10
#endif
	for (int r = 0; r < ROUNDS; r++) {
		one_round(even, key[r]);
		one_round(odd, key[r]);
	}
	for (int j = 0; j < 4; j++)
		word[j] = interleave(even[j], odd[j]);
}

void FILL(uint64_t seed, int64_t sample, uint32_t draw, uint32_t tile, size_t n_tile, float *out)
{
	const uint32_t low = (uint32_t)(uint64_t)sample, high = (uint32_t)((uint64_t)sample >> 32);
	const wide zero = {0};
	struct key key[ROUNDS];
	for (uint32_t r = 0; r < ROUNDS; r++) {
		key[r].k0 = zero + ((uint32_t)seed + r * 0x9E3779B9u);
		key[r].k1 = zero + ((uint32_t)(seed >> 32) + r * 0xBB67AE85u);
	}
	for (size_t t = 0; t < n_tile; t++, out += DMI_NORMAL_TILE)
		for (uint32_t i = 0; i < DMI_LANES; i += LANES) {
			uvec word[4];
			words(DMI_LANES * (tile + (uint32_t)t) + i, draw, low, high, key, word);
			box_muller(word[0], word[1], out + i, out + DMI_LANES + i);
			box_muller(word[2], word[3], out + 2 * DMI_LANES + i, out + 3 * DMI_LANES + i);
		}
}
