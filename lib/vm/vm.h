/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM and its parts. Locks, in the order they are taken: vm->lock (state, vCPUs in and out), board_lock (legacy
 * board), then the poller's. The run loop of a vCPU holds none of them while the guest runs.
 */
#ifndef VM_H
#define VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <ukvmm/device.h>
#include <ukvmm/ukvmm.h>
#include <ukvmm/x86.h>

#include "console.h"
#include "host.h"
#include "image.h"
#include "kicker.h"
#include "kvm.h"
#include "legacy.h"
#include "poller.h"
#include "virtio.h"
#include "x86_map.h"

enum vm_state {
	VM_NEW,	    /* being configured */
	VM_SEALED,  /* runs, or could */
	VM_PAUSING, /* asked; vCPUs are leaving, devices become quiet */
	VM_PAUSED,
	VM_ENDING, /* stop asked, or a vCPU ended it: the others are leaving */
	VM_ENDED,  /* every vCPU has returned its last stop */
};

/* What every vCPU looks at before it enters the guest. */
enum { CTL_STOP = 1, CTL_PAUSE = 2 };

enum park {
	PARK_NO,
	PARK_ENTERING, /* about to return IDLE; a wake turns it back */
	PARK_PARKED,   /* IDLE was returned */
	PARK_WOKEN,    /* and RUNNABLE posted */
};

/* A port or memory access under way, item by item (string I/O has several). */
struct access {
	struct kvm_exit exit;
	uint32_t next;	   /* item to do */
	bool open;	   /* items are left */
	bool trapped;	   /* the current one was returned as TRAP and has no answer yet */
	uint32_t space;
};

struct ukvmm_vcpu {
	struct ukvmm_vm *vm;
	struct kvm_vcpu *kvm;
	uint32_t index;
	struct ukvmm_kicker *kicker;
	/* guarded by vm->lock */
	bool inside, done, paused;
	atomic_int park;
	struct timer idle_timer; /* wakes a parked one; the poller's */
	/* of the thread inside */
	struct access access;
	atomic_uint dead_slices; /* slice ends in a row at which it was halted with interrupts off */
	timer_t timer;
	pid_t timer_tid; /* 0: no timer made */
	bool timer_armed;
	bool window;	 /* asked KVM for an interrupt window */
	bool idle_asked; /* the doorbell was rung, the access is not completed yet */
	uint64_t idle_until; /* when its own timer wakes it out of the last IDLE; 0: never */
	uint64_t wall_start;
	/* statistics; seq is odd while a run is under way */
	atomic_uint stat_seq;
	atomic_ullong cpu_ns, halt_ns, runs, exits, run_cpu_start;
	atomic_int run_tid;
};

struct ukvmm_irq {
	struct ukvmm_vm *vm;
	uint32_t gsi;
	char name[32];
};

struct trap {
	uint64_t addr, len;
	uint32_t space;
};

/* Which of the library's own it is, and so what its ctx is: for calls that name a device. */
enum device_kind { DEVICE_OTHER, DEVICE_NET, DEVICE_BLK, DEVICE_CONSOLE, DEVICE_RNG, DEVICE_VSOCK };

struct ukvmm_device {
	struct ukvmm_vm *vm;
	uint32_t index;
	char name[32];
	enum device_kind kind;
	struct ukvmm_device_ops ops;
	void *ctx;
	struct virtio_dev *virtio;
	uint32_t gsi;
	pthread_mutex_t turn; /* who holds it may call the device; before all other locks */
	atomic_uint kicked; /* a bit a queue */
	atomic_uint batched; /* a bit a queue: its kicks come with many chains; see device_written */
	uint32_t batch[VIRTIO_QUEUES]; /* weight of a serve, a moving average times 8; of who has the turn */
	atomic_uint tell; /* what the callbacks are to be told: device_work.c */
	atomic_ullong features;
	atomic_bool quiet;
	uint32_t quiesced; /* the pause for which it was asked to become quiet last; the poller's thread */
	atomic_bool held; /* the VM is paused: nothing is called */
	struct timer timer;
	/* kicks by eventfd: device_kick.c */
	int kick_fd; /* -1: none */
	atomic_uint kick_exits; /* since kick_since */
	atomic_ullong kick_since;
	atomic_bool kick_wanted; /* the poller's thread is to register it */
	bool kick_registered;
};

/* Of a Solo5 hvt guest: vm_hvt.h. */
struct vm_hvt {
	struct hvt *guest;		/* NULL: not one */
	struct boot_hvt_device *device; /* by handle */
	int signals;			/* a signalfd of the kick signal */
	uint32_t call;			/* the last one, and why it cannot be */
	const char *why;
};

enum { TRAPS_MAX = 32, IRQS_MAX = X86_DEVICES };

struct ukvmm_vm {
	struct ukvmm_poller *poller;
	struct ukvmm_host *host;
	struct ukvmm_image *image;
	char name[48];
	char *cmdline;
	struct ukvmm_vm_config config;
	struct shell_kind kind;
	struct shell *shell; /* NULL before seal */
	struct mem ram; /* a view of the shell's, empty before seal */
	struct poller_entry entry;

	pthread_mutex_t lock;
	enum vm_state state;
	uint32_t inside, done;
	bool quiesce_asked;
	atomic_uint pauses; /* the number of this pause, or of the last one */
	atomic_uint ctl;
	struct ukvmm_vcpu *vcpu;
	uint32_t vcpus;

