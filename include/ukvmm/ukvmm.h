/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libukvmm: microVMs and unikernels on KVM, as ordinary objects inside a process that you own.
 *
 * Rules that hold for every call:
 *  - The library starts no thread, installs no signal handler, prints nothing, never exits and keeps
 *    no global state. (ukvmm/run.h is a convenience above it, and says what it starts.)
 *  - A call returns 0 or a positive result, or a negative errno; where it takes an `err` it fills it
 *    in with the failing call and object. `err` may be NULL.
 *  - A structure starts with `size` = sizeof; 0 in any other field means "the default". Bytes past
 *    the size this library knows must be zero, else -E2BIG. Unknown flags are -EINVAL.
 *  - File descriptors are always dup'ed: the caller keeps its own. Strings are copied.
 *  - Times are CLOCK_MONOTONIC nanoseconds (ukvmm_now).
 *  - Callbacks (ukvmm/device.h) run only inside a call that the caller made, with no lock held here.
 *  - A call in the wrong state of its object is -EBADFD and changes nothing.
 *  - Event types and stop reasons may be added: treat an unknown one as "nothing to do" for events
 *    and as "ended" for stops.
 *  - "Any thread" means: safe against every other call on the same object except its destruction.
 *    Without it, one thread at a time per object.
 */
#ifndef UKVMM_H
#define UKVMM_H

#include <stddef.h>
#include <stdint.h>

#include "devices.h"
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define UKVMM_VERSION_MAJOR 0u
#define UKVMM_VERSION_MINOR 1u
#define UKVMM_VERSION_PATCH 0u

/* The version, "0.1.0", of the library that is linked, which may be newer than the header. */
const char *ukvmm_version(void);

/* Zeroes `bytes` bytes at `s` and stores `bytes` in its first four: for bindings without designated
 * initialisers. */
void ukvmm_struct_init(void *s, uint32_t bytes);

/* Now, CLOCK_MONOTONIC in nanoseconds: the clock of every deadline here. */
uint64_t ukvmm_now(void);

struct ukvmm_host;
struct ukvmm_poller;
struct ukvmm_image;
struct ukvmm_vm;
struct ukvmm_vcpu;
struct ukvmm_kicker;
struct ukvmm_irq;
struct ukvmm_x86_config; /* ukvmm/x86.h */

/* ---- host: what would otherwise be global ---- */

/*
 * kick_signal  the signal that ends a vCPU run early; 0: SIGRTMAX - 1. It is blocked in a thread only
 *              while that thread is inside ukvmm_vcpu_run, needs no handler, and must not be used for
 *              anything else by threads that run vCPUs.
 * max_vms      how many VMs may live at once; 0: no limit but the system's.
 * flags        UKVMM_HOST_URING: the io_uring of disks (UKVMM_BLK_URING) is made now or never, for a process whose
 *              sandbox would not let it be made later. Where it cannot be made, such disks are -ENOTSUP.
 */
#define UKVMM_HOST_URING 1u

struct ukvmm_host_config {
	uint32_t size, flags;
	uint32_t kick_signal, max_vms;
};

#define UKVMM_KVM_UNKNOWN 0u
#define UKVMM_KVM_INTEL 1u
#define UKVMM_KVM_AMD 2u
#define UKVMM_KVM_PVM 3u /* ring 0 is emulated, SYSCALL from ring 3 does not work: see doc/guests.md */
#define UKVMM_KVM_ARM 4u

struct ukvmm_host_info {
	uint32_t size, flags;
	uint32_t api_version; /* KVM_GET_API_VERSION, always 12 */
	uint32_t vendor;      /* UKVMM_KVM_* */
	uint32_t max_vcpus;   /* KVM_CAP_MAX_VCPUS */
	uint32_t tsc_khz;     /* x86: guest TSC rate; 0: unknown */
	uint32_t live_vms, pooled_shells;
	uint32_t queued_jobs, reserved; /* jobs waiting for ukvmm_host_work */
	char vendor_name[16];	        /* "kvm_pvm" */
};

/* Opens /dev/kvm (kvm_fd -1) or dups the one given, and reads its capabilities once.
 * -ENOENT, -EACCES: no usable /dev/kvm. -ENOTSUP: an API version or capability is missing; err names it. */
int ukvmm_host_open(struct ukvmm_host **out, int kvm_fd, const struct ukvmm_host_config *config,
	struct ukvmm_err *err);

/* Runs the jobs that are left, then frees the host. -EBUSY while VMs, pollers or images live. NULL is 0. */
int ukvmm_host_close(struct ukvmm_host *host);

