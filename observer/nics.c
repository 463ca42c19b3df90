// SPDX-License-Identifier: Apache-2.0
#include "observer/nics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/text.h"

#define NIC_PATH_BYTES 384
#define NIC_DIRENT_BYTES 4096
#define NIC_IRQ_BYTES 16384 /* a number and a comma for each CPU that may be */

struct nic_row {
	enum signal_id signal;
	const char *file; /* in statistics/ */
};

/* Documentation/ABI/testing/sysfs-class-net-statistics and struct rtnl_link_stats64 say what each is. */
static const struct nic_row nic_rows[] = {
	{ .signal = SIGNAL_NET_RX_BYTES, .file = "rx_bytes" },
	{ .signal = SIGNAL_NET_RX_PACKETS, .file = "rx_packets" },
	{ .signal = SIGNAL_NET_RX_ERRORS, .file = "rx_errors" },
	{ .signal = SIGNAL_NET_RX_DROPS_RING, .file = "rx_missed_errors" },
	{ .signal = SIGNAL_NET_RX_DROPS_FIFO, .file = "rx_fifo_errors" },
	{ .signal = SIGNAL_NET_RX_DROPS_STACK, .file = "rx_dropped" },
	{ .signal = SIGNAL_NET_RX_DROPS_INACTIVE, .file = "rx_nohandler" },
	{ .signal = SIGNAL_NET_TX_BYTES, .file = "tx_bytes" },
	{ .signal = SIGNAL_NET_TX_PACKETS, .file = "tx_packets" },
	{ .signal = SIGNAL_NET_TX_ERRORS, .file = "tx_errors" },
	{ .signal = SIGNAL_NET_TX_DROPS, .file = "tx_dropped" },
};

_Static_assert(ARRAY_SIZE(nic_rows) <= NIC_COUNTERS_MAX, "struct nic has room");

static bool wants_irqs(const struct signal_set *signals)
{
	return signal_set_has(signals, SIGNAL_NET_IRQS) ||
	       signal_set_has(signals, SIGNAL_NET_IRQS_SHARE);
}

