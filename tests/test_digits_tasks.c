/* What the digits program finds again of digits of which it has a measurement only: how well the results agree with the
 * measurement, and whether they show the digit. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "digits_judge.h"
#include "original.h"
#include "task.h"

enum { COUNT = 20 };

#define RAW_FILE "test_digits_tasks.raw"

static const double NOISE = 0.05; /* the program's default */

static const char *drawn_neighbours; /* a file, or NULL */

static const char *const tasks[] = {"inpaint", "deblur", "super-resolve", "denoise"};

/* 25 steps of ddim are the program's default for tasks. most: the root mean square of A x - y, over the noise. */
static const struct {
	const char *guidance;
	double most;
} methods[] = {
    {"ddnm", 1.2},
    {"diffpir:lambda=0.2", 1.2},
    {"pgdm:data=0.5", 1.2},
    {"dps:scale=4", 2},
};

struct scene {
	float *neighbours;
	float original[COUNT * DIGITS_PIXELS];
};

static void parse(struct digits_args *args, const char *task)
{
	char program[] = "digits", option[] = "--task", count[] = "--count=20", name[32];
	char *argv[] = {program, option, name, count, NULL};
	struct digits_error error;

	snprintf(name, sizeof(name), "%s", task);
	if (digits_args_parse(args, 4, argv, &error))
		fail_msg("%s", error.text);
}

/* The measurements that the program makes. */
static void measure(struct digits_task *task, const struct scene *scene, const char *name)
{
	struct digits_args args;
	struct digits_error error;

	parse(&args, name);
	if (digits_task_create(task, &args, &error) || digits_task_measure(task, &args, scene->original, &error))
		fail_msg("%s", error.text);
}

static void measurements_are_agreed_with(void **state)
{
	static float samples[COUNT * DIGITS_PIXELS];
	const struct scene *scene = *state;
	int failed = 0;

	for (size_t t = 0; t < sizeof(tasks) / sizeof(*tasks); t++) {
		struct digits_task task;

		measure(&task, scene, tasks[t]);
		for (size_t m = 0; m < sizeof(methods) / sizeof(*methods); m++) {
			char options[128];
			double rest, share;

			snprintf(options, sizeof(options), "--task %s --guidance %s", tasks[t], methods[m].guidance);
			draw_digits(RAW_FILE, options, COUNT, samples);
			rest = digits_task_residual(&task, samples, COUNT) / NOISE;
			share = recognised(scene->neighbours, samples, COUNT);
			print_message("%4.2f times the noise, %5.1f %%: %s\n", rest, 100 * share, options);
			failed += !(rest <= methods[m].most && share >= 0.85);
		}
		digits_task_free(&task);
	}
	assert_int_equal(failed, 0);
}

/* The noise of the measurement has the size asked for, and the originals are digits. */
static void scene_is_as_asked_for(void **state)
{
	const struct scene *scene = *state;

	for (size_t t = 0; t < sizeof(tasks) / sizeof(*tasks); t++) {
		struct digits_task task;
		double rest;

		measure(&task, scene, tasks[t]);
		rest = digits_task_residual(&task, scene->original, COUNT) / NOISE;
		if (!(rest > 0.93 && rest < 1.07)) /* three deviations of 980 numbers, the fewest */
			fail_msg("%s: the noise is %g times what it should be", tasks[t], rest);
		digits_task_free(&task);
	}
	assert_true(recognised(scene->neighbours, scene->original, COUNT) >= 0.95);
}

static int set_scene(void **state)
{
	static struct scene scene;
	static struct digits_labels labels;
	static struct digits_progress progress;
	static atomic_int stop;
	const struct digits_denoiser lent = {.labels = &labels, .progress = &progress, .stop = &stop};
	struct digits_args args;
	struct digits_error error;

	parse(&args, "denoise");
	args.quiet = 1;
	if (digits_labels_parse(&labels, args.labels, &error) ||
	    digits_original_draw(scene.original, &args, &lent, "", &error)) {
		print_error("%s\n", error.text);
		return -1;
	}
	digits_labels_free(&labels);
	scene.neighbours = create_neighbours(drawn_neighbours, RAW_FILE);
	*state = &scene;
	return 0;
}

static int strike_scene(void **state)
{
	struct scene *scene = *state;

	free(scene->neighbours);
	return 0;
}

/* usage: test_digits_tasks [FILE_OF_NEIGHBOURS] */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scene_is_as_asked_for),
	    cmocka_unit_test(measurements_are_agreed_with),
	};

	drawn_neighbours = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, set_scene, strike_scene);
}
