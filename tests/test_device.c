/* A backend of the caller's: a device whose memory the library may count in but never touch. Its addresses are those of
 * host memory, moved to where reading or writing is a crash. */
#include "run_testing.h"
#include "array/array.h"

static const uintptr_t away = (uintptr_t)1 << 62;

struct device {
	dm_array *host; /* does the arithmetic */
	int calls, fail_at, code;
	int no_memory; /* allocate returns 0 and leaves nothing */
	size_t bytes;  /* in use */
	int destroyed;
};

static void *moved(const void *p, uintptr_t by)
{
	return p ? (void *)((uintptr_t)p + by) : NULL;
}

static void *real(const void *handle)
{
	if (handle && (uintptr_t)handle < away)
		fail_msg("%p is no address of the device", handle);
	return moved(handle, 0 - away);
}

/* The job as the host sees it. */
struct translated {
	dm_job job;
	dm_input in[64];
	dm_output out[32];
};

static const dm_job *translate(struct translated *t, const dm_job *job)
{
	assert_true(job->struct_size == sizeof *job && job->n_in <= 64 && job->n_out <= 32);
	t->job = *job;
	for (int32_t i = 0; i < job->n_in; i++) {
		t->in[i] = job->in[i];
		if (job->in[i].source == DM_SOURCE_DATA)
			t->in[i].data = real(job->in[i].data);
	}
	for (int32_t o = 0; job->out && o < job->n_out; o++) {
		t->out[o] = job->out[o];
		t->out[o].data = real(job->out[o].data);
	}
	t->job.in = t->in;
	t->job.out = t->out;
	return &t->job;
}

static int fails(struct device *d)
{
	return ++d->calls == d->fail_at;
}

static dm_status combine(void *user, const dm_job *job)
{
	struct device *d = user;
	struct translated t;
	return fails(d) ? d->code : d->host->ops.combine(d->host->user, translate(&t, job));
}

static dm_status stats(void *user, const dm_job *job, double *gram, double *sum)
{
	struct device *d = user;
	struct translated t;
	dm_job without = *job;
	without.out = NULL; /* the sums are not stored */
	return fails(d) ? d->code : d->host->ops.stats(d->host->user, translate(&t, &without), gram, sum);
}

static dm_status check(void *user, const dm_job *job, int64_t *first)
{
	struct device *d = user;
	struct translated t;
	return fails(d) ? d->code : d->host->ops.check(d->host->user, translate(&t, job), first);
}

static dm_status map(void *user, int32_t which, const dm_job *job, const double parameter[4])
{
	struct device *d = user;
	struct translated t;
	return fails(d) ? d->code : d->host->ops.map(d->host->user, which, translate(&t, job), parameter);
}

static dm_status error(void *user, const dm_job *job, const double parameter[2], double *sum)
{
	struct device *d = user;
	struct translated t;
	return fails(d) ? d->code : d->host->ops.error(d->host->user, translate(&t, job), parameter, sum);
}

static dm_status poison(void *user, const dm_output *out, size_t n_sample, size_t n_element)
{
	struct device *d = user;
	dm_output o = *out;
	o.data = real(out->data);
	return fails(d) ? d->code : d->host->ops.poison(d->host->user, &o, n_sample, n_element);
}

static dm_status poisoned(void *user, const dm_input *in, size_t row, size_t element, int32_t *yes)
{
	struct device *d = user;
	dm_input i = *in;
	i.data = real(in->data);
	return fails(d) ? d->code : d->host->ops.poisoned(d->host->user, &i, row, element, yes);
}

static dm_status copy(void *user, void *to, const void *from, size_t bytes, int32_t direction)
{
	struct device *d = user;
	if (fails(d))
		return d->code;
	memcpy(direction == DM_COPY_TO_BACKEND ? real(to) : to, direction == DM_COPY_FROM_BACKEND ? real(from) : from,
	       bytes);
	return 0;
}

