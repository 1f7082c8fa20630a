/* SPDX-License-Identifier: Apache-2.0 */
/* The broker: workers of a process that has no rights, files for names that are a stranger's, and its end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker_wire.h"
#include "cgroup_files.h"
#include "impostor.h"

enum { PATIENCE_MS = 100000, MANY = 80, ROUNDS = 150 };

const char report_program[] = "test";

static struct worker_event event;
static char folder[32];

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static struct broker *begin(int kvm)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct broker_config config = { .kvm_fd = kvm, .folders = &dir, .folders_len = 1 };
	struct broker *b = NULL;

	assert_int_equal(broker_start(&config, &b, NULL), 0);
	close(dir);
	return b;
}

static struct worker *spawn(struct broker *b, enum harm harm, const char *cgroup, uint64_t *id)
{
	struct worker_config config = { .memory = harm, .vcpus = 1 };
	struct worker *w = NULL;

	assert_int_equal(broker_worker(b, &config, cgroup, NULL, id, &w, NULL), 0);
	assert_int_equal(worker_pid(w), 0);
	return w;
}

/* The youngest child's. */
static pid_t broker_pid(void)
{
	char path[64], line[256] = "", *at;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f));
	fclose(f);
	while ((at = strrchr(line, ' ')) && !at[1])
		*at = '\0';
	return (pid_t)atoi(at ? at + 1 : line);
}

static enum worker_event_type next(struct worker *w)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

	while (!worker_next(w, &event))
		assert_true(poll(&p, 1, PATIENCE_MS) > 0);
	return event.type;
}

static void dies(struct worker *w, enum worker_cause cause, int status)
{
	assert_int_equal(next(w), WORKER_DEAD);
	assert_int_equal(event.death.cause, cause);
	assert_int_equal(event.death.status, status);
	assert_int_equal(worker_next(w, &event), 0);
	worker_free(w);
}

static int before(void **state)
{
	static int fds;

	fds = open_fds();
	*state = &fds;
	return 0;
}

static int after(void **state)
{
	return open_fds() != *(int *)*state || waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD;
}

static void workers_are_as_others(void **state)
{
	struct broker *b = begin(0);
	struct worker_job job;
	struct worker *w;
	uint64_t id;

	(void)state;
	worker_job_init(&job);
	job.config.image_fd = 0;
	w = spawn(b, HARM_GOOD, NULL, &id);
	assert_int_equal(next(w), WORKER_READY);
	assert_int_equal(worker_start(w, &job, NULL), 0);
	assert_int_equal(next(w), WORKER_STOPPED);
	dies(w, CAUSE_EXIT, 0);
	dies(spawn(b, HARM_EXIT_7, NULL, &id), CAUSE_EXIT, 125);
	dies(spawn(b, HARM_SEGV, NULL, &id), CAUSE_SIGNAL, 128 + SIGSEGV);
	dies(spawn(b, HARM_SYS, NULL, &id), CAUSE_SIGNAL, 128 + SIGSYS);
	dies(spawn(b, HARM_GARBAGE, NULL, &id), CAUSE_LIES, 125);
	w = spawn(b, HARM_STALL, NULL, &id);
	assert_int_equal(worker_next(w, &event), 0);
	worker_kill(w);
	dies(w, CAUSE_KILLED, 137);
	/* one that floods does not keep the broker from others */
	w = spawn(b, HARM_FLOOD, NULL, &id);
	assert_int_equal(next(w), WORKER_READY);
	dies(spawn(b, HARM_EXIT_7, NULL, &id), CAUSE_EXIT, 125);
	worker_free(w);
	worker_free(spawn(b, HARM_STALL, NULL, &id));
	broker_stop(b);
}

/* It has said something: READY, or what no worker says. */
static void is_heard(struct worker *w)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

	assert_true(poll(&p, 1, PATIENCE_MS) > 0);
	assert_false(worker_next(w, &event) && event.type != WORKER_READY);
}

