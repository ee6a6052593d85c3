#include "workers.h"

#ifdef _WIN32
#include <windows.h>

typedef HANDLE thread;
typedef CRITICAL_SECTION lock;
#define lock_init(l) InitializeCriticalSection(l)
#define lock_enter(l) EnterCriticalSection(l)
#define lock_leave(l) LeaveCriticalSection(l)
#define lock_destroy(l) DeleteCriticalSection(l)
#define THREAD_RESULT DWORD WINAPI
#else
#include <pthread.h>
#include <unistd.h>

typedef pthread_t thread;
typedef pthread_mutex_t lock;
#define lock_init(l) pthread_mutex_init(l, NULL)
#define lock_enter(l) pthread_mutex_lock(l)
#define lock_leave(l) pthread_mutex_unlock(l)
#define lock_destroy(l) pthread_mutex_destroy(l)
#define THREAD_RESULT void *
#endif

struct job {
	lock guard;
	size_t next, count; /* `next` is what the lock guards */
	digits_task *task;
	void *context;
};

struct worker {
	struct job *job;
	unsigned number;
	thread handle;
};

static int take(struct job *job, size_t *index)
{
	int found;

	lock_enter(&job->guard);
	found = job->next < job->count;
	if (found)
		*index = job->next++;
	lock_leave(&job->guard);
	return found;
}

static void work(const struct worker *worker)
{
	size_t index;

	while (take(worker->job, &index))
		worker->job->task(worker->job->context, index, worker->number);
}

static THREAD_RESULT run_thread(void *worker)
{
	work(worker);
	return 0;
}

static int start(struct worker *worker)
{
#ifdef _WIN32
	worker->handle = CreateThread(NULL, 0, run_thread, worker, 0, NULL);
	return worker->handle ? 0 : -1;
#else
	return pthread_create(&worker->handle, NULL, run_thread, worker);
#endif
}

static void join(struct worker *worker)
{
#ifdef _WIN32
	WaitForSingleObject(worker->handle, INFINITE);
	CloseHandle(worker->handle);
#else
	pthread_join(worker->handle, NULL);
#endif
}

static long processors(void)
{
#ifdef _WIN32
	SYSTEM_INFO info;

	GetSystemInfo(&info);
	return (long)info.dwNumberOfProcessors;
#elif defined(_SC_NPROCESSORS_ONLN)
	return sysconf(_SC_NPROCESSORS_ONLN);
#else
	return 1;
#endif
}

unsigned digits_default_workers(void)
{
	long online = processors();

	if (online < 1)
		return 1;
	return online < DIGITS_MAX_WORKERS ? (unsigned)online : DIGITS_MAX_WORKERS;
}

static unsigned limit(unsigned workers, size_t count)
{
	if (workers == 0)
		workers = digits_default_workers();
	if (workers > DIGITS_MAX_WORKERS)
		workers = DIGITS_MAX_WORKERS;
	return count < workers ? (unsigned)count : workers;
}

void digits_run_workers(size_t count, unsigned workers, digits_task *task, void *context)
{
	struct job job = {.next = 0, .count = count, .task = task, .context = context};
	struct worker worker[DIGITS_MAX_WORKERS];
	unsigned started = 1;

	workers = limit(workers, count);
	lock_init(&job.guard);
	worker[0].job = &job;
	worker[0].number = 0;
	for (; started < workers; started++) {
		worker[started].job = &job;
		worker[started].number = started;
		if (start(&worker[started]) != 0)
			break;
	}
	work(&worker[0]);
	while (--started > 0)
		join(&worker[started]);
	lock_destroy(&job.guard);
}
