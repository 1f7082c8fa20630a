/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's microvm with nothing in it but what the job needs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "guest_fork.h"

enum { WORDS = 64, TEXT = 4096, EXIT_OK = 1 /* isa-debug-exit: status * 2 + 1 */ };

struct words {
	char *argv[WORDS];
	char text[TEXT];
	size_t n, used;
};

__attribute__((format(printf, 2, 3))) static void word(struct words *w, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(w->text + w->used, sizeof w->text - w->used, fmt, ap);
	va_end(ap);
	if (len < 0 || w->used + (size_t)len >= sizeof w->text || w->n == WORDS - 1)
		_exit(126);
	w->argv[w->n++] = w->text + w->used;
	w->used += (size_t)len + 1;
}

static void machine(struct words *w, const struct guest_job *job)
{
	static const char *const fixed[] = { "qemu-system-x86_64", "-M",
		"microvm,acpi=off,pit=off,pic=off,rtc=off,x-option-roms=off", "-accel", "kvm", "-m", "128", "-smp", "1",
		"-nodefaults", "-no-user-config", "-nographic", "-serial", "stdio", "-no-reboot", "-global",
		"virtio-mmio.force-legacy=false", "-device", "isa-debug-exit,iobase=0x501,iosize=1" };

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		word(w, "%s", fixed[i]);
	word(w, "-kernel");
	word(w, "%s", IO_IMAGE);
	word(w, "-append");
	word(w, "%s tsc_khz=%u", job->cmdline, guest_tsc_khz());
}

static void disk(struct words *w, const struct guest_job *job)
{
	if (!job->disk)
		return;
	if (job->iothread) {
		word(w, "-object");
		word(w, "iothread,id=t0");
	}
	word(w, "-drive");
	word(w, "if=none,id=d0,format=raw,file=%s,cache=writeback,aio=%s%s", job->disk, job->aio ? job->aio : "threads",
		job->aio && *job->aio == 'n' ? ",cache.direct=on" : "");
	word(w, "-device");
	word(w, "virtio-blk-device,drive=d0%s", job->iothread ? ",iothread=t0" : "");
}

static void net(struct words *w, const struct guest_job *job)
{
	if (job->net == GUEST_NET_NONE)
		return;
	word(w, "-netdev");
	switch (job->net) {
	case GUEST_NET_STREAM:
		word(w, "stream,id=n0,server=off,addr.type=unix,addr.path=%s", job->net_name);
		break;
	case GUEST_NET_DATAGRAM:
		word(w, "dgram,id=n0,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", job->net_own,
			job->net_name);
		break;
	default:
		word(w, "tap,id=n0,ifname=%s,script=no,downscript=no", job->net_name);
		break;
	}
	word(w, "-device");
	word(w, "virtio-net-device,netdev=n0");
}

static void child(const struct guest_job *job)
{
	static struct words w;

	machine(&w, job);
	disk(&w, job);
	net(&w, job);
	if (job->rng) {
		word(&w, "-device");
		word(&w, "virtio-rng-device");
	}
	if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stderr))
		_exit(126);
	execvp(w.argv[0], w.argv);
}

void guest_qemu(const struct guest_job *job, struct guest_result *result)
{
	guest_fork("QEMU", child, job, EXIT_OK, result);
}