	pthread_mutex_t board_lock;
	struct legacy_board board;
	atomic_bool extint; /* the 8259s' INTR */
	_Atomic uint64_t pci_probes;
	struct timer board_timer;
	uint64_t board_deadline; /* kept while paused; under board_lock, as the next */
	bool frozen;
	int board_error;	 /* the first of its calls to KVM that failed, a negative errno; */
	const char *board_call;	 /* its name */
	int64_t clock_offset;	 /* VM time - CLOCK_MONOTONIC */

	struct console console;
	struct console_port *port1; /* the virtio console's, NULL: none */
	struct ukvmm_device *device[X86_DEVICES];
	uint32_t devices;
	struct ukvmm_irq *irq[IRQS_MAX];
	uint32_t irqs, gsis_used;
	struct trap trap[TRAPS_MAX];
	uint32_t traps;
	struct vm_hvt hvt;

	atomic_ullong io_cpu_ns, created_at, sealed_at, first_entry_at, first_output_at, ready_at, ended_at;
};

/* device.c, lifecycle.c: what the poller's thread calls; no lock held. */
void vm_work(struct ukvmm_vm *vm);

/* Fails unless the VM is in VM_NEW. */
int vm_check_new(struct ukvmm_vm *vm, const char *call, struct ukvmm_err *err);

/* irq.c */
int vm_gsi_take(struct ukvmm_vm *vm, uint32_t *gsi);
void vm_gsi_pulse(struct ukvmm_vm *vm, uint32_t gsi); /* any thread */

/* machine.c: the board's connections */
void machine_init(struct ukvmm_vm *vm);
void vm_output(void *ctx, const void *bytes, size_t len); /* the guest's, to the console; ctx: the VM */
uint64_t vm_clock(const struct ukvmm_vm *vm);
void machine_freeze(struct ukvmm_vm *vm); /* timers, while paused */
void machine_thaw(struct ukvmm_vm *vm);

/* lifecycle.c */
void vm_wake(struct ukvmm_vm *vm, uint32_t vcpu); /* a parked vCPU has work; any thread, no vm->lock held */
void vm_end(struct ukvmm_vm *vm);		   /* a vCPU ended the guest; vm->lock held */
void vm_try_paused(struct ukvmm_vm *vm);	   /* are all out? vm->lock held */

/* exits.c: does what is left of the port or memory access in vcpu->access. 1: *stop is to be returned, 0: go on. */
int access_serve(struct ukvmm_vcpu *vcpu, struct ukvmm_stop *stop);

/* limits.c: the timer that ends a run. */
struct run_limits {
	uint64_t slice_end, deadline, cpu_ns; /* 0: none */
};
int limits_arm(struct ukvmm_vcpu *vcpu, const struct run_limits *limits, pid_t tid);
void limits_disarm(struct ukvmm_vcpu *vcpu);
/* After a signal: 1 and *stop where one is reached, else arms again; 0. */
int limits_reached(struct ukvmm_vcpu *vcpu, const struct run_limits *limits, struct ukvmm_stop *stop);

/* stats.c: CPU of the run under way; stats_begin and _end around it. */
void stats_begin(struct ukvmm_vcpu *vcpu, pid_t tid);
void stats_end(struct ukvmm_vcpu *vcpu);
uint64_t stats_cpu(const struct ukvmm_vcpu *vcpu);
uint64_t thread_cpu_now(void);

/* device.c */
struct ukvmm_device *device_at(struct ukvmm_vm *vm, uint64_t gpa);
struct ukvmm_device *device_named(struct ukvmm_vm *vm, const char *name); /* NULL: none */
struct ukvmm_device *device_of_kind(struct ukvmm_vm *vm, enum device_kind kind); /* the first; NULL: none */
extern const struct virtio_host device_host; /* device_work.c */
void device_timer_fire(struct timer *timer);
void device_fd_ready(const struct watch *w, uint32_t index, uint32_t events); /* of the poller's watches */
/* A vCPU wrote a register: what the device is to do now, or the poller. */
void device_written(struct ukvmm_device *d);
/* device_kick.c */
int devices_kick_fds(struct ukvmm_vm *vm, struct ukvmm_err *err); /* at seal */
/* Is it served within a kick? Not while a vCPU thread is under a filter that forbids it. */
bool device_inline(const struct ukvmm_device *d);
void device_kick_counted(struct ukvmm_device *d); /* a kick came as an exit */
void device_kick_register(struct ukvmm_device *d); /* poller's thread */
bool device_kick_event(struct ukvmm_device *d, int fd); /* true: it was kick_fd */
void devices_free(struct ukvmm_vm *vm);
void devices_work(struct ukvmm_vm *vm);
/* Poller's thread: asks each, once a pause. True: all are quiet. */
bool devices_quiesce(struct ukvmm_vm *vm, uint32_t pause);
void devices_hold(struct ukvmm_vm *vm); /* poller's thread, vm->lock held, no vCPU inside: nothing is called from now on */
void devices_release(struct ukvmm_vm *vm); /* on resume; vm->lock held */
int devices_walk(struct ukvmm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err);

/* walk.c: all state but RAM, of a paused VM. */
int vm_walk(struct ukvmm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err);

#endif
