/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <ukvmm/x86.h>

#include "cli.h"
#include "parse.h"
#include "report.h"

const char options_usage[] =
	"usage: ukvmm run [OPTION...] IMAGE [-- ARG...]\n"
	"  --mem SIZE           guest memory, as 64M or 1G (default 128M)\n"
	"  --cpus N             virtual CPUs (default 1)\n"
	"  --initrd FILE        initial ramdisk, or multiboot module\n"
	"  --cmdline TEXT       kernel command line; ARGs follow it after \" -- \"\n"
	"  --boot PROTOCOL      auto, linux, pvh or multiboot (default auto)\n"
	"  --irqchip KIND       auto, split, full or none (default auto: split)\n"
	"  --hugepages MODE     auto, on or off (default auto)\n"
	"  --disk FILE[,...]    a disk with FILE's content: ro; overlay[=FILE]: writes go to memory\n"
	"                       or there; rate=10M/s[:BURST]; ops=N/s; name=ID;\n"
	"                       serial=TEXT; block=SIZE; writethrough; engine=threads|io_uring\n"
	"  --net WHERE[,...]    a card that leads to passt, tap=NAME, fd=N (a tap), unix=PATH,\n"
	"                       socket=N or none: fwd=[ADDR:]PORT[:GUEST], fwd-udp=... (passt);\n"
	"                       mac=ADDR; any-mac; mtu=N; rate=, ops=, rx-rate=, ...; name=ID\n"
	"  --rng                a source of random bytes\n"
	"  --console            a virtio console: has stdin, and its output is on stdout too\n"
	"  --vsock PATH[,...]   streams without IP, to sockets PATH_PORT: cid=N; listen (at PATH)\n"
	"  --kicks HOW          how drivers notify devices: auto, exit or eventfd (default auto)\n"
	"  --decompress         unpack a bzImage here instead of in the guest\n"
	"  --hvt-exec-data      a Solo5 hvt guest may execute its data, heap and stack\n"
	"  --kvm-fd N           an open /dev/kvm to use\n"
	"  --cpu-quota PERCENT  of one CPU that the guest may use, all its threads together\n"
	"  --memory-overhead N  beside its memory, what it may use of the host's before it is killed\n"
	"  --io-max KEY=N,...   what it may read and write a second of each block device under its\n"
	"                       disks: bps=10M, iops=500; rbps=, wbps=, riops=, wiops=\n"
	"  --no-sandbox         no walls around the guest's process, for debugging\n"
	"  --sandbox-trace      its forbidden system calls are logged by the kernel, and done\n"
	"  --timeout DURATION   end the guest after this time, as 500ms, 30s or 2m: status 124\n"
	"  --timeline[=json]    print when things happened, in microseconds, to stderr\n"
	"On a terminal, Ctrl-a x ends the guest (status 130) and Ctrl-a Ctrl-a sends a Ctrl-a.\n"
	"Status: the guest's own, 0 power-off or reset, 1 dead halt or panic, 124 timeout,\n"
	"125 our failure, 126 not bootable, 127 image not found, 128+n signal n.\n";

enum {
	OPT_PLAIN = 1, /* getopt_long's code for a word that is no option */
	OPT_MEM = 256,
	OPT_CPUS,
	OPT_INITRD,
	OPT_CMDLINE,
	OPT_BOOT,
	OPT_IRQCHIP,
	OPT_HUGEPAGES,
	OPT_DISK,
	OPT_NET,
	OPT_RNG,
	OPT_CONSOLE,
	OPT_VSOCK,
	OPT_KICKS,
	OPT_DECOMPRESS,
	OPT_HVT_EXEC_DATA,
	OPT_KVM_FD,
	OPT_CPU_QUOTA,
	OPT_MEMORY_OVERHEAD,
	OPT_IO_MAX,
	OPT_NO_SANDBOX,
	OPT_SANDBOX_TRACE,
	OPT_TIMEOUT,
	OPT_TIMELINE,
	OPT_HELP,
};