/* What the host's KVM is and how many VMs live; fills in what fits info->size. Any thread. */
int ukvmm_host_info(struct ukvmm_host *host, struct ukvmm_host_info *info);

struct ukvmm_vm_config;

/*
 * Makes `shells` VMs ahead (KVM VM, memory slot over a reservation, interrupt chip, vCPUs) for later
 * VMs whose memory, vcpus and x86 fields equal `kind`'s; ukvmm_vm_seal then takes one instead of
 * making one. ukvmm_host_work makes new ones as they are taken. A shell costs about 210 KiB of
 * kernel memory and 2 + vcpus fds, and no RAM. shells 0 frees those of that kind.
 * A shell's system calls count as ukvmm_vm_seal's.
 */
int ukvmm_host_prepare(struct ukvmm_host *host, const struct ukvmm_vm_config *kind, uint32_t shells,
	struct ukvmm_err *err);

/*
 * Runs blocking jobs (closing KVM fds, which can take 20 ms; making shells) on the calling thread
 * until `until` (0: until ukvmm_host_stop), and what waits when it is called in any case. Any number of threads.
 * Returns how many jobs it ran.
 * Without a thread in here, jobs wait; past 64 of them a destroy runs its own inline.
 */
int ukvmm_host_work(struct ukvmm_host *host, uint64_t until);

/* Makes every ukvmm_host_work return once its job ends. Any thread. */
void ukvmm_host_stop(struct ukvmm_host *host);

/* ---- poller: one fd for any number of VMs, deadlines included ---- */

#define UKVMM_EV_CONSOLE 1u	  /* value: bytes waiting, over all ports */
#define UKVMM_EV_RUNNABLE 2u	  /* a vCPU that returned IDLE or PAUSED is to be run again; exactly one
				     per such return; value: vCPU index */
#define UKVMM_EV_NOTIFY 3u	  /* the guest wrote its doorbell; value: what it wrote. In order; while 16
				     are not fetched, further ones are dropped */
#define UKVMM_EV_PAUSED 4u	  /* answer to ukvmm_vm_pause */
#define UKVMM_EV_STOPPED 5u	  /* every vCPU has returned its last stop; the last event of a VM */
#define UKVMM_EV_DEVICE_BROKEN 6u /* a device needs a reset by its driver; value: its index */

struct ukvmm_event {
	struct ukvmm_vm *vm;
	uint64_t cookie; /* of the VM's config */
	uint64_t value;
	uint32_t type, reserved;
};

/* Makes a poller, which holds the host until it is freed. -EMFILE, -ENFILE, -ENOMEM: no fd left for it. */
int ukvmm_poller_new(struct ukvmm_host *host, struct ukvmm_poller **out, struct ukvmm_err *err);

/* Its one fd: readable (EPOLLIN, level-triggered) whenever ukvmm_poller_run has something to do. The
 * poller's own. */
int ukvmm_poller_fd(const struct ukvmm_poller *poller);

/*
 * Serves timers, device queues and watched fds of its VMs, then stores up to `max` events. Never
 * blocks; works at most about `budget_ns` (0: no bound but one pass); fair: no VM gets a second event
 * before every waiting one got its first. Returns the number of events. One thread at a time (-EBUSY).
 */
int ukvmm_poller_run(struct ukvmm_poller *poller, struct ukvmm_event *events, uint32_t max,
	uint64_t budget_ns);

/* Frees a poller. -EBUSY while VMs are attached. NULL is 0. */
int ukvmm_poller_free(struct ukvmm_poller *poller);

/* ---- image: read and checked once, immutable, shared by VMs and threads ---- */

#define UKVMM_BOOT_AUTO 0u
#define UKVMM_BOOT_LINUX 1u	 /* 64-bit Linux protocol (boot.rst); bzImage or ELF64 */
#define UKVMM_BOOT_PVH 2u
#define UKVMM_BOOT_MULTIBOOT 3u /* multiboot1 */
#define UKVMM_BOOT_HVT 4u	 /* Solo5 hvt: its devices are those of its manifest, see ukvmm/devices.h */

#define UKVMM_IMAGE_DECOMPRESS 1u /* unpack an LZ4 or XZ bzImage payload here: skips the guest's own unpacking */

/* fd: a regular file, read whole; text: its command line, may be NULL. */
struct ukvmm_module {
	uint32_t size;
	int32_t fd;
	const char *text;
};

struct ukvmm_image_config {
	uint32_t size, flags;
	uint32_t boot; /* UKVMM_BOOT_* */
	uint32_t modules_len;
	const struct ukvmm_module *modules; /* after the initrd, for protocols that take several */
};