static dm_status allocate(void *user, size_t bytes, void **out)
{
	struct device *d = user;
	if (fails(d))
		return d->code;
	*out = d->no_memory ? NULL : moved(calloc(1, bytes), away);
	d->bytes += d->no_memory ? 0 : bytes;
	return 0;
}

static void release(void *user, void *memory, size_t bytes)
{
	struct device *d = user;
	d->bytes -= bytes;
	free(real(memory));
}

static void destroy(void *user)
{
	((struct device *)user)->destroyed++;
}

static dm_array *make_device(struct device *d)
{
	const dm_array_ops ops = {.struct_size = sizeof ops,
	                          .type = DM_F32,
	                          .combine = combine,
	                          .stats = stats,
	                          .check = check,
	                          .map = map,
	                          .error = error,
	                          .poison = poison,
	                          .poisoned = poisoned,
	                          .copy = copy,
	                          .allocate = allocate,
	                          .release = release,
	                          .destroy = destroy};
	dm_array *array;
	DO(dm_array_create_host(&d->host, DM_F32, NULL, NULL, NULL, err));
	DO(dm_array_create_custom(&array, &ops, d, NULL, err));
	return array;
}

static void free_device(struct device *d, dm_array *array)
{
	dm_array_free(array);
	assert_true(d->destroyed == 1 && d->bytes == 0);
	dm_array_free(d->host);
}

/* The network, which knows the device's memory. */
static void answer(const struct denoiser *d, const dm_request *rq)
{
	dm_request inside = *rq;
	void *out[DM_GUIDANCE_MAX_BRANCH];
	inside.x = real(rq->x);
	for (int32_t b = 0; b < rq->n_branch; b++)
		out[b] = real(rq->out[b]);
	inside.out = out;
	denoise(d, &inside);
}

static dm_status fill(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t s = 0; s < rq->n_sample; s++)
		DO(dm_normals(rq->seed[s], rq->sample[s], rq->draw, 0, rq->n_element, DM_F32,
		              (float *)real(rq->out[0]) + s * rq->out_stride, err));
	return 0;
}

/* To the end of the run, over one failure if the device has one. */
static float *finish(dm_run *run, const struct setup *s, const struct denoiser *d, const struct device *device)
{
	int failures = device->fail_at > 0;
	const dm_request *rq;
	dm_status st;
	float *out = calloc(samples_of(s) * elements_of(s), sizeof *out);
	do {
		dm_error err = {0};
		st = dm_run_next(run, &rq, &err);
		if (st == DM_EVAL && rq->kind == DM_ASK_PREDICTION)
			answer(d, rq);
		if (st < 0 &&
		    (failures-- <= 0 || st != DM_ERR_CALLBACK || err.user_code != -5 || !strstr(err.message, "array ")))
			fail_msg("%s: %s", dm_status_name(st), err.message);
	} while (st != DM_DONE);
	st = dm_run_state(run, out, DM_F32, NULL);
	if (st == DM_ERR_CALLBACK && failures-- > 0)
		st = dm_run_state(run, out, DM_F32, NULL);
	assert_int_equal(st, DM_OK);
	assert_int_equal(failures, device->calls < device->fail_at);
	return out;
}

static const struct setup setups[] = {
    {.sampler = "ddim:eta=1"},
    {.sampler = "dpmpp_2m", .guidance = "cfg:scale=3", .plan = "preview=1"},
    {.sampler = "unipc:order=3", .guidance = "cfg:scale=3|rescale:phi=0.6"},
    {.sampler = "heun", .guidance = "cfg:scale=3|rescale|threshold:ratio=0.8,max=2|clip", .model = "v:x=f16,out=bf16"},
    {.sampler = "dpm_adaptive:rtol=0.2,atol=0.2,eta=0.5", .guidance = "cfg:scale=3", .plan = "progress=1"},
    {.sampler = "euler", .model = "v:x_stride=9,out_stride=11"},
};
enum { N_SETUP = sizeof setups / sizeof *setups };

