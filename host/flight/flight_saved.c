// SPDX-License-Identifier: BSD-2-Clause
// What a flight does with a saved VM: how large it is, its file, what it proves, breaking it.
#include "host/flight/flight_state.h"
#include "host/flight/half.h"
#include "host/snapshot/break.h"
#include "host/snapshot/proof.h"
#include "host/snapshot/saved_state.h"

size_t flight_saved_bytes(const struct flight *f)
{
	const struct driver *d = f->config->driver;

	if (d->values)
		return snapshot_bytes(&f->saved.value);
	return f->saved.stream.len || f->looked || !d->saved_file ? f->saved.stream.len
								  : d->saved_file(f->vm, NULL);
}

void flight_saved_file(const struct flight *f, const struct saved_vm *saved, struct buf *file)
{
	const struct driver *d = f->config->driver;

	if (saved->value.sections)
		snapshot_encode(&saved->value, file);
	else if (saved->stream.len || !d->saved_file)
		buf_append(file, saved->stream.p, saved->stream.len);
	else
		d->saved_file(f->vm, file);
}

int flight_save(struct flight *f, struct saved_state *state)
{
	const int ret = f->config->driver->save(f->vm, &f->saved, state);

	f->saved_log = f->whole.len;
	return ret;
}

void flight_kept_file(struct flight *f, struct buf *file)
{
	const struct flight_config *c = f->config;

	/* Behind a mark the guest has had its answers already. */
	if (f->saved.value.sections && (c->save_hop || !FREEZE_BEHIND_MARK(&c->freeze)))
		half_add(&f->saved.value, f->config, f->whole.p, f->saved_log);
	flight_saved_file(f, &f->saved, file);
}

int flight_saved_read(struct flight *f, const struct buf *file)
{
	if (f->config->driver->values)
		return snapshot_decode(&f->saved.value, file->p, file->len, &f->err);
	buf_append(&f->saved.stream, file->p, file->len);
	return VM_OK;
}

void flight_saved_free(struct saved_vm *saved)
{
	snapshot_free(&saved->value);
	buf_free(&saved->stream);
}

void flight_trace_saved(struct flight *f)
{
	const struct buf *stream = &f->saved.stream;
	const uint64_t value = f->config->driver->values ? snapshot_hash(&f->saved.value) : 0;

	f->result->trace = value ? hash_bytes(f->result->trace, &value, sizeof(value))
				 : hash_bytes(f->result->trace, stream->p, stream->len);
}

int flight_proves(struct flight *f, unsigned vcpu, const char *proof, struct err *e)
{
	struct snapshot part = kvm_vcpu_part(&f->saved.value, vcpu);
	const int ret = proof_check(&part, proof, e);

	flight_timeline_vectors(f, vcpu, &part);
	kvm_vcpu_part_free(&part);
	return ret;
}

int flight_break(struct flight *f)
{
	int ret;

	if (!f->config->broken)
		return VM_OK;
	flight_phase(f, "break");
	ret = break_apply(&f->saved.value, f->config->broken, &f->err);
	return ret > 0 ? FLIGHT_NOTHING : ret;
}