/*
 * Reads the kernel (and initrd, unless initrd_fd is -1) with pread, checks it and keeps a private
 * copy: the files may be changed or closed afterwards. -ENOEXEC: not bootable, err says why.
 * -EFBIG: over 1 GiB. config may be NULL. So may host: looking at an image needs no KVM, and one
 * without a host serves VMs of any host.
 */
int ukvmm_image_open(struct ukvmm_host *host, int fd, int initrd_fd,
	const struct ukvmm_image_config *config, struct ukvmm_image **out, struct ukvmm_err *err);

/* Gives up a reference; the last one frees the image. NULL is ignored. Any thread. */
void ukvmm_image_unref(struct ukvmm_image *image);

struct ukvmm_image_info {
	uint32_t size, flags;
	uint32_t boot;	   /* the protocol it would be started by */
	uint32_t segments; /* how many ukvmm_image_segment answers for */
	uint64_t entry;	   /* guest-physical */
	uint64_t low, high; /* guest-physical extent */
	uint32_t has_pvh, has_multiboot;
	char format[32]; /* "bzImage", "ELF64", "ELF32", "ELF64 (Solo5)" */
	char guest[64];  /* what it says it is: "Linux 6.1.0-...", "Solo5 hvt ABI 2"; "" unknown */
};

struct ukvmm_image_segment {
	uint32_t size, flags; /* flags: ELF PF_X 1, PF_W 2, PF_R 4 */
	uint64_t offset, file_bytes, gpa, mem_bytes;
};

/* What an image is; fills in what fits info->size. Any thread. */
int ukvmm_image_info(const struct ukvmm_image *image, struct ukvmm_image_info *info);
/* One segment; index counts from 0 in the order of the file. -ERANGE: past the last. Any thread. */
int ukvmm_image_segment(const struct ukvmm_image *image, uint32_t index, struct ukvmm_image_segment *seg);

/* ---- VM ---- */

#define UKVMM_VM_PARK_IDLE 1u /* ukvmm_vcpu_run may return IDLE; honoured for VMs of one vCPU with a split interrupt chip; others halt in KVM */
#define UKVMM_VM_HVT_EXEC_DATA 2u /* a Solo5 hvt guest may execute its data, constants, heap and stack, as under
				   * solo5-hvt on Linux; without it that is a page fault in the guest. -EINVAL for others */

#define UKVMM_HUGEPAGES_AUTO 0u /* on for RAM of 1 GiB and more of Linux guests, and where a function's
				    * image says that it uses memory densely; else off */
#define UKVMM_HUGEPAGES_ON 1u
#define UKVMM_HUGEPAGES_OFF 2u

/* How a driver's notification of a virtio queue arrives: as an exit of its vCPU, or by an eventfd, which costs
 * the guest less and the device a change of threads. */
#define UKVMM_KICKS_AUTO 0u    /* an exit, and an eventfd once a queue has proved busy */
#define UKVMM_KICKS_EXIT 1u
#define UKVMM_KICKS_EVENTFD 2u /* from the first; an eventfd a device */

struct ukvmm_vm_config {
	uint32_t size, flags;
	uint64_t memory;	/* bytes, a multiple of 4096; 0: 128 MiB */
	uint64_t cookie;	/* handed back in events */
	uint32_t vcpus;		/* 0: 1 */
	uint32_t console_bytes; /* ring size, rounded up to a power of two; 0: 64 KiB */
	uint32_t hugepages;	/* UKVMM_HUGEPAGES_* */
	uint32_t kicks;		/* UKVMM_KICKS_* */
	const struct ukvmm_x86_config *x86; /* NULL: defaults */
};

/* Makes a VM in its unsealed state. `name` appears in errors. Holds a reference to the image. No KVM
 * object is made before seal. */
int ukvmm_vm_new(struct ukvmm_poller *poller, const char *name, struct ukvmm_image *image,
	const struct ukvmm_vm_config *config, struct ukvmm_vm **out, struct ukvmm_err *err);

/* Sets the command line, before seal. Passed to the guest as it is; device announcements are inserted
 * before any " -- ". -E2BIG: longer than the guest's protocol takes (checked again by seal). */
int ukvmm_vm_set_cmdline(struct ukvmm_vm *vm, const char *text, struct ukvmm_err *err);

/* Makes or takes the KVM VM, loads the image and readies the vCPUs. After it the VM opens no file,
 * socket or eventfd of its own, but for the streams of a vsock device
 * (devices.h). -ENOMEM, -ENOSPC: guest RAM too small; err says how much is needed. */