/* What a job brought is somebody else's once it is told to be dead: a tap above all. */
static void a_death_is_told_when_it_has_happened(void **state)
{
	static const struct {
		enum harm harm;
		bool lies;
	} cases[] = {
		{ HARM_DEAD, true }, { HARM_FLOOD, true }, { HARM_EMPTY, true }, { HARM_GARBAGE, true },
		{ HARM_NOTIFY, false }, { HARM_DEAF, false },
	};
	struct broker *b = begin(0);
	struct worker_job job;
	struct worker *w;
	uint64_t id;

	(void)state;
	worker_job_init(&job);
	job.config.image_fd = 0;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		w = spawn(b, cases[i].harm, NULL, &id);
		/* an answer: the birth is done */
		assert_int_equal(broker_open(b, 0, "none", false, NULL), -ENOENT);
		kill(broker_pid(), SIGSTOP);
		is_heard(w);
		if (cases[i].harm == HARM_NOTIFY)
			assert_int_equal(worker_start(w, &job, NULL), 0);
		if (!cases[i].lies)
			worker_kill(w);
		for (int n = 0; n < 500; n++)
			assert_false(worker_next(w, &event) && event.type == WORKER_DEAD);
		kill(broker_pid(), SIGCONT);
		while (next(w) != WORKER_DEAD)
			;
		assert_int_equal(event.death.cause, cases[i].lies ? CAUSE_LIES : CAUSE_KILLED);
		worker_free(w);
	}
	broker_stop(b);
}

/* Its client closes it, whatever its workers do: all of them are gone when it is. */
static void nothing_outlives_it(void **state)
{
	struct broker *b = begin(0);
	struct worker *w[3];
	uint64_t id;

	(void)state;
	for (int i = 0; i < 3; i++)
		w[i] = spawn(b, i == 0 ? HARM_STALL : HARM_DEAF, NULL, &id);
	assert_int_equal(next(w[1]), WORKER_READY);
	broker_stop(b);
	for (int i = 0; i < 3; i++) {
		while (next(w[i]) != WORKER_DEAD)
			;
		worker_free(w[i]);
	}
	broker_stop(NULL);
}

static bool all_gone(void)
{
	pid_t pid;

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return errno == ECHILD;
		poll(NULL, 0, 1);
	}
	return false;
}

/* A broker that is killed takes its workers along; its client hears of each. */
static void a_broker_that_is_killed_leaves_nothing(void **state)
{
	struct broker *b = begin(0);
	struct worker *w;
	uint64_t id;
	char path[64], line[16] = "";
	FILE *f;

	(void)state;
	w = spawn(b, HARM_DEAF, NULL, &id);
	assert_int_equal(next(w), WORKER_READY);
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof line, f));
	fclose(f);
	kill(atoi(line), SIGKILL);
	while (next(w) != WORKER_DEAD)
		;
	worker_free(w);
	assert_true(all_gone());
	broker_stop(b);
}

static int opens(struct broker *b, const char *name, bool write)
{
	struct ukvmm_err err = { .size = sizeof err };
	int fd = broker_open(b, 0, name, write, &err);

	if (fd < 0) {
		assert_int_equal(err.code, fd);
		return fd;
	}
	assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), write ? O_RDWR : O_RDONLY);
	close(fd);
	return 0;
}

