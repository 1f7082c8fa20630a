/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kvm_x86.h"

uint32_t x86_lapic_get(const struct kvm_lapic_state *lapic, uint32_t reg)
{
	uint32_t value;

	memcpy(&value, lapic->regs + reg, sizeof value);
	return value;
}

void x86_lapic_set(struct kvm_lapic_state *lapic, uint32_t reg, uint32_t value)
{
	memcpy(lapic->regs + reg, &value, sizeof value);
}