int ukvmm_vm_seal(struct ukvmm_vm *vm, struct ukvmm_err *err);

/* How many file descriptors the VM holds, for RLIMIT_NOFILE. Any thread. */
int ukvmm_vm_fds(const struct ukvmm_vm *vm);

/*
 * Takes up to `len` bytes of the guest's output; port 0 is the serial line, 1 the virtio console.
 * `lost` (may be NULL) receives how many bytes were dropped since the last call because the ring was full.
 * -ERANGE: no such port. Any thread.
 */
int64_t ukvmm_vm_console_read(struct ukvmm_vm *vm, uint32_t port, void *buf, size_t len, uint64_t *lost);

/* Gives input to the guest; returns how much fitted (the buffer is 4 KiB). -ERANGE: no such port. Any thread. */
int64_t ukvmm_vm_console_write(struct ukvmm_vm *vm, uint32_t port, const void *buf, size_t len);

/* Asks for a pause: EV_PAUSED follows when every vCPU is out and devices are quiet. Runs return PAUSED.
 * 0 also when it is paused already. -EBADFD: not sealed, or ended. Any thread. */
int ukvmm_vm_pause(struct ukvmm_vm *vm);
/* Ends a pause, also one that is still on its way: EV_RUNNABLE follows for each vCPU that returned PAUSED.
 * -EBADFD: not paused. Any thread. */
int ukvmm_vm_resume(struct ukvmm_vm *vm);

/* Ends the VM: each vCPU returns STOPPED (or its own last stop) exactly once through ukvmm_vcpu_run;
 * a parked or paused one gets EV_RUNNABLE first. Repeatable. -EBADFD: not sealed. Any thread. */
int ukvmm_vm_stop(struct ukvmm_vm *vm);

/* Frees a VM in any state. -EBUSY while a thread is inside one of its vCPUs, or from one of its own
 * callbacks. RAM is returned now; KVM fds are closed by ukvmm_host_work. Pending events are dropped.
 * NULL is 0. */
int ukvmm_vm_destroy(struct ukvmm_vm *vm);

/* Guest accesses to [addr, addr + len) return UKVMM_STOP_TRAP from ukvmm_vcpu_run. Before seal.
 * space: UKVMM_SPACE_*. -EEXIST: overlaps RAM or a device. */
#define UKVMM_SPACE_MEMORY 0u
int ukvmm_vm_trap(struct ukvmm_vm *vm, uint64_t addr, uint64_t len, uint32_t space, struct ukvmm_err *err);

/* An edge-triggered interrupt line for a device of the embedder's (with ukvmm_vm_trap). Before seal;
 * owned by the VM, valid until its destruction. `name`: 1 to 31 bytes, copied. -ENOSPC: no line left. */
int ukvmm_vm_irq(struct ukvmm_vm *vm, const char *name, struct ukvmm_irq **out, struct ukvmm_err *err);
/* The line as the guest knows it (x86: GSI). Any thread. */
uint32_t ukvmm_irq_number(const struct ukvmm_irq *irq);
/* Raises the line, one edge. -EBADFD: not sealed. Any thread, until the VM is destroyed. */
int ukvmm_irq_pulse(struct ukvmm_irq *irq);

struct ukvmm_vm_stats {
	uint32_t size, reserved;
	uint64_t io_cpu_ns;	 /* CPU spent for it in ukvmm_poller_run */
	uint64_t resident_bytes; /* guest RAM in memory (reads the kernel's page map: not for a hot path) */
	uint64_t rx_bytes, tx_bytes, read_bytes, write_bytes;
	uint64_t violations; /* protocol violations of the guest's drivers */
	uint64_t console_bytes, console_lost;
	/* the boot timeline, 0 where not reached */
	uint64_t created_at, sealed_at, first_entry_at, first_output_at, ready_at, ended_at;
	uint64_t pci_probes;  /* reads of PCI configuration space, which there is not (x86) */
	uint32_t unused_devices; /* virtio devices that no driver has started yet */
	uint32_t reserved1;
};

/* Accounting and boot timeline; fills in what fits stats->size. Any thread. */
int ukvmm_vm_stats(const struct ukvmm_vm *vm, struct ukvmm_vm_stats *stats);

/* ---- vCPU: runs on the caller's thread. Keep it on one: a move costs a grace period (15 ms) on
 * kernels before about 6.13. A vCPU that executes HLT holds its thread (the wait is in the kernel)
 * until an interrupt, a kick or a limit; guests that ring the idle doorbell park instead. ---- */

