/* SPDX-License-Identifier: Apache-2.0 */
/* Never ends and does nothing: says so by the doorbell where there is one, else by HLT with
 * interrupts on. */
#include "apic.h"
#include "tables.h"
#include "trap.h"

void guest_main(void)
{
	struct fdt_node node = {0};
	struct fdt_prop reg;
	uint64_t doorbell = 0;

	trap_init();
	pic_remap();
	if (boot_protocol() == PROTOCOL_LINUX && fdt_blob() &&
		fdt_compatible("ukvmm,doorbell", &node) && fdt_prop(&node, "reg", &reg) &&
		reg.len == 16)
		doorbell = be64(reg.value);
	print("idle\n");
	for (;;) {
		if (doorbell)
			mmio_w32(doorbell + 4, 0);
		wait_for_interrupt();
	}
}