static const struct option known[] = {
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "cmdline", required_argument, NULL, OPT_CMDLINE },
	{ "boot", required_argument, NULL, OPT_BOOT },
	{ "irqchip", required_argument, NULL, OPT_IRQCHIP },
	{ "hugepages", required_argument, NULL, OPT_HUGEPAGES },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "net", required_argument, NULL, OPT_NET },
	{ "rng", no_argument, NULL, OPT_RNG },
	{ "console", no_argument, NULL, OPT_CONSOLE },
	{ "vsock", required_argument, NULL, OPT_VSOCK },
	{ "kicks", required_argument, NULL, OPT_KICKS },
	{ "decompress", no_argument, NULL, OPT_DECOMPRESS },
	{ "hvt-exec-data", no_argument, NULL, OPT_HVT_EXEC_DATA },
	{ "kvm-fd", required_argument, NULL, OPT_KVM_FD },
	{ "cpu-quota", required_argument, NULL, OPT_CPU_QUOTA },
	{ "memory-overhead", required_argument, NULL, OPT_MEMORY_OVERHEAD },
	{ "io-max", required_argument, NULL, OPT_IO_MAX },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "sandbox-trace", no_argument, NULL, OPT_SANDBOX_TRACE },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "timeline", optional_argument, NULL, OPT_TIMELINE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* Each list is in the order of the UKVMM_ constants it stands for. */
static const char *const boot_names[] = { "auto", "linux", "pvh", "multiboot", NULL };
static const char *const irqchip_names[] = { "auto", "split", "full", "none", NULL };
static const char *const hugepages_names[] = { "auto", "on", "off", NULL };
static const char *const kicks_names[] = { "auto", "exit", "eventfd", NULL };

static int choose(const char *command, const char *option, const char *const *names, uint32_t *out)
{
	int i = parse_choice(optarg, names);
	char all[64] = "";
	size_t len = 0;

	for (int n = 0; i < 0 && names[n] && len < sizeof all; n++)
		len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", n ? ", " : "", names[n]);
	if (i < 0) {
		report(command, option, "\"%s\" is none of: %s", optarg, all);
		return -EINVAL;
	}
	*out = (uint32_t)i;
	return 0;
}

int options_boot(const char *command, uint32_t *boot)
{
	return choose(command, "--boot", boot_names, boot);
}

static int number(const char *option, uint32_t min, uint32_t max, uint32_t *out)
{
	if (parse_u32(optarg, min, max, out) == 0)
		return 0;
	report("run", option, "\"%s\" is not a number from %u to %u", optarg, min, max);
	return -EINVAL;
}

static int take_size(const char *option, uint64_t *bytes)
{
	int rc = parse_size(optarg, bytes);

	if (rc == 0 && *bytes > 0)
		return 0;
	report("run", option, "\"%s\" %s; a size is wanted, as 64M or 1G", optarg,
		rc == -ERANGE ? "does not fit 64 bits" : "is not a size");
	return -EINVAL;
}

static int take_timeout(struct run_options *o)
{
	int rc = parse_duration(optarg, &o->timeout_ns);

	if (rc == 0)
		return 0;
	report("run", "--timeout", "\"%s\" %s; a duration is wanted, as 500ms or 30s", optarg,
		rc == -ERANGE ? "does not fit 64 bits of nanoseconds" : "is not a duration");
	return -EINVAL;
}

static int take_timeline(struct run_options *o)
{
	o->timeline = TIMELINE_TEXT;
	if (!optarg)
		return 0;
	o->timeline = TIMELINE_JSON;
	if (strcmp(optarg, "json") == 0)
		return 0;
	report("run", "--timeline", "\"%s\" is no form; there are --timeline and --timeline=json",
		optarg);
	return -EINVAL;
}

static int take_image(struct run_options *o, const char *word)
{
	if (!o->image) {
		o->image = word;
		return 0;
	}
	report("run", word, "one image only; words for the guest go after \"--\"");
	return -EINVAL;
}