#define UKVMM_STOP_KICKED 1u
#define UKVMM_STOP_SLICE 2u
#define UKVMM_STOP_IDLE 3u     /* halted; value: when its next timer is due, 0 none; one EV_RUNNABLE follows */
#define UKVMM_STOP_POWEROFF 4u /* last; value: status, with UKVMM_STOP_HAS_STATUS */
#define UKVMM_STOP_RESET 5u    /* last; keyboard controller, ACPI or triple fault (see flags) */
#define UKVMM_STOP_DEAD_HALT 6u /* last; hlt with interrupts off and nobody left to wake it; noticed at the
				   end of a slice (of the second one with several vCPUs): give one */
#define UKVMM_STOP_FAULT 7u    /* last; the host's KVM cannot go on: err has address, bytes and cure (see flags) */
#define UKVMM_STOP_STOPPED 8u  /* last; ukvmm_vm_stop, or another vCPU ended the VM */
#define UKVMM_STOP_DEADLINE 9u /* a limit other than the slice was reached (see flags) */
#define UKVMM_STOP_TRAP 10u    /* finish with ukvmm_vcpu_answer, then run again */
#define UKVMM_STOP_PAUSED 11u

/* stop flags */
#define UKVMM_STOP_HAS_STATUS 1u
#define UKVMM_STOP_TRIPLE_FAULT 2u
#define UKVMM_STOP_PANICKED 4u /* the guest said so (pvpanic) */
#define UKVMM_STOP_CPU_USED 8u /* DEADLINE by cpu_ns */
#define UKVMM_STOP_WRITE 16u   /* TRAP: a write, value is what was written */
#define UKVMM_STOP_GUEST_ERROR 32u /* FAULT: the guest's own doing, any host would end it (Solo5 hvt) */

struct ukvmm_stop {
	uint32_t size, reason;
	uint32_t flags, width;	/* width: bytes of a TRAP */
	uint64_t value, addr;	/* addr: of a TRAP */
	uint32_t space, reserved0;
	uint64_t reserved[3];
};

/*
 * slice_ns  wall time of this call, 0: none.
 * cpu_ns    CPU time of the vCPU over all its runs, 0: none. Checked about every 4 ms.
 * deadline  a point in time, 0: none.
 */
struct ukvmm_limits {
	uint32_t size, flags;
	uint64_t slice_ns, cpu_ns, deadline;
};

/* The vCPU of that index, after seal. The VM's own: valid until ukvmm_vm_destroy. -ERANGE: no such index. */
int ukvmm_vm_vcpu(struct ukvmm_vm *vm, uint32_t index, struct ukvmm_vcpu **out);

/* Runs until a stop. Guests' timers and devices need somebody to serve the VM's poller meanwhile. While the guest runs,
 * signals to this thread wait, but for the kick: a program of one thread gives a limit, or its SIGTERM waits as long
 * as the guest likes. limits may be NULL. -EBUSY: another thread is inside. Once a vCPU has returned a stop marked
 * "last" every further call is -EBADFD. err is also filled with UKVMM_STOP_FAULT. */
int ukvmm_vcpu_run(struct ukvmm_vcpu *vcpu, const struct ukvmm_limits *limits, struct ukvmm_stop *stop,
	struct ukvmm_err *err);

/* Completes a TRAP; value is what a read yields, ignored for a write. -EBADFD: the last run did not return TRAP, it was
 * answered already, or a thread is inside. */
int ukvmm_vcpu_answer(struct ukvmm_vcpu *vcpu, uint64_t value);

struct ukvmm_vcpu_stats {
	uint32_t size, reserved;
	uint64_t run_cpu_ns; /* CPU in ukvmm_vcpu_run, a run under way included */
	uint64_t halt_ns;    /* wall time halted: parked, or inside a run and off the CPU */
	uint64_t exits, kicks, runs;
};

/* Accounting; fills in what fits stats->size, takes no lock, makes no system call on the vCPU. Any thread. */
int ukvmm_vcpu_stats(const struct ukvmm_vcpu *vcpu, struct ukvmm_vcpu_stats *stats);

/* A counted handle that outlives the VM; kicking afterwards does nothing. The caller's, until ukvmm_kicker_unref.
 * NULL: out of memory. */
struct ukvmm_kicker *ukvmm_vcpu_kicker(struct ukvmm_vcpu *vcpu);
/* Makes the vCPU's run return KICKED. Any thread, async-signal-safe, sticky: an early kick ends the
 * next run. */
void ukvmm_kick(struct ukvmm_kicker *kicker);
/* Gives up the handle. NULL is ignored. Any thread. */
void ukvmm_kicker_unref(struct ukvmm_kicker *kicker);

#ifdef __cplusplus
}
#endif
#endif
