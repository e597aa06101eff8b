// SPDX-License-Identifier: Apache-2.0
#include "core/server/rings.h"

#include <fmt/format.h>

#include "core/base/status.h"
#include "core/ring/epoll_ring.h"
#include "core/ring/uring_ring.h"

namespace nuring::server {
namespace {

using Create = absl::StatusOr<std::unique_ptr<ring::Ring>> (*)(const ring::RingOptions&);

absl::Status create_all(Create create, const ring::RingOptions& options, uint32_t count,
                        Rings* out) {
    out->rings.clear();
    for (uint32_t i = 0; i < count; ++i) {
        auto ring = create(options);
        if (!ring.ok()) return ring.status();
        out->rings.push_back(*std::move(ring));
    }
    return absl::OkStatus();
}

// Lent to the kernel at once: with the usual 128 KiB each, what one turn can receive from a busy socket,
// and so what one send moves. Less costs the kernel more per byte; see docs/benchmarks.md.
constexpr uint32_t kLentBuffers = 8;

}  // namespace

absl::StatusOr<Rings> create_rings(const config::UringOptions& options, uint32_t count) {
    const ring::RingOptions ring_options{
        .receive_buffer_bytes = static_cast<uint32_t>(options.receive_buffer_size),
        .receive_buffer_count_max = static_cast<uint32_t>(options.receive_buffer_count),
        .receive_buffer_count = kLentBuffers,
        .zero_copy_threshold_bytes = static_cast<uint64_t>(options.zero_copy_threshold),
        .card_poll_ns = static_cast<uint64_t>(options.busy_poll.count()),
    };
    Rings result;
    if (options.io != config::IoKind::kEpoll) {
        const absl::Status status =
            create_all(&ring::create_uring_ring, ring_options, count, &result);
        if (status.ok()) return result;
        if (options.io == config::IoKind::kUring) {
            return absl::Status(status.code(),
                                fmt::format("{} - io: auto runs on epoll there", base::message_of(status)));
        }
        result.fallback_reason = base::message_of(status);
    }
    const absl::Status status =
        create_all(&ring::create_epoll_ring, ring_options, count, &result);
    if (!status.ok()) return status;
    return result;
}

}  // namespace nuring::server
