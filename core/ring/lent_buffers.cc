// SPDX-License-Identifier: Apache-2.0
#include "core/ring/lent_buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace nuring::ring {

LentBuffers::~LentBuffers() {
    if (buffer_ring_ != nullptr) ::munmap(buffer_ring_, entry_count_ * sizeof(io_uring_buf));
}

absl::Status LentBuffers::create(const RingOptions& options) {
    if (const absl::Status status = arena_.create(options); !status.ok()) return status;
    buffer_bytes_ = options.receive_buffer_bytes;
    target_ = std::min(options.receive_buffer_count, arena_.count());
    const uint32_t entry_count = std::bit_ceil(arena_.count());
    void* const ring = ::mmap(nullptr, entry_count * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring == MAP_FAILED) return absl::ErrnoToStatus(errno, "buffer ring");
    buffer_ring_ = static_cast<io_uring_buf_ring*>(ring);
    entry_count_ = entry_count;
    io_uring_buf_ring_init(buffer_ring_);
    return absl::OkStatus();
}

int LentBuffers::attach(io_uring& ring, uint16_t group) {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(buffer_ring_);
    registration.ring_entries = entry_count_;
    registration.bgid = group;
    const int error = io_uring_register_buf_ring(&ring, &registration, 0);
    if (error == 0) lend();
    return error;
}

void LentBuffers::lend() {
    int added = 0;
    const int mask = io_uring_buf_ring_mask(entry_count_);
    while (lent_count_ < target_ && !arena_.empty()) {
        const uint32_t buffer = arena_.top();
        arena_.pop();
        io_uring_buf_ring_add(buffer_ring_, arena_.bytes(buffer), buffer_bytes_,
                              static_cast<uint16_t>(buffer), mask, added++);
        ++lent_count_;
    }
    if (added > 0) io_uring_buf_ring_advance(buffer_ring_, added);
}

void LentBuffers::double_target() { target_ = std::min(target_ * 2, arena_.count()); }

}  // namespace nuring::ring