static void check_bits(const float *got, const double *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((double)got[i] != want[i])
			fail_msg("element %zu is %.9g instead of %.9g", i, (double)got[i], want[i]);
}

static void test_device_equals_host(void **state)
{
	(void)state;
	const dm_noise_ops ops = {sizeof ops, fill, NULL};
	dm_noise *noise;
	DO(dm_noise_create_custom(&noise, &ops, NULL, NULL, err));
	for (int k = 0; k < N_SETUP; k++)
		for (int own_noise = 0; own_noise < 2; own_noise++) {
			struct setup s = setups[k];
			struct device device = {0};
			struct denoiser d = {.kind = V};
			s.dtype = DM_F32;
			double *want = sample_all(&s, &d);
			dm_array *array = make_device(&device);
			s.array = array;
			s.noise = own_noise ? noise : NULL;
			dm_run *run = make_run(&s, &d);
			float *got = finish(run, &s, &d, &device);
			check_bits(got, want, 15);
			dm_run_free(run);
			free_device(&device, array);
			free(got);
			free(want);
		}
	dm_noise_free(noise);
}

static void test_device_fails_at_each_call(void **state)
{
	(void)state;
	for (int k = 0; k < N_SETUP; k++) {
		struct setup s = setups[k];
		struct denoiser d = {.kind = V};
		s.dtype = DM_F32;
		double *want = sample_all(&s, &d);
		for (int at = 1, last = 1; at <= last; at++) {
			struct device device = {.fail_at = at, .code = -5};
			dm_array *array = make_device(&device);
			dm_plan *plan;
			dm_run *run;
			dm_error failure = {0};
			s.array = array;
			DO(make_plan(&plan, &s, &d, err));
			dm_status st = dm_run_create(&run, plan, array, NULL, 3, 5, NULL, NULL, 0, &failure);
			if (st == DM_ERR_CALLBACK) {
				assert_true(!run && failure.user_code == -5 && strstr(failure.message, "array allocate"));
				last = at + 1;
			} else {
				float *got = finish(run, &s, &d, &device);
				check_bits(got, want, 15);
				free(got);
				last = device.calls;
			}
			dm_run_free(run);
			dm_plan_free(plan);
			free_device(&device, array);
		}
		free(want);
	}
}

static void test_device_state(void **state)
{
	(void)state;
	struct setup s = {.sampler = "heun", .model = "epsilon:x_stride=9"}; /* inner values stand in the input alone */
	struct device device = {0};
	struct denoiser d = {.kind = EPSILON};
	dm_array *array = make_device(&device);
	float start[3 * 7], got[15];
	double wide[15];
	for (int i = 0; i < 21; i++)
		start[i] = (float)i / 4;
	s.array = array;
	dm_run *run = make_run(&s, &d);
	const dm_request *rq;
	REFUSE(DM_ERR_UNSUPPORTED, dm_run_start_state(run, wide, DM_F64, 0, err), "type", "custom array");
	DO(dm_run_start_state(run, start, DM_F32, 7, err));
	for (int n = 0; dm_run_next(run, &rq, NULL) == DM_EVAL; n++) {
		DO(dm_run_state(run, got, DM_F32, err));
		for (size_t i = 0; i < 15; i++) {
			assert_true(got[i] == ((float *)real(rq->x))[i / 5 * 9 + i % 5]);
			assert_true(n > 0 || got[i] == start[i / 5 * 7 + i % 5]);
		}
		answer(&d, rq);
	}
	dm_run_free(run);
	device.no_memory = 1;
	dm_plan *plan;
	DO(make_plan(&plan, &s, &d, err));
	REFUSE(DM_ERR_MEMORY, dm_run_create(&run, plan, array, NULL, 3, 5, NULL, NULL, 0, err), "array allocate",
	       "108 bytes");
	assert_null(run);
	dm_plan_free(plan);
	free_device(&device, array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_device_equals_host),
	    cmocka_unit_test(test_device_fails_at_each_call),
	    cmocka_unit_test(test_device_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