static int take_number_option(struct run_options *o, int code)
{
	uint32_t fd;

	if (code == OPT_CPUS)
		return number("--cpus", 1, 1024, &o->cpus);
	if (code == OPT_CPU_QUOTA)
		return number("--cpu-quota", 1, 102400, &o->cpu_quota);
	if (number("--kvm-fd", 0, INT_MAX, &fd) < 0)
		return -EINVAL;
	o->kvm_fd = (int)fd;
	return 0;
}

static int take_device(struct device_options *d, int code)
{
	switch (code) {
	case OPT_DISK:
		return device_options_disk(d, optarg);
	case OPT_NET:
		return device_options_net(d, optarg);
	case OPT_VSOCK:
		return device_options_vsock(d, optarg);
	case OPT_RNG:
		d->rng = true;
		return 0;
	default:
		d->console = true;
		return 0;
	}
}

static void take_switch(struct run_options *o, int code)
{
	if (code == OPT_DECOMPRESS)
		o->decompress = true;
	else if (code == OPT_HVT_EXEC_DATA)
		o->hvt_exec_data = true;
	else if (code == OPT_NO_SANDBOX)
		o->no_sandbox = true;
	else
		o->sandbox_trace = true;
}

static int take(struct run_options *o, int code, char **argv)
{
	switch (code) {
	case OPT_PLAIN:
		return take_image(o, optarg);
	case OPT_MEM:
		return take_size("--mem", &o->memory);
	case OPT_MEMORY_OVERHEAD:
		return take_size("--memory-overhead", &o->memory_overhead);
	case OPT_CPUS:
	case OPT_CPU_QUOTA:
	case OPT_KVM_FD:
		return take_number_option(o, code);
	case OPT_IO_MAX:
		return options_io_max(&o->io_max, optarg);
	case OPT_INITRD:
		o->initrd = optarg;
		return 0;
	case OPT_CMDLINE:
		o->cmdline = optarg;
		return 0;
	case OPT_BOOT:
		return options_boot("run", &o->boot);
	case OPT_IRQCHIP:
		return choose("run", "--irqchip", irqchip_names, &o->irqchip);
	case OPT_HUGEPAGES:
		return choose("run", "--hugepages", hugepages_names, &o->hugepages);
	case OPT_KICKS:
		return choose("run", "--kicks", kicks_names, &o->kicks);
	case OPT_DISK:
	case OPT_NET:
	case OPT_RNG:
	case OPT_CONSOLE:
	case OPT_VSOCK:
		return take_device(&o->devices, code);
	case OPT_DECOMPRESS:
	case OPT_HVT_EXEC_DATA:
	case OPT_NO_SANDBOX:
	case OPT_SANDBOX_TRACE:
		take_switch(o, code);
		return 0;
	case OPT_TIMEOUT:
		return take_timeout(o);
	case OPT_TIMELINE:
		return take_timeline(o);
	case OPT_HELP:
		o->help = true;
		return 0;
	default:
		cli_bad_option("run", code, argv);
		return -EINVAL;
	}
}

/* What follows "--": the guest's words; the image itself where none came before. */
static int take_rest(struct run_options *o, int argc, char **argv)
{
	int at = optind;

	if (!o->image && at < argc)
		o->image = argv[at++];
	if (!o->image) {
		report("run", "IMAGE", "none given; see ukvmm run --help");
		return -EINVAL;
	}
	o->args = argv + at;
	o->args_len = argc - at;
	return 0;
}

int options_parse(struct run_options *o, int argc, char **argv)
{
	int code;

	memset(o, 0, sizeof *o);
	o->kvm_fd = -1;
	o->cpus = 1;
	opterr = 0;
	/* "-": words come in their place, so that only what follows "--" is the guest's */
	while ((code = getopt_long(argc, argv, "-:h", known, NULL)) != -1)
		if (take(o, code == 'h' ? OPT_HELP : code, argv) < 0)
			return -EINVAL;
	return o->help ? 0 : take_rest(o, argc, argv);
}