static void make(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void plant(void)
{
	char a[128], b[128];

	make("plain", "image");
	make("first", "secret");
	snprintf(a, sizeof a, "%s/first", folder);
	snprintf(b, sizeof b, "%s/second", folder);
	assert_int_equal(link(a, b), 0);
	snprintf(b, sizeof b, "%s/soft", folder);
	assert_int_equal(symlink("plain", b), 0);
	snprintf(b, sizeof b, "%s/out", folder);
	assert_int_equal(symlink("/etc/passwd", b), 0);
	snprintf(b, sizeof b, "%s/fifo", folder);
	assert_int_equal(mkfifo(b, 0600), 0);
	snprintf(b, sizeof b, "%s/sub", folder);
	assert_int_equal(mkdir(b, 0700), 0);
	make("sub/deep", "x");
	snprintf(b, sizeof b, "%s/up", folder);
	assert_int_equal(symlink("/", b), 0);
}

static void unplant(void)
{
	static const char *const names[] = { "sub/deep", "plain", "first", "second", "soft", "out", "fifo", "up", "new",
		"node" };
	char path[128];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/sub", folder);
	rmdir(path);
}

static void planted_files_are_not_opened(void **state)
{
	static const struct {
		const char *name;
		int rc;
	} cases[] = {
		{ "plain", 0 }, { "sub/deep", 0 }, { "./plain", 0 }, { "sub/../plain", 0 },
		{ "first", -EMLINK }, { "second", -EMLINK }, { "soft", -ELOOP }, { "out", -ELOOP }, { "up/etc/passwd", -ELOOP },
		{ "fifo", -EINVAL }, { "sub", -EISDIR }, { ".", -EISDIR }, { "none", -ENOENT }, { "plain/x", -ENOTDIR },
		{ "../plain", -EXDEV }, { "/etc/passwd", -EXDEV }, { "sub/../../x", -EXDEV }, { "", -EINVAL },
		{ "a\nb", -EINVAL }, { "\033[2J", -EINVAL },
	};
	char name[BROKER_NAME + 10], path[128];
	struct broker *b;

	(void)state;
	plant();
	b = begin(0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (opens(b, cases[i].name, false) != cases[i].rc)
			fail_msg("\"%s\": %d", cases[i].name, opens(b, cases[i].name, false));
	assert_int_equal(opens(b, "new", true), 0);
	assert_int_equal(opens(b, "second", true), -EMLINK);
	assert_int_equal(opens(b, "soft", true), -ELOOP);
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(broker_open(b, 0, name, false, NULL), -ENAMETOOLONG);
	name[65] = '\0';
	assert_int_equal(opens(b, name, false), -ENOENT);
	assert_int_equal(broker_open(b, 1, "plain", false, NULL), -ENOENT);
	assert_int_equal(broker_open(b, UINT32_MAX, "plain", false, NULL), -EINVAL);
	snprintf(path, sizeof path, "%s/node", folder);
	if (mknod(path, S_IFCHR | 0600, (1 << 8) | 5) == 0)
		assert_int_equal(opens(b, "node", false), -EINVAL);
	assert_int_equal(broker_tap(b, "a/b", NULL), -EINVAL);
	assert_int_equal(broker_tap(b, "%d", NULL), -EINVAL);
	assert_int_equal(broker_tap(b, "sixteen-characte", NULL), -EINVAL);
	broker_stop(b);
	unplant();
}

static void ids_that_cannot_be_cgroups_are_refused(void **state)
{
	static const char *const names[] = { "a/b", "../x", "a b", "\xff",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	struct broker *b = begin(0);
	struct cgroup_limits limits = { .tasks = 9 };
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct worker *w = spawn(b, HARM_STALL, names[i], &id);

		assert_int_equal(next(w), WORKER_FAILED);
		assert_int_equal(event.message.failed.err.code, -EINVAL);
		assert_int_equal(next(w), WORKER_DEAD);
		worker_free(w);
	}
	assert_int_equal(broker_limit(b, id, &limits, NULL), -ENOENT);
	assert_int_equal(broker_limit(b, 12345, &limits, NULL), -ENOENT);
	broker_stop(b);
}

/* Where we may make one. */
static void a_worker_in_its_cgroup_is_limited(void **state)
{
	struct cgroup_limits limits = { .memory = 1 << 20, .tasks = 9 };
	struct broker *b = begin(0);
	struct worker *w;
	char name[40];
	uint64_t id;

	(void)state;
	snprintf(name, sizeof name, "broker-test-%d", (int)getpid());
	w = spawn(b, HARM_DEAF, name, &id);
	if (next(w) == WORKER_FAILED) {
		print_message("no cgroup here: %s\n", event.message.failed.err.text);
	} else {
		assert_int_equal(event.type, WORKER_READY);
		assert_int_equal(broker_limit(b, id, &limits, NULL), 0);
		limits.cpu_weight = 5000;
		assert_int_equal(broker_limit(b, id, &limits, NULL), 0);
	}
	worker_free(w);
	broker_stop(b);
}

/* The broker has no descriptor left: whoever asked is told, and who asks when there are some again is served. */
static void without_descriptors_it_goes_on(void **state)
{
	static struct worker *w[MANY];
	struct rlimit was, is;
	struct broker *b;
	uint64_t id;
	int ready = 0;

	(void)state;
	make("plain", "image");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	is = (struct rlimit){ 128, was.rlim_max };
	setrlimit(RLIMIT_NOFILE, &is);
	b = begin(0);
	setrlimit(RLIMIT_NOFILE, &was);
	/* each takes two of its 128 */
	for (int i = 0; i < MANY; i++)
		w[i] = spawn(b, HARM_DEAF, NULL, &id);
	for (int i = 0; i < MANY; i++)
		ready += next(w[i]) == WORKER_READY;
	assert_in_range(ready, 20, 64);
	for (int i = 0; i < MANY; i++)
		worker_free(w[i]);
	for (int ms = 0; ms < PATIENCE_MS && opens(b, "plain", false) != 0; ms++)
		poll(NULL, 0, 1);
	assert_int_equal(opens(b, "plain", false), 0);
	/* it is still burying */
	for (int ms = 0, type = 0; type != WORKER_READY; ms++) {
		assert_true(ms < PATIENCE_MS);
		w[0] = spawn(b, HARM_DEAF, NULL, &id);
		type = (int)next(w[0]);
		worker_free(w[0]);
	}
	broker_stop(b);
	unplant();
}

static void put_into(const struct cgroup *c, pid_t pid)
{
	char text[16];

	assert_int_equal(cgroup_place(c, pid, NULL), 0);
	snprintf(text, sizeof text, "%d", pid);
	if (c->unified)
		assert_int_equal(cgroup_write(c->dir[0], "cgroup.procs", text), 0);
}

static enum worker_event_type first_word(struct broker *b)
{
	uint64_t id;
	struct worker *w = spawn(b, HARM_DEAF, NULL, &id);
	enum worker_event_type type = next(w);

	worker_free(w);
	return type;
}

/* The kernel refuses a process when it has made most of it: the next birth is not worse off for that. */
static void a_birth_at_the_limit_of_tasks_is_only_refused(void **state)
{
	const struct cgroup_limits none = { .tasks = 1 }, many = { .tasks = 100 };
	struct cgroup *c = NULL;
	struct broker *b;

	(void)state;
	if (cgroup_make("no-tasks", &c, NULL) < 0)
		skip();
	b = begin(0);
	put_into(c, broker_pid());
	assert_int_equal(first_word(b), WORKER_READY);
	assert_int_equal(cgroup_limit(c, &none, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(first_word(b), WORKER_FAILED);
	assert_int_equal(cgroup_limit(c, &many, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(first_word(b), WORKER_READY);
	broker_stop(b);
	assert_int_equal(cgroup_remove(c), 0);
}

/* A client that was taken over is no better than its workers. */
static void what_is_no_request_is_its_end(void **state)
{
	struct broker_request r = { .verb = BROKER_OPEN, .name = "x" };
	static char bytes[sizeof r + 1];

	(void)state;
	for (size_t n = 0; n <= sizeof r + 1; n++)
		assert_int_equal(broker_request_take(bytes, n, 0, &r), -EBADMSG);
	r = (struct broker_request){ .verb = BROKER_OPEN, .name = "x" };
	memcpy(bytes, &r, sizeof r);
	assert_int_equal(broker_request_take(bytes, sizeof r, 0, &r), 0);
	assert_int_equal(broker_request_take(bytes, sizeof r, 1, &r), -EBADMSG);
#define REFUSED(change, fds)                                                                       \
	do {                                                                                       \
		r = (struct broker_request){ .verb = BROKER_SPAWN, .name = "x" };                  \
		change;                                                                            \
		memcpy(bytes, &r, sizeof r);                                                       \
		assert_int_equal(broker_request_take(bytes, sizeof r, fds, &r), -EBADMSG);         \
	} while (0)
	REFUSED(r.verb = 0, 2);
	REFUSED(r.verb = 5, 2);
	REFUSED(r.flags = WORKER_NO_SANDBOX, 2);
	REFUSED(r.flags = 1u << 31, 2);
	REFUSED((void)0, 1);
	REFUSED((void)0, 0);
	REFUSED(r.write = 2, 2);
	REFUSED(memset(r.name, 'x', sizeof r.name), 2);
	REFUSED(strcpy(r.name, "a\033b"), 2);
	REFUSED(r.verb = BROKER_LIMIT, 1);
	REFUSED((r.verb = BROKER_OPEN, r.folder = BROKER_FOLDERS), 0);
	REFUSED((r.verb = BROKER_TAP, r.name[0] = '\0'), 0);
}

static unsigned int seed;

static uint32_t any(uint32_t below)
{
	return (uint32_t)rand_r(&seed) % below;
}

static bool rarely(void)
{
	return any(32) == 0;
}

/* Requests that are nearly right, so that most get as far as their checks. */
static void any_request(struct broker_request *r)
{
	static const char *const names[] = { "", "x", "plain", "../x", "a/b", ".", "fifo", "soft", "%s", "tap0x", "sub" };
	unsigned char *bytes = (unsigned char *)r;

	*r = (struct broker_request){ .verb = rarely() ? any(6) : 1 + any(4), .folder = any(3), .write = any(2),
		.flags = rarely() ? any(64) : any(32) & ~WORKER_NO_SANDBOX, .id = any(8),
		.memory = any(20), .vcpus = any(4) };
	r->limits = (struct cgroup_limits){ .memory = any(2) * (1ull << any(63)), .cpu_percent = any(200), .tasks = any(5) };
	strcpy(r->name, names[any(sizeof names / sizeof names[0])]);
	if (rarely())
		strcpy(r->name, "\n");
	for (uint32_t i = rarely() ? any(20) : 0; i > 0; i--)
		bytes[any(sizeof *r)] = (unsigned char)any(256);
}

/* Of any length, with descriptors of any kind. */
static bool send_any(int sock)
{
	struct broker_request r;
	int pair[2], null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[BROKER_FDS];
	size_t bytes = rarely() ? any(sizeof r) : sizeof r;
	bool sent;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	any_request(&r);
	for (int i = 0; i < BROKER_FDS; i++)
		fds[i] = any(4) ? pair[i] : null;
	sent = broker_send(sock, &r, bytes, fds, r.verb == BROKER_SPAWN ? 2 - rarely() : rarely(), MSG_DONTWAIT) == 0;
	close(pair[0]);
	close(pair[1]);
	close(null);
	return sent;
}

/* Takes what it answers until it has nothing more to say: true. False: it has ended. */
static bool still_there(int sock)
{
	struct broker_request r = { .verb = BROKER_OPEN, .name = "plain" };
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct broker_answer a;
	int fds[BROKER_FDS];
	uint32_t len = 0;
	bool found = false;

	if (broker_send(sock, &r, sizeof r, NULL, 0, 0) < 0)
		return false;
	/* an answer is of ours if it has the file; those before may, too, and leave one behind for later */
	while (!found) {
		assert_true(poll(&p, 1, PATIENCE_MS) > 0);
		if (broker_receive(sock, &a, sizeof a, fds, BROKER_FDS, &len, MSG_DONTWAIT) < 0)
			return false;
		found = a.rc == 0 && len == 1;
		for (uint32_t i = 0; i < len; i++)
			close(fds[i]);
	}
	return true;
}

/* Whatever its client sends, it answers or ends; it does not hang, and nothing of it is left. */
static void any_bytes_are_answered_or_its_end(void **state)
{
	const char *given = getenv("BROKER_SEED");
	uint32_t ended = 0, answered = 0;

	(void)state;
	/* names of taps are among them */
	if (geteuid() == 0)
		assert_int_equal(unshare(CLONE_NEWNET), 0);
	seed = given ? (unsigned int)atoi(given) : 1;
	plant();
	for (int round = 0; round < ROUNDS; round++) {
		struct broker *b = begin(0);
		bool alive = true;

		for (int i = 0; i < 20 && alive; i++) {
			send_any(broker_fd(b));
			alive = still_there(broker_fd(b));
			answered += alive;
			ended += !alive;
		}
		broker_stop(b);
	}
	print_message("%u requests were survived, %u were the end\n", answered, ended);
	assert_in_range(answered, ROUNDS, ROUNDS * 20);
	assert_in_range(ended, 1, ROUNDS);
	unplant();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, before, after)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(workers_are_as_others),
		TEST(a_death_is_told_when_it_has_happened),
		TEST(nothing_outlives_it),
		TEST(a_broker_that_is_killed_leaves_nothing),
		TEST(planted_files_are_not_opened),
		TEST(ids_that_cannot_be_cgroups_are_refused),
		TEST(a_worker_in_its_cgroup_is_limited),
		TEST(without_descriptors_it_goes_on),
		TEST(a_birth_at_the_limit_of_tasks_is_only_refused),
		TEST(what_is_no_request_is_its_end),
		TEST(any_bytes_are_answered_or_its_end),
	};
	int rc;

	impostor_main_if_worker(argc, argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	strcpy(folder, "/tmp/broker-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return rc;
}
