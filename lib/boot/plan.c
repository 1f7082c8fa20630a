/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checked.h"
#include "layout.h"
#include "x86_map.h"

#define PLAUSIBLE_RAM (1ull << 40)

struct label {
	char text[48];
};

static struct label label_of(const struct boot_piece *piece)
{
	struct label label;

	if (piece->index < 0)
		snprintf(label.text, sizeof label.text, "%s", piece->what);
	else
		snprintf(label.text, sizeof label.text, "%s %d", piece->what, piece->index);
	return label;
}

static unsigned long long mib(uint64_t bytes)
{
	return bytes / (1 << 20) + (bytes % (1 << 20) != 0);
}

/* RAM that a VM would need to have [gpa, end); 0: no amount would do. */
static uint64_t ram_needed(uint64_t gpa, uint64_t end)
{
	if (end <= X86_RAM_GAP_START)
		return end;
	if (gpa >= X86_RAM_GAP_END && end <= PLAUSIBLE_RAM)
		return end - (X86_RAM_GAP_END - X86_RAM_GAP_START);
	return 0;
}

static int refuse_outside(const struct boot_plan *plan, const struct boot_piece *piece)
{
	struct label label = label_of(piece);
	uint64_t end, need = 0;

	if (!add_wraps(piece->gpa, piece->len, &end))
		need = ram_needed(piece->gpa, end);
	if (need)
		return err_set(plan->err, -ENOSPC, "boot_load", plan->name,
			"%s (%#llx + %#llx) needs at least %llu MiB of RAM, the VM has %llu",
			label.text, (unsigned long long)piece->gpa, (unsigned long long)piece->len,
			mib(need), (unsigned long long)(mem_bytes(plan->mem) >> 20));
	return err_set(plan->err, -ENOEXEC, "boot_load", plan->name,
		"%s (%#llx + %#llx) lies outside of RAM", label.text,
		(unsigned long long)piece->gpa, (unsigned long long)piece->len);
}

static const struct boot_piece *in_the_way(const struct boot_plan *plan, uint64_t gpa, uint64_t len)
{
	for (uint32_t i = 0; i < plan->pieces; i++)
		if (overlaps(plan->piece[i].gpa, plan->piece[i].len, gpa, len))
			return &plan->piece[i];
	return NULL;
}

int boot_plan_add(struct boot_plan *plan, const struct boot_piece *piece)
{
	const struct boot_piece *other;

	if (plan->pieces == BOOT_PIECES)
		return err_set(
			plan->err, -ENOEXEC, "boot_load", plan->name, "too many pieces to load");
	if (!mem_ptr(plan->mem, piece->gpa, piece->len))
		return refuse_outside(plan, piece);
	other = in_the_way(plan, piece->gpa, piece->len);
	if (other)
		return err_set(plan->err, -ENOEXEC, "boot_load", plan->name,
			"%s (%#llx + %#llx) overlaps %s (%#llx + %#llx)", label_of(piece).text,
			(unsigned long long)piece->gpa, (unsigned long long)piece->len,
			label_of(other).text, (unsigned long long)other->gpa,
			(unsigned long long)other->len);
	plan->piece[plan->pieces++] = *piece;
	return 0;
}

static int refuse_no_room(
	const struct boot_plan *plan, const struct boot_piece *piece, uint64_t max)
{
	uint64_t need = BOOT_HIGH_RAM, end;

	for (uint32_t i = 0; i < plan->pieces; i++)
		if (plan->piece[i].gpa >= BOOT_HIGH_RAM)
			need += plan->piece[i].len + MEM_PAGE;
	if (add_wraps(need, piece->len, &end) || end > X86_RAM_GAP_START || end > max)
		return err_set(plan->err, -ENOSPC, "boot_load", plan->name,
			"%s of %llu bytes fits nowhere below %#llx", label_of(piece).text,
			(unsigned long long)piece->len,
			(unsigned long long)(max < X86_RAM_GAP_START ? max : X86_RAM_GAP_START));
	return err_set(plan->err, -ENOSPC, "boot_load", plan->name,
		"no room for %s of %llu bytes beside the kernel: about %llu MiB of RAM are needed, "
		"the VM has %llu",
		label_of(piece).text, (unsigned long long)piece->len, mib(end) + 1,
		(unsigned long long)(mem_bytes(plan->mem) >> 20));
}

int boot_plan_add_high(
	struct boot_plan *plan, const struct boot_piece *piece, uint64_t max, uint64_t *gpa)
{
	uint64_t end = plan->mem->region[0].len < max ? plan->mem->region[0].len : max;
	struct boot_piece placed = *piece;

	/* each turn goes below one more piece, so there are at most as many turns as pieces */
	for (uint32_t turn = 0; turn <= plan->pieces; turn++) {
		const struct boot_piece *other;

		if (end < piece->len || align_down(end - piece->len, MEM_PAGE) < BOOT_HIGH_RAM)
			break;
		placed.gpa = align_down(end - piece->len, MEM_PAGE);
		other = in_the_way(plan, placed.gpa, placed.len);
		if (!other) {
			*gpa = placed.gpa;
			return boot_plan_add(plan, &placed);
		}
		end = other->gpa;
	}
	return refuse_no_room(plan, piece, max);
}

int boot_plan_add_low(
	struct boot_plan *plan, const struct boot_piece *piece, uint64_t min, uint64_t *gpa)
{
	struct boot_piece placed = *piece;

	for (uint32_t turn = 0; turn <= plan->pieces; turn++) {
		const struct boot_piece *other;

		if (align_up_wraps(min, MEM_PAGE, &placed.gpa) ||
			out_of(placed.gpa, placed.len, plan->mem->region[0].len))
			break;
		other = in_the_way(plan, placed.gpa, placed.len);
		if (!other) {
			*gpa = placed.gpa;
			return boot_plan_add(plan, &placed);
		}
		min = other->gpa + other->len; /* in memory: it was entered */
	}
	return refuse_no_room(plan, piece, UINT64_MAX);
}

void boot_plan_write(const struct boot_plan *plan)
{
	for (uint32_t i = 0; i < plan->pieces; i++) {
		const struct boot_piece *piece = &plan->piece[i];

		if (piece->src_len)
			memcpy(mem_ptr(plan->mem, piece->gpa, piece->len), piece->src,
				piece->src_len);
	}
}
