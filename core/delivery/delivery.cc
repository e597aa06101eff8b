// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/delivery.h"

#include "core/delivery/announcer.h"

namespace nuring::delivery {

Delivery::Delivery(link::LinkHost& link_host, const Shared& shared, uint32_t cache_entries)
    : host(link_host),
      accounts(shared.accounts),
      outlets(link_host),
      servers(link_host.id, shared.announcer),
      log_gate(link_host),
      interest_gate(link_host),
      stall_gate(link_host, interest_gate, outlets),
      cache(link_host.id, {.entries_max = cache_entries}),
      prng(link_host.ring.random_seed()),
      services(*this),
      announcer_(shared.announcer) {}

Delivery::~Delivery() = default;

bool Delivery::has_room_to_announce(link::Link& link, size_t names_size) {
    return announcer_->make_room(*this, link, names_size);
}

bool Delivery::waits_to_announce() { return announcer_->must_wait(*this); }
bool Delivery::is_crowded() { return announcer_->lacks_room(*this); }

void Delivery::note_announced(base::WorkerId from, uint32_t lines) {
    announcer_->note_announced(from, host.id, lines);
}

size_t Delivery::lines_per_change() const { return announcer_ == nullptr ? 0 : announcer_->line_count(); }

}  // namespace nuring::delivery
