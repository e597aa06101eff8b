// SPDX-License-Identifier: Apache-2.0
#include "core/link/link_host.h"

#include <cassert>
#include <utility>

#include "core/link/link.h"
#include "proto/s2_encoder.h"

namespace nuring::link {
namespace {

// Decrypted in one go; what was received may take several.
constexpr size_t kPlaintextBytes = 64 * 1024;

}  // namespace

LinkHost::LinkHost(runtime::Worker& worker_ref, const Shared& shared, log::Writer& log_writer)
    : id(worker_ref.id()),
      worker(worker_ref),
      ring(worker_ref.ring()),
      timers(worker_ref.timers()),
      facts(shared.facts),
      log(log_writer),
      jobs(shared.jobs),
      handshakes(shared.handshakes),
      lookups(shared.lookups),
      input(ring),
      table(id) {}

LinkHost::~LinkHost() = default;

LinkTraffic LinkHost::total_traffic() const {
    LinkTraffic total;
    for (const LinkTraffic& each : counters_.traffic) total += each;
    return total;
}

std::span<char> LinkHost::plaintext() {
    if (plaintext_ == nullptr) {
        plaintext_ = std::make_unique<char[]>(kPlaintextBytes + ring::kReceiveSlackBytes);
    }
    return {plaintext_.get(), kPlaintextBytes};
}

proto::S2Encoder& LinkHost::s2_encoder() {
    if (s2_encoder_ == nullptr) s2_encoder_ = std::make_unique<proto::S2Encoder>();
    return *s2_encoder_;
}

void LinkHost::throttle() {
    if (std::exchange(throttled_, true)) return;
    worker.mesh().throttle(id, limits_.flow.throttled_mailbox_bytes);
}

void LinkHost::end_throttle() {
    if (!std::exchange(throttled_, false)) return;
    worker.mesh().end_throttle(id);
}

void LinkHost::remove_abandoned_connect() {
    assert(abandoned_connects_ > 0);
    --abandoned_connects_;
}

void LinkHost::close_slow_consumer(Link& link) {
    ++counters_.faults[index_of(link.kind())].slow_consumers_pending;
    log.info("{} - Slow Consumer Detected: MaxPending of {} Exceeded", link.label(),
             limits_.max_pending_bytes);
    link.close(CloseReason::kSlowConsumerPendingBytes);
}

void LinkHost::close_late_consumer(Link& link) {
    ++counters_.faults[index_of(link.kind())].slow_consumers_deadline;
    log.info(
        "{} - Slow Consumer Detected: WriteDeadline of {} exceeded with {} chunks of {} total "
        "bytes.",
        link.label(), write_deadline_of(link.kind()).text, link.pending_chunks(), link.pending_bytes());
    link.close(CloseReason::kSlowConsumerWriteDeadline);
}

void LinkHost::hold() {
    holding_ = true;
    table.for_each([](Link& link) { link.hold(); });
}

bool LinkHost::release_slice() {
    if (releasing_.empty()) return false;
    assert(!releasing_.back()->open());
    while (!releasing_.empty() && releases_left() > 0) {
        Link* const link = releasing_.back();
        if (!link->release_slice(releases_left())) break;
        if (releasing_.back() == link) {
            releasing_.pop_back();
        } else {  // others have closed meanwhile
            std::erase(releasing_, link);
        }
    }
    return !releasing_.empty();
}

// By index: to flush a link may close it, or another one, which appends to the list.
void LinkHost::flush_links() {
    for (size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->flush();
    dirty_.clear();
    for (Link* link : retired_) delete link;
    retired_.clear();
}

std::vector<base::LinkHandle> LinkHost::handles() const {
    std::vector<base::LinkHandle> handles;
    table.for_each([&](Link& link) { handles.push_back(link.handle()); });
    return handles;
}

}  // namespace nuring::link