/* The interrupts of a PCI device, one entry each; a virtio interface's are its parent's. */
static int irqs_folder(int root, const char *name)
{
	static const char *const formats[] = { "sys/class/net/%s/device/msi_irqs",
					       "sys/class/net/%s/device/../msi_irqs" };
	char path[NIC_PATH_BYTES];
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < ARRAY_SIZE(formats); i++) {
		snprintf(path, sizeof(path), formats[i], name);
		fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

static int irq_open(int root, const char *number)
{
	char path[NIC_PATH_BYTES];

	snprintf(path, sizeof(path), "sys/kernel/irq/%s/per_cpu_count", number);
	return source_open_file(root, path);
}

/* One that cannot be opened has gone since. */
static void irq_take(struct nic *nic, int root, const char *number)
{
	int fd = nic->n_irqs < NIC_IRQS_MAX ? irq_open(root, number) : -EMFILE;

	if (fd >= 0)
		nic->irqs[nic->n_irqs++] = fd;
	else
		nic->irqs_over |= fd == -EMFILE || fd == -ENFILE;
}

/* FNV-1a. */
static uint64_t name_hash(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ull;
	return hash;
}

/*
 * Goes over the interrupts; opens them where `open` is set. Returns which there are. A device without a folder of interrupts (a
 * virtual one, or one with a single line) has none of its own.
 */
static uint64_t irqs_walk(struct nic *nic, int root, const char *name, bool open)
{
	_cleanup_close_ int folder = irqs_folder(root, name);
	_Alignas(struct dirent64) char entries[NIC_DIRENT_BYTES]; /* opendir(3) allocates */
	uint64_t names = 0;
	ssize_t n;

	if (open && (folder == -EMFILE || folder == -ENFILE))
		nic->irqs_over = true;
	while (folder >= 0 && (n = getdents64(folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			at += entry->d_reclen;
			if (entry->d_name[0] == '.')
				continue;
			names += name_hash(entry->d_name);
			if (open)
				irq_take(nic, root, entry->d_name);
		}
	}
	return names;
}

static void irqs_open(struct nic *nic, int root, const char *name)
{
	nic->irqs_names = irqs_walk(nic, root, name, true);
}

static void irqs_close(struct nic *nic)
{
	for (size_t i = 0; i < nic->n_irqs; i++)
		closep(&nic->irqs[i]);
	nic->n_irqs = 0;
	nic->irqs_known = nic->irqs_over = false;
}

void nic_scan(struct nic *nic, int root, const struct instance *instance)
{
	if (!wants_irqs(&instance->signals) ||
	    (!nic->irqs_over &&
	     irqs_walk(nic, root, instance->scope.name, false) == nic->irqs_names))
		return;
	irqs_close(nic);
	irqs_open(nic, root, instance->scope.name);
}

int nic_open(struct nic *nic, int root, const struct instance *instance)
{
	char path[NIC_PATH_BYTES];

	*nic = (struct nic){ .used = true };
	for (size_t i = 0; i < NIC_COUNTERS_MAX; i++)
		nic->statistics[i] = -1;
	for (size_t i = 0; i < ARRAY_SIZE(nic_rows); i++) {
		if (!signal_set_has(&instance->signals, nic_rows[i].signal))
			continue;
		snprintf(path, sizeof(path), "sys/class/net/%s/statistics/%s", instance->scope.name,
			 nic_rows[i].file);
		nic->statistics[i] = source_open_file(root, path);
		if (nic->statistics[i] < 0)
			return nic->statistics[i];
	}
	if (wants_irqs(&instance->signals))
		irqs_open(nic, root, instance->scope.name);
	return 0;
}

void nic_close(struct nic *nic)
{
	if (!nic->used)
		return;
	for (size_t i = 0; i < NIC_COUNTERS_MAX; i++)
		closep(&nic->statistics[i]);
	irqs_close(nic);
	nic->used = false;
}

void nic_restart(struct nic *nic)
{
	memset(nic->known, 0, sizeof(nic->known));
	nic->irqs_known = false;
}

/* What one counter added; NAN. */
static double counter_value(struct nic *nic, size_t i, uint64_t *losses)
{
	const uint64_t before = nic->before[i];
	const bool known = nic->known[i];
	char text[32];
	ssize_t n = source_reread(nic->statistics[i], text, sizeof(text));

	nic->known[i] = n > 0 && text_numbers(text, &nic->before[i], 1);
	/* Gone: the next scan will say so. */
	if (n == -ENODEV || n == -EINVAL)
		return NAN;
	if (!nic->known[i] || (known && nic->before[i] < before)) {
		losses[LOSS_EVENT]++;
		return NAN;
	}
	return known ? (double)(nic->before[i] - before) : NAN;
}

/* `0,1667,0,0`: a number a CPU. Adds them up. */
static bool irq_add(int fd, uint64_t counts[NIC_CPUS_MAX])
{
	char text[NIC_IRQ_BYTES], *at = text;
	ssize_t n = source_reread(fd, text, sizeof(text));

	if (n <= 0)
		return false;
	for (size_t cpu = 0; cpu < NIC_CPUS_MAX && *at >= '0' && *at <= '9'; cpu++) {
		uint64_t number = 0;

		for (; *at >= '0' && *at <= '9'; at++) {
			number = number * 10 + (uint64_t)(*at - '0');
			if (number > UINT32_MAX) /* the kernel's are of 32 bits */
				return false;
		}
		counts[cpu] += number;
		at += *at == ',';
	}
	return *at == '\n' || *at == '\0';
}

static void irqs_sample(struct nic *nic, const struct instance *instance, struct sampler *sampler)
{
	uint64_t counts[NIC_CPUS_MAX] = { 0 }, total = 0, most = 0;
	const bool known = nic->irqs_known;
	bool back = false;

	if (nic->irqs_over) {
		sampler->losses[LOSS_INSTANCE]++;
		instance_value(instance, sampler, SIGNAL_NET_IRQS, (double)NAN);
		instance_value(instance, sampler, SIGNAL_NET_IRQS_SHARE, (double)NAN);
		return;
	}
	if (nic->n_irqs == 0)
		return;
	nic->irqs_known = true;
	for (size_t i = 0; i < nic->n_irqs; i++)
		nic->irqs_known &= irq_add(nic->irqs[i], counts);
	sampler->losses[LOSS_EVENT] += !nic->irqs_known;
	for (size_t cpu = 0; cpu < NIC_CPUS_MAX; cpu++) {
		const uint64_t added = counts[cpu] - nic->irqs_before[cpu];

		back |= counts[cpu] < nic->irqs_before[cpu];
		total += added;
		most = added > most ? added : most;
	}
	memcpy(nic->irqs_before, counts, sizeof(counts));
	sampler->losses[LOSS_EVENT] += known && nic->irqs_known && back;
	if (!known || !nic->irqs_known || back)
		total = 0;
	instance_value(instance, sampler, SIGNAL_NET_IRQS,
		       known && nic->irqs_known && !back ? (double)total : NAN);
	instance_value(instance, sampler, SIGNAL_NET_IRQS_SHARE,
		       total ? (double)most / (double)total : NAN);
}

void nic_sample(struct nic *nic, const struct instance *instance, struct sampler *sampler)
{
	for (size_t i = 0; i < ARRAY_SIZE(nic_rows); i++)
		if (nic->statistics[i] >= 0)
			sampler_value(sampler, nic_rows[i].signal, &instance->scope,
				      counter_value(nic, i, sampler->losses));
	if (wants_irqs(&instance->signals))
		irqs_sample(nic, instance, sampler);
}
